"""A file in, the right to work on what it stands for out: one process at a time has it. Needs no package."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from local_swarm.errors import SetupFailed

TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
BETWEEN_TRIES_S = 0.5
LONGEST_SET_UP_S = 3600.0  # a set-up that builds the engine on a slow machine takes less
# The byte that is locked on Windows: where nobody reads, since others cannot read what is locked there.
BEYOND = 1 << 30


@contextlib.contextmanager
def exclusive(file: Path, tell: Callable[[], None], longest_s: float = LONGEST_SET_UP_S) -> Iterator[None]:
    """Waits while another process has it, after `tell`. A system without locks gives the right to all. Ends with its process.

    Raises SetupFailed where that one keeps it for `longest_s`."""
    with file.open("rb") as opened:
        if not take(opened):
            tell()
            end = time.monotonic() + longest_s
            while not take(opened):
                if time.monotonic() >= end:
                    raise SetupFailed(
                        "Another set-up of this folder does not end. Stop it, and run the same command again."
                    )
                time.sleep(BETWEEN_TRIES_S)
        yield


def take(file: BinaryIO) -> bool:
    """Whether this process has it now; without waiting."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(BEYOND)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno not in TAKEN
    return True
