"""What models write where they mean a call is read as one, and what only shows JSON stays words; streamed and whole alike.

`real_calls.json` holds replies of Qwen2.5-Coder-Instruct 0.5B and 1.5B (q4_k_m) and SmolLM2-135M-Instruct (Q4_1) to requests with
tools like these, at temperatures from 0 to 1.4; what they mean was read by a person.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_swarm.chat.families import GENERIC, HARMONY, HERMES, LLAMA, MISTRAL, XML, Family
from local_swarm.chat.reply import ReplyParser
from local_swarm.chat.tools import Toolbox, settle_calls
from local_swarm.chat.unmarked import shows_json
from local_swarm.types import JSON, Message, Prompt

REAL = json.loads((Path(__file__).parent / "real_calls.json").read_text(encoding="utf-8"))


def tool(name: str, required: tuple[str, ...], **properties: str) -> JSON:
    parameters = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(required),
    }
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = (
    tool("read", ("filePath",), filePath="string", offset="integer", limit="integer"),
    tool("write", ("filePath", "content"), filePath="string", content="string"),
    tool("bash", ("command",), command="string", timeout="integer", workdir="string"),
    tool("webfetch", ("url",), url="string", format="string", timeout="integer"),
    tool("todowrite", ("todos",), todos="array"),
    tool("f", ("x",), x="integer"),
    tool("list_mcp_resources", (), server="string"),
    tool("swarm-http_generate_code", ("prompt",), prompt="string", language="string", max_tokens="integer"),
    tool("swarm-http_get_hardware_info", ()),
    tool("swarm-http_get_swarm_status", ()),
)
BOX = Toolbox(TOOLS)
A = {"filePath": "a.txt"}
READ_A = [("read", A)]
CALL = '{"name": "read", "arguments": {"filePath": "a.txt"}}'
PYTHON_FILE = 'print("{}")\nx = {\'a\': "b"}\n'


def read(text: str, size: int = 1 << 20, family: Family = HERMES, cut: bool = False) -> tuple[Any, str]:
    """(calls, words) of a reply that comes in pieces of that size; what is shown on the way adds up to the words."""
    parser = ReplyParser(family, BOX)
    pieces = [piece for at in range(0, len(text), size) for piece in parser.push(text[at : at + size])]
    pieces += parser.close(cut)
    assert "".join(piece.text for piece in pieces if not piece.thought) == parser.words
    return [(BOX.proper(call.name), call.arguments) for call in parser.calls], parser.words


def alike(text: str, family: Family = HERMES) -> tuple[Any, str]:
    """The same, and the same in pieces of every size."""
    whole = read(text, family=family)
    assert [read(text, size, family) for size in (1, 2, 3, 5, 16)] == [whole] * 5
    return whole


@pytest.mark.parametrize("sample", REAL, ids=lambda sample: f"{sample['model']}: {sample['text'][:40]!r}")
def test_calls_that_real_models_wrote_are_read(sample: dict[str, Any]) -> None:
    calls, words = alike(sample["text"])
    assert calls == [(name, arguments) for name, arguments in sample["calls"]]
    assert words.strip() == sample["words"]


def test_there_are_thirty_forms_of_real_models() -> None:
    assert len({sample["text"] for sample in REAL}) >= 30


FORMS = {
    "doubled braces": "{" + CALL + "}",
    "braces doubled everywhere": '{{"name": "read", "arguments": {{"filePath": "a.txt"}}}}',
    "the last doubled brace missing": '{{"name": "read", "arguments": {"filePath": "a.txt"}}',
    "a brace too many": CALL + "}",
    "the last brace missing": CALL[:-1],
    "two braces missing": CALL[:-2],
    "a JSON fence": f"```json\n{CALL}\n```",
    "a fence with the tag of a call": f"```tool_call\n{CALL}\n```",
    "a fence without a tag": f"```\n{CALL}\n```",
    "a fence of another language": f"```xml\n{CALL}\n```",
    "a fence that is not closed": f"```json\n{CALL}",
    "a fence in one line": f"```json {CALL} ```",
    "a fence around marks": f"```xml\n<tool_call>\n{CALL}\n</tool_call>\n```",
    "words before and after": f"I will look.\n\n```json\n{CALL}\n```\n\nThis reads the file.",
    "words before, in the same line": f"Sure! {CALL}",
    "words before, without a fence": f"Here is the call:\n\n{CALL}\n\nDone.",
    "the closing mark missing": f"<tool_call>\n{CALL}",
    "the closing mark missing, and words after": f"<tool_call>\n{CALL}\n\nThis reads the file.",
    "the opening mark missing": f"{CALL}\n</tool_call>",
    "the opening mark missing, and a brace": f"{CALL[:-1]}\n</tool_call>",
    "the opening mark in place of the closing one": f"<tool_call>\n{CALL}\n<tool_call>",
    "another closing mark": f"<tool_call>\n{CALL}\n</function>",
    "marks of another family": f"<function_call>\n{CALL}\n</function_call>",
    "a fence between marks": f"<tool_call>\n```json\n{CALL}\n```\n</tool_call>",
    "single quotes": "{'name': 'read', 'arguments': {'filePath': 'a.txt'}}",
    "smart quotes": "{\u201cname\u201d: \u201cread\u201d, \u201carguments\u201d: {\u201cfilePath\u201d: \u201ca.txt\u201d}}",
    "no quotes around names": '{name: "read", arguments: {filePath: "a.txt"}}',
    "commas at the end": '{"name": "read", "arguments": {"filePath": "a.txt",},}',
    "a comment": '{"name": "read", // reads\n "arguments": {"filePath": "a.txt" /* the file */}}',
    "arguments as text": '{"name": "read", "arguments": "{\\"filePath\\": \\"a.txt\\"}"}',
    "arguments as text with single quotes": '{"name": "read", "arguments": "{\'filePath\': \'a.txt\'}"}',
    "parameters": '{"name": "read", "parameters": {"filePath": "a.txt"}}',
    "a function and its parameters": '{"function": "read", "parameters": {"filePath": "a.txt"}}',
    "a tool and its input": '{"tool": "read", "input": {"filePath": "a.txt"}}',
    "a tool and its arguments beside it": '{"tool": "read", "filePath": "a.txt"}',
    "OpenAI's own form": '{"id": "1", "type": "function", "function": ' + CALL + "}",
    "OpenAI's list": '{"tool_calls": [{"type": "function", "function": ' + CALL + "}]}",
    "the tool's name as the key": '{"read": {"filePath": "a.txt"}}',
    "a list of one": f"[{CALL}]",
    "other capitals": CALL.replace("read", "Read"),
    "a namespace": CALL.replace("read", "functions.read"),
    "an agent's log": 'Thought: I look.\nAction: read\nAction Input: {"filePath": "a.txt"}\nObservation: it says x',
    "a call in Python": 'read(filePath="a.txt")',
    "a call in Python, fenced": '```tool_code\nread(filePath="a.txt")\n```',
    "a list of calls in Python": '[read(filePath="a.txt")]',
    "a function as a tag": "<function=read>\n<parameter=filePath>\na.txt\n</parameter>\n</function>",
    "a function as a tag, between marks": (
        "<tool_call>\n<function=read>\n<parameter=filePath>a.txt</parameter>\n</function>\n</tool_call>"
    ),
    "an invocation": '<invoke name="read"><parameter name="filePath">a.txt</parameter></invoke>',
    "the tool's name as a tag": "<read>\n<filePath>a.txt</filePath>\n</read>",
    "the tool's name as a tag around JSON": '<read>{"filePath": "a.txt"}</read>',
    "the tool's name as a tag, fenced": "```xml\n<read>\n<filePath>a.txt</filePath>\n</read>\n```",
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read_as_the_one_call_that_it_means(form: str) -> None:
    for family in (HERMES, GENERIC):
        calls, words = alike(FORMS[form], family)
        assert calls == READ_A
        assert not any(sign in words for sign in ("{", "}", "<", "filePath"))


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (f"[{CALL}, {CALL}]", READ_A * 2),
        (f"{CALL}\n{CALL}", READ_A * 2),
        (f"{CALL}; {CALL}", READ_A * 2),
        (f"```json\n{CALL}\n```\nand\n```json\n{CALL}\n```", READ_A * 2),
        ('read(filePath="a.txt")\nread(filePath="a.txt")', READ_A * 2),
        ('{"name": "f", "arguments": {"x": None}}', [("f", {"x": None})]),
        ('{"name": "f", "arguments": {"x": True, "y": False}}', [("f", {"x": True, "y": False})]),
        ('{"name": "swarm_http_get_swarm_status", "arguments": {}}', [("swarm-http_get_swarm_status", {})]),
        ('{"name": "list_mcp_resources"}', [("list_mcp_resources", {})]),
        (
            '{"name": "write", "arguments": {"filePath": "a", "content": "one\n\ttwo\n"}}',
            [("write", {"filePath": "a", "content": "one\n\ttwo\n"})],
        ),
        (
            '{"name": "write", "arguments": {"filePath": "a", "content": "echo "hi" now"}}',
            [("write", {"filePath": "a", "content": 'echo "hi" now'})],
        ),
        (
            f'{{"name": "write", "arguments": {{"filePath": "a", "content": """{PYTHON_FILE}"""}}}}',
            [("write", {"filePath": "a", "content": PYTHON_FILE})],
        ),
        (
            json.dumps({"name": "write", "arguments": {"filePath": "r.md", "content": f"# T\n```json\n{CALL}\n```\n"}}),
            [("write", {"filePath": "r.md", "content": f"# T\n```json\n{CALL}\n```\n"})],
        ),
        (
            '{"name": "read", "arguments": {"filePath": "C:\\Users\\x"}}',
            [("read", {"filePath": "C:\\Users\\x"})],
        ),
    ],
)
def test_what_is_called_arrives_as_it_was_meant(text: str, calls: Any) -> None:
    assert alike(text)[0] == calls


@pytest.mark.parametrize("family", [HERMES, GENERIC, XML, MISTRAL, LLAMA])
def test_every_family_reads_what_has_none_of_its_marks(family: Family) -> None:
    assert alike(f"Look:\n```json\n{CALL}\n```", family) == (READ_A, "Look:")
    assert alike(FORMS["the tool's name as a tag"], family)[0] == READ_A


SHOWN = {
    "a file's content": '```json\n{\n  "name": "demo",\n  "version": "1.0.0",\n  "scripts": {"read": "cat"}\n}\n```',
    "a file that is named as a tool": '```json\n{\n  "name": "read",\n  "version": "1.0.0"\n}\n```',
    "a file's content without a fence": '{\n  "name": "demo",\n  "dependencies": {"bash": "^4", "read": "^2"}\n}',
    "name and arguments of no tool": '```json\n{"name": "server", "arguments": ["--port", "80"]}\n```',
    "a configuration with arguments": '{"name": "my-app", "arguments": {"port": 80}}',
    "arguments that are no object": '{"name": "read", "arguments": ["a.txt"]}',
    "an example of a call": f"Here is an example of a call:\n\n```json\n{CALL}\n```\n\nThe tool then answers.",
    "what a call looks like": f"A call looks like this:\n{CALL}",
    "a call in the middle of a sentence": f"The model writes {CALL} and waits.",
    "a call in a line of code": f"Use `{CALL}` for that.",
    "marks that are spoken of": "Write the call between `<tool_call>` and `</tool_call>`.",
    "a closing mark that is spoken of": "It ends with </tool_call> each time.",
    "code with such an object": f"```python\nimport json\n\ncall = {CALL}\nprint(json.dumps(call))\n```",
    "code whose line is such an object": f"```python\ncalls = [\n{CALL},\n]\n```",
    "JavaScript with such an object": f"```js\nconst call =\n{CALL}\n;\n```",
    "JSON around such an object": f'{{"examples": [\n{CALL}\n]}}',
    "a list of names": '[{"name": "Ada"}, {"name": "Bob"}]',
    "a tool's own description": json.dumps(TOOLS[0]),
    "a list of tools' descriptions": "<tools>\n" + "\n".join(json.dumps(one) for one in TOOLS[:2]) + "\n</tools>",
    "a schema": '```json\n{"type": "object", "properties": {"name": {"type": "string"}}}\n```',
    "an answer in JSON": '{"name": "Ada", "age": 36}',
    "a definition in Python": "```python\ndef read(filePath):\n    return open(filePath).read()\n\nread(filePath='a')\n```",
    "a use in Python": "```python\ntext = read(filePath='a.txt')\n```",
    "an ordinary call in Python": "```python\nprint('a')\n```",
    "a word that is a tool's name": "read (the tool) takes a path.\nread the docs.\nbash is a shell.",
    "HTML": "<read>\n<p>Hello</p>\n</read>\nand <b>bold</b>",
    "a shell's block": '```bash\nread -r line\necho "{name}"\n```',
    "a list with boxes": "[x] read it\n[ ] write it\n- [link](http://a.b)\n[read(1)]",
    "what an agent's log says it got": f"Observation: {CALL}",
    "an action that is no tool": "Action: open the window\nAction Input: {}",
    "an action that is a tool, in prose": "Action: read\nthe whole book.",
    "braces in prose": "{placeholder} stands for a name.\n{another one}",
    "code in braces": "```c\nint main() {\n  { int x = 1; }\n}\n```\nThat is all: {}",
    "a block that quotes a block": '````markdown\n# How to\n\n```json\n{"a": 1}\n```\n````\nDone.',
    "YAML": "name: read\narguments:\n  filePath: a.txt",
    "a table": '| name | arguments |\n|---|---|\n| read | {"filePath": "a.txt"} |',
    "a template": '{% if name %}{{ name }}{% endif %}\n{{"a"}}',
    "an empty object": "{}",
    "an empty list": "[]",
    "a number": "42",
    "a quotation": '> {"name": "demo"}\n\nHe said: {"name": "demo"}',
}


@pytest.mark.parametrize("text", SHOWN.values(), ids=list(SHOWN))
def test_what_only_shows_json_stays_as_it_is(text: str) -> None:
    for family in (HERMES, GENERIC, MISTRAL):
        assert alike(text, family) == ([], text)


@pytest.mark.parametrize("text", SHOWN.values(), ids=list(SHOWN))
def test_a_call_after_something_shown_is_read(text: str) -> None:
    calls, words = alike(f"{text}\n\n<tool_call>\n{CALL}\n</tool_call>")
    assert calls == READ_A and words == text


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("Show me an example of a JSON config with name and arguments.", True),
        ("How does a tool call look in JSON?", True),
        ("Read config.json and tell me what it says.", False),
        ("Add an example to README.md", False),
        ("Write the result as JSON to out.json", False),
    ],
)
def test_who_asks_for_an_example_of_json_gets_to_see_it(asked: str, shown: bool) -> None:
    prompt = Prompt((Message("system", "Give examples in JSON."), Message("user", asked)), TOOLS)
    assert shows_json(prompt) == shown
    assert shows_json(replace(prompt, schema={"type": "object"}))


def test_where_the_answer_is_json_only_marks_make_a_call() -> None:
    for text, calls in ((CALL, []), (f"```json\n{CALL}\n```", []), (f"<tool_call>\n{CALL}\n</tool_call>", READ_A)):
        parser = ReplyParser(HERMES, BOX, marked_only=True)
        parser.push(text)
        parser.close()
        assert [(call.name, call.arguments) for call in parser.calls] == calls
        assert parser.words == ("" if calls else text)


def test_a_family_with_strict_marks_reads_no_other_form() -> None:
    parser = ReplyParser(HARMONY, BOX)
    parser.push(f"<|channel|>final<|message|>{CALL}")
    parser.close()
    assert parser.words == CALL and not parser.calls


@pytest.mark.parametrize("form", ["doubled braces", "a JSON fence", "the closing mark missing", "a call in Python"])
def test_a_call_that_the_limit_of_tokens_cut_is_none(form: str) -> None:
    text = FORMS[form]
    for end in range(len(text) - 8):
        assert read(text[:end], cut=True)[0] == []


def test_words_before_a_fence_of_code_are_shown_while_it_is_written() -> None:
    parser = ReplyParser(HERMES, BOX)
    shown = "".join(piece.text for piece in parser.push("Look:\n```python\nx = 1\ny"))
    assert shown == "Look:\n```python\nx = 1\ny"


@given(st.lists(st.sampled_from([*FORMS.values(), *SHOWN.values(), "\n", " ", "`", "x"]), max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_mixture_is_the_same_in_one_piece_and_in_many(parts: list[str]) -> None:
    text = "\n".join(parts)
    assert read(text, 1) == read(text, 7) == read(text)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "+" + "1" * 5000])
def test_a_number_that_json_cannot_say_never_reaches_a_client(number: str) -> None:
    parser = ReplyParser(HERMES, BOX)
    parser.push(f'<tool_call>{{"name": "read", "arguments": {{"filePath": "a", "limit": {number}}}}}</tool_call>')
    parser.close()
    [call], _ = settle_calls(parser.calls, parser.broken, BOX)
    assert json.loads(call.arguments, parse_constant=pytest.fail) == {"filePath": "a", "limit": None}


def test_the_halves_of_a_character_are_joined_in_what_is_nearly_json() -> None:
    parser = ReplyParser(HERMES, BOX)
    parser.push("<tool_call>{'name': 'read', 'arguments': {'filePath': '\\ud83d\\ude00 \\u00e4'}}</tool_call>")
    parser.close()
    assert parser.calls[0].arguments == {"filePath": "\U0001f600 ä"}


@pytest.mark.parametrize(
    "asked",
    [
        "Zeig mir ein Beispiel für das JSON.",
        "Wie sähe ein Aufruf als JSON aus?",
        "What would the tool call look like?",
        "Explain it with an illustration of the payload.",
    ],
)
def test_a_call_that_shall_only_be_shown_is_none_in_other_words_too(asked: str) -> None:
    assert shows_json(Prompt((Message("user", asked),), TOOLS))
