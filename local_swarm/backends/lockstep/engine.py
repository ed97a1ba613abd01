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
from local_swarm.backends.process.failures import PreparedCommand, contain_failures
from local_swarm.backends.process.stop_strings import StopStringFilter
from local_swarm.backends.sampling import Draw, Logprobs, Scores, adjust_scores, pick
from local_swarm.types import FinishReason

TokenFacts = tuple[str, float | None, list[tuple[str, float]]]  # as in `messages.SeatText`

QUEUE_LIMIT = 256  # jobs; beyond it clients are told to come back


@dataclass(slots=True)
class RowSeat:
    """One seat while it writes. `pending`: drawn but not yet read by the network."""

    seat: int
    draw: Draw
    stop_filter: StopStringFilter
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
    arrived: float
    seats: list[RowSeat]
    memory: Memory = None
    forked: bool = False
    prefilled: int = 0
    cached: int = 0
    scored: list[TokenFacts] = field(default_factory=list)

    @property
    def cells(self) -> int:
        """What it may come to hold."""
        return len(self.seats) * (len(self.tokens) + self.limit)


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
        self.rows, self.model, self.clock = network, vocabulary, clock
        self.context, self.answer_tokens, self.cells = wish.context, wish.answer_tokens, wish.cells
        self.sequences, self.batch = wish.sequences, wish.batch
        self.host_cache = HostCache(network, wish.context)
        self.constraints = vocabulary.constraints()
        self.logprobs = Logprobs(network.vocabulary)
        self.waiting: list[RowRequest] = []
        self.prefilling: list[RowRequest] = []
        self.decoding: list[RowRequest] = []
        self.steps = self.written = 0
        self.served: str | None = None  # whose job was begun last

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.prefilling or self.decoding)

    @property
    def active(self) -> list[RowRequest]:
        return [*self.prefilling, *self.decoding]

    @property
    def pool(self) -> RowModel:
        """What makes vectors of texts."""
        return self.rows

    def beat(self) -> messages.Beat:
        jobs, used = len(self.waiting) + len(self.active), sum(job.cells for job in self.active) + self.host_cache.used
        return messages.Beat(self.steps, jobs, used, self.sequences - self._row_count(), self.written)

    def forget(self) -> None:
        self.host_cache.forget()

    def warm_up(self) -> None:
        """The first request shall not pay for what is made on first use, and a network that cannot compute shall fail here."""
        memory = self.rows.new_memory()
        self.rows.prefill(memory, [0] * 8)
        self.rows.decode(self.rows.copy_rows(memory, 2), [0, 0])

    # -- orders

    def submit(self, order: messages.Generate, known: PreparedCommand | None = None) -> messages.Report:
        """Take a job, or say why not. `known`: what has been found out of it already."""
        tokens, seats = known.tokens if known else self.model.tokenize(order.text), len(order.seeds)
        room = self.context - len(tokens)
        if room < 1 or not tokens:
            return messages.JobRefused(order.job, len(tokens), self.context)
        if seats > self.sequences or len(self.waiting) >= QUEUE_LIMIT:
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
        for place in (self.waiting, self.prefilling, self.decoding):
            for job in [one for one in place if one.order.job == order.job]:
                gone = [one for one in job.seats if order.seats is None or one.seat in order.seats]
                self._release(job, gone)
                if not job.seats:
                    place.remove(job)

    # -- the work

    def step(self) -> list[messages.Report]:
        """Let one prompt be read a piece further, and every job write a token for each seat."""
        self._admit()
        reports: list[messages.Report] = []
        for job in self.decoding:
            self.steps += 1
            reports += contain_failures(job.order.job, self._decode(job), partial(self._release, job, job.seats))
        if self.prefilling:
            job = self.prefilling.pop(0)
            reports += contain_failures(job.order.job, self._prefill(job), partial(self._release, job, job.seats))
            if job.seats:
                (self.decoding if job.forked else self.prefilling).append(job)
        self.decoding = [job for job in self.decoding if job.seats]
        return reports

    def _decode(self, job: RowRequest) -> Iterator[messages.Report]:
        yield from self._sample(job, self.rows.decode(job.memory, [writer.pending for writer in job.seats]))

    def _row_count(self) -> int:
        return sum(len(job.seats) for job in self.active)

    def _admit(self) -> None:
        """Begin jobs for which there is room, those of the clients first that have the least at work or were not the last."""
        while self.waiting:
            working = [job.order.client for job in self.active]
            job = min(
                self.waiting,
                key=lambda one: (working.count(one.order.client), one.order.client == self.served, one.arrived),
            )
            held = sum(one.cells for one in self.active)
            if working and (held + job.cells > self.cells or self._row_count() + len(job.seats) > self.sequences):
                return
            self.waiting.remove(job)
            self.served = job.order.client
            if job.order.scored:
                job.memory = self.rows.new_memory()
            else:
                job.memory, job.prefilled = self.host_cache.take(job.tokens)
            job.cached = job.prefilled
            self.prefilling.append(job)

    def _prefill(self, job: RowRequest) -> Iterator[messages.Report]:
        """A piece of the prompt. Its last token is read by itself, so that what came before can be kept for others."""
        last = len(job.tokens) - 1
        if job.prefilled < last:
            upto = min(last, job.prefilled + self.batch)
            if job.order.scored:
                self._score(job, upto)
            else:
                self.rows.prefill(job.memory, job.tokens[job.prefilled : upto])
            job.prefilled = upto
            if upto < last:
                return
        if job.order.scored:
            yield messages.Scored(job.order.job, [(self.model.text(job.tokens[0]), None, []), *job.scored])
        self.host_cache.put(job.tokens[:last], job.memory)
        scores = self.rows.decode(job.memory, job.tokens[last:])
        job.prefilled += 1
        job.memory, job.forked = self.rows.copy_rows(job.memory, len(job.seats)), True
        yield from self._sample(job, scores.repeat(len(job.seats), axis=0))

    def _score(self, job: RowRequest, upto: int) -> None:
        """Read on a token at a time, and note how likely each next one was: slow, and rarely asked for."""
        for place in range(job.prefilled, upto):
            row = self.rows.decode(job.memory, [job.tokens[place]])[0]
            job.scored.append(self._facts(row, job.tokens[place + 1], job.order.logprobs or 0))

    def _facts(self, row: Scores, token: int, count: int) -> TokenFacts:
        """What is told of a token: its text, how likely it was, and the likeliest ones there."""
        top = [(self.model.text(one), nats) for one, nats in self.logprobs.top(row, count)]
        return self.model.text(token), self.logprobs.of(row, token), top

    def _sample(self, job: RowRequest, scores: Scores) -> Iterator[messages.Report]:
        """Draw every seat's next token and say what it adds; those who end with it leave."""
        done = []
        for writer, row in zip(job.seats, scores, strict=True):
            writer.pending = token = self._pick(writer, row)
            writer.tokens.append(token)
            writer.logprob_sum += self.logprobs.of(row, token)
            self.written += 1
            yield from self._text_report(job, writer, row)
            if finish := self._finish(job, writer):
                done.append(writer)
                yield self._done_report(job, writer, finish)
        self._release(job, done)

    def _pick(self, writer: RowSeat, row: Scores) -> int:
        scores, place = adjust_scores(row, writer.draw, writer.tokens), len(writer.tokens)
        token = pick(scores, writer.draw, place)
        if writer.constraint:
            if not writer.constraint.allows(token):
                token = pick(writer.constraint.mask(scores), writer.draw, place)
            writer.constraint.accept(token)
        return token

    def _text_report(self, job: RowRequest, writer: RowSeat, row: Scores) -> Iterator[messages.Report]:
        """What the new token lets be shown, and what is told of it where that is wanted."""
        token, shown, facts = writer.pending, "", list[TokenFacts]()
        if not self.model.ends(token):
            shown = writer.stop_filter.push(self.model.piece(token, frozenset(job.order.kept)))
            if job.order.logprobs is not None:
                facts.append(self._facts(row, token, job.order.logprobs))
        if self._finish(job, writer):
            shown += writer.stop_filter.close()
        if shown or facts:
            yield messages.SeatText(job.order.job, writer.seat, shown, facts)

    def _finish(self, job: RowRequest, writer: RowSeat) -> FinishReason | None:
        if self.model.ends(writer.pending) or writer.stop_filter.stopped:
            return "stop"
        return "length" if len(writer.tokens) >= job.limit else None

    def _done_report(self, job: RowRequest, writer: RowSeat, finish: FinishReason) -> messages.Report:
        seconds, generated = self.clock() - job.arrived, len(writer.tokens)
        return messages.SeatDone(job.order.job, writer.seat, finish, generated, writer.logprob_sum, seconds, job.cached)

    def _release(self, job: RowRequest, gone: list[RowSeat]) -> None:
        """Seats are done: their rows are freed."""
        rows = [row for row, writer in enumerate(job.seats) if writer not in gone]
        if job.forked and rows and gone:
            job.memory = self.rows.select_rows(job.memory, rows)
        job.seats = [job.seats[row] for row in rows]
        if not rows:
            job.memory = None
