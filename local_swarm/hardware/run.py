"""A command in, its output out, or None: the one way in which probes ask other programs. Bounded and never raising."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

LONGEST_S = 1.5  # of one program
TOGETHER_S = 1.8  # of all probes, which run at once

MOST_BYTES = 1 << 20  # of what a program prints
Run = Callable[[Sequence[str]], str | None]
Found = TypeVar("Found")


def run(command: Sequence[str]) -> str | None:
    """Standard output of a program that exists, ends well and in time; otherwise None."""
    path = shutil.which(command[0])
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *command[1:]], capture_output=True, timeout=LONGEST_S, stdin=subprocess.DEVNULL, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:MOST_BYTES].decode("utf-8", "replace")


def together(questions: Sequence[Callable[[], Found]], seconds: float = TOGETHER_S) -> list[Found | None]:
    """The answers of all, asked at the same time; None of those that fail or take too long, which are left behind."""
    answers: list[Found | None] = [None] * len(questions)

    def ask(place: int) -> None:
        try:
            answers[place] = questions[place]()
        except Exception:  # whatever a broken driver makes of it, the others still count
            answers[place] = None

    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in range(len(questions))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(answers)
