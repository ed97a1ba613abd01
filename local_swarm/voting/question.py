"""A prompt in, what the vote should know of it out: which function is asked for, the code it stands in, a schema.
Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local_swarm.chat.python_source import parse
from local_swarm.types import JSON, Prompt
from local_swarm.voting.asked import NO_CODE, NOTHING_ASKED, Asked, PromptCode, asked_of
from local_swarm.voting.edits.conversation import files_said
from local_swarm.voting.markup import document_of
from local_swarm.voting.scanner import MOST_TEXT

PYTHON = {"python", "py", "python3"}  # as fences call it
STATEMENT = re.compile(r"^(def|class|import|from|async def|@)\b", re.MULTILINE)
MOST_TRIES = 24  # ways to cut a text until it parses
MOST_TRIED = 400_000  # characters parsed in all of them

Defining = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Try,
)


@dataclass(frozen=True, slots=True)
class Stub:
    """Python in the prompt. `text` as it stands there; `tree` with a body where it ends without one; `name` of its last
    function; `unfinished`: that function has no body yet, an answer may go on where the prompt ends."""

    text: str
    tree: ast.Module
    name: str | None
    unfinished: bool


@dataclass(frozen=True, slots=True)
class Question:
    """`text`: what the user asks. `inputs`: calls to compare behaviour on, beside those that are found. `files`: (path,
    text) of the files that were read before."""

    text: str = ""
    entry_point: str | None = None
    inputs: tuple[str, ...] = ()
    schema: JSON | None = None
    stub: Stub | None = None
    asked: Asked = NOTHING_ASKED
    files: tuple[tuple[str, str], ...] = ()


def question(
    text: str,
    entry_point: str | None = None,
    inputs: Sequence[str] = (),
    schema: JSON | None = None,
    files: Sequence[Sequence[str]] = (),
) -> Question:
    text = text[:MOST_TEXT].replace("\r\n", "\n")
    stub = find_stub(text)
    asked = asked_of(text, entry_point, code_of(stub), schema is not None)
    name = asked.name if asked.kind != "class" else ""
    read = tuple((path, content) for path, content in files)
    return Question(text, entry_point or name or None, tuple(inputs), schema, stub, asked, read)


def code_of(stub: Stub | None) -> PromptCode:
    """What the question's words are read beside."""
    if stub is None:
        return NO_CODE
    defining = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    last = stub.tree.body[-1]
    names = tuple(node.name for node in stub.tree.body if isinstance(node, defining))
    begun = last.name if isinstance(last, ast.ClassDef) and any(does_nothing(node) for node in last.body) else ""
    return PromptCode(names, stub.name or "" if stub.unfinished else "", begun, "python")


def question_of(prompt: Prompt) -> Question:
    """Of the last thing that the user said, as it stands: it is studied where it is read, which takes a while."""
    said = [message.content for message in prompt.messages if message.role == "user" and message.content.strip()]
    return Question((said[-1] if said else "")[:MOST_TEXT], schema=prompt.schema, files=files_said(prompt.messages))


def find_stub(text: str) -> Stub | None:
    for code in ways_to_cut(text):
        if code and STATEMENT.search(code) and (stub := stub_of(code)):
            return stub
    return None


def ways_to_cut(text: str) -> Iterator[str | None]:
    """Where the code of a prompt may be, the likeliest first."""
    yield from (block.body for block in document_of(text).blocks if block.tag in PYTHON | {""})
    yield text
    yield code_span(text)


def stub_of(code: str) -> Stub | None:
    tree = parse(code)
    if tree is None:
        ending = code.rstrip().rpartition("\n")[2]
        tree = parse(f"{code.rstrip()}\n{ending[: len(ending) - len(ending.lstrip())]}    pass\n")
    if tree is None or not tree.body:
        return None
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    last = functions[-1] if functions else None
    return Stub(code, tree, last.name if last else None, last is tree.body[-1] and bool(last) and does_nothing(last))


def code_span(text: str) -> str | None:
    """The longest beginning of what follows the first line of code that is Python by itself, words around it left
    out."""
    start = STATEMENT.search(text)
    if not start:
        return None
    lines = text[start.start() :].split("\n")
    ends = [at for at, line in enumerate(lines) if line.strip() and not line[0].isspace() and not STATEMENT.match(line)]
    tried = 0
    for end in [len(lines), *ends[::-1][: MOST_TRIES // 2], *ends[: MOST_TRIES // 2]]:
        code = "\n".join(lines[:end])
        tried += len(code)
        if tried > MOST_TRIED:
            return None
        if code.strip() and parse(code):
            return code
    return None


def definitions(tree: ast.Module) -> list[ast.stmt]:
    """What a program defines, without what it then does with it: prints, tests, reads input."""
    return [node for node in tree.body if isinstance(node, Defining)]


def function(tree: ast.Module, name: str) -> ast.stmt | None:
    """The last definition of that name, which is the one that counts."""
    found = [
        node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name
    ]
    return found[-1] if found else None


def function_names(tree: ast.Module) -> Iterator[str]:
    return (node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def does_nothing(node: ast.stmt) -> bool:
    """Whether a function has no more of a body than words and placeholders."""
    body = getattr(node, "body", [])
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and all(idle(statement) for statement in body)


def idle(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise) and statement.exc is not None:
        return "NotImplemented" in ast.dump(statement.exc)
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
