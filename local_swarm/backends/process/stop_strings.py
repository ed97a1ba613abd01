"""Bytes of tokens in, text that may be shown out: whole characters only, nothing that might belong to a stop string."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Sequence

from local_swarm.chat.marks import Finder


class StopStringFilter:
    """The end of a text that is being written.

    `push` returns what is now safe to show. Once `stopped`, the text ended before a stop string; further pushes add
    nothing.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.stopped = False
        self._stops = Finder(stops)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held: deque[str] = deque()

    def push(self, piece: bytes) -> str:
        if self.stopped:
            return ""
        text = self._decoder.decode(piece)
        before, found = self._stops.held, self._stops.feed(text)
        self._held.append(text)
        if found is not None:
            self.stopped = True
            shown = self._release(before + found)
            self._held.clear()
            return shown
        return self._release(before + len(text) - self._stops.held)

    def close(self) -> str:
        """What was held back in vain; an unfinished character becomes U+FFFD."""
        if self.stopped:
            return ""
        shown = "".join(self._held) + self._decoder.decode(b"", final=True)
        self._held.clear()
        return shown

    def _release(self, characters: int) -> str:
        """The first so many of those that are held."""
        shown = []
        while characters > 0:
            piece = self._held.popleft()
            shown.append(piece[:characters])
            if len(piece) > characters:
                self._held.appendleft(piece[characters:])
            characters -= len(piece)
        return "".join(shown)
