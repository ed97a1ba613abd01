"""A reply as a model wrote it in, the same with fences that CommonMark reads as they were meant out. Pure.

Models close a fence on the code's last line, write words behind it, put one on a line of its own with the code, indent it, or
leave it open before the next. Each is written anew, with a run of marks that no line of the reply has, so that nothing within
a block can end it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MARK = re.compile(r"`{3,}+|~{3,}+")
FENCE = re.compile(
    r"(?P<lead>[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++(?:>[ \t]?)*+)*+)(?P<run>`{3,}+|~{3,}+)(?P<rest>[^\n]*+)"
)
CLOSED_AT_END = re.compile(r"(`{3,}+|~{3,}+)[ \t]*+$")
WORD_INFO = re.compile(r"[A-Za-z][\w+#.-]{0,30}+")
TRIPLE = re.compile(r'"""|\'\'\'')
NESTING = frozenset({"markdown", "md", "mdx"})  # blocks in which other blocks stand


@dataclass(slots=True)
class OpenFence:
    """`run`: its marks; `indent`: blanks, or marks of a list, before it, which its lines have too; `depth`: blocks that are
    open within it; `quoted`: an odd number of triple quotes was seen."""

    run: str
    indent: int
    nests: bool
    depth: int = 0
    quoted: bool = False
    empty: bool = True


def with_plain_fences(text: str) -> str:
    lines = text.split("\n")
    longest = max((len(found[0]) for found in MARK.finditer(text)), default=2)
    return "\n".join(rewritten_lines(lines, "`" * (longest + 1)))


def rewritten_lines(lines: Sequence[str], plain: str) -> Iterator[str]:
    last_quote = max((at for at, line in enumerate(lines) if TRIPLE.search(line)), default=-1)
    fence: OpenFence | None = None
    for at, line in enumerate(lines):
        if fence is None:
            found = FENCE.match(line)
            if found is None:
                yield line
            elif inner := on_one_line(found):
                yield from (plain + inner[0], inner[1], plain)
            else:
                fence = fence_of(found)
                yield (found["lead"] if ">" in found["lead"] else "") + plain + info_of(found)
        else:
            said, fence = within(line, fence, plain, at < last_quote)
            yield from said


def fence_of(found: re.Match[str]) -> OpenFence:
    lead = found["lead"]
    return OpenFence(found["run"], 0 if ">" in lead else len(lead), info_of(found).lower() in NESTING)


def info_of(found: re.Match[str]) -> str:
    return found["rest"].strip().replace("`", "")


def on_one_line(found: re.Match[str]) -> tuple[str, str] | None:
    """(tag, code) of a block that begins and ends on one line."""
    closing = CLOSED_AT_END.search(found["rest"])
    if closing is None or not found["rest"][: closing.start()].strip():
        return None
    said = found["rest"][: closing.start()].strip()
    tag, _, code = said.partition(" ")
    return (tag, code.strip()) if code and WORD_INFO.fullmatch(tag) and tag.lower() in SPOKEN else ("", said)


def within(line: str, fence: OpenFence, plain: str, quote_ahead: bool) -> tuple[list[str], OpenFence | None]:
    """A line of an open block, rewritten, and what is open after it."""
    stripped = line.strip(" \t>")
    own = line[: len(line) - len(line.lstrip(" \t"))]
    content = line[min(len(own), fence.indent) :]
    if stripped.startswith(fence.run):
        rest = stripped[len(fence.run) :].lstrip(fence.run[0]).strip()
        if fence.quoted and quote_ahead:
            return [content], fence
        return after_marks(rest, content, fence, plain)
    closing = CLOSED_AT_END.search(line)
    if closing and closing[1].startswith(fence.run) and not fence.nests and not fence.quoted:
        return [content[: len(content) - (len(line) - closing.start())], lead_of(line, fence) + plain], None
    fence.quoted ^= len(TRIPLE.findall(line)) % 2 == 1
    fence.empty = fence.empty and not stripped
    return [content], fence


def after_marks(rest: str, content: str, fence: OpenFence, plain: str) -> tuple[list[str], OpenFence | None]:
    """Where a line of a block begins with marks that could end it."""
    lead = lead_of(content, fence)
    if fence.nests:
        fence.depth += 1 if rest else -1
        return ([lead + plain], None) if fence.depth < 0 else ([content], fence)
    if not rest:
        return [lead + plain], None
    if WORD_INFO.fullmatch(rest) and rest.lower() in SPOKEN and not fence.empty:  # the one before was never closed
        return [lead + plain, lead + plain + rest], OpenFence(fence.run, fence.indent, rest.lower() in NESTING)
    return [lead + plain, rest], None


def lead_of(line: str, fence: OpenFence) -> str:
    """The marks of a quotation before a line."""
    before = line[: len(line) - len(line.lstrip(" \t>"))]
    return "" if fence.indent else before[: before.rfind(">") + 1]


# First words of info strings after which code may stand on the same line.
SPOKEN_WORDS = """
python python3 py javascript js typescript ts jsx tsx java c cpp c++ csharp c# go golang rust ruby php perl r sql bash sh
shell zsh console json yaml yml toml xml html css diff patch text txt plaintext markdown md output regex kotlin swift scala lua
dart julia haskell powershell ini
"""
SPOKEN = frozenset(SPOKEN_WORDS.split())
