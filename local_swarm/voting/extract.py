"""A candidate and its question in, what it really answers out: tool calls, a value, code, or words. Pure.

What is extracted decides how answers are compared; an answer with a `complaint` cannot beat one without.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from local_swarm.chat.python_source import parse, unparse
from local_swarm.chat.schemas import violation
from local_swarm.chat.tools import canonical
from local_swarm.types import JSON, Candidate
from local_swarm.voting.question import (
    PYTHON,
    STATEMENT,
    Question,
    code_span,
    definitions,
    does_nothing,
    function,
)
from local_swarm.voting.scanner import MOST_TEXT, fences

MOST_BLOCKS = 12
SHORT_WORDS = 3  # up to which a whole reply is a value: "Yes.", "Paris"
NUMBER = re.compile(r"[-−+]?(?:\d[\d,]*+\.?\d*+|\.\d++)(?:\s*+/\s*+\d++)?(?:[eE][-+]?\d+)?")
MARKS = (
    re.compile(r"\\boxed\{((?:[^{}]++|\{[^{}]*+\})*+)\}"),
    re.compile(r"^####\s*+(.+)$", re.MULTILINE),
    re.compile(r"^[^\w\n]*+A(?:nswer)?\W*:\s*+(.+)$", re.MULTILINE),
    re.compile(r"\b(?:final |correct |right )?answer\b\W*(?:is|:|=|would be)\W*(.+)", re.IGNORECASE),
)

Kind = Literal["calls", "value", "code", "text"]


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    """`body`: what is compared as text; of a value its normal form. Of Python, `tree` is what the answer defines and
    `program` what can be run: the prompt's own code, then the answer's, without what merely uses it. `complaint`:
    why it cannot win. `words`: what its structure is compared by, where that is known already."""

    kind: Kind
    body: str
    language: str = ""
    tree: ast.Module | None = None
    program: str | None = None
    complaint: str | None = None
    words: tuple[str, ...] | None = None

    @property
    def valid(self) -> bool:
        return self.complaint is None


def extract(candidate: Candidate, question: Question = Question()) -> ExtractedAnswer:  # noqa: B008  frozen
    """Tool calls before all else, in a form that is equal for equal calls; then what the text holds."""
    if candidate.tool_calls:
        return ExtractedAnswer("calls", "\n".join(canonical(call) for call in candidate.tool_calls))
    return extract_text(candidate.text, question)


def extract_text(reply: str, question: Question = Question()) -> ExtractedAnswer:  # noqa: B008
    """In this order: JSON where it is asked for, fenced code, bare Python, a value, words."""
    reply = reply[:MOST_TEXT]
    if not reply.strip():
        return ExtractedAnswer("text", "", complaint="empty")
    blocks = [(language.lower(), body) for language, body in fences(reply)[:MOST_BLOCKS]]
    if found := json_answer(reply, blocks, question.schema):
        return found
    if blocks:
        return from_blocks(blocks, question)
    if found := bare_code(reply, question):
        return found
    value = value_of(reply, question)
    return ExtractedAnswer("value", value) if value is not None else ExtractedAnswer("text", reply.strip())


# ---------------------------------------------------------------------------------------------------- code


def from_blocks(blocks: list[tuple[str, str]], question: Question) -> ExtractedAnswer:
    """The first block's language decides. Python: its blocks together if they parse so, else the one that has what
    is asked."""
    language = blocks[0][0] or ("python" if parse(blocks[0][1]) else "")
    bodies = [body for tag, body in blocks if tag in (language, "")]
    if language not in PYTHON and not (question.stub and not language):
        body = "\n".join(bodies)
        return ExtractedAnswer("code", body, language, program=body, complaint=None if body.strip() else "empty")
    whole = "\n".join(bodies)
    tries = [python_answer(code, question) for code in dict.fromkeys((whole, *sorted(bodies, key=len, reverse=True)))]
    return next((answer for answer in tries if answer.valid), tries[0])


def bare_code(reply: str, question: Question) -> ExtractedAnswer | None:
    """A reply that is code without a fence, words around it or not, or goes on where the prompt's code ends."""
    stub = question.stub
    if stub and stub.unfinished and (reply[0].isspace() or not STATEMENT.search(reply)) and looks_like_body(reply):
        return python_answer(reply, question)
    if STATEMENT.search(reply) and (code := code_span(reply)) and parse_has_code(code):
        return python_answer(code, question)
    return python_answer(reply, question) if stub and STATEMENT.match(reply) else None


def parse_has_code(code: str) -> bool:
    """Python that defines something: "import things from the shop today" is a sentence."""
    return bool((tree := parse(code)) and definitions(tree))


def looks_like_body(reply: str) -> bool:
    """Indented from its first line on, or a statement that only stands in functions."""
    first = next(line for line in reply.split("\n") if line.strip())
    return first[0].isspace() or bool(re.match(r"(return|if|for|while|try|with|[A-Za-z_]\w*\s*=)\b", first))


