"""Text as it comes in, the places where it changes its kind out: finds marks, and holds back what may be the beginning of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def first_mark(text: str, marks: Iterable[str], start: int = 0) -> tuple[int, str] | None:
    """(place, mark) of the first of the marks in a text; of those at one place the longest."""
    found = [(at, -len(mark), mark) for mark in marks if (at := text.find(mark, start)) >= 0]
    if not found:
        return None
    at, _, mark = min(found)
    return at, mark


def held_back(text: str, marks: Sequence[str]) -> int:
    """Length of the longest end of `text` with which some mark begins."""
    longest = max((len(mark) for mark in marks), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        end = text[-size:]
        if any(mark.startswith(end) for mark in marks):
            return size
    return 0
