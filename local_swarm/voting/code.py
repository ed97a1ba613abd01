"""Blocks of a reply, or a reply without any, and the question in; the code that answers it out. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from local_swarm.chat.python_source import parse
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.behaviour.program import definition, runnable
from local_swarm.voting.code_blocks import ReadBlock, answering_blocks
from local_swarm.voting.javascript.answer import START, javascript_answer, javascript_span
from local_swarm.voting.javascript.module import TAGS
from local_swarm.voting.markup import ReplyDocument
from local_swarm.voting.other_languages import canonical_words
from local_swarm.voting.question import (
    STATEMENT,
    Question,
    code_span,
    definitions,
    does_nothing,
    function,
)
from local_swarm.voting.sound_code import session_source

VALUES = ("number", "choice", "yes_no", "short", "json")
LONE = re.compile(r"[^\s=(){};]++(?: [^\s=(){};]++){0,2}")
INLINE = re.compile(r"(?<!`)`([^`\n]++)`(?!`)")
MOST_WORDS = 30
INDENTED = re.compile(
    r"^[ \t]++(?=(?:(?:export |async )?(?:def|class|function|import|from|const|let|var|export)\b|@))", re.MULTILINE
)
SESSION = re.compile(r"^>>> (?=(?:async )?(?:def|class|import|from|@)\b)", re.MULTILINE)
BLANK_FIRST = re.compile(r"\n*+ {1,3}+(?=(?:async )?(?:def|class|import|from|function|const|let)\b)")


def code_answer(said: ReplyDocument, question: Question) -> ExtractedAnswer | None:
    """None where a value or words are asked for, and where a block holds no more than a value. Code without a fence counts
    where blocks define nothing, as where only its use is fenced."""
    if question.asked.kind in VALUES and not question.entry_point:
        return None
    if not said.blocks:
        return inline_code(said.text, question) or bare_code(said.text, question)
    blocks = answering_blocks(said.blocks, question)
    if not any(block.defines for block in blocks) and (bare := code_in_prose(said.prose, question)):
        return bare
    return from_blocks(blocks, question) if blocks and not lone_value(said, blocks) else None


def code_in_prose(prose: str, question: Question) -> ExtractedAnswer | None:
    found = bare_code(prose, question) if prose.strip() else None
    return found if found and found.valid and (found.tree is None or has_names(found.tree)) else None


def has_names(tree: ast.Module) -> bool:
    return any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) for node in tree.body)


def lone_value(said: ReplyDocument, blocks: Sequence[ReadBlock]) -> bool:
    """A word or a number in a fence of its own."""
    only = blocks[0]
    return len(said.blocks) == 1 and not only.language and bool(LONE.fullmatch(only.body.strip()))


def from_blocks(blocks: Sequence[ReadBlock], question: Question) -> ExtractedAnswer:
    """Together if they parse so, else the one that has what is asked."""
    language, bodies = blocks[0].language, [block.body for block in blocks]
    tries = dict.fromkeys(("\n".join(bodies), *sorted(bodies, key=len, reverse=True)))
    if language == "python" or (question.stub and not language):
        read = [python_answer(code, question) for code in tries]
    elif language in TAGS:
        read = [javascript_answer(code, language, question) for code in tries]
    else:
        body = "\n".join(bodies)
        complaint = None if body.strip() else "empty"
        return ExtractedAnswer("code", body, language, complaint=complaint, words=canonical_words(body, language))
    return next((answer for answer in read if answer.valid), read[0])


def inline_code(reply: str, question: Question) -> ExtractedAnswer | None:
    """A command, pattern or query within a line of words, where such is asked for."""
    language = {"shell": "bash", "sql": "sql", "regex": "regex"}.get(question.asked.kind or "")
    if language is None:
        return None
    spans = [found[1].strip() for found in INLINE.finditer(reply)]
    lines = reply.strip().split("\n")
    body = spans[-1] if spans else lines[0] if len(lines) == 1 and len(lines[0].split()) < MOST_WORDS else ""
    return ExtractedAnswer("code", body, language, words=canonical_words(body, language)) if body else None


def bare_code(reply: str, question: Question) -> ExtractedAnswer | None:
    """A reply that is code without a fence, words around it or not, or goes on where the prompt's code ends."""
    if session := SESSION.search(reply):
        reply = session_source(reply[session.start() :])
    if BLANK_FIRST.match(reply):  # as some tokenizers begin
        reply = BLANK_FIRST.sub("", reply, count=1)
    stub = question.stub
    if stub and stub.unfinished and (reply[0].isspace() or not STATEMENT.search(reply)) and looks_like_body(reply):
        return python_answer(reply, question)
    reply = without_indent(reply)
    if STATEMENT.search(reply) and (code := code_span(reply)) and parse_has_code(code):
        return python_answer(code, question)
    if span := javascript_span(reply):
        return javascript_answer(span, "", question)
    return python_answer(reply, question) if stub and STATEMENT.match(reply) else None


def without_indent(reply: str) -> str:
    """Without the indentation of its first line of code, where all code has some."""
    begun = None if STATEMENT.search(reply) or START.search(reply) else INDENTED.search(reply)
    if begun is None:
        return reply
    own = re.compile(f"^[ \t]{{1,{len(begun[0])}}}+", re.MULTILINE)
    return reply[: begun.start()] + own.sub("", reply[begun.start() :])


def parse_has_code(code: str) -> bool:
    """Python that defines something: "import things from the shop today" is a sentence."""
    return bool((tree := parse(code)) and definitions(tree))


def looks_like_body(reply: str) -> bool:
    """Indented from its first line on, or a statement that only stands in functions."""
    first = next(line for line in reply.split("\n") if line.strip())
    return first[0].isspace() or bool(re.match(r"(return|if|for|while|try|with|[A-Za-z_]\w*\s*=)\b", first))


def python_answer(code: str, question: Question) -> ExtractedAnswer:
    tree, entry = parse(code), question.entry_point
    stub, whole = question.stub, code if tree else ""
    if stub and stub.unfinished and stub.name and (tree is None or not function(tree, stub.name)):
        tree = complete_stub(stub.text, code) or tree
        last = function(tree, stub.name) if tree else None
        tree, whole = ast.Module([last] if last else [], []) if tree else None, ""
    if tree is None:
        return ExtractedAnswer("code", code, "python", complaint="does not parse")
    own = definitions(tree)
    if not tree.body:
        return ExtractedAnswer("code", code, "python", complaint="empty")
    wanted = definition(tree, entry) if entry else None
    complaint = "does nothing" if wanted and does_nothing(wanted) else None
    if entry and not wanted and not assigns(own, entry):
        complaint = f"does not define {entry}"
    compared = [node for node in own if not isinstance(node, (ast.Import, ast.ImportFrom))] or tree.body
    return ExtractedAnswer(
        kind="code",
        body=code,
        language="python",
        tree=ast.Module(compared, []),
        program=runnable(tree, whole, question),
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
