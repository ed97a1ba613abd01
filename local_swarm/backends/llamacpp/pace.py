"""How long steps took in, how long one will take and how much of a prompt it may read out. Learns as it goes; reads no clock."""

from __future__ import annotations

from dataclasses import dataclass

GAP = 3.0  # a step that also reads may take so many times as long as one that only writes
LEAST_READING = 16  # tokens of a prompt in a step, however long that takes: below it the reading would never end
LONGEST_STEP_S = 2.0  # so long a client that leaves, or one that comes, may have to wait for the step to end
MEMORY = 10  # observations that an estimate rests on at most: machines get slower and faster
OUTLIER = 2.0  # times the estimate is as much as one observation may say


@dataclass(slots=True)
class Point:
    """What steps of about so many tokens took: means of the last ones."""

    tokens: float = 0.0
    seconds: float = 0.0
    count: int = 0

    def saw(self, tokens: int, seconds: float) -> None:
        if self.count:
            seconds = min(seconds, OUTLIER * self.seconds)
        self.count = min(self.count + 1, MEMORY)
        self.tokens += (tokens - self.tokens) / self.count
        self.seconds += (seconds - self.seconds) / self.count


class Pace:
    """Of writing, a point for each doubling of the number of tokens and one straight line through them; of reading, seconds a
    token, alone and beside writers."""

    def __init__(self) -> None:
        self._points: dict[int, Point] = {}
        self._alone = Point()
        self._beside = Point()
        self._line: tuple[float, float] | None = None

    def saw(self, writing: int, reading: int, seconds: float) -> None:
        """A step took so long, in which so many tokens were written (their scores were wanted) and so many of prompts read."""
        if not reading:
            self._points.setdefault(writing.bit_length(), Point()).saw(writing, seconds)
            self._line = None
        elif not writing:
            self._alone.saw(1, seconds / reading)
        else:
            self._beside.saw(1, max(0.0, seconds - self.seconds(writing)) / reading)

    def seconds(self, writing: int) -> float:
        """What a step that writes so many tokens takes. Nothing seen yet: 1."""
        if self._line is None:
            self._line = line([(one.tokens, one.seconds, one.count) for one in self._points.values()])
        base, each = self._line
        return base + each * writing

    def readable(self, writing: int, room: int) -> int:
        """How many tokens of prompts a step may read beside `writing` ones, so that what streams does not falter."""
        alone, beside = self._alone.seconds, self._beside.seconds
        if not writing:
            return min(room, max(LEAST_READING, int(LONGEST_STEP_S / alone))) if alone else room
        each = beside or alone
        if not each:
            return min(room, LEAST_READING)
        return min(room, max(LEAST_READING, int((GAP - 1) * self.seconds(writing) / each)))


def line(points: list[tuple[float, float, int]]) -> tuple[float, float]:
    """(seconds at no tokens, seconds a token) of the straight line nearest to points (tokens, seconds, weight), neither below 0.
    What counts is how far it is off in proportion. Of a single size: through zero, so that more is not taken for free."""
    if not points:
        return 1.0, 0.0
    weighted = [(tokens, seconds, weight / seconds**2) for tokens, seconds, weight in points if seconds > 0]
    total = sum(weight for _, _, weight in weighted)
    if not total:
        return 0.0, 0.0
    x = sum(weight * tokens for tokens, _, weight in weighted) / total
    y = sum(weight * seconds for _, seconds, weight in weighted) / total
    spread = sum(weight * (tokens - x) ** 2 for tokens, _, weight in weighted)
    each = (
        sum(weight * (tokens - x) * (seconds - y) for tokens, seconds, weight in weighted) / spread if spread else y / x
    )
    each = min(max(0.0, each), y / x)
    return y - each * x, each
