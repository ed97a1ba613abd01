"""A prompt in, every worker's candidate and their election out. A group of workers is a Voice like any one of them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

from local_swarm.backends.base import Backend, Seat
from local_swarm.chat.checks import check_candidate
from local_swarm.chat.turn import again
from local_swarm.confined.process import Confined
from local_swarm.errors import Busy, EngineLost, Starting, SwarmError
from local_swarm.sandbox.host import Sandbox
from local_swarm.swarm.pressure import FEW, Level
from local_swarm.swarm.worker import Worker
from local_swarm.types import Accepted, Candidate, Delta, Election, Event, Prompt, Sampling, Strategy
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import Question, question_of
from local_swarm.voting.reliability import VoterReliability
from local_swarm.voting.similarity.embedding import Embedder

logger = logging.getLogger(__name__)

ATTEMPTS = 3  # an engine that dies under a request is asked again, by whomever it was ended
REVIVAL_S = 30.0  # how long a request waits for an engine that is coming back
USUAL_S, LOOKS_S = 0.1, 0.5  # what a look whether a vote is decided may take, and all looks together beyond that
WAVE = (
    8  # voices asked at once: in one batch they cost less than two rounds of half as many; the rest is asked if need be
)


@dataclass(frozen=True, slots=True)
class VoteSettings:
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
    """`degraded`: not all can answer, or none until an engine is back, for which requests wait. `busy` and `failed`: who asks now
    is refused."""

    status: Literal["starting", "ok", "degraded", "busy", "failed"]
    healthy: int
    total: int


class Swarm:
    """The workers of one node. See `Voice`. `confined`: who works on foreign text, see `Jury`."""

    def __init__(
        self,
        name: str,
        workers: Sequence[Worker],
        embedder: Embedder,
        habits: VoteSettings | None = None,
        sandbox: Sandbox | None = None,
        reliability: VoterReliability | None = None,
        confined: Confined | None = None,
    ) -> None:
        self._name = name
        self.workers = tuple(workers)
        self.habits = habits or VoteSettings()
        self.jury = Jury(sandbox or Sandbox(()), embedder, reliability, self.habits.embedding_wait_s, confined)
        self.pressure: Level = "none"

    @property
    def name(self) -> str:
        return self._name

    @property
    def embedder(self) -> Embedder:
        return self.jury.embedder

    @property
    def health(self) -> Health:
        healthy, total = sum(worker.healthy for worker in self.workers), len(self.workers)
        states = {worker.backend.state for worker in self.workers}
        if healthy and self.pressure == "requests":
            return Health("busy", healthy, total)
        if healthy == total:
            return Health("ok", healthy, total)
        if healthy or "restarting" in states:
            return Health("degraded", healthy, total)
        return Health("starting" if "starting" in states else "failed", healthy, total)

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `Voice`. Deltas come only from a single worker, or from the first to speak where a draft is wished for: of several,
        none is the answer before the vote."""
        began = time.monotonic()
        asked = await self._asked(prompt)
        seats = seats_for(asked, prompt.sampling, self.habits, prompt.anchored)
        case = VoteInProgress(question_of(prompt), prompt.strategy or self.habits.strategy, prompt.early, len(seats))
        waves = [(asked[at : at + WAVE], seats[at : at + WAVE]) for at in range(0, len(seats), WAVE)]
        for number, (workers, sitting) in enumerate(waves):
            async with aclosing(self._wave(prompt, case, workers, sitting)) as events:
                async for event in events:
                    if number == 0 or not isinstance(event, Accepted):
                        yield event
            if case.settled:
                break
        few = len(case.candidates) < len(seats)
        election = await self.jury.elect(case.question, case.candidates, case.strategy)
        async for mended in self._again(prompt, election, asked[0], seats[0]):
            yield mended
            election = await self.jury.elect(case.question, [*case.candidates, mended], case.strategy)
        yield replace(election, seconds=time.monotonic() - began, decided_early=few, asked=len(seats))

    async def _wave(
        self, prompt: Prompt, case: VoteInProgress, asked: Sequence[Worker], seats: Sequence[Seat]
    ) -> AsyncGenerator[Event, None]:
        """Some voices at once, until all have spoken or the case is decided. Raises what kept all of them from answering."""
        heard: asyncio.Queue[Event | None] = asyncio.Queue()  # bounded by what the seats may write
        work = self._ask(prompt, asked, seats, heard, alone=case.asked == 1)
        task = asyncio.create_task(work, name="swarm-ask")
        try:
            while (event := await heard.get()) is not None:
                if isinstance(event, Candidate):
                    case.candidates.append(event)
                yield event
                if isinstance(event, Candidate):
                    case.settled = await self._decided(case)
                if case.settled:
                    break
            if not case.candidates:  # else the survivors vote, whatever befell the others
                await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _again(
        self, prompt: Prompt, election: Election, worker: Worker, seat: Seat
    ) -> AsyncGenerator[Candidate, None]:
        """Where the elected answer is of no use, one more by the first worker, made to do better. At most one, perhaps none."""
        better = again(prompt, election.elected)
        if better is None or not worker.healthy:
            return
        heard: asyncio.Queue[Event | None] = asyncio.Queue()
        try:
            await self._ask(better, [worker], [seat], heard, alone=False)
        except SwarmError as problem:
            logger.info("Asking again was of no use: %s", problem.message)
        while not heard.empty():
            if isinstance(event := heard.get_nowait(), Candidate) and event.flaw is None:
                yield event

    async def _decided(self, case: VoteInProgress) -> bool:
        """Programs that take long are left to the vote itself: looking whether to stop must not cost more than it can save."""
        missing = case.asked - len(case.candidates)
        if case.strategy == "fastest" and case.candidates:
            return True
        if not case.early or missing <= 0 or case.looks_s <= 0:
            return False
        began = time.monotonic()
        try:
            async with asyncio.timeout(USUAL_S + case.looks_s):
                return await self.jury.decided(case.question, case.candidates, missing, case.strategy)
        except TimeoutError:
            return False
        finally:
            case.looks_s -= max(0.0, time.monotonic() - began - USUAL_S)

    async def _asked(self, prompt: Prompt) -> list[Worker]:
        """The workers for a prompt, the least busy of the healthy ones; an engine that is coming back is waited for."""
        for backend in dict.fromkeys(worker.backend for worker in self.workers):
            if backend.state == "restarting" and not self.health.healthy:
                await backend.ready(REVIVAL_S)
        healthy = [worker for worker in self.workers if worker.healthy]
        if self.health.status == "failed":
            raise EngineLost("No worker can answer: the engine keeps ending. The log says why.", retry_after_s=30)
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
        self,
        prompt: Prompt,
        asked: Sequence[Worker],
        seats: Sequence[Seat],
        heard: asyncio.Queue[Event | None],
        alone: bool,
    ) -> None:
        """Hand on everything the workers say, each engine asked once for all of its own, and None at the end.

        Raises what kept the workers from answering, where it kept any of them.
        """
        engines: dict[Backend, list[tuple[Worker, Seat]]] = {}
        for worker, seat in zip(asked, seats, strict=True):
            engines.setdefault(worker.backend, []).append((worker, seat))
            worker.busy += 1
        hearing = Collector(heard, alone, prompt.draft, self.jury.confined)
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


