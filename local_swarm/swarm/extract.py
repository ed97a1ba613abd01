"""A candidate in, what it really answers out: its tool calls, the code in its reply, or its words. Pure."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

from local_swarm.chat.tools import canonical
from local_swarm.types import Candidate

FENCE = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
PYTHON = {"python", "py", "python3"}
STATEMENT = re.compile(r"^(def|class|import|from|async def|@)\b", re.MULTILINE)
MOST_TEXT = 200_000  # characters looked at: more than any answer, and a bound on the time of all that follows


@dataclass(frozen=True, slots=True)
class Answer:
    """`tree` is the parsed Python of `body`, or None where it is no valid Python."""

    kind: Literal["calls", "code", "text"]
    body: str
    language: str = ""
    tree: ast.Module | None = None

    @property
    def valid(self) -> bool:
        """Says something, and as Python it parses; of other languages nothing is known."""
        if self.kind == "code" and self.language in PYTHON:
            return self.tree is not None and bool(self.tree.body)
        return bool(self.body.strip())


def extract(candidate: Candidate) -> Answer:
    """Tool calls before all else, in a form that is equal for equal calls; then what the text holds."""
    if candidate.tool_calls:
        return Answer("calls", "\n".join(canonical(call) for call in candidate.tool_calls))
    return extract_text(candidate.text)


def extract_text(reply: str) -> Answer:
    """The fenced code of a reply, joined when it parses only together; else bare Python; else the whole text."""
    reply = reply[:MOST_TEXT]
    blocks = [(language.lower(), body) for _, language, body in FENCE.findall(reply)]
    if blocks:
        return from_blocks(blocks)
    if STATEMENT.search(reply) and (tree := parse(reply)):
        return Answer("code", reply, "python", tree)
    return Answer("text", reply.strip())


def from_blocks(blocks: list[tuple[str, str]]) -> Answer:
    """The first block's language decides; its blocks together if that is Python, else the longest that is."""
    language = blocks[0][0] or ("python" if parse(blocks[0][1]) else "")
    bodies = [body for tag, body in blocks if tag in (language, "")]
    if language not in PYTHON:
        return Answer("code", "\n".join(bodies), language)
    for body in ("\n".join(bodies), *sorted(bodies, key=len, reverse=True)):
        if tree := parse(body):
            return Answer("code", body, "python", tree)
    return Answer("code", "\n".join(bodies), "python")


def parse(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
