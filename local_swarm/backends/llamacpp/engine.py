"""Jobs in, reports out, one decode step at a time: reads of each prompt what memory does not know, forks where its seats part,
decodes all sequences of all jobs as one batch. Knows tokens and texts; it knows no processes, pipes, messages or votes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial

from local_swarm.backends.llamacpp.cache import WORTH_KEEPING, Cache
from local_swarm.backends.llamacpp.library import Batch, Context, EmbeddingPool, LoadedModel, Wanted
from local_swarm.backends.llamacpp.prefix_tree import common
from local_swarm.backends.llamacpp.request import (
    DecodedRows,
    Drawn,
    PrefilledRows,
    Request,
    SeatState,
    SharedSequence,
    TokenFacts,
)
from local_swarm.backends.llamacpp.sampler import Sampler
from local_swarm.backends.llamacpp.schedule import Need, Prefill, admit, divide
from local_swarm.backends.llamacpp.speculation import Draft, DraftTrust, Lookup, values_of, worth
from local_swarm.backends.llamacpp.step_cost import StepCost, StepShare
from local_swarm.backends.llamacpp.thread_tuner import ThreadTuner
from local_swarm.backends.process import messages
from local_swarm.backends.process.failures import PreparedOrder, told
from local_swarm.backends.process.stop_strings import StopStringFilter
from local_swarm.backends.sampling import Draw, Scores
from local_swarm.types import FinishReason

WAITING_LIMIT = 256  # jobs; beyond it clients are told to come back
GROWTH = 256  # cells by which an answer longer than its budget goes on, while there are any
WARM_UP = (64, 1, 3, 4, 8)  # tokens of the first steps, each twice: all kernels, and what a step will cost
LONGEST_DRAFT = 8
IDLE_SHARE = 0.05  # of a step's time that idle cells may cost those that work


class LlamaCppEngine:
    """`context` is what one request may hold, `answer_tokens` what each of its answers is sure to get."""

    def __init__(
        self,
        model: LoadedModel,
        memory: Context,
        context: int,
        answer_tokens: int,
        shelf_bytes: int = 0,
        longest_draft: int = LONGEST_DRAFT,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model, self.memory = model, memory
        self.context, self.answer_tokens = context, answer_tokens
        self.cache = Cache(memory, shelf_bytes)
        self.longest_draft = 0 if model.recurrent else longest_draft
        self.clock = clock
        self.pace = StepCost()
        self.trust = DraftTrust()
        self.governor = ThreadTuner(memory.threads)
        self.drawer = Sampler(model)
        self.constraints = model.constraints()
        self.waiting: deque[Request] = deque()
        self.reading: list[Request] = []
        self.writing: list[Request] = []
        self.steps = self.written = self.drafted = self.accepted = 0
        self.decode_s = 0.0

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.reading or self.writing)

    @property
    def cells_promised(self) -> int:
        return sum(job.promised for job in (*self.reading, *self.writing))

    @property
    def sequences_promised(self) -> int:
        """Those that seats will need who now share one, because they have said the same so far."""
        read = sum(job.seats - len(job.gone) - 1 for job in self.reading)
        return read + sum(len(branch.writers) - 1 for job in self.writing for branch in job.branches)

    @cached_property
    def pool(self) -> EmbeddingPool:
        """Where vectors of texts are made; there is none before the first is wanted."""
        return EmbeddingPool(self.model, self.memory.threads)

    def forget(self) -> None:
        """Let go of everything that is only remembered."""
        self.cache.forget()
        if pool := self.__dict__.pop("pool", None):
            pool.close()

    @property
    def most_idle(self) -> int:
        """Cells that may lie idle while others work."""
        return int(IDLE_SHARE * self.model.cells_worth)

    def beat(self) -> messages.Beat:
        jobs = len(self.waiting) + len(self.reading) + len(self.writing)
        return messages.Beat(self.steps, jobs, self.cache.cells_used, len(self.cache.unused), self.written)

    def warm_up(self) -> None:
        """Read a piece of prompt: the first request shall not pay for lazily made graphs and cold weights, and a build that does
        not run on this machine shall fail here. What steps take is learned on the way."""
        batch = self.memory.batch
        for count in WARM_UP:
            count = min(count, batch.size, self.memory.cells)
            few = count <= self.memory.outputs
            for _ in range(2):  # the first one is cold
                batch.clear()
                batch.add(0, 0, [self.model.start_token] * count, "all" if few else "last")
                began = self.clock()
                self.memory.decode(batch)
                self.memory.scores(1)
                seconds = self.clock() - began
                self.memory.clear()
            self.pace.saw(*((count, 0) if few else (0, count)), seconds)

    # -- orders

    def submit(self, order: messages.Generate, known: PreparedOrder | None = None) -> messages.Report:
        """Take a job, or say why not. `known`: what has been found out of it already."""
        tokens = known.tokens if known else self.model.tokenize(order.text)
        seats = len(order.seeds)
        room = self.context - len(tokens)
        if room < 1 or not tokens:
            return messages.JobRefused(order.job, len(tokens), self.context)
        if seats > self.memory.sequences or len(self.waiting) >= WAITING_LIMIT:
            return messages.JobBusy(order.job, "The engine's queue is full.")
        limit = min(order.max_tokens or max(self.answer_tokens, 1), room)
        budget = max(1, min(limit, self.answer_tokens, (self.memory.cells - len(tokens)) // seats))
        try:
            grammar = known.grammar if known else self.constraints(order.schema) if order.schema else None
        except ValueError as problem:
            return messages.JobInvalid(order.job, str(problem))
        bias = {int(token): weight for token, weight in order.bias}
        draws = [
            Draw(temperature, seed, bias=bias, **order.sampling)  # type: ignore[arg-type]
            for temperature, seed in zip(order.temperatures, order.seeds, strict=True)
        ]
        lookup = Lookup(tokens, seats)
        self.waiting.append(
            Request(
                order.job,
                order.client,
                tokens,
                draws,
                order.stop,
                limit,
                budget,
                self.clock(),
                lookup,
                grammar,
                order.logprobs,
                frozenset(order.kept),
                [] if order.scored else None,
            )
        )
        return messages.JobAccepted(order.job, len(tokens))

    def cancel(self, order: messages.Cancel) -> None:
        """Forget a job or some of its seats; their sequences are free from the next step on."""
        for job in [*self.waiting, *self.reading, *self.writing]:
            if job.number == order.job:
                seats = set(range(job.seats)).intersection(range(job.seats) if order.seats is None else order.seats)
                for writer in [one for one in job.writers if one.seat in seats]:
                    self._leave(job, writer)
                job.gone |= seats
                self._end_if_done(job)

    # -- a step

    def step(self) -> list[messages.Report]:
        """Admit, decode one batch, draw what follows. Returns what happened, in order."""
        self._admit()
        batch = self.memory.batch
        batch.clear()
        branches = sum(len(job.branches) for job in self.writing)
        share = self.pace.share(branches, batch.size - branches) if self.reading else StepShare(True, 0)
        written = self._add_writing(batch) if share.writes else []
        rows = len(batch)
        read = self._add_reading(batch, rows, min(share.reads, batch.size - rows))
        if not len(batch):
            return []
        self._use_threads(reading=rows < len(batch))
        began = self.clock()
        if not self.memory.decode(batch):
            return self._shed()
        self.steps += 1
        scores = self.memory.scores(rows + sum(one.rows for one in read))
        seconds = self.clock() - began
        self.decode_s += seconds
        self.pace.saw(rows, len(batch) - rows, seconds)
        # Behind a prompt that is just being read a step is longer, whoever else computes.
        if rows == len(batch) and not self.reading and not self.model.on_gpu:
            self.governor.saw(rows, seconds, self.clock())
        reports: list[messages.Report] = []
        for prompt in read:
            number = prompt.job.number
            reports += told(number, self._read(prompt, scores), partial(self.cancel, messages.Cancel(number)))
        for part in [one for one in written if one.branch.writers]:  # one's failure may have ended its job
            number = part.job.number
            reports += told(number, self._write(part, scores), partial(self.cancel, messages.Cancel(number)))
        return reports

    def _use_threads(self, reading: bool) -> None:
        """A step that reads is long enough for every thread to get its turn, whoever else computes."""
        threads = self.governor.most if reading else self.governor.threads
        if threads != self.memory.threads:
            self.memory.use_threads(threads)

    def _admit(self) -> None:
        """Begin jobs whose turn it is and for which there is room. One whose prompt begins as another does that is just being
        read waits for that: then it needs not read it itself."""
        while self.waiting:
            needs = [self._need(job) for job in self.waiting if not self._better_later(job)]
            working = [job.client for job in (*self.reading, *self.writing)]
            cells = self.cache.cells_free - self.cells_promised
            admitted = admit(needs, working, cells, self.cache.sequences_free - self.sequences_promised)
            if not admitted:
                return
            job = next(job for job in self.waiting if job.number == admitted[0])
            self.waiting.remove(job)
            self._begin(job)

    def _need(self, job: Request) -> Need:
        known = 0 if job.scored is not None else self.cache.known(job.tokens, working=True)
        fresh = len(job.tokens) - known
        return Need(job.number, job.client, fresh + job.seats * job.budget, job.seats)

    def _better_later(self, job: Request) -> bool:
        shared = ((common(job.tokens, one.tokens, 0), len(one.tokens) - 1) for one in self.reading)
        spared = max((length for length, end in shared if length >= end or not self.cache.whole), default=0)
        return spared - self.cache.known(job.tokens) >= WORTH_KEEPING

    def _begin(self, job: Request) -> None:
        sequences = job.seats + self.sequences_promised
        cells = job.seats * job.budget + self.cells_promised
        begun = self.cache.begin(job.tokens, cells, sequences, anew=job.scored is not None)
        job.sequence, job.read, job.reused = begun.sequence, begun.reused, begun.reused
        if self.cache.whole:  # no state can be cut: it is kept where prompts parted and just before this one's end
            job.borders.extend(sorted({begun.parting or 0, len(job.tokens) - 1} - {0, job.read}))
        self.reading.append(job)
        self.cache.tidy(self.most_idle)

    def _add_writing(self, batch: Batch) -> list[DecodedRows]:
        """Each branch's pending token, and as much of what it will probably write next as is worth trying and has room."""
        branches = [(job, branch) for job in self.writing for branch in job.branches]
        drafts = [
            job.lookup.draft(
                branch.first.seat, min(self.longest_draft, job.limit - branch.first.written - 1), self.trust
            )
            for job, branch in branches
        ]
        values = [
            value
            for job in self.writing
            for value in values_of([(branch.first.written, len(branch.writers)) for branch in job.branches])
        ]
        spare = self.memory.cells - self.cache.cells_used - self.cells_promised
        rows = min(self.memory.outputs - len(self.reading), batch.size) - len(branches)
        tried = worth([draft.chances for draft in drafts], values, min(spare, rows), self.pace.seconds)
        parts = []
        for (job, branch), draft, count in zip(branches, drafts, tried, strict=True):
            parts.append(DecodedRows(job, branch, draft, count, len(batch)))
            batch.add(
                branch.sequence,
                self.cache.length(branch.sequence),
                [branch.first.pending, *draft.tokens[:count]],
                "all",
            )
        return parts

    def _add_reading(self, batch: Batch, rows: int, room: int) -> list[PrefilledRows]:
        jobs = {job.number: job for job in self.reading}
        readings = [Prefill(job.number, job.ahead) for job in jobs.values()]
        parts = []
        for number, count in divide(readings, room):
            job, scored = jobs[number], jobs[number].scored is not None
            if scored:  # a row for each token: as many as there are
                count = min(count, self.memory.outputs - rows - len(jobs))
            if count < 1:
                continue
            ends = job.read + count == len(job.tokens)
            parts.append(PrefilledRows(job, count, rows, count if scored else int(ends), ends))
            rows += parts[-1].rows
            wanted: Wanted = "all" if scored else "last" if ends else "none"
            batch.add(job.sequence, job.read, job.tokens[job.read : job.read + count], wanted)
        return parts

    # -- after a step

    def _read(self, part: PrefilledRows, scores: Scores) -> Iterator[messages.Report]:
        """A piece of prompt is in memory. When it was the last, draw each seat's first token."""
        job = part.job
        self.cache.extend(job.sequence, job.tokens[job.read : job.read + part.count])
        if job.scored is not None:
            job.scored += self.drawer.prompt(job, part, scores)
        job.read += part.count
        if job.borders and job.read == job.borders[0]:
            job.borders.popleft()
            self.cache.checkpoint(job.sequence)
        if not part.ends:
            return
        if job.scored is not None:
            yield messages.Scored(job.number, job.scored)
        self.reading.remove(job)
        self.writing.append(job)
        writers = [
            SeatState(
                seat,
                job.draws[seat],
                StopStringFilter(job.stops),
                job.grammar.copy() if job.grammar else None,
                job.budget,
            )
            for seat in range(job.seats)
            if seat not in job.gone
        ]
        branch = SharedSequence(job.sequence, writers)
        job.sequence, job.branches = -1, [branch]
        yield from self._go_on(job, branch, Draft(), (), scores[part.first + part.rows - 1 :])

    def _write(self, part: DecodedRows, scores: Scores) -> Iterator[messages.Report]:
        """What was pending and a draft are in memory: draw what follows."""
        branch, tried = part.branch, part.draft.tokens[: part.tried]
        self.cache.extend(branch.sequence, (branch.first.pending, *tried))
        yield from self._go_on(part.job, branch, part.draft, tried, scores[part.row :])

    def _go_on(
        self, job: Request, branch: SharedSequence, draft: Draft, tried: Sequence[int], scores: Scores
    ) -> Iterator[messages.Report]:
        """Each seat draws what follows the last token before the draft, and on for as long as its draws agree with it."""
        drawn = self.drawer.along(job, branch.writers, tried, scores)
        for _, said in drawn:
            self.drafted, self.accepted = self.drafted + len(tried), self.accepted + len(said) - 1
            self.trust.saw(draft, [one.token for one in said])
        self._part(job, branch, self.cache.length(branch.sequence) - len(tried) - 1, drawn)
        for writer, said in drawn:
            yield from self._say(job, writer, said)

    def _part(
        self, job: Request, branch: SharedSequence, known: int, drawn: Sequence[tuple[SeatState, list[Drawn]]]
    ) -> None:
        """Seats stay one sequence for as long as they say the same; those who now say something else get one of their own.

        All but the last token of what a seat has drawn lies in memory, behind `known` tokens and the one that was pending.
        """
        ways: dict[tuple[int, ...], list[SeatState]] = {}
        for writer, said in drawn:
            ways.setdefault(tuple(one.token for one in said), []).append(writer)
        (kept, branch.writers), *others = ways.items()
        for way, writers in others:
            job.branches.append(SharedSequence(self.cache.branch(branch.sequence, known + len(way)), writers))
        self.cache.trim(branch.sequence, known + len(kept))

    def _say(self, job: Request, writer: SeatState, drawn: Sequence[Drawn]) -> Iterator[messages.Report]:
        """Tokens were drawn: hand on what may be shown of their text, and see whether the answer ends with them."""
        shown, finish, facts = "", None, list[TokenFacts]()
        for one in drawn:
            writer.written += 1
            self.written += 1
            writer.pending = one.token
            writer.logprob_sum += one.logprob
            if not self.model.ends(one.token):
                shown += writer.tail.push(self.model.piece(one.token, job.kept))
                facts += [one.facts] if one.facts else []
            finish = self._finish(job, writer)
            if finish:
                shown += writer.tail.close()
                break
        if shown or facts:
            yield messages.SeatText(job.number, writer.seat, shown, facts)
        if finish:
            seconds = self.clock() - job.came
            yield messages.SeatDone(
                job.number, writer.seat, finish, writer.written, writer.logprob_sum, seconds, job.reused
            )
            self._leave(job, writer)

    def _finish(self, job: Request, writer: SeatState) -> FinishReason | None:
        if self.model.ends(writer.pending) or writer.tail.stopped:
            return "stop"
        if writer.written >= job.limit or (writer.written >= writer.allowed and not self._grow(writer)):
            return "length"
        return None

    def _grow(self, writer: SeatState) -> bool:
        """More cells for an answer that is longer than its budget, unless others need them."""
        if self.waiting or self.cache.cells_free - self.cells_promised < GROWTH:
            return False
        writer.allowed += GROWTH
        return True

    # -- the end

    def _leave(self, job: Request, writer: SeatState) -> None:
        """A seat is done: its sequence rests as a prefix for others, once nobody else writes on it."""
        branch = next(branch for branch in job.branches if writer in branch.writers)
        branch.writers.remove(writer)
        job.gone.add(writer.seat)
        if not branch.writers:
            job.branches.remove(branch)
            self.cache.rest(branch.sequence)
        self._end_if_done(job)

    def _end_if_done(self, job: Request) -> None:
        if len(job.gone) < job.seats:
            return
        for place in (self.waiting, self.reading, self.writing):
            if job in place:
                place.remove(job)
        if job.sequence >= 0:
            self.cache.rest(job.sequence)
            job.sequence = -1
        if self.writing:
            self.cache.tidy(self.most_idle)

    def _shed(self) -> list[messages.Report]:
        """llama.cpp finds no cells where the books say there are: let idle ones go, or the youngest job, and try again."""
        if self.cache.idle:
            self.cache.make_room(self.memory.cells, 0)
            return []
        youngest = max([*self.reading, *self.writing], key=lambda job: job.came)
        self.cancel(messages.Cancel(youngest.number))
        return [messages.JobBusy(youngest.number, "The engine ran out of cache memory.")]
