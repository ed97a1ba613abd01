"""A prompt in, every worker's candidate and their election out. A group of workers is a Voice like any one of them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from local_swarm.backends.base import Seat
from local_swarm.errors import EngineLost, Starting, SwarmError
from local_swarm.swarm.consensus import elect
from local_swarm.swarm.similarity.embedding import Embedder
from local_swarm.swarm.worker import Worker
from local_swarm.types import Accepted, Candidate, Delta, Election, Event, Prompt, Sampling, Strategy

ATTEMPTS = 2  # an engine that dies under a request is asked once more
REVIVAL_S = 30.0  # how long a request waits for its engine to be back


@dataclass(frozen=True, slots=True)
class Habits:
    """How a swarm votes. The workers beside the anchor spread their temperatures from `coolest` to `warmest`.

    `patience_s`: the vote waits so long for all; then those that have answered decide. `longest_s` bounds any request.
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


Parcel = Event | SwarmError | None


class Swarm:
    """The workers of one node. See `Voice`."""

    def __init__(self, name: str, workers: Sequence[Worker], embedder: Embedder, habits: Habits | None = None) -> None:
        self._name = name
        self.workers = tuple(workers)
        self.embedder = embedder
        self.habits = habits or Habits()

    @property
    def name(self) -> str:
        return self._name

    @property
    def health(self) -> Health:
        healthy = sum(worker.healthy for worker in self.workers)
        status: Literal["starting", "ok", "degraded"] = "starting" if not healthy else "ok" if healthy == len(self.workers) else "degraded"
        return Health(status, healthy, len(self.workers))

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `Voice`. Deltas come only for a single worker: of several, none is the answer before the vote."""
        began = time.monotonic()
        asked = self._asked(prompt)
        seats = seats_for(asked, prompt.sampling, self.habits)
        candidates: list[Candidate] = []
        parcels: asyncio.Queue[Parcel] = asyncio.Queue()  # bounded by what the seats may write
        task = asyncio.create_task(self._ask(prompt, asked, seats, parcels), name="swarm-ask")
        try:
            while (parcel := await parcels.get()) is not None:
                if isinstance(parcel, SwarmError):
                    if candidates:  # survivors vote
                        break
                    raise parcel
                if isinstance(parcel, Candidate):
                    candidates.append(parcel)
                if not isinstance(parcel, Delta) or len(seats) == 1:
                    yield parcel
                if candidates and (prompt.strategy or self.habits.strategy) == "fastest":
                    break
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        yield await self._elect(candidates, prompt.strategy or self.habits.strategy, began, len(seats))

    def _asked(self, prompt: Prompt) -> list[Worker]:
        healthy = [worker for worker in self.workers if worker.healthy]
        if not healthy:
            raise Starting("The swarm is starting: no worker is ready yet. Try again in a moment.", retry_after_s=2)
        voices = prompt.voices or (1 if prompt.sampling.temperature == 0 else len(healthy))
        least_busy_first = sorted(healthy, key=lambda worker: (worker.busy, worker.number))
        return sorted(least_busy_first[: max(1, voices)], key=lambda worker: worker.number)

    async def _ask(self, prompt: Prompt, asked: Sequence[Worker], seats: Sequence[Seat], parcels: asyncio.Queue[Parcel]) -> None:
        """Put everything the workers say into `parcels`, then None; an error in place of it when nobody can answer."""
        for worker in asked:
            worker.busy += 1
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    await self._listen(prompt, asked, seats, parcels, first=attempt == 1)
                    break
                except EngineLost:
                    for worker in asked:
                        worker.failures += 1
                    if attempt == ATTEMPTS or not await self._revived(asked[0]):
                        raise
            parcels.put_nowait(None)
        except SwarmError as problem:
            parcels.put_nowait(problem)
        finally:
            for worker in asked:
                worker.busy -= 1

    async def _listen(
        self, prompt: Prompt, asked: Sequence[Worker], seats: Sequence[Seat], parcels: asyncio.Queue[Parcel], first: bool
    ) -> None:
        """One attempt. A second one does not repeat what the first one said; a failure that comes after an answer or after
        streamed text is no reason to ask again."""
        by_name = {worker.name: worker for worker in asked}
        began = time.monotonic()
        said = False
        try:
            async with asyncio.timeout(self.habits.longest_s) as limit, aclosing(asked[0].backend.generate(prompt, seats)) as events:
                async for event in events:
                    if isinstance(event, Accepted) and not first:
                        continue
                    if isinstance(event, Candidate):
                        if not said:
                            limit.reschedule(asyncio.get_running_loop().time() + max(0.0, self.habits.patience_s - (time.monotonic() - began)))
                        by_name[event.voter].record(event)
                    said = said or isinstance(event, Candidate) or (isinstance(event, Delta) and len(seats) == 1)
                    parcels.put_nowait(event)
        except TimeoutError:
            if not said:
                raise EngineLost(f"No worker answered within {self.habits.longest_s:.0f} seconds.") from None
        except EngineLost as problem:
            if said:
                parcels.put_nowait(problem)
                return
            raise

    async def _revived(self, worker: Worker) -> bool:
        """Wait, with a bound, until the worker's engine is ready again."""
        end = time.monotonic() + REVIVAL_S
        while time.monotonic() < end and worker.backend.state in ("starting", "restarting"):
            await asyncio.sleep(0.05)
        return worker.healthy

    async def _elect(self, candidates: Sequence[Candidate], strategy: Strategy, began: float, asked: int) -> Election:
        """The vote, off the event loop: comparing long answers takes a while."""

        def vote() -> Election:
            embed = self.embedder.function(self.habits.embedding_wait_s if strategy == "similarity" else 0.0)
            return elect(candidates, strategy, embed)

        if strategy == "similarity":
            self.embedder.begin()
        election = await asyncio.to_thread(vote)
        if strategy == "auto" and election.strategy == "structure" and not election.elected.text.count("```"):
            self.embedder.begin()  # the next prose will be compared by meaning
        return replace(election, seconds=time.monotonic() - began, decided_early=len(candidates) < asked)


def seats_for(asked: Sequence[Worker], sampling: Sampling, habits: Habits) -> list[Seat]:
    """The anchor at temperature 0 and the others around it, each with a seed of its own.

    A single worker samples as the client wishes, and greedily where it has no wish. With a `seed` worker i uses seed + i.
    """
    base = sampling.seed if sampling.seed is not None else secrets.randbits(31)
    others = len(asked) - 1
    seats = []
    for place, worker in enumerate(asked):
        if place == 0:
            temperature = (sampling.temperature or 0.0) if others == 0 else 0.0
        elif sampling.temperature:
            temperature = sampling.temperature
        else:
            temperature = habits.coolest + (habits.warmest - habits.coolest) * (place - 1) / max(1, others - 1)
        seats.append(Seat(worker.name, temperature, base + worker.number))
    return seats
