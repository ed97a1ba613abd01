"""Commands in, reports out, a step at a time: prefill a prompt once, copy its memory for every seat, decode in step.

Every request is a batch of its own whose rows always have the same length, so nothing is padded, merged or shifted and
no request can see another's memory. Requests take turns, a step each. Knows tokens and texts; it knows no processes.
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
from local_swarm.backends.process.engine import QUEUE_LIMIT, PreparedCommand
from local_swarm.backends.process.failures import contain_failures
from local_swarm.backends.process.stop_strings import Stops, stops_for
from local_swarm.backends.sampling import Logprobs, SamplingParams, Scores, adjust_scores, pick, sampling_params
from local_swarm.types import FinishReason


@dataclass(slots=True)
class RowSeat:
    """The seat of this `index` while it decodes. `pending`: sampled and not yet decoded."""

    index: int
    params: SamplingParams
    stops: Stops
    grammar: Constraint | None
    pending: int = -1
    tokens: list[int] = field(default_factory=list)
    logprob_sum: float = 0.0


@dataclass(slots=True)
class RowRequest:
    """A prompt with its seats. Once its memory is `forked` the seats stand in the order of its rows; before, it has one
    row. Of the prompt so many tokens are `prefilled`; so many were `cached`."""

    command: messages.Generate
    tokens: list[int]
    limit: int
    arrived: float
    seats: list[RowSeat]
    memory: Memory = None
    forked: bool = False
    prefilled: int = 0
    cached: int = 0
    scored: list[messages.ScoredToken] = field(default_factory=list)

    @property
    def number(self) -> int:
        return self.command.job

    @property
    def cells(self) -> int:
        """What it may come to hold."""
        return len(self.seats) * (len(self.tokens) + self.limit)


class LockstepEngine:
    """A `StepEngine` over any `RowModel`. `options.cells`: how many tokens the rows of all requests may hold together,
    for copies are real memory here."""

    def __init__(
        self,
        network: RowModel,
        vocabulary: Vocabulary,
        options: messages.Load,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.network, self.model, self.clock = network, vocabulary, clock
        self.context, self.answer_tokens, self.cells = options.context, options.answer_tokens, options.cells
        self.sequences, self.batch = options.sequences, options.batch
        self.host_cache = HostCache(network, options.context)
        self.constraints = vocabulary.constraints()
        self.logprobs = Logprobs(network.vocabulary)
        self.waiting: list[RowRequest] = []
        self.prefilling: list[RowRequest] = []
        self.decoding: list[RowRequest] = []
        self.steps = self.generated = 0
        self.served: str | None = None  # whose request was begun last

    def loaded_report(self, note: str | None = None) -> messages.Loaded:
        """The report that the engine is ready; `note` is for the user."""
        return messages.Loaded(
            context=self.context,
            answer_tokens=self.answer_tokens,
            parameters=self.network.parameters,
            bos=self.model.bos,
            eos=self.model.eos,
            on_gpu=self.network.on_gpu,
            note=note,
        )

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.prefilling or self.decoding)

    @property
    def active(self) -> list[RowRequest]:
        return [*self.prefilling, *self.decoding]

    @property
    def pool(self) -> RowModel:
        """What makes vectors of texts."""
        return self.network

    def beat(self) -> messages.Beat:
        jobs = len(self.waiting) + len(self.active)
        cells = sum(request.cells for request in self.active) + self.host_cache.used
        return messages.Beat(self.steps, jobs, cells, self.sequences - self._row_count(), self.generated)

    def forget(self) -> None:
        self.host_cache.forget()

    def warm_up(self) -> None:
        """The first request shall not pay for what is made on first use, and a network that cannot compute shall fail
        here."""
        memory = self.network.new_memory()
        self.network.prefill(memory, [0] * 8)
        self.network.decode(self.network.copy_rows(memory, 2), [0, 0])

    # -- commands

    def submit(self, command: messages.Generate, prepared: PreparedCommand | None = None) -> messages.Report:
        """See `StepEngine`."""
        tokens, seats = prepared.tokens if prepared else self.model.tokenize(command.text), len(command.seeds)
        room = self.context - len(tokens)
        if room < 1 or not tokens:
            return messages.JobRefused(command.job, len(tokens), self.context)
        if seats > self.sequences or len(self.waiting) >= QUEUE_LIMIT:
            return messages.JobBusy(command.job, "The engine's queue is full.")
        limit = min(command.max_tokens or self.answer_tokens, room, self.cells // seats - len(tokens))
        if limit < 1:
            most = self.cells // (len(tokens) + 1)
            return messages.JobBusy(command.job, f"So long a prompt leaves room for {most} voices, not {seats}.")
        try:
            grammar = prepared.grammar if prepared else self.constraints(command.schema) if command.schema else None
        except ValueError as problem:
            return messages.JobInvalid(command.job, str(problem))
        rows = [
            RowSeat(index, params, stops_for(command), grammar.copy() if grammar else None)
            for index, params in enumerate(sampling_params(command))
        ]
        self.waiting.append(RowRequest(command, tokens, limit, self.clock(), rows))
        return messages.JobAccepted(command.job, len(tokens))

    def cancel(self, command: messages.Cancel) -> None:
        """See `StepEngine`."""
        for queue in (self.waiting, self.prefilling, self.decoding):
            for request in [one for one in queue if one.number == command.job]:
                gone = [one for one in request.seats if command.seats is None or one.index in command.seats]
                self._release(request, gone)
                if not request.seats:
                    queue.remove(request)

    # -- a step

    def step(self) -> list[messages.Report]:
        """Decode a token for each seat of every request, and prefill a part of one prompt."""
        self._admit()
        reports: list[messages.Report] = []
        for request in self.decoding:
            self.steps += 1
            reports += self._contain(request, self._decode(request))
        if self.prefilling:
            request = self.prefilling.pop(0)
            reports += self._contain(request, self._prefill(request))
            if request.seats:
                (self.decoding if request.forked else self.prefilling).append(request)
        self.decoding = [request for request in self.decoding if request.seats]
        return reports

    def _contain(self, request: RowRequest, reports: Iterator[messages.Report]) -> Iterator[messages.Report]:
        return contain_failures(request.number, reports, partial(self._release, request, request.seats))

    def _decode(self, request: RowRequest) -> Iterator[messages.Report]:
        scores = self.network.decode(request.memory, [seat.pending for seat in request.seats])
        yield from self._sample(request, scores)

    def _row_count(self) -> int:
        return sum(len(request.seats) for request in self.active)

    def _admit(self) -> None:
        """Begin requests for which there is room, those of the clients first that have the least at work or were not
        the last."""
        while self.waiting:
            working = [request.command.client for request in self.active]
            request = min(
                self.waiting,
                key=lambda one: (working.count(one.command.client), one.command.client == self.served, one.arrived),
            )
            cells, rows = sum(one.cells for one in self.active) + request.cells, self._row_count() + len(request.seats)
            if working and (cells > self.cells or rows > self.sequences):
                return
            self.waiting.remove(request)
            self._begin(request)

    def _begin(self, request: RowRequest) -> None:
        self.served = request.command.client
        if request.command.scored:
            request.memory = self.network.new_memory()
        else:
            request.memory, request.prefilled = self.host_cache.take(request.tokens)
        request.cached = request.prefilled
        self.prefilling.append(request)

    def _prefill(self, request: RowRequest) -> Iterator[messages.Report]:
        """A part of the prompt. Its last token is decoded by itself, so that what came before can be kept for
        others."""
        last = len(request.tokens) - 1
        if request.prefilled < last:
            self._prefill_part(request, min(last, request.prefilled + self.batch))
            if request.prefilled < last:
                return
        if request.command.scored:
            scored = [(self.model.text(request.tokens[0]), None, []), *request.scored]
            yield messages.Scored(request.number, scored)
        self.host_cache.put(request.tokens[:last], request.memory)
        scores = self.network.decode(request.memory, request.tokens[last:])
        request.prefilled += 1
        request.memory, request.forked = self.network.copy_rows(request.memory, len(request.seats)), True
        yield from self._sample(request, scores.repeat(len(request.seats), axis=0))

    def _prefill_part(self, request: RowRequest, end: int) -> None:
        if request.command.scored:
            self._score(request, end)
        else:
            self.network.prefill(request.memory, request.tokens[request.prefilled : end])
        request.prefilled = end

    def _score(self, request: RowRequest, end: int) -> None:
        """Prefill a token at a time, and note how likely each next one was: slow, and rarely asked for."""
        for place in range(request.prefilled, end):
            row = self.network.decode(request.memory, [request.tokens[place]])[0]
            token = request.tokens[place + 1]
            request.scored.append(self._score_token(row, token, request.command.logprobs or 0))

    def _score_token(self, row: Scores, token: int, count: int) -> messages.ScoredToken:
        """A token's text, how likely it was by scores (vocabulary,), and the `count` likeliest there."""
        top = [(self.model.text(one), nats) for one, nats in self.logprobs.top(row, count)]
        return self.model.text(token), self.logprobs.of(row, token), top

    def _sample(self, request: RowRequest, scores: Scores) -> Iterator[messages.Report]:
        """Sample every seat's next token by scores (rows, vocabulary) and report what it adds; seats that end with it
        leave."""
        done = []
        for seat, row in zip(request.seats, scores, strict=True):
            seat.pending = token = self._pick(seat, row)
            seat.tokens.append(token)
            seat.logprob_sum += self.logprobs.of(row, token)
            self.generated += 1
            yield from self._text_report(request, seat, row)
            if finish := self._finish_reason(request, seat):
                done.append(seat)
                yield self._done_report(request, seat, finish)
        self._release(request, done)

    def _pick(self, seat: RowSeat, row: Scores) -> int:
        scores, place = adjust_scores(row, seat.params, seat.tokens), len(seat.tokens)
        token = pick(scores, seat.params, place)
        if seat.grammar:
            if not seat.grammar.allows(token):
                token = pick(seat.grammar.mask(scores), seat.params, place)
            seat.grammar.accept(token)
        return token

    def _text_report(self, request: RowRequest, seat: RowSeat, row: Scores) -> Iterator[messages.Report]:
        """What the new token lets be shown, and how likely it was where that is wanted."""
        token, shown, facts = seat.pending, "", list[messages.ScoredToken]()
        if not self.model.ends(token):
            shown = seat.stops.push(self.model.piece(token, frozenset(request.command.kept)))
            if request.command.logprobs is not None:
                facts.append(self._score_token(row, token, request.command.logprobs))
        if self._finish_reason(request, seat):
            shown += seat.stops.close()
        if shown or facts:
            yield messages.SeatText(request.number, seat.index, shown, facts)

    def _finish_reason(self, request: RowRequest, seat: RowSeat) -> FinishReason | None:
        if self.model.ends(seat.pending) or seat.stops.stopped:
            return "stop"
        return "length" if len(seat.tokens) >= request.limit else None

    def _done_report(self, request: RowRequest, seat: RowSeat, finish: FinishReason) -> messages.Report:
        return messages.SeatDone(
            request.number,
            seat.index,
            finish,
            completion_tokens=len(seat.tokens),
            logprob_sum=seat.logprob_sum,
            seconds=self.clock() - request.arrived,
            cached_tokens=request.cached,
        )

    def _release(self, request: RowRequest, gone: list[RowSeat]) -> None:
        """Seats are done: their rows are freed."""
        rows = [row for row, seat in enumerate(request.seats) if seat not in gone]
        if request.forked and rows and gone:
            request.memory = self.network.select_rows(request.memory, rows)
        request.seats = [request.seats[row] for row in rows]
        if not rows:
            request.memory = None
