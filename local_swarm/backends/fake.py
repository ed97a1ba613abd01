"""Scripted answers at a set pace: an engine without a model, for tests, benchmarks and trying things out.

It passes the same contract suite as the real ones. A token is a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Sequence

from local_swarm.backends.base import Facts, Seat, State
from local_swarm.errors import ContextExceeded, EngineLost, Starting
from local_swarm.types import Accepted, Candidate, Delta, Event, FinishReason, Prompt, Usage

Script = Callable[[Prompt, Seat], str]


def parrot(prompt: Prompt, seat: Seat) -> str:
    """The anchor repeats the question; the others sometimes add a word, depending on their seed alone."""
    said = prompt.messages[-1].content
    return said if seat.anchor or seat.seed % 3 else f"{said} indeed"


def until(text: str, stops: Sequence[str]) -> str:
    """The text before the first of the stop strings in it."""
    return min((text.split(stop, 1)[0] for stop in stops), key=len, default=text)


class Fake:
    """A `Backend`. `pace_s`: seconds per word; all seats write side by side, as in one batch.

    `busy` and `idle` are set while there are requests in the works and while there are none any more.
    """

    def __init__(self, script: Script = parrot, pace_s: float = 0.0, context: int = 1000) -> None:
        self.script, self.pace_s = script, pace_s
        self._facts = Facts("fake", "fake", context, context // 4, "none")
        self._state: State = "starting"
        self._up = asyncio.Event()
        self._lost = asyncio.Event()
        self.running = self.forgotten = 0
        self.busy, self.idle = asyncio.Event(), asyncio.Event()

    @property
    def state(self) -> State:
        return self._state

    @property
    def facts(self) -> Facts | None:
        return self._facts if self._state == "ready" else None

    async def start(self) -> Facts:
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
        tokens = sum(len(message.content.split()) for message in prompt.messages)
        if tokens >= self._facts.context:
            raise ContextExceeded(tokens, self._facts.context)
        lost = self._lost
        began = time.monotonic()
        left = {seat: until(self.script(prompt, seat), prompt.sampling.stop).split(" ") for seat in seats}
        self._count(1)
        try:
            yield Accepted(tokens)
            limit = min(prompt.sampling.max_tokens or self._facts.answer_tokens, self._facts.context - tokens)
            for at in range(limit + 1):
                for seat in list(left):
                    if at < min(len(left[seat]), limit):
                        yield Delta(seat.voter, left[seat][at] if at == 0 else " " + left[seat][at])
                    else:
                        yield self._candidate(seat, left.pop(seat), limit, tokens, began)
                if not left:
                    return
                await self._pause(lost)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self.running += change
        now, then = (self.busy, self.idle) if self.running else (self.idle, self.busy)
        now.set()
        then.clear()

    async def _pause(self, lost: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(lost.wait(), self.pace_s)
        except TimeoutError:
            if not lost.is_set():
                return
        raise EngineLost("The engine's process ended while it worked on this request.")

    def _candidate(self, seat: Seat, words: list[str], limit: int, tokens: int, began: float) -> Candidate:
        written = words[:limit]
        finish: FinishReason = "stop" if len(words) <= limit else "length"
        usage = Usage(tokens, len(written))
        return Candidate(
            " ".join(written), seat.voter, finish, usage, time.monotonic() - began, seat.anchor, mean_logprob=-0.1
        )
