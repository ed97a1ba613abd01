"""Jobs in, reports out, one decode step at a time: reads each prompt once, forks its cells for every seat, decodes all
sequences of all jobs as one batch. Knows tokens and texts; it knows no processes, pipes, messages or votes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from local_swarm.backends import wire
from local_swarm.backends.llamacpp.library import Context, Draw, Model, Sampler, Spot
from local_swarm.backends.llamacpp.schedule import Need, Reading, admit, share
from local_swarm.backends.llamacpp.text import Tail
from local_swarm.types import FinishReason

WAITING_LIMIT = 256  # jobs; beyond it clients are told to come back
WARM_UP = 64  # tokens: enough for the kernels of large batches
GROWTH = 256  # cells by which an answer longer than its budget goes on, while there are any


@dataclass(slots=True)
class Writer:
    """One seat's sequence while it writes. `pending` is drawn but not yet decoded."""

    seat: int
    sequence: int
    sampler: Sampler
    tail: Tail
    position: int
    allowed: int
    pending: int = -1
    written: int = 0
    logprob_sum: float = 0.0


@dataclass(slots=True)
class Job:
    """A prompt with its seats. Until `done` reaches the end of `tokens` only the first of `sequences` is used."""

    number: int
    tokens: list[int]
    draws: list[Draw]
    stops: list[str]
    limit: int
    budget: int
    came: float
    cells: int = 0
    admitted: bool = False
    done: int = 0
    sequences: list[int] = field(default_factory=list)
    writers: list[Writer] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)  # seats cancelled before they began to write


