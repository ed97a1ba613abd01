"""How long steps took in, how long one will take and how it is shared by prefill and decode out. Reads no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

BLOCK = 4  # rows that llama.cpp's kernels for processors take at once; three left over cost more than a block
GAP = 3.5  # a step with prefill may take so many times as long as one that only decodes
FEW = 32  # tokens of a prompt: where fewer fit into the gap, prefill has turns of its own, in which nothing is decoded
BETWEEN = 22  # steps that only decode between two turns: of twenty gaps that a stream sees at most one is a turn
TURN = 125  # decode steps take as long as a turn of prefill, which so takes about a quarter longer than alone
LONGEST_TURN_S = 5.5
LONGEST_STEP_S = 2.0  # so long a client that leaves, or one that comes, may have to wait for the step to end
MEMORY = 10  # steps that an estimate of prefill rests on at most: machines get slower and faster
OUTLIER = 2.0  # times the estimate is as much as one step may say
NOISE = 0.1  # by how much of itself a step is off
TOGETHER, APART = 0.02, 0.01  # by how much of themselves costs change from step to step: all alike, and each by itself


class RowCost:
    """What a step takes by its rows: one part whatever their number, one for each full block, one for each row left
    over.

    A Kalman filter (Kalman 1960) over these three, each at least 0 s. Until steps of several sizes were seen, more rows
    cost more in proportion: nothing is taken for free.
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
    """Seconds for each prefilled token: the mean of the last steps."""

    seconds: float = 0.0
    count: int = 0

    def observe(self, seconds: float) -> None:
        if self.count:
            seconds = min(seconds, OUTLIER * self.seconds)
        self.count = min(self.count + 1, MEMORY)
        self.seconds += (seconds - self.seconds) / self.count


@dataclass(frozen=True, slots=True)
class StepShare:
    """What the next step is for: whether it decodes, and how many tokens of prompts it prefills."""

    decode: bool
    prefill: int


class StepCost:
    """Of decode, the cost of a step by its rows; of prefill, seconds a token, alone and beside decode; and whose turn
    it is."""

    def __init__(self) -> None:
        self._decode = RowCost()
        self._alone = PrefillCost()
        self._beside = PrefillCost()
        self._prefill_s = 0.0  # seconds of the last turn of prefill; what is left of it may go to the next prompt
        self._between = 0  # steps that decoded since then

    def observe(self, decode_rows: int, prefill_tokens: int, seconds: float) -> None:
        """A step of so many decoded rows and prefilled tokens took so long."""
        if not decode_rows:
            self._alone.observe(seconds / prefill_tokens)
            self._beside = PrefillCost()  # where turns were taken, it is of long ago
            self._prefill_s = seconds if self._between >= BETWEEN else self._prefill_s + seconds
            self._between = 0
            return
        if prefill_tokens:
            self._beside.observe(max(0.0, seconds - self.seconds(decode_rows)) / prefill_tokens)
        else:
            self._decode.observe(decode_rows, seconds)
        self._between += 1

    def seconds(self, decode_rows: int) -> float:
        """What a step takes that decodes so many rows. Nothing seen yet: 1."""
        return self._decode.seconds(decode_rows) or 1.0

    def share(self, sequences: int, room: int) -> StepShare:
        """Of the next step, where there are prompts to prefill and so many sequences to decode. `room`: tokens in a
        batch.

        Streams shall not falter, so a step prefills only what fits into the gap (chunked prefill: Agrawal et al. 2023,
        SARATHI, arXiv:2308.16369). Where that is little, as on processors, prefill and decode take turns: a few tokens
        of a prompt in every step would cost half as much again as many at once.
        """
        alone = self._alone.seconds
        if not sequences:
            return StepShare(False, max(BLOCK, int(LONGEST_STEP_S / alone)) if alone else room)
        each = self._beside.seconds or alone
        count = int((GAP - 1) * self.seconds(sequences) / each) if each else FEW
        if count < FEW:
            turn_s = min(TURN * self.seconds(sequences), LONGEST_TURN_S)
            left_s = turn_s if self._between >= BETWEEN else turn_s - self._prefill_s
            if left_s > turn_s / 10:
                return StepShare(False, max(BLOCK, int(left_s / math.ceil(left_s / LONGEST_STEP_S) / (alone or each))))
            return StepShare(True, 0)
        return StepShare(True, count - (sequences + count) % BLOCK)
