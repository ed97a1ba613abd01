"""Text as it comes in, the places where it changes its kind out: finds marks, and holds back what may be the beginning of one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache

LETTERS = sys.maxunicode + 1
STRETCH = 1 << 16  # characters that are searched in one go


def first_mark(text: str, marks: Iterable[str], start: int = 0) -> tuple[int, str] | None:
    """(place, mark) of the first of the marks in a text; of those at one place the longest."""
    wanted = tuple(marks)
    search, longest = any_of(wanted), max(map(len, wanted), default=0)
    for begin in range(start, len(text), STRETCH):  # a search holds the interpreter
        found = search.search(text, begin, begin + STRETCH + longest)
        if found and found.start() < begin + STRETCH:
            return found.start(), found[0]
    return None


@lru_cache(maxsize=256)
def any_of(marks: tuple[str, ...]) -> re.Pattern[str]:
    """One search for all: a search for each would go over the whole text again for every mark that is not in it."""
    return re.compile("|".join(map(re.escape, sorted(marks, key=len, reverse=True))) or "(?!)")


def held_back(text: str, marks: Sequence[str]) -> int:
    """Length of the longest end of `text` with which some mark begins. For few short marks; for others see `Finder`."""
    longest = max((len(mark) for mark in marks), default=1) - 1
    for size in range(min(longest, len(text)), 0, -1):
        end = text[-size:]
        if any(mark.startswith(end) for mark in marks):
            return size
    return 0


class Finder:
    """Marks of whatever number and length, sought in a text that comes in pieces: each character is looked at once.

    The automaton of Aho & Corasick (1975). `held` is the length of the longest end of the text so far with which a mark begins.
    """

    def __init__(self, marks: Iterable[str]) -> None:
        self._next: dict[int, int] = {}  # by state and letter as one number, which is half of what a pair of them takes
        self._depth, self._ends = [0], [0]  # of each state: characters read, and the longest mark that ends there
        for mark in filter(None, marks):
            self._add(mark)
        self._fall = self._falls()
        self._state = 0

    @property
    def held(self) -> int:
        return self._depth[self._state]

    def feed(self, text: str) -> int | None:
        """Where the first mark begins that this piece completes, counted from the piece's beginning; negative where that is in
        an earlier piece."""
        if not self._next:
            return None
        state, first = self._state, None
        for place, letter in enumerate(text, 1):
            code = ord(letter)
            while state and state * LETTERS + code not in self._next:
                state = self._fall[state]
            state = self._next.get(state * LETTERS + code, 0)
            if self._ends[state]:
                start = place - self._ends[state]
                first = start if first is None else min(first, start)
        self._state = state
        return first

    def _add(self, mark: str) -> None:
        state = 0
        for letter in mark:
            following = self._next.setdefault(state * LETTERS + ord(letter), len(self._depth))
            if following == len(self._depth):
                self._depth.append(self._depth[state] + 1)
                self._ends.append(0)
            state = following
        self._ends[state] = len(mark)

    def _falls(self) -> list[int]:
        """Of each state, the one for the longest proper end of what was read with which a mark begins."""
        falls = [0] * len(self._depth)
        edges = sorted(self._next.items(), key=lambda edge: self._depth[edge[1]])
        for edge, following in edges:
            state, code = divmod(edge, LETTERS)
            if state:
                other = falls[state]
                while other and other * LETTERS + code not in self._next:
                    other = falls[other]
                falls[following] = self._next.get(other * LETTERS + code, 0)
            self._ends[following] = self._ends[following] or self._ends[falls[following]]
        return falls
