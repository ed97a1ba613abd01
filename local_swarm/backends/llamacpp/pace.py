"""How long steps took in, how long one will take and how much of a prompt it may read out. Learns as it goes; reads no clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 4  # rows that llama.cpp's kernels for processors take at once; those left over go one by one, three dearer than a block
GAP = 3.0  # a step that also reads may take so many times as long as one that only writes
LEAST_READING = 16  # tokens of a prompt in a step, however long that takes: below it the reading would never end
LONGEST_STEP_S = 2.0  # so long a client that leaves, or one that comes, may have to wait for the step to end
MEMORY = 10  # steps that an estimate of reading rests on at most: machines get slower and faster
OUTLIER = 2.0  # times the estimate is as much as one step may say
NOISE = 0.1  # by how much of itself a step is off
TOGETHER, APART = 0.02, 0.01  # by how much of themselves costs change from step to step: all alike, and each by itself


class Cost:
    """What a step takes by its rows: one part whatever their number, one for each full block, one for each row left over.

    A Kalman filter (Kalman 1960) over these three, each at least 0 s. Until steps of several sizes were seen, more rows cost more
    in proportion: nothing is taken for free.
    """

    def __init__(self) -> None:
        self._parts = np.zeros(3)
        self._doubt = np.zeros((3, 3))  # covariance of the parts

    def seconds(self, rows: int) -> float:
        base, block, single = self._parts.tolist()
        return float(base + block * (rows // BLOCK) + single * (rows % BLOCK))

    def saw(self, rows: int, seconds: float) -> None:
        """A step of so many rows, at least one, took so long. No time at all only says that the clock is too coarse."""
        if seconds <= 0:
            return
        size = np.array((1.0, rows // BLOCK, rows % BLOCK))
        expected = self.seconds(rows) or seconds
        usual = expected / rows * np.array((rows, BLOCK, 1.0))  # what each part could be at most
        if not self._parts.any():
            self._parts, self._doubt = usual * (0, 1, 1), np.diag(usual**2)
        self._doubt += np.outer(self._parts, self._parts) * TOGETHER**2 + np.diag((APART * usual) ** 2)
        heard = self._doubt @ size
        gain = heard / (size @ heard + (NOISE * expected) ** 2)
        self._parts = np.maximum(0.0, self._parts + gain * (min(seconds, OUTLIER * expected) - expected))
        self._doubt -= np.outer(gain, heard)


@dataclass(slots=True)
class Point:
    """What a token read took: the mean of the last steps."""

    seconds: float = 0.0
    count: int = 0

    def saw(self, seconds: float) -> None:
        if self.count:
            seconds = min(seconds, OUTLIER * self.seconds)
        self.count = min(self.count + 1, MEMORY)
        self.seconds += (seconds - self.seconds) / self.count


class Pace:
    """Of writing, the cost of a step by its rows; of reading, seconds a token, alone and beside writers."""

    def __init__(self) -> None:
        self._writing = Cost()
        self._alone = Point()
        self._beside = Point()

    def saw(self, writing: int, reading: int, seconds: float) -> None:
        """A step took so long, in which so many tokens were written (their scores were wanted) and so many of prompts read."""
        if not reading:
            self._writing.saw(writing, seconds)
        elif not writing:
            self._alone.saw(seconds / reading)
        else:
            self._beside.saw(max(0.0, seconds - self.seconds(writing)) / reading)

    def seconds(self, writing: int) -> float:
        """What a step that writes so many tokens takes. Nothing seen yet: 1."""
        return self._writing.seconds(writing) or 1.0

    def readable(self, writing: int, room: int) -> int:
        """How many tokens of prompts a step may read beside `writing` ones, so that what streams does not falter."""
        alone, beside = self._alone.seconds, self._beside.seconds
        if not writing:
            return min(room, max(LEAST_READING, int(LONGEST_STEP_S / alone))) if alone else room
        each = beside or alone
        most = int((GAP - 1) * self.seconds(writing) / each) if each else 0
        count = max(LEAST_READING, most)
        return min(room, count - (writing + count) % BLOCK)
