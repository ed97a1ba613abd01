"""A server's response in, its objects out; those in, deltas and candidates of all its choices out."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import aiohttp

from local_swarm.backends.base import Seat
from local_swarm.backends.openai_compatible.choices import ChoiceSoFar, usages
from local_swarm.backends.openai_compatible.stream import ServerStream
from local_swarm.chat.reply import Piece
from local_swarm.types import Delta, Event, Prompt


async def objects(response: aiohttp.ClientResponse) -> AsyncGenerator[dict[str, Any], None]:
    """The objects of a stream of server-sent events, or the one of a server that does not stream. After the end of a
    stream that says so one more tells it. Raises ValueError for what is neither."""
    stream = ServerStream()
    async for data in response.content.iter_any():
        for one in stream.feed(data):
            yield one
        if stream.done:
            break
    for one in stream.close():
        yield one
    if stream.done:
        yield {"done": True}


@dataclass(slots=True)
class AnswerSoFar:
    """What the choices of one request have said. `estimate`: tokens of the prompt."""

    prompt: Prompt
    party: Sequence[Seat]
    estimate: int
    said: dict[int, ChoiceSoFar] = field(default_factory=dict)
    counts: dict[int, Any] = field(default_factory=dict)
    latest: int = 0  # the choice that ended last
    began: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> bool:
        """All that have begun have come to their end."""
        return bool(self.said) and all(one.ended for one in self.said.values())

    @property
    def stopped(self) -> bool:
        """Stop strings have ended all that the server goes on to say."""
        said = self.said.values()
        return (
            len(said) == len(self.party) and all(one.ended for one in said) and any(one.finish is None for one in said)
        )

    def take(self, chunk: Mapping[str, Any]) -> Iterator[Delta]:
        """What a chunk adds. Raises ValueError for what is none."""
        choices = chunk.get("choices") or ()
        if not (isinstance(choices, list | tuple) and all(isinstance(one, dict) for one in choices)):
            raise ValueError("choices that are no list of objects")
        for choice in choices:
            place = choice.get("index") or 0
            if not 0 <= place < len(self.party):
                continue
            one = self.said.setdefault(place, ChoiceSoFar(self.prompt))
            yield from self._deltas(place, one.take(choice))
            self.latest = place if one.finish else self.latest
        if isinstance(chunk.get("usage"), dict):
            self.counts[self.latest] = chunk["usage"]
        if chunk.get("done"):
            for one in self.said.values():
                one.end()

    def close(self) -> Iterator[Event]:
        """What was held back, and the candidates of those that have ended."""
        seconds, costs = time.monotonic() - self.began, usages(self.counts, self.said, self.estimate)
        for place, one in sorted(self.said.items(), key=itemgetter(0)):
            if not one.ended:
                continue
            held, settled = one.close()
            yield from self._deltas(place, held)
            yield one.candidate(settled, self.party[place], costs[place], seconds)

    def _deltas(self, place: int, pieces: Iterable[Piece]) -> Iterator[Delta]:
        return (Delta(self.party[place].voter, piece.text, piece.thought) for piece in pieces)
