"""A prompt in, every worker's candidate and their election out. A group of workers is a Voice like any one of them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from local_swarm.backends.base import Backend, Seat
from local_swarm.errors import Busy, EngineLost, Starting
from local_swarm.swarm.consensus import decided, elect
from local_swarm.swarm.pressure import FEW, Level
from local_swarm.swarm.similarity.embedding import Embedder
from local_swarm.swarm.worker import Worker
from local_swarm.types import Accepted, Candidate, Delta, Election, Event, Prompt, Sampling, Strategy

ATTEMPTS = 2  # an engine that dies under a request is asked once more
REVIVAL_S = 30.0  # how long a request waits for an engine that is coming back


@dataclass(frozen=True, slots=True)
class Habits:
    """How a swarm votes. The workers beside the anchor spread their temperatures from `coolest` to `warmest`.

    `patience_s`: once one has answered the vote waits so long for the others; then those that have decide. `longest_s` bounds
    any request.
    """

    strategy: Strategy = "auto"
    coolest: float = 0.6
    warmest: float = 0.8
    patience_s: float = 60.0
    longest_s: float = 1800.0
    embedding_wait_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Health:
    status: Literal["starting", "ok", "degraded"]
    healthy: int
    total: int


class Swarm:
    """The workers of one node. See `Voice`."""

    def __init__(self, name: str, workers: Sequence[Worker], embedder: Embedder, habits: Habits | None = None) -> None:
        self._name = name
        self.workers = tuple(workers)
        self.embedder = embedder
        self.habits = habits or Habits()
        self.pressure: Level = "none"

    @property
    def name(self) -> str:
        return self._name

    @property
    def health(self) -> Health:
        healthy = sum(worker.healthy for worker in self.workers)
        if healthy == len(self.workers):
            return Health("ok", healthy, healthy)
        failed = any(worker.backend.state == "failed" for worker in self.workers)
        return Health("degraded" if healthy or failed else "starting", healthy, len(self.workers))

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `Voice`. Deltas come only for a single worker: of several, none is the answer before the vote."""
        began = time.monotonic()
        asked = await self._asked(prompt)
        seats = seats_for(asked, prompt.sampling, self.habits, prompt.anchored)
        strategy = prompt.strategy or self.habits.strategy
        candidates: list[Candidate] = []
        heard: asyncio.Queue[Event | None] = asyncio.Queue()  # bounded by what the seats may write
        task = asyncio.create_task(self._ask(prompt, asked, seats, heard), name="swarm-ask")
        try:
            while (event := await heard.get()) is not None:
                if isinstance(event, Candidate):
                    candidates.append(event)
                if not isinstance(event, Delta) or len(seats) == 1:
                    yield event
                if isinstance(event, Candidate) and self._decided(prompt, candidates, len(seats), strategy):
                    break
            if not candidates:  # else the survivors vote, whatever befell the others
                await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        yield await self.vote(candidates, strategy, began, len(seats))

    @staticmethod
    def _decided(prompt: Prompt, candidates: Sequence[Candidate], asked: int, strategy: Strategy) -> bool:
        missing = asked - len(candidates)
        may_be = prompt.early and 0 < missing < len(candidates)
        return strategy == "fastest" or (may_be and decided(candidates, missing, strategy))

    async def _asked(self, prompt: Prompt) -> list[Worker]:
        """The workers for a prompt, the least busy of the healthy ones; an engine that is coming back is waited for."""
        for worker in self.workers:
            if worker.backend.state == "restarting" and not self.health.healthy:
                await worker.backend.ready(REVIVAL_S)
        healthy = [worker for worker in self.workers if worker.healthy]
        if not healthy:
            raise Starting("The swarm is starting: no worker is ready yet. Try again in a moment.", retry_after_s=2)
        if self.pressure == "requests":
            raise Busy("This machine is short of memory. Try again in a moment.", retry_after_s=5)
        voices = prompt.voices or (1 if prompt.sampling.temperature == 0 else len(healthy))
        if self.pressure == "voices":
            voices = min(voices, FEW)
        least_busy_first = sorted(healthy, key=lambda worker: (worker.busy, worker.number))
        return sorted(least_busy_first[: max(1, voices)], key=lambda worker: worker.number)

    async def _ask(
        self, prompt: Prompt, asked: Sequence[Worker], seats: Sequence[Seat], heard: asyncio.Queue[Event | None]
    ) -> None:
        """Hand on everything the workers say, each engine asked once for all of its own, and None at the end.

        Raises what kept the workers from answering, where it kept any of them.
        """
        engines: dict[Backend, list[tuple[Worker, Seat]]] = {}
        for worker, seat in zip(asked, seats, strict=True):
            engines.setdefault(worker.backend, []).append((worker, seat))
            worker.busy += 1
        hearing = Hearing(heard, alone=len(seats) == 1)
        try:
            async with asyncio.timeout(self.habits.longest_s) as limit:
                hearing.limit, hearing.patience_s = limit, self.habits.patience_s
                done = await asyncio.gather(
                    *(ask_engine(prompt, backend, voices, hearing) for backend, voices in engines.items()),
                    return_exceptions=True,
                )
            for problem in done:
                if isinstance(problem, BaseException):
                    raise problem
        except TimeoutError:
            if not hearing.answered:
                raise EngineLost(f"No worker answered within {self.habits.longest_s:.0f} seconds.") from None
        finally:
            for worker in asked:
                worker.busy -= 1
            heard.put_nowait(None)

    async def vote(self, candidates: Sequence[Candidate], strategy: Strategy, began: float, asked: int) -> Election:
        """The vote, off the event loop: comparing long answers takes a while."""
        if strategy == "similarity":
            self.embedder.begin()
        election = await asyncio.to_thread(self.voting(strategy), candidates)
        if strategy == "auto" and election.strategy == "structure" and not election.elected.text.count("```"):
            self.embedder.begin()  # the next prose will be compared by meaning
        return replace(election, seconds=time.monotonic() - began, decided_early=len(candidates) < asked)

    def voting(self, strategy: Strategy) -> Callable[[Sequence[Candidate]], Election]:
        """`elect` with what this swarm brings to it. To be called off the event loop."""

        def vote(candidates: Sequence[Candidate]) -> Election:
            embed = self.embedder.function(self.habits.embedding_wait_s if strategy == "similarity" else 0.0)
            return elect(candidates, strategy, embed)

        return vote


