"""The number of a process in, what the kernel has counted of it out: time at work, time spent waiting for a processor, memory.

Standard library alone. On Linux; elsewhere nothing is known, and the clock on the wall has to do.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from dataclasses import dataclass

PAGE = resource.getpagesize()
NANOSECOND = 1e-9


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Seconds since the process began: `worked` on a processor, `waited` for one to be free."""

    worked: float
    waited: float

    def since(self, earlier: ClockReading) -> ClockReading:
        return ClockReading(self.worked - earlier.worked, self.waited - earlier.waited)


NOTHING = ClockReading(0.0, 0.0)


class Clock:
    """Of one process; its files are opened once, so that they never come to mean another process of that number."""

    __slots__ = ("memory", "times")

    def __init__(self, process: int | None) -> None:
        self.times = open_or_none(f"/proc/{process}/schedstat")
        self.memory = open_or_none(f"/proc/{process}/statm")

    def read(self) -> ClockReading | None:
        """None where it cannot be known, also of a process that has ended."""
        if self.times is None:
            return None
        try:
            worked, waited, *_ = os.pread(self.times, 100, 0).split()
        except (OSError, ValueError):
            return None
        return ClockReading(int(worked) * NANOSECOND, int(waited) * NANOSECOND)

    def memory_bytes(self) -> int:
        """Of its own, what it shares with others aside; 0 where that cannot be known."""
        if self.memory is None:
            return 0
        try:
            _, resident, shared, *_ = os.pread(self.memory, 100, 0).split()
        except (OSError, ValueError):
            return 0
        return (int(resident) - int(shared)) * PAGE

    def close(self) -> None:
        for number in (self.times, self.memory):
            if number is not None:
                with suppress(OSError):
                    os.close(number)
        self.times = self.memory = None


def open_or_none(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
