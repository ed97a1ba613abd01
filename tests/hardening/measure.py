"""A function and a text in, its cost out: processor time, how it grows, and how long it held the interpreter at a stretch."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FLOOR_S = 0.001  # below it a clock says more of the machine than of the reader
QUICK_S = 0.004  # at full length: not worth measuring at others
STEEPEST = 1.3  # exponent of growth that is still called linear
TOO_LONG_S = 2.0  # whatever takes so long is not measured at greater length
HELD_S = 0.050  # that no reader may hold the interpreter
TRIES = (1, 3, 5)  # what looks steep is measured again
TICK_S = 0.001


@dataclass(frozen=True, slots=True)
class Growth:
    """`seconds` by length, of the lengths that were measured."""

    seconds: tuple[tuple[int, float], ...]

    @property
    def last(self) -> float:
        return self.seconds[-1][1]

    @property
    def exponent(self) -> float:
        """By how much the time grows over the last doublings, at most four, that begin above the floor; 0 where none does."""
        worth = [(length, taken) for length, taken in self.seconds if taken >= FLOOR_S]
        if len(worth) < 3:
            return 0.0
        (short, little), (long, much) = worth[0], worth[-1]
        return math.log(much / little) / math.log(long / short)

    @property
    def steep(self) -> bool:
        """Two doublings tell enough where they are steep beyond doubt."""
        few = sum(taken >= FLOOR_S for _, taken in self.seconds) < 4
        return self.exponent > STEEPEST + 0.3 * few


def growth(run: Callable[[str], object], make: Callable[[int], str], longest: int) -> Growth:
    """Over four doublings up to the longest text, as far as they can be borne; what looks steep is measured again."""
    if seconds(run, make(longest >> 4)) < 0.0002:  # most readers make nothing of most texts
        whole = seconds(run, make(longest))
        if whole < QUICK_S:
            return Growth(((longest, whole),))
    for tries in TRIES:
        found = doublings(run, make, longest, tries)
        if not found.steep:
            break
    return found


def doublings(run: Callable[[str], object], make: Callable[[int], str], longest: int, tries: int) -> Growth:
    found = []
    for less in (4, 3, 2, 1, 0):
        text = make(longest >> less)
        found.append((longest >> less, min(seconds(run, text) for _ in range(tries))))
        if found[-1][1] > TOO_LONG_S:
            break
    return Growth(tuple(found))


def seconds(run: Callable[[str], object], text: str) -> float:
    """Of processor time of this thread."""
    began = time.thread_time()
    run(text)
    return time.thread_time() - began


def held(run: Callable[[str], object], text: str) -> float:
    """The longest time, in seconds, for which another thread could not run while this one read; the best of some tries, since
    a machine has other things to do as well."""
    best = math.inf
    for _ in range(max(TRIES)):
        best = min(best, longest_gap(lambda: run(text)))
        if best <= HELD_S:
            break
    return best


def longest_gap(work: Callable[[], object]) -> float:
    stop, gaps = threading.Event(), [0.0]
    ticking = threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not stop.wait(TICK_S):
            now = time.perf_counter()
            gaps.append(now - last - TICK_S)
            last = now
            ticking.set()
        gaps.append(time.perf_counter() - last - TICK_S)

    thread = threading.Thread(target=tick)
    thread.start()
    ticking.wait(5)
    try:
        work()
    finally:
        stop.set()
        thread.join(30)
    return max(gaps)


def worst(measured: Sequence[tuple[str, float]], count: int) -> list[str]:
    """The names of what took longest."""
    return [name for name, _ in sorted(measured, key=lambda one: -one[1])[:count]]
