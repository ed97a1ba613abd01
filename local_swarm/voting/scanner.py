"""A text in, its fenced blocks, doctests, labeled lines, table rows and brackets out. Pure.

Whoever writes a text must not decide how long it takes to read: each function here looks at every character a bounded
number of times. So no pattern has two repeats side by side that could share characters, and none scans from each place
to the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_TEXT = 200_000  # characters looked at: more than any answer, and a bound on the time of all that follows
LONGEST_LITERAL = 2_000  # characters of a value, or of a call
EACH = 100  # characters that a try costs beside its own: parsing a short text takes as long as reading so many

FENCE = re.compile(r"[ \t]*+(```++|~~~++)[ \t]*+([\w+#.-]*+)")
DOCTEST = re.compile(r"([ \t]*+)>>> ?")
MARK = re.compile(r"[\"'()\[\]{}]")
REST_OF_STRING = {
    '"': re.compile(r'(?:[^"\\]++|\\.)*+"', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]++|\\.)*+'", re.DOTALL),
}

INPUT = re.compile(r"\binput\b\s*+\d*+\*{0,2}+\s*+[:=]\*{0,2}+\s*+", re.IGNORECASE)
BETWEEN = re.compile(r"[,;]|->|=>|→")
OUTPUT = re.compile(
    r"\s*+(?:[-*]\s*+)?\*{0,2}+\b(?:expected\s++)?(?:output|result|returns?|answer)\b\s*+\d*+\*{0,2}+\s*+[:=]\*{0,2}+\s*+",
    re.IGNORECASE,
)
NEXT_LINE = re.compile(r"\s*+(?:[,;]|->|=>|→)?")
FOR = re.compile(r"\bfor\s++(?P<given>[A-Za-z_]\w*+\s*+=\s*+)", re.IGNORECASE)
SUBJECT = re.compile(r"(?<=\s)(?:the|expected|output|result|answer|function|it|return)(?=\s)", re.IGNORECASE)
SHOULD_BE = re.compile(
    r"(?:the\s++)?(?:expected\s++)?(?:output|result|answer|function|it|return value)\s++"
    r"(?:should|must|will|would)?\s*+(?:be|is|returns?|give|equals?)\s*+:?\s*+",
    re.IGNORECASE,
)
COMMA = re.compile(r"\s*+(?:,\s++)?")


class Attention:
    """How many characters one reader may still try to make sense of, whatever the text offers it."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_TEXT // 2) -> None:
        self.left = left

    def spend(self, characters: int) -> bool:
        self.left -= characters + EACH
        return self.left >= 0


def fences(text: str) -> list[tuple[str, str]]:
    """(tag, body) of each block; one that is not closed goes to the end."""
    lines, found, at = text.split("\n"), [], 0
    while at < len(lines) - 1:
        head = FENCE.match(lines[at])
        at += 1
        if not head:
            continue
        begin = at
        while at < len(lines) and lines[at].strip(" \t") != head[1]:
            at += 1
        ended = "\n" if begin < at < len(lines) else ""
        found.append((head[2], "\n".join(lines[begin:at]) + ended))
        at += 1
    return found


def doctests(text: str) -> Iterator[tuple[str, str]]:
    """(source, what should be printed), as the standard library's `doctest` finds them."""
    lines, at = text.split("\n"), 0
    while at < len(lines):
        head = DOCTEST.match(lines[at])
        if not head:
            at += 1
            continue
        source, wanted = [lines[at][head.end() :]], []
        at += 1
        more, other = head[1] + "...", head[1] + ">>>"
        while at < len(lines) and lines[at].startswith(more):
            source.append(lines[at][len(more) :].removeprefix(" "))
            at += 1
        while at < len(lines) and not lines[at].startswith(other) and is_output(lines[at]):
            wanted.append(lines[at])
            at += 1
        yield "\n".join(source), "\n".join(wanted)


def is_output(line: str) -> bool:
    """Whether a line after a doctest belongs to what it prints."""
    words = line.lstrip()
    return bool(words) and not words.startswith(('"""', "'''"))


def rows(text: str) -> Iterator[str]:
    """What stands between the outer bars of a table's rows."""
    for line in text.split("\n"):
        row = line.strip()
        if len(row) > 2 and row[0] == "|" == row[-1]:
            yield row[1:-1]


def labeled_pairs(text: str) -> Iterator[tuple[str, str]]:
    """(given, wanted) of "Input: 2, Output: 4" in one line or two."""
    at = hopeless = 0
    while head := INPUT.search(text, at):
        start = at = head.end()
        if start < hopeless:  # nothing answers an earlier label of this line, so nothing answers this one
            continue
        end = hopeless = end_of_line(text, start)
        ways = ((one.start(), one.end()) for one in BETWEEN.finditer(text, start + 1, end))
        found = next(((stop, tail) for stop, after in ways if (tail := OUTPUT.match(text, after))), None)
        if not found and start < end and (below := NEXT_LINE.match(text, end)):
            tail = OUTPUT.match(text, below.end())
            found = (end, tail) if tail else None
        if found:
            stop, tail = found
            at = end_of_line(text, tail.end())
            yield text[start:stop], text[tail.end() : at]


def should_be_pairs(text: str) -> Iterator[tuple[str, str]]:
    """(given, wanted) of "for x = 2 the output should be 4", where what is given is not too long to be a call."""
    at = seen = 0  # up to where nothing says what should be
    lonely = -1  # the end of a line after which nothing does
    while head := FOR.search(text, at):
        start, at = head.start("given"), head.end()
        end = end_of_line(text, at)
        limit = min(end, at + 2 * LONGEST_LITERAL)
        found = None
        for one in SUBJECT.finditer(text, max(at + 2, seen), limit + 1):
            if tail := SHOULD_BE.match(text, one.start()):
                found = one.start(), tail
                break
        seen = max(seen, limit)
        if not found and at < end == limit != lonely and (below := COMMA.match(text, end)):
            tail = SHOULD_BE.match(text, below.end())
            found, lonely = ((end, tail), lonely) if tail else (None, end)
        if found:
            stop, tail = found
            at = end_of_line(text, tail.end())
            yield text[start:stop], text[tail.end() : at]


def end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)


def closing(text: str, opening: int) -> int | None:
    """The place after the bracket that closes the one at `opening`; brackets within strings do not count."""
    depth, at = 0, opening
    limit = min(len(text), opening + LONGEST_LITERAL)
    while mark := MARK.search(text, at, limit):
        at = mark.end()
        if mark[0] in REST_OF_STRING:
            string = REST_OF_STRING[mark[0]].match(text, at, limit)
            if not string:
                return None
            at = string.end()
            continue
        depth += 1 if mark[0] in "([{" else -1
        if depth == 0:
            return at
    return None


def calls(text: str, name: str, not_after: str = "_.") -> Iterator[int]:
    """Where the name stands before an opening bracket, not within another name."""
    at = text.find(f"{name}(")
    while at >= 0:
        before = text[at - 1] if at else " "
        if not (before.isalnum() or before in not_after):
            yield at
        at = text.find(f"{name}(", at + len(name) + 1)
