"""A text in, its doctests, calls and brackets out. Pure.

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


class Attention:
    """How many characters one reader may still try to make sense of, whatever the text offers it."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_TEXT // 2) -> None:
        self.left = left

    def spend(self, characters: int) -> bool:
        self.left -= characters + EACH
        return self.left >= 0


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