class Engine:
    """`context` is what one request may hold, `answer_tokens` what each of its answers is sure to get."""

    def __init__(self, model: Model, memory: Context, context: int, answer_tokens: int) -> None:
        self.model, self.memory = model, memory
        self.context, self.answer_tokens = context, answer_tokens
        self.waiting: deque[Job] = deque()
        self.reading: list[Job] = []
        self.writing: list[Job] = []
        self.free_sequences = list(range(memory.sequences - 1, -1, -1))
        self.free_cells = memory.cells
        self.steps = 0

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.reading or self.writing)

    @property
    def cells_used(self) -> int:
        return self.memory.cells - self.free_cells

    def warm_up(self) -> None:
        """Read a piece of prompt: the first request shall not pay for lazily made graphs and cold weights, and a build that does
        not run on this machine shall fail here."""
        count = min(WARM_UP, self.memory.batch_size, self.memory.cells)
        self.memory.decode([Spot(self.model.start_token, at, 0, at == count - 1) for at in range(count)])
        self.memory.clear()

    def submit(self, order: wire.Generate) -> wire.Report:
        """Take a job, or say why not."""
        tokens = self.model.tokenize(order.text)
        seats = len(order.seeds)
        room = self.context - len(tokens)
        if room < 1 or not tokens:
            return wire.JobRefused(order.job, len(tokens), self.context)
        if seats > self.memory.sequences or len(self.waiting) >= WAITING_LIMIT:
            return wire.JobBusy(order.job, "The engine's queue is full.")
        limit = min(order.max_tokens or max(self.answer_tokens, 1), room)
        budget = max(1, min(limit, self.answer_tokens, (self.memory.cells - len(tokens)) // seats))
        draws = [
            Draw(temperature, seed, **order.sampling)  # type: ignore[arg-type]
            for temperature, seed in zip(order.temperatures, order.seeds, strict=True)
        ]
        job = Job(
            order.job, tokens, draws, order.stop, limit, budget, time.monotonic(), cells=len(tokens) + seats * budget
        )
        self.waiting.append(job)
        return wire.JobAccepted(order.job, len(tokens))

    def cancel(self, order: wire.Cancel) -> None:
        """Forget a job or some of its seats; their sequences are free from the next step on."""
        for job in [*self.waiting, *self.reading, *self.writing]:
            if job.number != order.job:
                continue
            seats = set(range(len(job.draws))) if order.seats is None else set(order.seats)
            for writer in [w for w in job.writers if w.seat in seats]:
                self._leave(job, writer)
            if seats - job.gone:  # some have not begun to write
                job.gone |= seats
                if len(job.gone) == len(job.draws):
                    self._end(job)

    def step(self) -> list[wire.Report]:
        """Admit, decode one batch, draw one token per sequence. Returns what happened, in order."""
        self._admit()
        spots, drawers, completed = self._batch()
        if not spots:
            return []
        if not self.memory.decode(spots):
            return self._shed()
        self.steps += 1
        rows = self.memory.scores(sum(spot.wanted for spot in spots))
        reports: list[wire.Report] = []
        for row, (index, job) in enumerate(completed):
            reports += self._begin(job, index, rows[len(drawers) + row])
        for row, (index, job, writer) in enumerate(drawers):
            reports += self._draw(job, writer, index, rows[row])
        return reports

    # -- parts of a step

    def _admit(self) -> None:
        needs = [Need(job.number, job.cells, len(job.draws)) for job in self.waiting]
        for _ in admit(needs, self.free_cells, len(self.free_sequences)):
            job = self.waiting.popleft()
            self.free_cells -= job.cells
            job.admitted = True
            job.sequences = [self.free_sequences.pop() for _ in job.draws]
            self.reading.append(job)

    def _batch(self) -> tuple[list[Spot], list[tuple[int, Job, Writer]], list[tuple[int, Job]]]:
        """The batch, who draws from which of its spots, and which prompts it completes."""
        spots: list[Spot] = []
        drawers = []
        for job in self.writing:
            for writer in job.writers:
                drawers.append((len(spots), job, writer))
                spots.append(Spot(writer.pending, writer.position, writer.sequence, True))
                writer.position += 1
        completed = []
        jobs = {job.number: job for job in self.reading}
        readings = [Reading(job.number, len(job.tokens) - job.done) for job in self.reading]
        for number, count in share(len(spots), readings, self.memory.batch_size):
            job = jobs[number]
            end = job.done + count
            last = len(job.tokens) - 1
            spots += [Spot(job.tokens[at], at, job.sequences[0], at == last) for at in range(job.done, end)]
            job.done = end
            if end == len(job.tokens):
                completed.append((len(spots) - 1, job))
        return spots, drawers, completed

    def _begin(self, job: Job, index: int, scores: NDArray[np.float32]) -> Iterator[wire.Report]:
        """The prompt is read: fork it for every seat and draw each one's first token from the same scores."""
        self.reading.remove(job)
        self.writing.append(job)
        for sequence in job.sequences[1:]:
            self.memory.fork(job.sequences[0], sequence)
        for seat, draw in enumerate(job.draws):
            sampler = Sampler(draw, self.model.vocabulary)
            job.writers.append(Writer(seat, job.sequences[seat], sampler, Tail(job.stops), len(job.tokens), job.budget))
        for writer in list(job.writers):
            if writer.seat in job.gone:
                self._leave(job, writer)
            else:
                yield from self._draw(job, writer, index, scores)

    def _draw(self, job: Job, writer: Writer, index: int, scores: NDArray[np.float32]) -> Iterator[wire.Report]:
        token = writer.sampler.draw(self.memory, index)
        writer.logprob_sum += logprob(scores, token)
        writer.written += 1
        if self.model.ends(token):
            yield from self._finish(job, writer, "stop")
            return
        writer.pending = token
        shown = writer.tail.push(self.model.piece(token))
        if shown:
            yield wire.SeatText(job.number, writer.seat, shown)
        if writer.tail.stopped:
            yield from self._finish(job, writer, "stop")
        elif writer.written >= job.limit or (writer.written >= writer.allowed and not self._grow(job, writer)):
            yield from self._finish(job, writer, "length")

    def _grow(self, job: Job, writer: Writer) -> bool:
        """More cells for an answer that is longer than its budget, unless others need them."""
        if self.waiting or self.free_cells < GROWTH:
            return False
        self.free_cells -= GROWTH
        job.cells += GROWTH
        writer.allowed += GROWTH
        return True

    def _finish(self, job: Job, writer: Writer, finish: FinishReason) -> Iterator[wire.Report]:
        rest = writer.tail.close()
        if rest:
            yield wire.SeatText(job.number, writer.seat, rest)
        seconds = time.monotonic() - job.came
        yield wire.SeatDone(job.number, writer.seat, finish, writer.written, writer.logprob_sum, seconds)
        self._leave(job, writer)

    def _leave(self, job: Job, writer: Writer) -> None:
        """Give back a writer's sequence and the cells of its answer; with the last one, those of the prompt."""
        job.writers.remove(writer)
        job.gone.add(writer.seat)
        job.sequences.remove(writer.sequence)
        job.cells -= writer.allowed
        self.free_cells += writer.allowed
        self._free(writer.sequence)
        writer.sampler.close()
        if len(job.gone) == len(job.draws):
            self._end(job)

    def _end(self, job: Job) -> None:
        for place in (self.waiting, self.reading, self.writing):
            if job in place:
                place.remove(job)
        for sequence in job.sequences:
            self._free(sequence)
        if job.admitted:
            self.free_cells += job.cells
        job.sequences = []

    def _free(self, sequence: int) -> None:
        self.memory.free(sequence)
        self.free_sequences.append(sequence)

    def _shed(self) -> list[wire.Report]:
        """The books said there were cells and llama.cpp says there are none: drop the youngest job and begin the step anew."""
        youngest = max([*self.reading, *self.writing], key=lambda job: job.came)
        for job in self.writing:
            for writer in job.writers:
                writer.position -= 1
        report = wire.JobBusy(youngest.number, "The engine ran out of cache memory.")
        self.cancel(wire.Cancel(youngest.number))
        for job in self.reading:
            job.done = 0
            self.memory.free(job.sequences[0])
        return [report]


def logprob(scores: NDArray[np.float32], token: int) -> float:
    """Log-probability in nats of a token under raw scores (vocabulary,): log-softmax, shifted for stability."""
    top = float(scores.max())
    return float(scores[token]) - top - float(np.log(np.exp(scores - top).sum()))