@dataclass(slots=True)
class Hearing:
    """What one request has heard so far from all its engines. `alone`: one voice is asked, whose words go out as they come."""

    heard: asyncio.Queue[Event | None]
    alone: bool
    accepted: bool = False
    answered: int = 0
    limit: asyncio.Timeout | None = None
    patience_s: float = 0.0

    def take(self, event: Event) -> None:
        if isinstance(event, Candidate):
            self.answered += 1
            if self.answered == 1 and self.limit:  # from now on the vote waits only so long
                self.limit.reschedule(asyncio.get_running_loop().time() + self.patience_s)
        if not isinstance(event, Accepted) or not self.accepted:
            self.heard.put_nowait(event)
        self.accepted = self.accepted or isinstance(event, Accepted)


async def ask_engine(prompt: Prompt, backend: Backend, voices: Sequence[tuple[Worker, Seat]], hearing: Hearing) -> None:
    """Every voice of one engine. A lost engine is asked once more if it had said nothing yet."""
    workers = {worker.name: worker for worker, _ in voices}
    said = False
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with aclosing(backend.generate(prompt, [seat for _, seat in voices])) as events:
                async for event in events:
                    said = said or isinstance(event, Candidate) or (isinstance(event, Delta) and hearing.alone)
                    if isinstance(event, Candidate):
                        workers[event.voter].record(event)
                    hearing.take(event)
            return
        except EngineLost:
            for worker in workers.values():
                worker.failures += 1
            if attempt == ATTEMPTS or said or not await backend.ready(REVIVAL_S):
                raise


def seats_for(asked: Sequence[Worker], sampling: Sampling, habits: Habits, anchored: bool = True) -> list[Seat]:
    """The anchor, if there shall be one, at temperature 0 and the others around it, each with a seed of its own.

    A single worker samples as the client wishes, and greedily where it has no wish. With a `seed` worker i uses seed + i.
    """
    base = sampling.seed if sampling.seed is not None else secrets.randbits(31)
    others = len(asked) - 1
    seats = []
    for place, worker in enumerate(asked):
        if place == 0 and anchored:
            temperature = (sampling.temperature or 0.0) if others == 0 else 0.0
        elif sampling.temperature:
            temperature = sampling.temperature
        else:
            span = habits.warmest - habits.coolest
            temperature = habits.coolest + span * (place - anchored) / max(1, others - anchored)
        seats.append(Seat(worker.name, temperature, base + worker.number))
    return seats
