"""Scripted answers at a set pace: an engine without a model, for tests, benchmarks and trying things out.

It passes the same contract suite as the real ones. A token is a word. What a script writes is read as a model's reply
is, so it may think and call tools in the way of the given chat template.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass

from local_swarm.backends.base import ModelFacts, Seat, State
from local_swarm.backends.process import messages
from local_swarm.backends.process.answers import finish_reason
from local_swarm.chat.template import ChatTemplate
from local_swarm.chat.turn import Reader, Settled, turn
from local_swarm.confined.process import Unconfined
from local_swarm.errors import ContextExceeded, EngineLost, Starting
from local_swarm.types import Accepted, Candidate, Delta, Embedded, Event, FinishReason, Prompt, TokenLogprob, Usage

Script = Callable[[Prompt, Seat], str]


def parrot(prompt: Prompt, seat: Seat) -> str:
    """The anchor repeats the question; the others sometimes add a word, depending on their seed alone."""
    said = prompt.messages[-1].content if prompt.text is None else prompt.text
    return said if seat.anchor or seat.seed % 3 else f"{said} indeed"


@dataclass(slots=True)
class Speaker:
    """One seat that says its words, one a turn, and may say `limit` of them. `ended`: it has given its answer."""

    prompt: Prompt
    seat: Seat
    words: list[str]
    reader: Reader
    tokens: int
    limit: int
    began: float
    ended: bool = False

    def say(self, at: int) -> Iterator[Event]:
        """A word, or the end once all are said."""
        if self.ended:
            return
        if at < min(len(self.words), self.limit) and not self.reader.stopped:
            pieces = self.reader.push(self.words[at] if at == 0 else " " + self.words[at])
            yield from (Delta(self.seat.voter, piece.text, piece.thought) for piece in pieces)
        else:
            self.ended = True
            cut = at < len(self.words) and not self.reader.stopped
            said = self.reader.close(cut)
            yield from (Delta(self.seat.voter, piece.text, piece.thought) for piece in said.last)
            yield self.candidate(said, at, finish_reason("length" if cut else "stop", said))

    def candidate(self, said: Settled, count: int, finish: FinishReason) -> Candidate:
        """After so many words."""
        own = (self.prompt.text or "").split() if self.prompt.scored else []
        written = self.words[:count] if self.prompt.sampling.logprobs is not None else []
        return Candidate(
            text=said.words,
            voter=self.seat.voter,
            finish_reason=finish,
            usage=Usage(self.tokens, count),
            seconds=time.monotonic() - self.began,
            anchor=self.seat.anchor,
            tool_calls=said.calls,
            mean_logprob=-0.1,
            logprobs=tuple(TokenLogprob(word, -0.1, ((word, -0.1),)) for word in written),
            prompt_logprobs=tuple(TokenLogprob(word, -0.2 if place else None) for place, word in enumerate(own)),
            reasoning=said.thoughts,
            flaw=said.flaw,
        )


class FakeBackend:
    """A `Backend`. `pace_s`: seconds per word; all seats write side by side, as in one batch.

    `busy` and `idle` are set while there are requests in the works and while there are none any more.
    """

    pid: int | None = None
    target_url: str | None = None
    beat: messages.Beat | None = None

    def __init__(
        self, script: Script = parrot, pace_s: float = 0.0, context: int = 1000, template: str | None = None
    ) -> None:
        self.script, self.pace_s, self.template = script, pace_s, ChatTemplate(template)
        self.confined = Unconfined()
        self._facts = ModelFacts("fake", "fake", context, context // 4, "none")
        self._state: State = "starting"
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self.running = self.forgotten = 0
        self.busy, self.idle = asyncio.Event(), asyncio.Event()

    @property
    def state(self) -> State:
        return self._state

    @property
    def facts(self) -> ModelFacts | None:
        return self._facts if self._state == "ready" else None

    async def start(self) -> ModelFacts:
        self.revive()
        return self._facts

    async def ready(self, within_s: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._up.wait(), within_s)
        return self._state == "ready"

    def forget(self) -> None:
        self.forgotten += 1

    async def close(self) -> None:
        self._state = "closed"
        self._lost.set()

    def crash(self, back: bool = True) -> None:
        """Lose every request in the works, as a killed process would; be back at once, or stay away."""
        self._lost.set()
        self._lost = asyncio.Event()
        if not back:
            self._state = "restarting"
            self._up.clear()

    def revive(self) -> None:
        self._state = "ready"
        self._up.set()

    async def generate(self, prompt: Prompt, seats: Sequence[Seat]) -> AsyncGenerator[Event, None]:
        if self._state != "ready":
            raise (
                EngineLost("The swarm is shutting down.")
                if self._state == "closed"
                else Starting("The engine is starting.")
            )
        said = " ".join([*(message.content for message in prompt.messages), prompt.text or ""])
        tokens = len(said.split())
        if tokens >= self._facts.context:
            raise ContextExceeded(tokens, self._facts.context)
        asked = await turn(prompt, self.template, self.confined)
        lost, began = self._lost, time.monotonic()
        limit = min(prompt.sampling.max_tokens or self._facts.answer_tokens, self._facts.context - tokens)
        speakers = [
            Speaker(prompt, seat, words, asked.reader(), tokens=tokens, limit=limit, began=began)
            for seat, words in ((seat, self.script(prompt, seat).split(" ")) for seat in seats)
        ]
        self._count(1)
        try:
            yield Accepted(tokens)
            for at in range(limit + 1):
                for speaker in speakers:
                    for event in speaker.say(at):
                        yield event
                if all(speaker.ended for speaker in speakers):
                    return
                await self._pause(lost)
        finally:
            self._count(-1)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Counts of letters: texts with the same letters are alike."""
        if self._state != "ready":
            raise Starting("The engine is starting.")
        counts = [[1.0 + text.count(letter) for letter in "etaoinsh"] for text in texts]
        vectors = [[count / math.hypot(*row) for count in row] for row in counts]
        return Embedded(vectors, self._facts.model, sum(len(text.split()) for text in texts))

    def _count(self, change: int) -> None:
        self.running += change
        now, then = (self.busy, self.idle) if self.running else (self.idle, self.busy)
        now.set()
        then.clear()

    async def _pause(self, lost: asyncio.Event) -> None:
        if self.pace_s:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(lost.wait(), self.pace_s)
        if not lost.is_set():
            return
        raise EngineLost("The engine's process ended while it worked on this request.")
