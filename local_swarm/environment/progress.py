"""Lines of an installer in, one line that moves out. Standard library only."""

from __future__ import annotations

import re
import shutil
import sys
import time
from typing import TextIO

from local_swarm.terminal import line as on_one_line
from local_swarm.terminal import printable

NINJA = re.compile(r"\[(\d+)/(\d+)\]")
PERCENT = re.compile(r"\[\s*(\d+)%\]")
WIDTH = 30
MOST_COLUMNS = 100
LONGEST_LINE = 1_000  # characters looked at
PLAIN_EVERY_S = 20.0  # between lines where the output is no terminal


class SetupProgress:
    """Shows what a step is doing. On a terminal one line is rewritten; elsewhere a line comes now and then."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self.out = out
        self.live = out.isatty()
        self.began = self.shown = time.monotonic()
        self.width = 0

    @property
    def columns(self) -> int:
        """Of the terminal, but no more than are read with ease."""
        return min(shutil.get_terminal_size().columns, MOST_COLUMNS) if self.live else MOST_COLUMNS

    def step(self, text: str) -> None:
        self.clear()
        print(printable(text), file=self.out, flush=True)
        self.began = self.shown = time.monotonic()

    def feed(self, line: str) -> None:
        """A line of pip's or the compiler's output."""
        text = describe(on_one_line(line), time.monotonic() - self.began)
        if text and self.live:
            text = "    " + text[: self.columns - 5]  # in the last column some terminals begin a new line
            self.out.write("\r" + text.ljust(self.width))
            self.out.flush()
            self.width = len(text)
        elif text and time.monotonic() - self.shown > PLAIN_EVERY_S:
            self.shown = time.monotonic()
            print("    " + text, file=self.out, flush=True)

    def clear(self) -> None:
        if self.live and self.width:
            self.out.write("\r" + " " * self.width + "\r")
            self.out.flush()
            self.width = 0


def describe(line: str, seconds: float) -> str:
    """A bar for a compiler's count, the package's name for pip's doings, nothing for the rest."""
    line = line[:LONGEST_LINE]
    if share := fraction(line):
        left = seconds / share - seconds
        bar = "#" * round(share * WIDTH)
        return f"[{bar.ljust(WIDTH, '.')}] {share:4.0%}  {clock(left)} left"
    found = re.match(
        r"\s*(Collecting|Downloading|Building wheel for|Installing collected packages:|Preparing metadata)\s*(\S+)",
        line,
    )
    if not found:
        return ""
    if found[1].startswith(("Installing", "Preparing")):
        return found[1].partition(" ")[0].lower()
    return f"{found[1].lower()} {found[2].rsplit('/', 1)[-1]}"


def fraction(line: str) -> float | None:
    if found := NINJA.search(line):
        done, total = int(found[1]), int(found[2])
        return done / total if 0 < done <= total and total > 20 else None
    if found := PERCENT.search(line):
        return int(found[1]) / 100 or None
    return None


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
