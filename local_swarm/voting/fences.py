"""A reply as a model wrote it in, the same with fences that CommonMark reads as they were meant out. Pure.

Models close a fence on the code's last line, write words before or behind it, put one on a line with the code, indent it, or
leave it open before the next. Each is written anew, with a run of marks that no line of the reply has, so that nothing within
a block can end it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

MARK = re.compile(r"`{3,}+|~{3,}+")
FENCE = re.compile(
    r"(?P<lead>[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++(?:>[ \t]?)*+)*+)(?P<run>`{3,}+|~{3,}+)(?P<rest>[^\n]*+)"
)
CLOSED_AT_END = re.compile(r"(`{3,}+|~{3,}+)[ \t]*+$")
BEHIND_WORDS = re.compile(r"(?P<words>[^\n]*?[^\s`])[ \t]*+(?P<run>`{3,}+)(?P<rest>[\w+#.-]{0,30}+)[ \t]*+$")
ONLY_COMMENT = re.compile(r"\s*+(?:\*|//|/\*|#|--|;)*+\s*+$")
FIRST_CODE = re.compile(
    r"(?:async\s++)?def\s++\w++\s*+\(|class\s++\w++\s*+[:({]|(?:export\s++)?(?:async\s++)?function\b\s*+[\w*]*+\s*+\("
    r"|import\s++[\w{*'\"]|from\s++[\w.]++\s++import\b|(?:const|let|var)\s++[\w{\[]++[^=\n]*+="
)
WORD_INFO = re.compile(r"[A-Za-z][\w+#.-]{0,30}+")
TRIPLE = re.compile(r'"""|\'\'\'')
NESTING = frozenset({"markdown", "md", "mdx"})  # blocks in which other blocks stand


@dataclass(slots=True)
class OpenFence:
    """`run`: its marks; `indent`: blanks, or marks of a list, before it, which its lines may have too; `depth`: blocks that
    are open within it; `quoted`: an odd number of triple quotes was seen."""

    run: str
    indent: int
    nests: bool
    depth: int = 0
    quoted: bool = False
    body: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not any(line.strip(" \t>") for line in self.body)

    def rewritten_block(self) -> list[str]:
        """Its lines without the indentation of the fence, where each of them has it."""
        own = min((len(line) - len(line.lstrip(" \t")) for line in self.body if line.strip()), default=0)
        return [line[self.indent :] for line in self.body] if own >= self.indent else self.body


def with_plain_fences(text: str) -> str:
    lines = text.split("\n")
    longest = max((len(found[0]) for found in MARK.finditer(text)), default=2)
    return "\n".join(rewritten_lines(lines, "`" * (longest + 1)))


def rewritten_lines(lines: Sequence[str], plain: str) -> Iterator[str]:
    last_quote = max((at for at, line in enumerate(lines) if TRIPLE.search(line)), default=-1)
    fence: OpenFence | None = None
    for at, line in enumerate(lines):
        if fence is not None:
            said, fence = within(line, fence, plain, at < last_quote)
            yield from said
            continue
        found = FENCE.match(line)
        if found is None and (found := after_words(line)):
            yield found["words"]
        if found is None:
            yield line
        elif inner := on_one_line(found):
            yield from (plain + inner[0], inner[1], plain)
        else:
            fence = fence_of(found)
            lead = found.groupdict().get("lead") or ""
            yield (lead if ">" in lead else "") + plain + info_of(found)
    if fence is not None:
        yield from fence.rewritten_block()


def after_words(line: str) -> re.Match[str] | None:
    """A fence that begins a block behind words that announce it."""
    found = BEHIND_WORDS.match(line) if line.count("```") == 1 else None
    return found if found and (found["rest"].lower() in SPOKEN or found["words"].endswith((":", ":**"))) else None


def fence_of(found: re.Match[str]) -> OpenFence:
    lead = found.groupdict().get("lead") or ""
    made = OpenFence(found["run"], 0 if ">" in lead else len(lead), info_of(found).lower() in NESTING)
    if code := code_of(found)[1]:
        made.body.append(lead + code)
    return made


def info_of(found: re.Match[str]) -> str:
    return code_of(found)[0].replace("`", "")


def code_of(found: re.Match[str]) -> tuple[str, str]:
    """What stands behind an opening fence, and the first line of code where that stands there too."""
    said = found["rest"].strip()
    tag, _, rest = said.partition(" ")
    if FIRST_CODE.match(said):
        return "", said
    return (tag, rest) if WORD_INFO.fullmatch(tag) and FIRST_CODE.match(rest) else (said, "")


def on_one_line(found: re.Match[str]) -> tuple[str, str] | None:
    """(tag, code) of a block that begins and ends on one line."""
    closing = CLOSED_AT_END.search(found["rest"])
    if closing is None or not found["rest"][: closing.start()].strip():
        return None
    said = found["rest"][: closing.start()].strip()
    tag, _, code = said.partition(" ")
    return (tag, code.strip()) if code and WORD_INFO.fullmatch(tag) and tag.lower() in SPOKEN else ("", said)


def within(line: str, fence: OpenFence, plain: str, quote_ahead: bool) -> tuple[list[str], OpenFence | None]:
    """What a line of an open block lets be written, and what is open after it."""
    stripped = line.strip(" \t>")
    if stripped.startswith(fence.run) and not (fence.quoted and quote_ahead):
        rest = stripped[len(fence.run) :].lstrip(fence.run[0]).strip()
        return after_marks(rest, line, fence, plain)
    closing = CLOSED_AT_END.search(line)
    if closing and closing[1].startswith(fence.run) and ends_block(line[: closing.start()], fence):
        fence.body.append(line[: closing.start()])
        return [*fence.rewritten_block(), lead_of(line, fence) + plain], None
    fence.quoted ^= len(TRIPLE.findall(line)) % 2 == 1
    fence.body.append(line)
    return [], fence


def ends_block(before: str, fence: OpenFence) -> bool:
    """Whether marks at the end of a line end the block, and not one that a comment in the code opens."""
    return not fence.nests and not fence.quoted and not ONLY_COMMENT.match(before)


def after_marks(rest: str, line: str, fence: OpenFence, plain: str) -> tuple[list[str], OpenFence | None]:
    """Where a line of a block begins with marks that could end it."""
    mark = lead_of(line, fence) + plain
    if fence.nests:
        fence.depth += 1 if rest else -1
        if fence.depth >= 0:
            fence.body.append(line)
            return [], fence
        return [*fence.rewritten_block(), mark], None
    if not rest:
        return [*fence.rewritten_block(), mark], None
    if WORD_INFO.fullmatch(rest) and rest.lower() in SPOKEN and not fence.empty:  # the one before was never closed
        return [*fence.rewritten_block(), mark, mark + rest], OpenFence(
            fence.run, fence.indent, rest.lower() in NESTING
        )
    return [*fence.rewritten_block(), mark, rest], None


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
