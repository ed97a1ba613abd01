"""Jobs in, reports out, one step at a time: each prompt is read once, copied for every seat, and its seats write in step.

Every job is a batch of its own whose rows always have the same length, so nothing is padded, merged or shifted and no job can
see another's memory. Jobs take turns, a step each. Knows tokens and texts; it knows no processes, messages or votes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from local_swarm.backends.constraint import Constraint
from local_swarm.backends.lockstep.host_cache import HostCache
from local_swarm.backends.lockstep.model import Memory, RowModel
from local_swarm.backends.lockstep.vocabulary import Vocabulary
from local_swarm.backends.process import messages
from local_swarm.backends.process.failures import PreparedOrder, told
from local_swarm.backends.process.stop_strings import StopStringFilter
from local_swarm.backends.sampling import Draw, Logprobs, Scores, adjusted, pick
from local_swarm.types import FinishReason

TokenFacts = tuple[str, float | None, list[tuple[str, float]]]  # as in `messages.SeatText`

WAITING_LIMIT = 256  # jobs; beyond it clients are told to come back


@dataclass(slots=True)
class RowSeat:
    """One seat while it writes. `pending`: drawn but not yet read by the network."""

    seat: int
    draw: Draw
    tail: StopStringFilter
    constraint: Constraint | None
    pending: int = -1
    tokens: list[int] = field(default_factory=list)
    logprob_sum: float = 0.0


@dataclass(slots=True)
class RowRequest:
    """A prompt with its seats. Once its memory is `forked` the writers stand in the order of its rows; before, it has one."""

    order: messages.Generate
    tokens: list[int]
    limit: int
    came: float
    writers: list[RowSeat]
    memory: Memory = None
    forked: bool = False
    read: int = 0
    reused: int = 0
    scored: list[TokenFacts] = field(default_factory=list)

    @property
    def cells(self) -> int:
        """What it may come to hold."""
        return len(self.writers) * (len(self.tokens) + self.limit)


class LockstepEngine:
    """`context` is what an answer may hold with its prompt, `answer_tokens` what each is sure to get, `cells` how many tokens the
    rows of all jobs may hold together: copies are real memory here."""

    def __init__(
        self,
        network: RowModel,
        vocabulary: Vocabulary,
        wish: messages.Load,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.network, self.model, self.clock = network, vocabulary, clock
        self.context, self.answer_tokens, self.cells = wish.context, wish.answer_tokens, wish.cells
        self.sequences, self.batch = wish.sequences, wish.batch
        self.shelf = HostCache(network, wish.context)
        self.constraints = vocabulary.constraints()
        self.logprobs = Logprobs(network.vocabulary)
        self.waiting: list[RowRequest] = []
        self.reading: list[RowRequest] = []
        self.writing: list[RowRequest] = []
        self.steps = self.written = 0
        self.served: str | None = None  # whose job was begun last

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.reading or self.writing)

    @property
    def at_work(self) -> list[RowRequest]:
        return [*self.reading, *self.writing]

    @property
    def pool(self) -> RowModel:
        """What makes vectors of texts."""
        return self.network

    def beat(self) -> messages.Beat:
        jobs, used = len(self.waiting) + len(self.at_work), sum(job.cells for job in self.at_work) + self.shelf.used
        return messages.Beat(self.steps, jobs, used, self.sequences - self._rows(), self.written)

    def forget(self) -> None:
        self.shelf.forget()

    def warm_up(self) -> None:
        """The first request shall not pay for what is made on first use, and a network that cannot compute shall fail here."""
        memory = self.network.blank()
        self.network.read(memory, [0] * 8)
        self.network.step(self.network.copied(memory, 2), [0, 0])

    # -- orders

    def submit(self, order: messages.Generate, known: PreparedOrder | None = None) -> messages.Report:
        """Take a job, or say why not. `known`: what has been found out of it already."""
        tokens, seats = known.tokens if known else self.model.tokenize(order.text), len(order.seeds)
        room = self.context - len(tokens)
        if room < 1 or not tokens:
            return messages.JobRefused(order.job, len(tokens), self.context)
        if seats > self.sequences or len(self.waiting) >= WAITING_LIMIT:
            return messages.JobBusy(order.job, "The engine's queue is full.")
        limit = min(order.max_tokens or self.answer_tokens, room, self.cells // seats - len(tokens))
        if limit < 1:
            most = self.cells // (len(tokens) + 1)
            return messages.JobBusy(order.job, f"So long a prompt leaves room for {most} voices, not {seats}.")
        try:
            rule = known.grammar if known else self.constraints(order.schema) if order.schema else None
        except ValueError as problem:
            return messages.JobInvalid(order.job, str(problem))
        bias = {int(token): weight for token, weight in order.bias}
        writers = [
            RowSeat(
                seat,
                Draw(warmth, seed, bias=bias, **order.sampling),  # type: ignore[arg-type]
                StopStringFilter(order.stop),
                rule.copy() if rule else None,
            )
            for seat, (warmth, seed) in enumerate(zip(order.temperatures, order.seeds, strict=True))
        ]
        self.waiting.append(RowRequest(order, tokens, limit, self.clock(), writers))
        return messages.JobAccepted(order.job, len(tokens))

    def cancel(self, order: messages.Cancel) -> None:
        """Free what the seats of a job hold; unknown jobs and seats are ignored, since they may just have ended."""
        for place in (self.waiting, self.reading, self.writing):
            for job in [one for one in place if one.order.job == order.job]:
                gone = [one for one in job.writers if order.seats is None or one.seat in order.seats]
                self._leave(job, gone)
                if not job.writers:
                    place.remove(job)

    # -- the work

    def step(self) -> list[messages.Report]:
        """Let one prompt be read a piece further, and every job write a token for each seat."""
        self._admit()
        reports: list[messages.Report] = []
        for job in self.writing:
            self.steps += 1
            reports += told(job.order.job, self._go_on(job), partial(self._leave, job, job.writers))
        if self.reading:
            job = self.reading.pop(0)
            reports += told(job.order.job, self._read(job), partial(self._leave, job, job.writers))
            if job.writers:
                (self.writing if job.forked else self.reading).append(job)
        self.writing = [job for job in self.writing if job.writers]
        return reports

    def _go_on(self, job: RowRequest) -> Iterator[messages.Report]:
        yield from self._write(job, self.network.step(job.memory, [writer.pending for writer in job.writers]))

    def _rows(self) -> int:
        return sum(len(job.writers) for job in self.at_work)

    def _admit(self) -> None:
        """Begin jobs for which there is room, those of the clients first that have the least at work or were not the last."""
        while self.waiting:
            working = [job.order.client for job in self.at_work]
            job = min(
                self.waiting,
                key=lambda one: (working.count(one.order.client), one.order.client == self.served, one.came),
            )
            held = sum(one.cells for one in self.at_work)
            if working and (held + job.cells > self.cells or self._rows() + len(job.writers) > self.sequences):
                return
            self.waiting.remove(job)
            self.served = job.order.client
            if job.order.scored:
                job.memory = self.network.blank()
            else:
                job.memory, job.read = self.shelf.take(job.tokens)
            job.reused = job.read
            self.reading.append(job)

    def _read(self, job: RowRequest) -> Iterator[messages.Report]:
        """A piece of the prompt. Its last token is read by itself, so that what came before can be kept for others."""
        last = len(job.tokens) - 1
        if job.read < last:
            upto = min(last, job.read + self.batch)
            if job.order.scored:
                self._score(job, upto)
            else:
                self.network.read(job.memory, job.tokens[job.read : upto])
            job.read = upto
            if upto < last:
                return
        if job.order.scored:
            yield messages.Scored(job.order.job, [(self.model.text(job.tokens[0]), None, []), *job.scored])
        self.shelf.put(job.tokens[:last], job.memory)
        scores = self.network.step(job.memory, job.tokens[last:])
        job.read += 1
        job.memory, job.forked = self.network.copied(job.memory, len(job.writers)), True
        yield from self._write(job, scores.repeat(len(job.writers), axis=0))

    def _score(self, job: RowRequest, upto: int) -> None:
        """Read on a token at a time, and note how likely each next one was: slow, and rarely asked for."""
        for place in range(job.read, upto):
            row = self.network.step(job.memory, [job.tokens[place]])[0]
            job.scored.append(self._facts(row, job.tokens[place + 1], job.order.logprobs or 0))

    def _facts(self, row: Scores, token: int, count: int) -> TokenFacts:
        """What is told of a token: its text, how likely it was, and the likeliest ones there."""
        top = [(self.model.text(one), nats) for one, nats in self.logprobs.top(row, count)]
        return self.model.text(token), self.logprobs.of(row, token), top

    def _write(self, job: RowRequest, scores: Scores) -> Iterator[messages.Report]:
        """Draw every seat's next token and say what it adds; those who end with it leave."""
        done = []
        for writer, row in zip(job.writers, scores, strict=True):
            writer.pending = token = self._pick(writer, row)
            writer.tokens.append(token)
            writer.logprob_sum += self.logprobs.of(row, token)
            self.written += 1
            yield from self._say(job, writer, row)
            if finish := self._finish(job, writer):
                done.append(writer)
                yield self._done(job, writer, finish)
        self._leave(job, done)

    def _pick(self, writer: RowSeat, row: Scores) -> int:
        scores, place = adjusted(row, writer.draw, writer.tokens), len(writer.tokens)
        token = pick(scores, writer.draw, place)
        if writer.constraint:
            if not writer.constraint.allows(token):
                token = pick(writer.constraint.masked(scores), writer.draw, place)
            writer.constraint.accept(token)
        return token

    def _say(self, job: RowRequest, writer: RowSeat, row: Scores) -> Iterator[messages.Report]:
        """What the new token lets be shown, and what is told of it where that is wanted."""
        token, shown, facts = writer.pending, "", list[TokenFacts]()
        if not self.model.ends(token):
            shown = writer.tail.push(self.model.piece(token, frozenset(job.order.kept)))
            if job.order.logprobs is not None:
                facts.append(self._facts(row, token, job.order.logprobs))
        if self._finish(job, writer):
            shown += writer.tail.close()
        if shown or facts:
            yield messages.SeatText(job.order.job, writer.seat, shown, facts)

    def _finish(self, job: RowRequest, writer: RowSeat) -> FinishReason | None:
        if self.model.ends(writer.pending) or writer.tail.stopped:
            return "stop"
        return "length" if len(writer.tokens) >= job.limit else None

    def _done(self, job: RowRequest, writer: RowSeat, finish: FinishReason) -> messages.Report:
        seconds, written = self.clock() - job.came, len(writer.tokens)
        return messages.SeatDone(job.order.job, writer.seat, finish, written, writer.logprob_sum, seconds, job.reused)

    def _leave(self, job: RowRequest, gone: list[RowSeat]) -> None:
        """Seats are done: their rows are freed."""
        rows = [row for row, writer in enumerate(job.writers) if writer not in gone]
        if job.forked and rows and gone:
            job.memory = self.network.kept(job.memory, rows)
        job.writers = [job.writers[row] for row in rows]
        if not rows:
            job.memory = None
