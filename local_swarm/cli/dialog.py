"""Questions and a terminal in, what its user chose out. Knows nothing of what is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

BACK, QUIT, MORE = ("b", "back", "0"), ("q", "quit", "exit"), ("m", "more")
HINT = "b goes back, q quits."
LEAST_ROWS = 5


class WentBack(Exception):
    """The user wants the question before this one."""


class WasLeft(Exception):
    """The user wants none of it."""


class Dialog:
    """Questions on one terminal, each until it has an answer. `stream`: where answers come from, the terminal if None.

    Every question raises WentBack and WasLeft where the user says so, and EOFError when nobody answers any more."""

    def __init__(self, console: Console, stream: Any = None) -> None:
        self.console, self.stream = console, stream

    def ask(self, question: str) -> str:
        """What is typed, without blanks around it."""
        self.console.print(question, end=" ", style="bold")
        if self.stream is None:
            typed = input()
        elif not (typed := self.stream.readline()):
            raise EOFError
        word = typed.strip()
        if word.lower() in QUIT:
            raise WasLeft
        if word.lower() in BACK:
            raise WentBack
        return str(word)

    def number(self, question: str, low: int, high: int, default: int, more: bool = False) -> int | None:
        """With `more`, None for that."""
        while True:
            word = self.ask(f"{question} ({low}-{high}{', m for more' if more else ''}) [{default}]:")
            if not word:
                return default
            if more and word.lower() in MORE:
                return None
            if word.isascii() and word.isdecimal() and low <= int(word[:9]) <= high:
                return int(word)
            self.complain(word, low, high)

    def complain(self, word: str, low: int, high: int) -> None:
        if "\x1b" in word:
            self.console.print(f"Arrow keys do nothing here: type a number. {HINT}", style="red")
        else:
            self.console.print(f"Between {low} and {high}, please. {HINT}", style="red")

    def choose(self, question: str, lines: Sequence[str]) -> int:
        """The place of the line that was chosen; as many at once as the window has room for."""
        room = max(LEAST_ROWS, self.console.height - LEAST_ROWS)
        shown = 0
        while True:
            page = lines[shown : shown + room]
            self.console.print(f"\n{question}", style="bold")
            self.console.print(number_lines(page, shown + 1))
            shown += len(page)
            rest = shown < len(lines)
            number = self.number("Number", 1, shown, shown - len(page) + 1, more=rest)
            if number is not None:
                return number - 1


def number_lines(lines: Sequence[str], first: int) -> Table:
    rows = Table.grid(padding=(0, 1))
    rows.add_column(justify="right", style="bold")
    rows.add_column(no_wrap=True, overflow="ellipsis")
    for place, line in enumerate(lines, first):
        rows.add_row(str(place), line)
    return rows
