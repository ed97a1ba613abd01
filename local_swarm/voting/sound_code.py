"""The body of a block as a model wrote it in, the Python or JavaScript that it holds out. Pure.

A block that was never closed holds words, marks and the beginning of another turn behind its code; others hold the name of
their language on a line, or what a web page makes of signs and blanks.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Collection, Iterator

from local_swarm.chat.python_source import parse
from local_swarm.voting.javascript.answer import code_from, is_javascript
from local_swarm.voting.javascript.module import TAGS
from local_swarm.voting.question import PYTHON, code_span, definitions
from local_swarm.voting.scanner import doctests

MARK = re.compile(r"^[ \t]*+(?:`{3,}+|~{3,}+)|`{3,}+(?=\s++[A-Za-z])", re.MULTILINE)
TURN = re.compile(r"</s>|<\|[\w-]{1,40}\|>|<(?:end|start)_of_turn>|<step>|\[/?INST\]")
MARKED_UP = re.compile(r"&(?:lt|gt|amp|quot|#39|#x27);")
BINDING = re.compile(r"\bfunction\b|=>|\b(?:class|const|let|var|export|require|process|async)\b")
SCRIPT = re.compile(r"<script\b[^<>]{0,200}>")
LANGUAGE_LINE = re.compile(r"\s*+(\w++)[ \t]*+:?+\n")
NUMBER = re.compile(r"[ \t]*+\d++(?:[:.|)][ \t]?|[ \t]|$)")


def python_in(body: str) -> str:
    """The first form of it that is Python and defines something, words behind it left out; itself where none does."""
    body = without_language(session_source(body), PYTHON)
    if parse(body):
        return body
    code = code_as_typed(body)
    span = code if parse(code) else code_span(code)
    return span if span and defines(span) else body


def javascript_in(body: str, tag: str) -> str | None:
    """The same of JavaScript, also within a web page; None where there is none."""
    body = "\n".join(scripts_in(body)) or without_language(body, TAGS)
    if not BINDING.search(body):
        return None
    return body if is_javascript(body, tag) else code_from(code_as_typed(body))


def scripts_in(page: str) -> Iterator[str]:
    at = 0
    while begun := SCRIPT.search(page, at):
        at = page.find("</script>", begun.end())
        if at < 0:
            return
        yield page[begun.end() : at].strip("\n")


def defines(code: str) -> bool:
    tree = parse(code)
    return tree is not None and any(not isinstance(node, (ast.Import, ast.ImportFrom)) for node in definitions(tree))


def without_language(body: str, names: Collection[str]) -> str:
    head = LANGUAGE_LINE.match(body)
    return body[head.end() :] if head and head[1].lower() in names else body


def code_as_typed(body: str) -> str:
    """Up to where it ends, signs as they are typed, lines without their numbers."""
    ends = [
        found.start() for pattern in (MARK, TURN) if (found := pattern.search(body)) and body[: found.start()].strip()
    ]
    body = body[: min(ends)] if ends else body
    body = (html.unescape(body) if MARKED_UP.search(body) else body).replace("\u00a0", " ")
    lines = body.split("\n")
    numbers = [NUMBER.match(line) for line in lines]
    numbered = all(found or not line.strip() for found, line in zip(numbers, lines, strict=True))
    kept = [line[found.end() :] if found else line for found, line in zip(numbers, lines, strict=True)]
    return "\n".join(kept) if numbered else body


def session_source(body: str) -> str:
    """What was typed in an interactive session that defines something; other text as it is."""
    if not body.lstrip().startswith(">>> "):
        return body
    typed = "\n".join(source for source, _ in doctests(body))
    return typed if defines(typed) else body