def python_answer(code: str, question: Question) -> ExtractedAnswer:
    tree, entry = parse(code), question.entry_point
    stub = question.stub
    if stub and stub.unfinished and stub.name and (tree is None or not function(tree, stub.name)):
        tree = complete_stub(stub.text, code) or tree
        last = function(tree, stub.name) if tree else None
        tree = ast.Module([last] if last else [], []) if tree else None
    if tree is None:
        return ExtractedAnswer("code", code, "python", complaint="does not parse")
    own = definitions(tree)
    if not tree.body:
        return ExtractedAnswer("code", code, "python", complaint="empty")
    wanted = function(tree, entry) if entry else None
    complaint = "does nothing" if wanted and does_nothing(wanted) else None
    if entry and not wanted and not assigns(own, entry):
        complaint = f"does not define {entry}"
    compared = [node for node in own if not isinstance(node, (ast.Import, ast.ImportFrom))] or tree.body
    return ExtractedAnswer(
        kind="code",
        body=code,
        language="python",
        tree=ast.Module(compared, []),
        program=program_of(own, question),
        complaint=complaint,
    )


def assigns(own: list[ast.stmt], name: str) -> bool:
    """`solve = lambda ...` defines it too."""
    targets = [target for node in own if isinstance(node, ast.Assign) for target in node.targets]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def complete_stub(stub: str, text: str) -> ast.Module | None:
    """The prompt's code with the text as its end, up to where that leaves the function."""
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if not first[:1].isspace():
        lines = [f"    {line}" if line.strip() else line for line in lines]
    begun = next((at for at, line in enumerate(lines) if line.strip()), 0)
    leaves = [
        at for at, line in enumerate(lines) if at > begun and line.strip() and not line[0].isspace() and line[0] != "#"
    ]
    body = "\n".join(lines[: leaves[0]] if leaves else lines)
    return parse(f"{stub.rstrip()}\n{body}\n") or parse(f"{stub.rstrip()}\n" + "\n".join(lines) + "\n")


def program_of(own: list[ast.stmt], question: Question) -> str | None:
    """None where the syntax tree is too deep to be written out."""
    nodes = [*(definitions(question.stub.tree) if question.stub else ()), *own]
    first = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    rest = [node for node in nodes if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
    return unparse(ast.Module([*first, *rest], []))


# -------------------------------------------------------------------------------------------------- values


def json_answer(reply: str, blocks: list[tuple[str, str]], schema: JSON | None) -> ExtractedAnswer | None:
    """JSON as a whole reply or in a block of its own, in a form that is equal for equal data."""
    text = next((body for tag, body in blocks if tag in ("json", "")), reply) if schema or json_block(blocks) else reply
    if not schema and not text.strip().startswith(("{", "[")):
        return None
    try:
        data = json.loads(text)
        form = json.dumps(data, sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ExtractedAnswer("value", reply.strip(), "json", complaint="no valid JSON") if schema else None
    return ExtractedAnswer("value", form, "json", complaint=breach(data, schema) if schema else None)


def json_block(blocks: list[tuple[str, str]]) -> bool:
    return len(blocks) == 1 and blocks[0][0] == "json"


def breach(data: Any, schema: JSON) -> str | None:
    """A schema that is none forbids nothing."""
    return "breaks the schema" if violation(schema, data) else None


def value_of(reply: str, question: Question) -> str | None:
    """The marked answer, the letter of a choice, the number that a question about a quantity asks for, or a very
    short reply."""
    marked = next((found[-1].strip() for mark in MARKS if (found := mark.findall(reply))), None)
    options = question.options
    if options and (letter := choice(marked if marked is not None else reply, options, marked is not None)):
        return letter
    if marked is not None and (number := first_number(marked)):
        return number
    if marked is not None and 0 < len(marked.split(None, SHORT_WORDS)) <= SHORT_WORDS:
        return plain(marked)
    if question.wants_number and (numbers := NUMBER.findall(reply)):
        return normal(numbers[-1])
    if len(reply.split(None, SHORT_WORDS)) <= SHORT_WORDS and "\n" not in reply.strip() and "=" not in reply:
        return first_number(reply) if re.fullmatch(r"\W*+\d[\d.,]*+\W*+", reply.strip()) else plain(reply) or None
    return None


def choice(text: str, options: frozenset[str], marked: bool) -> str | None:
    """The one letter that a reply names as its own."""
    found = re.match(r"\W*\(?([A-H])\b", text.strip())
    if found and found[1] in options and (marked or re.match(r"\W*\(?[A-H][).:*]|\W*[A-H]\W*$", text.strip())):
        return found[1]
    named = {
        letter for letter in re.findall(r"\(([A-H])\)|\b([A-H])\)|\*\*([A-H])\b", text) for letter in letter if letter
    }
    own = named & options
    return own.pop() if len(own) == 1 else None


def first_number(text: str) -> str | None:
    found = NUMBER.search(text)
    return normal(found[0]) if found else None


def normal(number: str) -> str | None:
    """`1,200.50`, `+1200.5` and `2401/2` are one number."""
    whole, _, below = number.replace(",", "").replace("−", "-").replace(" ", "").partition("/")
    try:
        return f"{float(whole) / float(below or 1):.10g}"
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
