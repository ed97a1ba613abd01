"""A prompt in, every worker's candidate and their election out. All workers of a node together are one Voice."""

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
from local_swarm.events import accepted_once, merge
from local_swarm.sandbox.host import Sandbox
from local_swarm.swarm.pressure import FEW, Level
from local_swarm.swarm.same_meaning import WorkerMeaningJudge
from local_swarm.swarm.worker import Worker
from local_swarm.types import Candidate, Delta, Election, Event, Prompt, Sampling, Strategy
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import Question, question_of
from local_swarm.voting.reliability import VoterReliability
from local_swarm.voting.settings import VoteSettings
from local_swarm.voting.similarity.embedding import Embedder

logger = logging.getLogger(__name__)

ANSWER_ATTEMPTS = 3  # an engine that dies under a request is asked again, by whomever it was ended
REVIVAL_S = 30.0  # how long a request waits for an engine that is coming back
USUAL_S, LOOKS_S = 0.1, 0.5  # what a look whether a vote is decided may take, and all looks together beyond that
# Voices asked at once: in one batch they cost less than two rounds of half as many. The rest is asked if need be.
WAVE = 8


@dataclass(frozen=True, slots=True)
class Health:
    """`degraded`: not all can answer, or none until an engine is back, for which requests wait. `busy` and `failed`:
    who asks now is refused."""

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
        settings: VoteSettings | None = None,
        sandbox: Sandbox | None = None,
        reliability: VoterReliability | None = None,
        confined: Confined | None = None,
    ) -> None:
        self._name = name
        self.workers = tuple(workers)
        self.settings = settings or VoteSettings()
        self.jury = Jury(sandbox or Sandbox(()), embedder, reliability, self.settings.embedding_wait_s, confined)
        self.jury.judge = WorkerMeaningJudge(self.workers)
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

    def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `Voice`. Deltas come only from a single worker, or from the first to speak where a draft is asked for:
        of several, none is the answer before the vote."""
        return accepted_once(self._answer(prompt))

    async def _answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        began = time.monotonic()
        asked = await self._workers_for(prompt)
        seats = seats_for(asked, prompt.sampling, self.settings, prompt.anchored)
        vote = VoteInProgress(question_of(prompt), prompt.strategy or self.settings.strategy, prompt.early, len(seats))
        for at in range(0, len(seats), WAVE):
            async with aclosing(self._wave(prompt, vote, asked[at : at + WAVE], seats[at : at + WAVE])) as events:
                async for event in events:
                    yield event
            if vote.settled:
                break
        few = len(vote.candidates) < len(seats)
        election = await self.jury.elect(vote.question, vote.candidates, vote.strategy)
        if better := await self._second_try(prompt, election, asked[0], seats[0]):
            yield better
            election = await self.jury.elect(vote.question, [*vote.candidates, better], vote.strategy)
        yield replace(election, seconds=time.monotonic() - began, decided_early=few and vote.settled, asked=len(seats))

    async def _wave(
        self, prompt: Prompt, vote: VoteInProgress, asked: Sequence[Worker], seats: Sequence[Seat]
    ) -> AsyncGenerator[Event, None]:
        """Some voices at once, until all have spoken or the vote is settled. Raises what kept all of them from
        answering."""
        deltas = DeltaFilter(alone=vote.asked == 1, draft=prompt.draft)
        async with aclosing(self._ask(prompt, asked, seats, deltas, vote.candidates)) as events:
            async for event in events:
                if isinstance(event, Candidate):
                    vote.candidates.append(event)
                yield event
                if isinstance(event, Candidate):
                    vote.settled = await self._is_settled(vote)
                if vote.settled:
                    break

    async def _second_try(self, prompt: Prompt, election: Election, worker: Worker, seat: Seat) -> Candidate | None:
        """One more answer, by the first worker, where the elected one is of no use; None where that helps nothing."""
        request = again(prompt, election.elected)
        if request is None or not worker.healthy:
            return None
        better = None
        try:
            async with aclosing(self._ask(request, [worker], [seat], DeltaFilter(), ())) as events:
                async for event in events:
                    if isinstance(event, Candidate) and event.flaw is None:
                        better = event
        except SwarmError as problem:
            logger.info("Asking again was of no use: %s", problem.message)
        return better

    async def _is_settled(self, vote: VoteInProgress) -> bool:
        """Programs that take long are left to the vote itself: looking whether to stop must not cost more than it
        can save."""
        missing = vote.asked - len(vote.candidates)
        if vote.strategy == "fastest" and vote.candidates:
            return True
        if not vote.early or missing <= 0 or vote.looks_s <= 0:
            return False
        began = time.monotonic()
        try:
            async with asyncio.timeout(USUAL_S + vote.looks_s):
                return await self.jury.is_decided(vote.question, vote.candidates, missing, vote.strategy)
        except TimeoutError:
            return False
        finally:
            vote.looks_s -= max(0.0, time.monotonic() - began - USUAL_S)

    async def _workers_for(self, prompt: Prompt) -> list[Worker]:
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
        deltas: DeltaFilter,
        answered: Sequence[Candidate],
    ) -> AsyncGenerator[Event, None]:
        """Everything that the workers say, each engine asked once for all of its own. `answered`: the candidates so
        far.

        Raises what kept a worker from answering, after the others have spoken and only while nobody has `answered`.
        """
        engines: dict[Backend, list[tuple[Worker, Seat]]] = {}
        for worker, seat in zip(asked, seats, strict=True):
            engines.setdefault(worker.backend, []).append((worker, seat))
            worker.busy += 1
        streams = [
            ask_engine(prompt, backend, voices, deltas, self.jury.confined) for backend, voices in engines.items()
        ]
        loop, first = asyncio.get_running_loop(), True
        deadline = loop.time() + self.settings.longest_s
        try:
            async with aclosing(merge(streams)) as events:
                while True:
                    async with asyncio.timeout_at(deadline):
                        event = await anext(events)
                    if isinstance(event, Candidate) and first:
                        first, deadline = False, loop.time() + self.settings.patience_s
                    yield event
        except StopAsyncIteration:
            pass
        except TimeoutError:
            if not answered:
                raise EngineLost(f"No worker answered within {self.settings.longest_s:.0f} seconds.") from None
        except Exception:
            if not answered:  # else the survivors vote, whatever befell the others
                raise
        finally:
            for worker in asked:
                worker.busy -= 1


@dataclass(slots=True)
class VoteInProgress:
    """One request before the jury: the candidates so far, of `asked` that may come, and whether they settle it.
    `looks_s`: what is left of the time for looks that take longer than usual."""

    question: Question
    strategy: Strategy
    early: bool
    asked: int
    candidates: list[Candidate] = field(default_factory=list)
    settled: bool = False
    looks_s: float = LOOKS_S


@dataclass(slots=True)
class DeltaFilter:
    """Which deltas of one request go out: all where `alone` says that one voice is asked, those of the `leader`, the
    first of several to speak, where a `draft` is asked for, else none."""

    alone: bool = False
    draft: bool = False
    leader: str | None = None

    def passes(self, delta: Delta) -> bool:
        if self.draft and self.leader is None:
            self.leader = delta.voter
        return self.alone or delta.voter == self.leader


async def ask_engine(
    prompt: Prompt,
    backend: Backend,
    voices: Sequence[tuple[Worker, Seat]],
    deltas: DeltaFilter,
    confined: Confined,
) -> AsyncGenerator[Event, None]:
    """Every voice of one engine. A lost engine is asked again if it had said nothing yet."""
    workers = {worker.name: worker for worker, _ in voices}
    said = False
    for attempt in range(1, ANSWER_ATTEMPTS + 1):
        try:
            async with aclosing(backend.generate(prompt, [seat for _, seat in voices])) as events:
                async for event in events:
                    said = said or isinstance(event, Candidate) or (isinstance(event, Delta) and deltas.alone)
                    if isinstance(event, Candidate):
                        yield workers[event.voter].record(await check_candidate(prompt, event, confined))
                    elif not isinstance(event, Delta) or deltas.passes(event):
                        yield event
            return
        except (EngineLost, Starting):
            for worker in workers.values():
                worker.failures += 1
            if attempt == ANSWER_ATTEMPTS or said or not await backend.ready(REVIVAL_S):
                raise


def seats_for(asked: Sequence[Worker], sampling: Sampling, settings: VoteSettings, anchored: bool = True) -> list[Seat]:
    """The anchor, if there shall be one, at temperature 0 and the others around it, each with a seed of its own.

    A single worker samples as the client wishes, and greedily where it has no wish. With a `seed` worker i uses seed +
    i.
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
            span = settings.warmest - settings.coolest
            temperature = settings.coolest + span * (place - anchored) / max(1, others - anchored)
        seats.append(Seat(worker.name, temperature, base + worker.number))
    return seats
