"""A trouble of the network in, a wait or the end of patience out.

How long a thing that may pass is borne: by what the other side asks for, else by pauses that grow. Knows nothing of HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from local_swarm.errors import DownloadFailed

PAUSES_S = (0.5, 1.0, 2.0, *(4.0,) * 12)  # between attempts that brought nothing; then it is over
LONGEST_WISH_S = 900.0  # that the other side may ask for at once; the hub counts requests over 300 s
MOST_WAITED_S = 900.0  # without anything gained
UNMET_S = 3.0  # for a server that has never answered, which is likelier not there than away for a moment

Pause = Callable[[float], bool]


class Passing(Exception):
    """A trouble that may be over at the next attempt. `what`: a sentence without its full stop; `after_s`: the wait that the
    other side asks for; `reached`: whether anybody was there; `advice`: what a person may do about it."""

    def __init__(self, what: str, after_s: float | None = None, reached: bool = True, advice: str = "") -> None:
        super().__init__(what)
        self.what, self.after_s, self.reached, self.advice = what, after_s, reached, advice


class Patience:
    """For one file or question. `pause` waits and returns whether it was interrupted; `say` tells a person what is waited for."""

    def __init__(
        self, pause: Pause | None = None, say: Callable[[str], object] = lambda _: None, met: bool = False
    ) -> None:
        self.pause: Pause = pause or threading.Event().wait
        self.say, self.met = say, met
        self.failures = 0
        self.waited = 0.0
        self.since = time.monotonic()
        self.gained = False

    def progress(self) -> None:
        """Something came: everything that went wrong before is forgotten."""
        self.met = self.gained = True
        self.failures, self.waited = 0, 0.0

    def bear(self, trouble: Passing) -> bool:
        """Wait, and say whether to try again. Raises DownloadFailed where a person stopped it meanwhile."""
        self.met = self.met or trouble.reached
        seconds = self.next_pause(trouble)
        if seconds is None:
            return False
        by_itself = trouble.after_s is None or trouble.after_s < PAUSES_S[0]  # else the time that was waited counts
        self.failures, self.gained = self.failures + (by_itself and not self.gained), False
        self.waited += seconds
        if seconds:
            self.say(f"{trouble.what}; trying again in {max(1, round(seconds))} s")
        if self.pause(seconds):
            raise DownloadFailed("The download was stopped. What came is kept: run the same command again to go on.")
        return True

    def next_pause(self, trouble: Passing) -> float | None:
        """Seconds, none at once after something came; None where it has been borne for long enough."""
        unmet_s = max(self.waited, time.monotonic() - self.since)
        if self.failures >= len(PAUSES_S) or (not self.met and unmet_s >= UNMET_S):
            return None
        usual = 0.0 if self.gained else PAUSES_S[self.failures]
        seconds = usual if trouble.after_s is None else trouble.after_s
        return seconds if seconds <= LONGEST_WISH_S and self.waited + seconds <= MOST_WAITED_S else None
