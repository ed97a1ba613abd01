"""Blocks of a reply, or a reply without any, and the question in; the code that answers it out. Pure."""

from __future__ import annotations

import ast
import re

from local_swarm.chat.python_source import parse, unparse
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.markup import ReplyDocument
from local_swarm.voting.question import (
    PYTHON,
    STATEMENT,
    Question,
    code_span,
    definitions,
    does_nothing,
    function,
)


def code_answer(said: ReplyDocument, question: Question) -> ExtractedAnswer | None:
    if said.blocks:
        return from_blocks([(block.tag, block.body) for block in said.blocks], question)
    return bare_code(said.text, question)


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
