"""A file descriptor in, whether a program is at its other end and whether something has come out. Reads nothing. Standard library
only."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from typing import Any, cast

TICK_S = 0.02


def is_pipe(descriptor: int) -> bool:
    """Node's programs connect sockets where others make pipes. Raises OSError for one that is closed."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def has_input(descriptor: int, wait_s: float) -> bool:
    """Whether something can be read, or the end, within that time. Raises OSError."""
    if sys.platform == "win32":  # it tells that of pipes only to those who ask
        end = time.monotonic() + wait_s
        while not (found := bytes_waiting(descriptor)) and time.monotonic() < end:
            time.sleep(TICK_S)
        return found
    return bool(select.select([descriptor], [], [], max(0.0, wait_s))[0])


def bytes_waiting(descriptor: int) -> bool:
    """PeekNamedPipe of Windows. A broken pipe counts: it can be read to its end."""
    import ctypes
    import msvcrt

    system, count = cast(Any, ctypes), ctypes.c_ulong()
    handle = cast(Any, msvcrt).get_osfhandle(descriptor)
    told = system.windll.kernel32.PeekNamedPipe(system.c_void_p(handle), None, 0, None, system.byref(count), None)
    return not told or count.value > 0
