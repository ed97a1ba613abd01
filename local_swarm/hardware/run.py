"""A command in, its output out, or None: the one way in which probes ask other programs. Bounded and never raising."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence

LONGEST_S = 2.0

Run = Callable[[Sequence[str]], str | None]


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
    return done.stdout.decode("utf-8", "replace")
