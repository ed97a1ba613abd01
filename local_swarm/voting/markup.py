"""A reply as a model wrote it in, its blocks of code and its prose out: CommonMark, and what models write instead. Pure.

Blocks are found by markdown-it-py, in which only rules for blocks are on, as inline marks tell nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from textwrap import dedent
from typing import TYPE_CHECKING

from local_swarm.voting.fences import with_plain_fences
from local_swarm.voting.scanner import MOST_TEXT
from local_swarm.voting.thoughts import own_turn, without_thoughts

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MOST_BLOCKS = 12
MOST_MARKED = 100_000  # characters in which blocks are looked for: each of them may begin a list
DEEPEST = 12  # containers within each other that are looked into
OUTER = frozenset({"markdown", "md", "mdx"})
WORDS_NEAR = 4  # lines before and behind a block in which its words may stand
WORDS_AROUND = 12  # that may stand around a reply that is a block of Markdown
PAGE_CODE = re.compile(
    r"<pre\b[^<>\n]{0,200}>\s*+(?:<code\b(?P<names>[^<>\n]{0,200})>)?+|(?P<end>(?:</code>\s*+)?+</pre>)", re.IGNORECASE
)
DEEP_MARKS = re.compile(rf"^(?:[ \t]*+(?:>|[-*+][ \t]|\d{{1,9}}[.)][ \t])){{{DEEPEST},}}+", re.MULTILINE)
CODE_LINE = re.compile(
    r"[{}(\[;,]\s*+$|^(?:async |export )?(?:def|class|function|const|let|var|if|for|while|with|try|else|elif|except|switch)\b"
    r"[^\n]*+(?<=[:{])\s*+$|^(?:@|#!|//|import |from )"
)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A block of code. `tag`: the first word of what stands behind the fence, in small letters, which is all of `info`;
    `lead` and `trail`: the lines of prose before and behind it."""

    body: str
    tag: str = ""
    info: str = ""
    lead: str = ""
    trail: str = ""


@dataclass(frozen=True, slots=True)
class ReplyDocument:
    """A reply without its thoughts and with plain line ends. `prose` is `text` without the blocks of code, their places left
    as empty lines."""

    text: str
    blocks: tuple[CodeBlock, ...] = ()
    prose: str = ""


def document(reply: str) -> ReplyDocument:
    plain = reply[:MOST_TEXT].replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff\u200b")
    text = own_turn(without_thoughts(plain))
    found = document_of(text)
    if (
        len(found.blocks) == 1
        and found.blocks[0].tag in OUTER
        and len(found.prose.split(None, WORDS_AROUND)) < WORDS_AROUND
    ):
        return document_of(found.blocks[0].body)
    return found


def document_of(text: str) -> ReplyDocument:
    plain = DEEP_MARKS.sub("", text)
    plain = with_plain_fences(plain if "```" in plain else PAGE_CODE.sub(as_fence, plain))
    lines = plain.split("\n")
    blocks = [one for one in parser().parse(plain[:MOST_MARKED]) if one.type == "fence" or is_own_block(one, lines)]
    prose: list[str] = []
    at = 0
    for begin, end in map(extent, blocks):
        prose += [*lines[at:begin], *[""] * (end - begin)]
        at = end
    prose += lines[at:]
    return ReplyDocument(text, tuple(code_block(one, prose, lines) for one in blocks[:MOST_BLOCKS]), "\n".join(prose))


def as_fence(found: re.Match[str]) -> str:
    """Code as web pages have it."""
    if found["end"]:
        return "\n```\n"
    name = re.search(r"language-([\w+#-]++)", found["names"] or "")
    return f"\n```{name[1] if name else ''}\n"


def extent(token: Token) -> tuple[int, int]:
    """Its first line and the one after its last."""
    begin, end = token.map or (0, 0)
    return begin, end


def is_own_block(token: Token, lines: Sequence[str]) -> bool:
    """Code by its indentation stands after words: after code it is the inside of that, and a reply that is indented as a
    whole is read as it is."""
    if token.type != "code_block" or len(token.content.strip().split("\n")) == 1:
        return False
    begin, _ = extent(token)
    before = next((line for line in reversed(lines[max(0, begin - WORDS_NEAR) : begin]) if line.strip()), " ")
    return not before[0].isspace() and not CODE_LINE.search(before)


def code_block(token: Token, prose: Sequence[str], lines: Sequence[str]) -> CodeBlock:
    begin, end = extent(token)
    lead = next((line.strip() for line in reversed(prose[max(0, begin - WORDS_NEAR) : begin]) if line.strip()), "")
    info = token.info.strip()
    behind = next((line.strip() for line in lines[end : end + WORDS_NEAR] if line.strip()), "")
    trail = "" if behind.startswith("```") else behind
    return CodeBlock(dedent(token.content), tag_of(info), info, lead, trail)


def tag_of(info: str) -> str:
    first = info.split(None, 1)[0] if info.split() else ""
    first = re.split(r"[{:,=(]", first.lstrip("{.").lower(), maxsplit=1)[0].rstrip("}")
    if "/" in first or re.fullmatch(r"[\w-]+\.[a-z]{1,4}", first):
        first = first.rpartition(".")[2]
    return re.sub(r"(?<=[a-z])[\d.]+$", "", first) if first not in ("md5", "h5") else first


@cache
def parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("zero", {"maxNesting": DEEPEST}).enable(["fence", "code", "blockquote", "list", "hr"])
    made.core.ruler.disable("inline")
    return made
