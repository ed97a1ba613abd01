"""How long steps took in, how long one will take and how much of a prompt it may read out. Learns as it goes; reads no clock."""

from __future__ import annotations

from itertools import pairwise

GAP = 3.0  # a step that also reads may take so many times as long as one that only writes
LEAST_READING = 16  # tokens of a prompt in a step, however long that takes: below it the reading would never end
LONGEST_STEP_S = 2.0  # so long a client that leaves, or one that comes, may have to wait for the step to end
FORGET = 0.9  # share of the old estimate that a new observation leaves


class Pace:
    """Of writing, points (tokens, seconds), one for each doubling of the number of tokens, and straight lines between them; of
    reading, seconds a token, alone and beside writers."""

    def __init__(self) -> None:
        self._points: dict[int, tuple[float, float]] = {}
        self._alone: float | None = None
        self._beside: float | None = None

    def saw(self, writing: int, reading: int, seconds: float) -> None:
        """A step took so long, in which so many tokens were written (their scores were wanted) and so many of prompts read."""
        if not reading:
            old = self._points.get(writing.bit_length(), (writing, seconds))
            self._points[writing.bit_length()] = (mixed(old[0], writing), mixed(old[1], seconds))
        elif not writing:
            self._alone = mixed(self._alone, seconds / reading)
        else:
            self._beside = mixed(self._beside, max(0.0, seconds - self.seconds(writing)) / reading)

    def seconds(self, writing: int) -> float:
        """Fewer tokens than were ever seen take as long as those; more take longer in proportion. Nothing seen yet: 1."""
        if not self._points:
            return 1.0
        points = sorted(self._points.values())
        if writing <= points[0][0]:
            return points[0][1]
        for (low, quick), (high, slow) in pairwise(points):
            if writing <= high:
                return quick + (slow - quick) * (writing - low) / (high - low)
        return points[-1][1] * writing / points[-1][0]

    def readable(self, writing: int, room: int) -> int:
        """How many tokens of prompts a step may read beside `writing` ones, so that what streams does not falter."""
        if not writing:
            return min(room, max(LEAST_READING, int(LONGEST_STEP_S / self._alone))) if self._alone else room
        each = self._beside or self._alone
        if not each:
            return min(room, LEAST_READING)
        return min(room, max(LEAST_READING, int((GAP - 1) * self.seconds(writing) / each)))


def mixed(old: float | None, new: float) -> float:
    return new if old is None else FORGET * old + (1 - FORGET) * new
