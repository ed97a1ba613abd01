"""How long steps took in, how long one will take and what the next one is for out. Learns as it goes; reads no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BLOCK = 4  # rows that llama.cpp's kernels for processors take at once; those left over go one by one, three dearer than a block
GAP = 3.5  # a step that also reads may take so many times as long as one that only writes
FEW = 32  # tokens of a prompt: where fewer fit into the gap, reading has turns of its own, in which nobody writes
BETWEEN = 22  # steps that only write between two turns: of twenty gaps that a stream sees at most one is a turn
TURN = 125  # steps that write take as long as a turn of reading: it takes a quarter longer than alone, and a bit more when deep
LONGEST_TURN_S = 5.5
LONGEST_STEP_S = 2.0  # so long a client that leaves, or one that comes, may have to wait for the step to end
MEMORY = 10  # steps that an estimate of reading rests on at most: machines get slower and faster
OUTLIER = 2.0  # times the estimate is as much as one step may say
NOISE = 0.1  # by how much of itself a step is off
TOGETHER, APART = 0.02, 0.01  # by how much of themselves costs change from step to step: all alike, and each by itself


class RowCost:
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

    def observe(self, rows: int, seconds: float) -> None:
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
class PrefillCost:
    """What a token read took: the mean of the last steps."""

    seconds: float = 0.0
    count: int = 0

    def observe(self, seconds: float) -> None:
        if self.count:
            seconds = min(seconds, OUTLIER * self.seconds)
        self.count = min(self.count + 1, MEMORY)
        self.seconds += (seconds - self.seconds) / self.count


@dataclass(frozen=True, slots=True)
class StepShare:
    """What the next step is for: whether those write who can, and how many tokens of prompts are read."""

    decode: bool
    prefill: int


class StepCost:
    """Of writing, the cost of a step by its rows; of reading, seconds a token, alone and beside writers; and whose turn it is."""

    def __init__(self) -> None:
        self._writing = RowCost()
        self._alone = PrefillCost()
        self._beside = PrefillCost()
        self._read_s = 0.0  # seconds of the last turn to read; what is left of it may go to the next prompt
        self._between = 0  # steps that wrote since then

    def observe(self, writing: int, reading: int, seconds: float) -> None:
        """A step took so long, in which so many tokens were written (their scores were wanted) and so many of prompts read."""
        if not writing:
            self._alone.observe(seconds / reading)
            self._beside = PrefillCost()  # where turns were taken, it is of long ago
            self._read_s = seconds if self._between >= BETWEEN else self._read_s + seconds
            self._between = 0
            return
        if reading:
            self._beside.observe(max(0.0, seconds - self.seconds(writing)) / reading)
        else:
            self._writing.observe(writing, seconds)
        self._between += 1

    def seconds(self, writing: int) -> float:
        """What a step that writes so many tokens takes. Nothing seen yet: 1."""
        return self._writing.seconds(writing) or 1.0

    def share(self, writers: int, room: int) -> StepShare:
        """Of the next step, where there are prompts to read and so many tokens could be written. `room`: tokens in a batch.

        What streams shall not falter, so a step reads what fits into the gap. Where that is little, as on processors, reading and
        writing take turns: a few tokens of a prompt a step would cost half as much again as many at once.
        """
        alone = self._alone.seconds
        if not writers:
            return StepShare(False, max(BLOCK, int(LONGEST_STEP_S / alone)) if alone else room)
        each = self._beside.seconds or alone
        count = int((GAP - 1) * self.seconds(writers) / each) if each else FEW
        if count < FEW:
            turn_s = min(TURN * self.seconds(writers), LONGEST_TURN_S)
            left_s = turn_s if self._between >= BETWEEN else turn_s - self._read_s
            if left_s > turn_s / 10:
                return StepShare(False, max(BLOCK, int(left_s / math.ceil(left_s / LONGEST_STEP_S) / (alone or each))))
            return StepShare(True, 0)
        return StepShare(True, count - (writers + count) % BLOCK)
