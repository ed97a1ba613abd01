"""How long steps take in, with how many threads to compute out. Pure but for what it has seen; it reads no clock.

As many threads as cores are fastest while nobody else computes. Beside a busy process every step waits for the thread
that must share its core, and one thread fewer is faster. The tuner finds that out by trying, and tries again later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from statistics import median

STEPS = 6  # that are looked at before anything is decided
SLOW = 1.6  # times as long as once is slow enough to try something
BETTER = 0.9  # a change stays if steps take no more than this share of what they took
AGAIN_S, LONGEST_S = 5.0, 120.0  # until the next change is tried; longer each time that one was in vain


class ThreadTuner:
    """`most`: the threads that are best on a quiet machine."""

    def __init__(self, most: int) -> None:
        self.most = self.threads = most
        self._best: dict[tuple[int, int], float] = {}  # seconds a token, by threads and size of the step
        self._recent: deque[float] = deque(maxlen=STEPS)
        self._before: tuple[int, float] | None = None  # threads and slowness before the change that is being tried
        self._pause_s, self._next_try = AGAIN_S, 0.0

    def observe(self, tokens: int, seconds: float, now: float) -> int:
        """A step of so many tokens took so long; the number of threads for the next one."""
        size = tokens.bit_length()
        seconds /= tokens  # drafts make steps of one size differ by up to two
        self._best[self.threads, size] = min(seconds, self._best.get((self.threads, size), seconds))
        reference = self._best.get((self.most, size))
        if reference is None:
            return self.threads
        self._recent.append(seconds / reference)
        if len(self._recent) == STEPS:
            self._decide(median(self._recent), now)
        return self.threads

    def _decide(self, slowness: float, now: float) -> None:
        if self._before is not None:
            threads, earlier = self._before
            self._before = None
            if slowness > BETTER * earlier:  # in vain
                self._pause_s = min(2 * self._pause_s, LONGEST_S)
                self._use(threads)
            else:
                self._pause_s = AGAIN_S
                self._recent.clear()
            self._next_try = now + self._pause_s
        elif slowness > SLOW and self.threads > 1 and now >= self._next_try:
            self._try(self.threads - 1, slowness)
        elif self.threads < self.most and now >= self._next_try:
            self._try(self.threads + 1, slowness)
        elif self.threads == self.most and slowness <= SLOW:
            self._pause_s = AGAIN_S

    def _try(self, threads: int, slowness: float) -> None:
        self._before = (self.threads, slowness)
        self._use(threads)

    def _use(self, threads: int) -> None:
        self.threads = threads
        self._recent.clear()


def fastest(seconds: Mapping[int, float]) -> int:
    """Of numbers of threads the best by what a step took; fewer where they cost next to nothing."""
    least = min(seconds.values())
    return min(threads for threads, took in seconds.items() if took <= 1.05 * least)


def candidates(cores: int) -> list[int]:
    """Numbers of threads worth trying: all cores, one less, half, one."""
    return sorted({cores, max(1, cores - 1), max(1, cores // 2), 1}, reverse=True)
