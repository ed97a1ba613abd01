"""A file in, the right to work on what it stands for out: one process at a time has it. Standard library only."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
BETWEEN_TRIES_S = 0.5
# The byte that is locked on Windows: where nobody reads, since others cannot read what is locked there.
BEYOND = 1 << 30


@contextlib.contextmanager
def exclusive(file: Path, tell: Callable[[], None]) -> Iterator[None]:
    """Waits while another process has it, after `tell`. A system without locks gives the right to all. Ends with its process."""
    with file.open("rb") as opened:
        if not take(opened):
            tell()
            while not take(opened):
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