@dataclass(slots=True)
class VoteInProgress:
    """One request before the jury: the candidates so far, of `asked` that may come, and whether they settle it. `looks_s`: what
    is left of the time for looks that take longer than usual."""

    question: Question
    strategy: Strategy
    early: bool
    asked: int
    candidates: list[Candidate] = field(default_factory=list)
    settled: bool = False
    looks_s: float = LOOKS_S


@dataclass(slots=True)
class Collector:
    """What one request has heard so far from all its engines. `alone`: one voice is asked, whose words go out as they come;
    `draft`: so do those of the `leader`, the first of several to speak."""

    heard: asyncio.Queue[Event | None]
    alone: bool
    draft: bool
    confined: Confined
    leader: str | None = None
    accepted: bool = False
    answered: int = 0
    limit: asyncio.Timeout | None = None
    patience_s: float = 0.0

    def take(self, event: Event) -> None:
        if isinstance(event, Delta) and not self._shown(event):
            return
        if isinstance(event, Candidate):
            self.answered += 1
            if self.answered == 1 and self.limit:  # from now on the vote waits only so long
                self.limit.reschedule(asyncio.get_running_loop().time() + self.patience_s)
        if not isinstance(event, Accepted) or not self.accepted:
            self.heard.put_nowait(event)
        self.accepted = self.accepted or isinstance(event, Accepted)

    def _shown(self, delta: Delta) -> bool:
        if self.draft and self.leader is None:
            self.leader = delta.voter
        return self.alone or delta.voter == self.leader


async def ask_engine(
    prompt: Prompt, backend: Backend, voices: Sequence[tuple[Worker, Seat]], hearing: Collector
) -> None:
    """Every voice of one engine. A lost engine is asked once more if it had said nothing yet."""
    workers = {worker.name: worker for worker, _ in voices}
    said = False
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with aclosing(backend.generate(prompt, [seat for _, seat in voices])) as events:
                async for event in events:
                    said = said or isinstance(event, Candidate) or (isinstance(event, Delta) and hearing.alone)
                    if isinstance(event, Candidate):
                        event = workers[event.voter].record(await check_candidate(prompt, event, hearing.confined))
                    hearing.take(event)
            return
        except (EngineLost, Starting):
            for worker in workers.values():
                worker.failures += 1
            if attempt == ATTEMPTS or said or not await backend.ready(REVIVAL_S):
                raise


def seats_for(asked: Sequence[Worker], sampling: Sampling, habits: VoteSettings, anchored: bool = True) -> list[Seat]:
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
