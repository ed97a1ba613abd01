"""Bytes of tokens in, text that may be shown out: whole characters only, nothing that might belong to a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from local_swarm.chat.marks import held_back


class Tail:
    """The end of a text that is being written.

    `push` returns what is now safe to show. Once `stopped`, the text ended before a stop string; further pushes add nothing.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.stops = tuple(stop for stop in stops if stop)
        self.stopped = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def push(self, piece: bytes) -> str:
        if self.stopped:
            return ""
        self._held += self._decoder.decode(piece)
        found = [at for at in (self._held.find(stop) for stop in self.stops) if at >= 0]
        if found:
            self.stopped = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        keep = held_back(self._held, self.stops)
        shown, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return shown

    def close(self) -> str:
        """What was held back in vain; an unfinished character becomes U+FFFD."""
        if self.stopped:
            return ""
        shown, self._held = self._held + self._decoder.decode(b"", final=True), ""
        return shown
