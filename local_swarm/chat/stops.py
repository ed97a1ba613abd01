"""An answer as it comes in and the texts that end it in, the answer up to the first of them out. Pure.

Stop strings count where the client can see them: in the words of an answer, never in thoughts, marks or calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from local_swarm.chat.marks import Finder
from local_swarm.chat.notations import WrittenCall
from local_swarm.chat.reply import Piece, ReplyParser


class StopFilter:
    """`push` returns what is now safe to show. Once `stopped`, the text has ended; further pushes add nothing."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.stopped = False
        self._stops = Finder(stops)
        self._held: deque[str] = deque()

    def push(self, text: str) -> str:
        if self.stopped:
            return ""
        before, found = self._stops.held, self._stops.feed(text)
        self._held.append(text)
        if found is not None:
            self.stopped = True
            shown = self._release(before + found)
            self._held.clear()
            return shown
        return self._release(before + len(text) - self._stops.held)

    def close(self) -> str:
        """What was held back in vain."""
        shown = "".join(self._held)
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


class StoppedReply:
    """A reply that is parted by `parser`, and whose words end before a stop string. Thoughts and calls after that are dropped."""

    def __init__(self, parser: ReplyParser, stops: Sequence[str] = ()) -> None:
        self.parser = parser
        self._filter = StopFilter(stops)
        self._said: list[str] = []
        self._thought: list[str] = []

    @property
    def stopped(self) -> bool:
        return self._filter.stopped

    @property
    def words(self) -> str:
        return "".join(self._said)

    @property
    def thoughts(self) -> str:
        return "".join(self._thought)

    @property
    def calls(self) -> list[WrittenCall]:
        """Those that came before the end of the words."""
        if not self.stopped:
            return self.parser.calls
        end = sum(map(len, self._said))
        return [call for call, at in zip(self.parser.calls, self.parser.called_at, strict=True) if at <= end]

    def push(self, text: str) -> list[Piece]:
        return [] if self.stopped else self._show(self.parser.push(text))

    def close(self, cut: bool = False) -> list[Piece]:
        """The reply is over; `cut`: by the limit of tokens."""
        if self.stopped:
            return []
        shown = self._show(self.parser.close(cut))
        if rest := self._filter.close():
            self._said.append(rest)
            shown.append(Piece(rest))
        return shown

    def _show(self, pieces: list[Piece]) -> list[Piece]:
        shown = []
        for piece in pieces:
            if piece.thought and not self.stopped:
                self._thought.append(piece.text)
                shown.append(piece)
            elif text := self._filter.push(piece.text):
                self._said.append(text)
                shown.append(Piece(text))
        return shown
