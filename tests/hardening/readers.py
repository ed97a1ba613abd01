"""Every function that reads what others wrote: prompts, answers, calls, ballots, headers, settings, captured outputs.

To let a new reader join, add one line to `READERS`. It gets hostile texts of growing length, must take linear time, must not hold
the interpreter, and must raise nothing but what it says it raises.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm import config, proxies, roster
from local_swarm.api import middleware
from local_swarm.backends.base import Seat
from local_swarm.backends.llamacpp import load_log
from local_swarm.backends.openai_compatible import messages as server_messages
from local_swarm.backends.openai_compatible.choices import ChoiceSoFar
from local_swarm.backends.openai_compatible.stream import ServerStream, whole_text
from local_swarm.backends.process.stop_strings import StopStringFilter
from local_swarm.chat import almost_json, families, generic, notations, rendering
from local_swarm.chat.families import Family
from local_swarm.chat.marks import Finder, first_mark
from local_swarm.chat.python_source import parse, parse_expression
from local_swarm.chat.reply import ReplyParser
from local_swarm.chat.stops import StoppedReply
from local_swarm.chat.tools import Toolbox, settle_calls
from local_swarm.chat.unmarked import Unmarked
from local_swarm.cli import question as question_input
from local_swarm.cli import vote_file
from local_swarm.environment import package_index, pip_errors, progress
from local_swarm.errors import BadModelFile, PairingFailed, UsageError
from local_swarm.hardware import (
    amd,
    apple_silicon,
    control_groups,
    intel,
    kernel_cards,
    memory,
    nvidia,
    processor,
    qualcomm,
    windows,
)
from local_swarm.hardware.profile import Accelerator
from local_swarm.hardware.visible import visible
from local_swarm.integrations import jsonc
from local_swarm.mcp_server import stdio
from local_swarm.models import catalogue_file, extend, file_content, folder, gguf, hub_replies, resolve
from local_swarm.models.hub import Hub
from local_swarm.network import protocol
from local_swarm.network.discovery import announcement, lan
from local_swarm.network.trust import pairing
from local_swarm.network.trust.store import Charter
from local_swarm.settings.reader import NamedNode, read_names
from local_swarm.settings.tree import YamlNode
from local_swarm.settings.yaml_text import LONGEST_YAML
from local_swarm.types import Candidate, Message, Prompt, Sampling, ToolCall, Usage
from local_swarm.voting import consensus, scanner
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.asked import asked_of
from local_swarm.voting.ballots import in_order
from local_swarm.voting.behaviour import calls, examples, inputs, javascript, literals, matching, reports, values
from local_swarm.voting.behaviour.evidence import trial
from local_swarm.voting.behaviour.javascript_targets import signature_in
from local_swarm.voting.behaviour.notations.comments import comments
from local_swarm.voting.behaviour.notations.parametrized import row_tests
from local_swarm.voting.behaviour.notations.sessions import sessions
from local_swarm.voting.behaviour.notations.statements import statements
from local_swarm.voting.behaviour.notations.tables import tables
from local_swarm.voting.behaviour.notations.unit_tests import unit_tests
from local_swarm.voting.code_blocks import commands_in
from local_swarm.voting.edits.files import files_in
from local_swarm.voting.edits.tool_edits import changes_of_arguments, changes_of_calls
from local_swarm.voting.extract import extract, extract_text
from local_swarm.voting.javascript.answer import javascript_answer, javascript_span
from local_swarm.voting.javascript.module import javascript_module, module_by_patterns
from local_swarm.voting.javascript.typescript import without_types
from local_swarm.voting.markup import document
from local_swarm.voting.other_languages import MOST_SQL, canonical_words
from local_swarm.voting.question import function, question, question_of
from local_swarm.voting.refusals import refusal
from local_swarm.voting.similarity.calls import call_likeness, calls_text
from local_swarm.voting.similarity.deciding_words import contradictions
from local_swarm.voting.similarity.structure import structural, tokens
from local_swarm.voting.sound_code import javascript_in, python_in
from local_swarm.voting.thoughts import own_turn, without_thoughts
from local_swarm.voting.values.context import ValueContext
from local_swarm.voting.values.forms import value_form
from local_swarm.voting.values.notation import plain_notation

MEGABYTE = 1 << 20
TOOL = {"function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}
TOOLS = Toolbox([TOOL])
STUB = question("Finish this.\n\ndef f(x):\n    '''Doubles.'''\n")
CHOICE = question("Which one?\nA) this\nB) that\nC) none")
NUMBER = question("How many are there?")
EDITED = question("Fix a.py:\n\na.py\n```python\ndef f(x):\n    return x\n```")
BLOCK = "a.py\n<<<<<<< SEARCH\n    return x\n=======\n    return y\n>>>>>>> REPLACE\n"
YES_NO = question("Is it so? Answer yes or no.")
FACT = question("What is the capital of Australia?")
JSON_ASKED = question("Return JSON with a name.")
CODE = question("Write a function f(x) that doubles a number, like f(2) -> 4.")
PROGRAM = "def f(x):\n    return x\n"


@dataclass(frozen=True, slots=True)
class Reader:
    """`raises`: what it says it raises. `most`: characters that it may ever be given; `quick`: up to which it is measured where
    there is little time."""

    read: Callable[[str], object]
    raises: tuple[type[Exception], ...] = ()
    most: int = MEGABYTE
    quick: int = 4_000

    def __call__(self, text: str) -> object:
        try:
            return self.read(text)
        except self.raises:
            return None


def said(text: str, calls: tuple[ToolCall, ...] = ()) -> Candidate:
    return Candidate(text, "v", "stop", Usage(0, 0), 0.0, tool_calls=calls)


def called(text: str) -> tuple[ToolCall, ...]:
    return (ToolCall("call_0", "f", text),)


def in_pieces(family: Family, size: int, thinking: bool = False) -> Callable[[str], object]:
    def read(text: str) -> object:
        parser = ReplyParser(family, TOOLS, thinking)
        for at in range(0, len(text), size):
            parser.push(text[at : at + size])
        parser.close()
        return settle_calls(parser.calls, parser.broken, TOOLS)

    return read


def stopped(text: str) -> object:
    """Stops that nearly come true, all the time."""
    tail = StopStringFilter([text[: len(text) // 2] + "!", "ab", text[:9] + "?"])
    return [tail.push(letter.encode("utf-8", "replace")) for letter in text]


def stopped_answer(text: str) -> object:
    reply = StoppedReply(ReplyParser(families.HERMES, TOOLS), [text[: len(text) // 2] + "!", "ab", text[:9] + "?"])
    return [reply.push(letter) for letter in text], reply.close(), reply.words, reply.calls


def streamed(text: str, size: int = MEGABYTE) -> object:
    stream, data = ServerStream(), text.encode("utf-8", "surrogatepass")
    found = [one for at in range(0, len(data), size) for one in stream.feed(data[at : at + size])]
    return [*found, *stream.close()]


def server_choice() -> ChoiceSoFar:
    return ChoiceSoFar(Prompt((), (TOOL,), sampling=Sampling(stop=("ab", "!?"))))


def server_words(text: str) -> object:
    choice = server_choice()
    pieces = [choice.take({"delta": {"content": letter, "reasoning": letter}}) for letter in text]
    choice.end()
    return pieces, choice.candidate(choice.close()[1], Seat("v", 0.0, 1), Usage(1, 1), 0.0)


def server_calls(text: str) -> object:
    choice = server_choice()
    for letter in text:
        choice.take({"delta": {"tool_calls": [{"function": {"name": "f", "arguments": letter}}]}})
    choice.end()
    return choice.candidate(choice.close()[1], Seat("v", 0.0, 1), Usage(1, 1), 0.0)


def byte_by_byte(text: str) -> object:
    lines = protocol.LineDecoder()
    data = text.encode("utf-8", "replace")
    return sum(len(lines.feed(data[at : at + 1])) for at in range(len(data)))


def in_a_file(read: Callable[[Path], object]) -> Callable[[str], object]:
    def run(text: str) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "given"
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            return read(path)

    return run


def voted(strategy: str) -> Callable[[str], object]:
    def read(text: str) -> object:
        return consensus.elect([said(text), said(text + " x"), said("y")], strategy)  # type: ignore[arg-type]

    return read


def described(text: str) -> object:
    tree = parse(text)
    return inputs.signature(function(tree, "f"), "f") if tree else None


def read_before(text: str) -> Prompt:
    """A conversation in which a file was read, changed and spoken of."""
    read, edit = ToolCall("1", "read", '{"path": "a.py"}'), ToolCall("2", "edit", text)
    said = (Message("user", f"```\n{text}\n```"), Message("assistant", tool_calls=(read, edit)))
    return Prompt((*said, Message("tool", text, tool_call_id="1"), Message("tool", text, tool_call_id="2")))


def tried(text: str) -> object:
    return trial(question(text), [extract_text(PROGRAM), extract_text(text, CODE)])


def folder_of(config: str, rest: str) -> object:
    """A folder of weights whose settings, index and header of weights are foreign texts."""
    with tempfile.TemporaryDirectory() as made:
        path, data = Path(made), rest.encode("utf-8", "replace")
        (path / "config.json").write_bytes(config.encode("utf-8", "replace"))
        (path / "tokenizer.json").write_bytes(data)
        (path / "model.safetensors.index.json").write_bytes(data)
        (path / "model.safetensors").write_bytes(len(data).to_bytes(8, "little") + data)
        return folder.read_folder(path)


def gguf_header(path: Path) -> object:
    path.write_bytes(b"GGUF\x03\0\0\0" + b"\x01" + b"\0" * 7 + b"\x01" + b"\0" * 7 + path.read_bytes())
    return gguf.read_header(path)


def texts_of(kind: Callable[[Mapping[str, str]], Any]) -> Callable[[str], object]:
    """For readers of several files at once."""
    names = (
        "vendor",
        "device",
        "mem_info_vram_total",
        "mem_info_gtt_total",
        "product_name",
        "resource",
        "model",
        "unique_id",
    )
    return lambda text: kind(dict.fromkeys(names, text))


def every_header(text: str) -> dict[str, str]:
    names = ("retry-after", "ratelimit", "ratelimit-reset", "content-range", "content-length", "content-encoding")
    return dict.fromkeys(names, text)


def hidden_by(text: str) -> object:
    """A value in every variable that hides cards, for two cards of each maker."""
    cards = [
        Accelerator(vendor, text, 1, 1, "dedicated", uuid=text)
        for vendor in ("nvidia", "amd", "intel")
        for _ in range(2)
    ]
    names = ("CUDA", "ROCR", "HIP", "GGML_VK")
    variables = [*(f"{name}_VISIBLE_DEVICES" for name in names), "ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR"]
    return [visible(cards, {name: text}) for name in variables]


READERS: dict[str, Reader] = {
    # what users ask
    "question": Reader(question),
    "question: what is asked": Reader(asked_of),
    "question: what is asked beside code": Reader(lambda text: asked_of(f"Fix `f`.\n```js\n{text}")),
    "examples": Reader(lambda text: examples.examples(text, "f", ("x", "y"))),
    "examples: of a long name": Reader(lambda text: examples.examples(text, text[: len(text) // 2])),
    "examples: a literal": Reader(literals.leading_literal),
    "examples: a call": Reader(lambda text: calls.call_of(text, "f", ("x",))),
    "examples: unit tests": Reader(lambda text: [*unit_tests(text, "f")], most=scanner.MOST_TEXT),
    "examples: tests over rows": Reader(lambda text: [*row_tests(text, "f")], most=scanner.MOST_TEXT),
    "examples: sessions": Reader(lambda text: [*sessions(text, "f")], most=scanner.MOST_TEXT),
    "examples: comments": Reader(lambda text: [*comments(text, "f")], most=scanner.MOST_TEXT),
    "examples: statements": Reader(lambda text: [*statements(text, "f", ("x",))], most=scanner.MOST_TEXT),
    "examples: tables": Reader(lambda text: [*tables(text, "f", ("x",))], most=scanner.MOST_TEXT),
    "examples: what is complained of": Reader(lambda text: reports.without_observed(f"def f(x): fix\n{text}", "f")),
    "examples: what must be": Reader(lambda text: [*reports.required_examples(f"def f(x): fix\nf(2){text}", "f")]),
    "examples: what came of one": Reader(
        lambda text: matching.matches(f"={text}", calls.Example("f(2)", text[1:], "any order")), most=4_000
    ),
    "blocks": Reader(document, most=scanner.MOST_TEXT),
    "blocks: one": Reader(lambda text: document(f"```\n{text}"), most=scanner.MOST_TEXT),
    "blocks: in a web page": Reader(lambda text: document(f"<pre><code>{text}"), most=scanner.MOST_TEXT),
    "thoughts": Reader(without_thoughts, most=scanner.MOST_TEXT),
    "turns": Reader(own_turn, most=scanner.MOST_TEXT),
    "code in a block": Reader(python_in),
    "JavaScript in a block": Reader(lambda text: javascript_in(text, ""), most=scanner.MOST_TEXT, quick=2_500),
    "SQL": Reader(lambda text: canonical_words(text, "sql"), most=MOST_SQL),
    "SQL: a string": Reader(lambda text: canonical_words(f"SELECT 'a{text}", "sql"), most=MOST_SQL),
    "a pattern": Reader(lambda text: canonical_words(text, "regex"), most=scanner.MOST_TEXT),
    "a block of YAML": Reader(lambda text: canonical_words(text, "yaml")),
    "a block of JSON": Reader(lambda text: canonical_words(text, "json")),
    "a block of TOML": Reader(lambda text: canonical_words(text, "toml")),
    "a command": Reader(lambda text: commands_in(f"$ a\n{text}"), most=scanner.MOST_TEXT),
    "scanner: doctests": Reader(lambda text: list(scanner.doctests(text)), most=scanner.MOST_TEXT),
    "inputs: in words": Reader(lambda text: inputs.in_words(text, "f")),
    "inputs: of a request": Reader(lambda text: inputs.inputs(inputs.Signature("f", ("x",), ("?any",)), "f", [], text)),
    "inputs: given": Reader(lambda text: inputs.inputs(None, "f", [text, f"f({text})"])),
    "inputs: a hint": Reader(inputs.kind_of_hint),
    "values: a name": Reader(values.guess_kind),
    # what models answer
    "answer": Reader(extract_text),
    "answer: code": Reader(lambda text: extract_text(text, CODE)),
    "answer: rest of code": Reader(lambda text: extract_text(text, STUB)),
    "answer: a block": Reader(lambda text: extract_text(f"```python\n{text}\n```", CODE)),
    "answer: a refusal": Reader(lambda text: refusal(document(f"I'm sorry, but {text}"), NUMBER)),
    "answer: a letter": Reader(lambda text: extract_text(text, CHOICE)),
    "answer: a number": Reader(lambda text: extract_text(text, NUMBER)),
    "answer: a marked number": Reader(lambda text: extract_text(f"The answer is {text}", NUMBER)),
    "answer: a box": Reader(lambda text: extract_text(f"\\boxed{{{text}")),
    "answer: yes or no": Reader(lambda text: extract_text(text, YES_NO)),
    "answer: a fact": Reader(lambda text: extract_text(text, FACT)),
    "answer: JSON that is asked for": Reader(lambda text: extract_text(text, JSON_ASKED)),
    "value: a form": Reader(lambda text: value_form(text, ValueContext())),
    "value: a plain notation": Reader(plain_notation, most=10_000),
    "answer: JSON": Reader(lambda text: extract_text(f"```json\n{text}\n```")),
    "answer: an edit": Reader(lambda text: extract_text(text, EDITED)),
    "answer: a block to search": Reader(
        lambda text: extract_text(f"a.py\n<<<<<<< SEARCH\n{text}\n=======\n{text}x\n>>>>>>> REPLACE\n", EDITED)
    ),
    "answer: a diff": Reader(lambda text: extract_text(f"```diff\n@@ -1 +1 @@\n{text}\n```", EDITED)),
    "answer: a whole file": Reader(lambda text: extract_text(f"a.py\n```python\n{text}\n```", EDITED)),
    "edits: files in a prompt": Reader(files_in),
    "edits: a file to be changed": Reader(
        lambda text: extract_text(BLOCK, question(f"Fix a.py:\n\na.py\n```\n{text}\n```"))
    ),
    "edits: a call": Reader(lambda text: changes_of_calls([ToolCall("", "edit", text)])),
    "edits: a call's patch": Reader(lambda text: changes_of_arguments("patch", {"path": "a.py", "patch": text})),
    "edits: a conversation": Reader(lambda text: question_of(read_before(text))),
    "answer: a call": Reader(lambda text: extract(said("", called(text)))),
    "Python": Reader(parse),
    "Python: an expression": Reader(parse_expression),
    "Python: a signature": Reader(described),
    "JavaScript: by patterns": Reader(lambda text: module_by_patterns(text, "javascript", False)),
    "JavaScript: a call": Reader(lambda text: javascript.javascript_call(text, "f")),
    # the grammar's own parser is stopped where it takes long, and until then it is not linear
    "JavaScript: in words": Reader(javascript_span, quick=1_000),
    "JavaScript: an answer": Reader(lambda text: javascript_answer(text, "js", CODE), quick=1_000),
    "JavaScript: a signature": Reader(
        lambda text: signature_in(javascript_module(f"function f({text}) {{}}"), "f"), quick=1_000
    ),
    "TypeScript: types": Reader(without_types, quick=1_000),
    "structure: words": Reader(lambda text: tokens(ExtractedAnswer("prose", text[: scanner.MOST_TEXT]))),
    "structure: code": Reader(lambda text: tokens(extract_text(f"```python\n{text}\n```")), quick=2_500),
    "structure: two": Reader(
        lambda text: structural([ExtractedAnswer("prose", text), ExtractedAnswer("prose", text + "x")]), quick=2_500
    ),
    "trial": Reader(tried, quick=2_500),
    "vote: exact": Reader(voted("exact"), quick=2_500),
    "vote: quality": Reader(voted("quality"), quick=2_500),
    "vote: structure": Reader(voted("structure"), quick=2_500),
    "vote: words that decide": Reader(lambda text: contradictions([text, f"{text} not 5"])),
    "vote: calls": Reader(lambda text: call_likeness([called(text), called(text + " x")]), quick=2_500),
    "vote: order": Reader(lambda text: in_order([said(text), said(text)], [ExtractedAnswer("prose", text)] * 2)),
    "ask: standard input": Reader(
        lambda text: question_input.text_of(text.encode("utf-8", "surrogatepass")), (UsageError,)
    ),
    "mcp: the first line on standard input": Reader(
        lambda text: stdio.is_opening(text.encode("utf-8", "surrogatepass"))
    ),
    "vote: a line of a file": Reader(lambda text: vote_file.vote_line_of(text, "here"), (UsageError,)),
    # replies as they come
    **{
        f"reply: {name}": Reader(in_pieces(family, MEGABYTE))
        for name, family in (
            ("hermes", families.HERMES),
            ("xml", families.XML),
            ("glm", families.GLM),
            ("mistral", families.MISTRAL),
            ("llama", families.LLAMA),
            ("gemma", families.GEMMA),
            ("harmony", families.HARMONY),
            ("cohere", families.COHERE),
        )
    },
    "reply: by letters": Reader(in_pieces(families.HERMES, 1), most=50_000, quick=2_000),
    "reply: by letters, thinking": Reader(in_pieces(families.XML, 1, True), most=50_000, quick=2_000),
    "reply: by tokens": Reader(in_pieces(families.GENERIC, 4), most=100_000, quick=2_500),
    "call: JSON": Reader(lambda text: notations.read_json(text, TOOLS.types)),
    "call: XML": Reader(lambda text: notations.read_xml(f"<function=f>{text}", TOOLS.types)),
    "call: GLM": Reader(lambda text: notations.read_glm(f"f{text}", TOOLS.types)),
    "call: Mistral": Reader(lambda text: notations.read_mistral(f"f{text}", TOOLS.types)),
    "call: Gemma": Reader(lambda text: notations.read_gemma(f"call:f{{{text}", TOOLS.types)),
    "call: harmony": Reader(lambda text: notations.read_harmony(text, TOOLS.types)),
    "call: Python": Reader(lambda text: notations.read_python(text, TOOLS.types)),
    "call: Python's arguments": Reader(lambda text: notations.read_python(f"[f(a={text})]", TOOLS.types)),
    "call: broken": Reader(lambda text: settle_calls([], [text], TOOLS)),
    "call: almost JSON": Reader(almost_json.values_in_row),
    "call: almost JSON in quotes": Reader(lambda text: almost_json.values_in_row(f"{{'a': '{text}")),
    "call: without marks": Reader(Unmarked(TOOLS).read),
    "call: without marks, a fence": Reader(lambda text: Unmarked(TOOLS).read(f"```json\n{text}\n```")),
    "call: without marks, tags": Reader(lambda text: Unmarked(TOOLS).read(f"<f>{text}")),
    "call: without marks, Python": Reader(lambda text: Unmarked(TOOLS).read(f"f(a={text})")),
    "call: in a history": Reader(rendering.parse_arguments),
    "call: compared": Reader(lambda text: calls_text(called(text))),
    "marks": Reader(lambda text: first_mark(text, families.XML.preserved_tokens)),
    "marks: given": Reader(lambda text: Finder([text, text[1:], text[::2]]).feed(text), quick=2_000, most=64_000),
    "marks: stops": Reader(stopped, quick=2_000, most=64_000),
    "template: its family": Reader(families.family_of),
    "messages in a row": Reader(
        lambda text: generic.taking_turns([Message("user", one) for one in text.split("\n")]), most=64_000
    ),
    # what other machines say
    "peer: beacon": Reader(lambda text: announcement.from_beacon(text.encode("utf-8", "replace"), "10.0.0.1")),
    "peer: records": Reader(
        lambda text: announcement.from_records({b"id": text.encode("utf-8", "replace")}, 1, ("10.0.0.1",))
    ),
    "peer: lines": Reader(byte_by_byte, (protocol.Malformed,), most=200_000, quick=2_000),
    "peer: report": Reader(lambda text: protocol.decode_report(text.encode("utf-8", "replace")), (protocol.Malformed,)),
    "peer: hints": Reader(
        lambda text: protocol.decode(protocol.Report, f'{{"name": "a", "hints": [{text}'), (protocol.Malformed,)
    ),
    "peer: prompt": Reader(
        lambda text: protocol.decode(Prompt, text.encode("utf-8", "replace")), (protocol.Malformed,)
    ),
    "peer: charter": Reader(
        lambda text: protocol.decode(Charter, text.encode("utf-8", "replace")), (protocol.Malformed,)
    ),
    "peer: name": Reader(protocol.plain),
    "peer: address": Reader(lambda text: lan.host_and_port(text, 1), (ValueError,)),
    "peer: a place to knock": Reader(lan.is_lan_address),
    "peer: interface": Reader(lambda text: lan.select_interfaces([lan.Interface(text, ("10.0.0.1",))])),
    "peer: code": Reader(pairing.split, (PairingFailed,)),
    "peer: pairing": Reader(pairing.message_of, (PairingFailed,)),
    "client: host": Reader(middleware.host_of),
    "server: stream": Reader(lambda text: streamed(text), (ValueError,)),
    "server: stream, piece by piece": Reader(lambda text: streamed(text, 7), (ValueError,), most=1 << 16),
    "server: one event": Reader(lambda text: streamed("data: " + text), (ValueError,)),
    "server: words": Reader(server_words, most=1 << 15),
    "server: calls": Reader(server_calls, most=1 << 15),
    "server: half characters": Reader(whole_text, most=1 << 18),
    "server: error within a stream": Reader(lambda text: server_messages.error_in({"error": text}, "it", 1, 1)),
    "server: what it refuses": Reader(lambda text: server_messages.without_refused({"seed": 1}, 400, text)),
    "server: when to come back": Reader(server_messages.seconds_of),
    "stops in an answer": Reader(stopped_answer, most=1 << 15),
    "server: refusal": Reader(lambda text: server_messages.error_of(400, text, text, "it", 1, 1)),
    # files and settings
    "settings": Reader(
        lambda text: config.from_environment({config.variable("server.host"): text}), (UsageError,), quick=2_000
    ),
    "settings: names": Reader(
        lambda text: read_names(NamedNode(YamlNode.of(text, "x"), "swarm.x")), (UsageError,), most=LONGEST_YAML
    ),
    "settings: jsonc": Reader(jsonc.read, (UsageError,)),
    "settings: jsonc merged": Reader(lambda text: jsonc.merge(text, {"a": {"b": 1}}), (UsageError,)),
    "roster": Reader(in_a_file(roster.read_roster), (UsageError,), quick=2_000),
    "model: source": Reader(resolve.resolve_text),
    "catalogue": Reader(in_a_file(catalogue_file.read_catalogue), (UsageError,), quick=2_000),
    "model file: header": Reader(in_a_file(gguf_header), (BadModelFile,)),
    "model file: no model": Reader(in_a_file(gguf.read_header), (BadModelFile,)),
    "model file: content": Reader(
        lambda text: file_content.recognize(text.encode("utf-8", "replace")), most=file_content.LOOKED_AT
    ),
    "model folder: settings": Reader(lambda text: folder_of(text, text), (BadModelFile,)),
    "model folder: index": Reader(lambda text: folder_of('{"architectures": ["XForCausalLM"]}', text), (BadModelFile,)),
    "engine: load log": Reader(lambda text: load_log.load_failure(Path("m"), load_log.reason_of([text, text]), "x")),
    "download: wait": Reader(lambda text: hub_replies.wished_wait(every_header(text), 1e9)),
    "download: place": Reader(lambda text: hub_replies.place_of_body(206, every_header(text), 5, 10), (ValueError,)),
    "download: type": Reader(lambda text: hub_replies.is_other_type("a.gguf", text)),
    "download: beginning": Reader(
        lambda text: hub_replies.something_else("a.gguf", text.encode("utf-8", "replace")), most=hub_replies.ENOUGH
    ),
    "download: list of files": Reader(
        lambda text: Hub(environment={}).read_listing(
            "owner/name", {"sha": text, "siblings": [{"rfilename": text, "size": 1, "blobId": text}]}, None
        )
    ),
    "download: proxies": Reader(
        lambda text: proxies.proxy_for("https://host.example", {"HTTPS_PROXY": text, "NO_PROXY": text})
    ),
    "model file: name": Reader(lambda text: extend.entry_of(text, {}, {})),
    # what programs print
    "installer: progress": Reader(lambda text: progress.describe(text, 1.0)),
    "installer: troubles": Reader(lambda text: pip_errors.explain(text, pip_errors.Scene("cc", "log"))),
    "installer: settings of pip": Reader(package_index.read_settings),
    "hardware: nvidia": Reader(lambda text: nvidia.with_slices(nvidia.parse(text), text, None)),
    "hardware: nvidia's list": Reader(nvidia.parse_list),
    "hardware: nvidia's slices": Reader(
        lambda text: nvidia.with_slices(
            nvidia.parse_list(f"GPU 0: a (UUID: b)\n{text}"), f"GPU 0: a (UUID: b)\n{text}", None
        )
    ),
    "hardware: nvidia's board": Reader(nvidia.parse_board),
    "hardware: nvidia's table": Reader(nvidia.parse_cut),
    "hardware: nvidia's name": Reader(
        lambda text: nvidia.on_architecture(Accelerator("nvidia", text, 1, 1, "dedicated"), "arm64"),
        most=nvidia.LONGEST_CARD,
        quick=500,
    ),
    "hardware: variables": Reader(hidden_by),
    "hardware: own groups": Reader(lambda text: control_groups.folders(Path("/g"), text, text)),
    "hardware: own group's path": Reader(
        lambda text: control_groups.folders(Path("/g"), f"0::/{text}", f"1 2 0:1 {text} /sys/fs/cgroup ")
    ),
    "hardware: address": Reader(kernel_cards.address),
    "hardware: amd's names": Reader(lambda text: amd.name_in(text, "0x744c", "0xc8")),
    "hardware: amd's kind": Reader(lambda text: amd.kind_of(1, 1, text, text)),
    "hardware: cuda": Reader(nvidia.parse_cuda),
    "hardware: nvidia's kernel": Reader(lambda text: nvidia.parse_kernel({"a": text})),
    "hardware: amd": Reader(texts_of(amd.parse)),
    "hardware: amd-smi": Reader(amd.parse_amd_smi),
    "hardware: rocm-smi": Reader(amd.parse_rocm_smi),
    "hardware: intel": Reader(texts_of(intel.parse)),
    "hardware: xpu-smi": Reader(intel.parse_xpu_smi),
    "hardware: xpu-smi's sizes": Reader(
        lambda text: intel.with_tool_sizes(
            [Accelerator("intel", text, None, None, "dedicated")], intel.parse_table(text)
        )
    ),
    "hardware: a board's name": Reader(processor.plain_name),
    "hardware: nvidia's version on Windows": Reader(windows.nvidia_version),
    "hardware: sycl-ls": Reader(intel.parse_sycl_ls),
    "hardware: windows": Reader(windows.parse),
    "hardware: windows' processor": Reader(windows.parse_processor),
    "hardware: qualcomm": Reader(lambda text: qualcomm.parse(text, text, text, text)),
    "hardware: meminfo": Reader(memory.parse_meminfo),
    "hardware: group": Reader(
        lambda text: memory.parse_group(dict.fromkeys((*memory.LIMITS, *memory.USES, memory.STATISTICS), text))
    ),
    "hardware: cpuinfo": Reader(lambda text: processor.parse_cpuinfo(text, 1, text)),
    "hardware: sysctl": Reader(lambda text: processor.parse_sysctl(text, 1, text)),
    "hardware: quota": Reader(lambda text: processor.parse_quota(text, text, text)),
    "hardware: apple": Reader(lambda text: apple_silicon.parse(text, text, text)),
}
