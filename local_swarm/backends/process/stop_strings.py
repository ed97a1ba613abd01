"""Bytes of tokens in, text that may be handed on out: whole characters only, and whether a stop string has ended it."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Protocol

from local_swarm.backends.process import messages
from local_swarm.chat.reply import Parting
from local_swarm.chat.stops import StopFilter, StoppedReply


class Stops(Protocol):
    """The end of a text that is being written, a token's bytes at a time."""

    @property
    def stopped(self) -> bool: ...

    def push(self, piece: bytes) -> str: ...

    def close(self) -> str:
        """The rest, without a character that is not whole: the limit of tokens may fall within one."""
        ...


class StopStringFilter:
    """`Stops` of a text that counts as a whole. Nothing of a stop string is handed on, nor what might become one."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._filter = StopFilter(stops)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def stopped(self) -> bool:
        return self._filter.stopped

    def push(self, piece: bytes) -> str:
        return self._filter.push(self._decoder.decode(piece))

    def close(self) -> str:
        return self._filter.close()


class AnswerStops:
    """`Stops` of a reply that may hold thoughts and calls, where stop strings count in its words alone.

    All text is handed on, since whoever parts it needs the marks, and ends the words at the same place.
    """

    def __init__(self, reply: StoppedReply) -> None:
        self._reply = reply
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def stopped(self) -> bool:
        return self._reply.stopped

    def push(self, piece: bytes) -> str:
        text = "" if self.stopped else self._decoder.decode(piece)
        self._reply.push(text)
        return text

    def close(self) -> str:
        return ""


def stops_for(command: messages.Generate) -> Stops:
    """Those of one seat."""
    if not command.parted or not command.stop:
        return StopStringFilter(command.stop)
    return AnswerStops(StoppedReply(Parting(**command.parted).parser(), command.stop))
