"""Jobs in, reports out, one decode step at a time: reads of each prompt what memory does not know, forks where its seats part,
decodes all sequences of all jobs as one batch. Knows tokens and texts; it knows no processes, pipes, messages or votes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial

from local_swarm.backends.llamacpp.cache import WORTH_KEEPING, KVCache
from local_swarm.backends.llamacpp.library import Batch, Context, EmbeddingPool, LoadedModel, Wanted
from local_swarm.backends.llamacpp.prefix_tree import common
from local_swarm.backends.llamacpp.request import (
    DecodeRows,
    PrefillRows,
    Request,
    SampledToken,
    SeatState,
    SharedSequence,
    TokenFacts,
)
from local_swarm.backends.llamacpp.sampler import Sampler
from local_swarm.backends.llamacpp.schedule import Need, Prefill, admit, divide
from local_swarm.backends.llamacpp.speculation import Draft, DraftTrust, PromptLookup, draft_lengths, token_values
from local_swarm.backends.llamacpp.step_cost import StepCost, StepShare
from local_swarm.backends.llamacpp.thread_tuner import ThreadTuner
from local_swarm.backends.process import messages
from local_swarm.backends.process.failures import PreparedCommand, contain_failures
from local_swarm.backends.process.stop_strings import StopStringFilter
from local_swarm.backends.sampling import Draw, Scores
from local_swarm.types import FinishReason

QUEUE_LIMIT = 256  # jobs; beyond it clients are told to come back
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
        host_cache_bytes: int = 0,
        longest_draft: int = LONGEST_DRAFT,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model, self.memory = model, memory
        self.context, self.answer_tokens = context, answer_tokens
        self.cache = KVCache(memory, host_cache_bytes)
        self.longest_draft = 0 if model.recurrent else longest_draft
        self.clock = clock
        self.step_cost = StepCost()
        self.draft_trust = DraftTrust()
        self.thread_tuner = ThreadTuner(memory.threads)
        self.sampler = Sampler(model)
        self.constraints = model.constraints()
        self.waiting: deque[Request] = deque()
        self.prefilling: list[Request] = []
        self.decoding: list[Request] = []
        self.steps = self.written = self.drafted = self.accepted = 0
        self.decode_s = 0.0

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.prefilling or self.decoding)

    @property
    def cells_promised(self) -> int:
        return sum(job.promised for job in (*self.prefilling, *self.decoding))

    @property
    def sequences_promised(self) -> int:
        """Those that seats will need who now share one, because they have said the same so far."""
        read = sum(job.seat_count - len(job.finished) - 1 for job in self.prefilling)
        return read + sum(len(branch.seats) - 1 for job in self.decoding for branch in job.branches)

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
        jobs = len(self.waiting) + len(self.prefilling) + len(self.decoding)
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
            self.step_cost.observe(*((count, 0) if few else (0, count)), seconds)

    # -- orders

    def submit(self, order: messages.Generate, known: PreparedCommand | None = None) -> messages.Report:
        """Take a job, or say why not. `known`: what has been found out of it already."""
        tokens = known.tokens if known else self.model.tokenize(order.text)
        seats = len(order.seeds)
        room = self.context - len(tokens)
        if room < 1 or not tokens:
            return messages.JobRefused(order.job, len(tokens), self.context)
        if seats > self.memory.sequences or len(self.waiting) >= QUEUE_LIMIT:
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
        lookup = PromptLookup(tokens, seats)
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
        for job in [*self.waiting, *self.prefilling, *self.decoding]:
            if job.number == order.job:
                seats = set(range(job.seat_count)).intersection(
                    range(job.seat_count) if order.seats is None else order.seats
                )
                for writer in [one for one in job.active_seats if one.seat in seats]:
                    self._release(job, writer)
                job.finished |= seats
                self._end_if_done(job)

    # -- a step

    def step(self) -> list[messages.Report]:
        """Admit, decode one batch, draw what follows. Returns what happened, in order."""
        self._admit()
        batch = self.memory.batch
        batch.clear()
        branches = sum(len(job.branches) for job in self.decoding)
        share = self.step_cost.share(branches, batch.size - branches) if self.prefilling else StepShare(True, 0)
        generated = self._add_decode_rows(batch) if share.decode else []
        rows = len(batch)
        read = self._add_prefill_rows(batch, rows, min(share.prefill, batch.size - rows))
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
        self.step_cost.observe(rows, len(batch) - rows, seconds)
        # Behind a prompt that is just being read a step is longer, whoever else computes.
        if rows == len(batch) and not self.prefilling and not self.model.on_gpu:
            self.thread_tuner.observe(rows, seconds, self.clock())
        reports: list[messages.Report] = []
        for prompt in read:
            number = prompt.request.number
            reports += contain_failures(
                number, self._after_prefill(prompt, scores), partial(self.cancel, messages.Cancel(number))
            )
        for part in [one for one in generated if one.branch.seats]:  # one's failure may have ended its job
            number = part.request.number
            reports += contain_failures(
                number, self._after_decode(part, scores), partial(self.cancel, messages.Cancel(number))
            )
        return reports

    def _use_threads(self, reading: bool) -> None:
        """A step that reads is long enough for every thread to get its turn, whoever else computes."""
        threads = self.thread_tuner.most if reading else self.thread_tuner.threads
        if threads != self.memory.threads:
            self.memory.use_threads(threads)

    def _admit(self) -> None:
        """Begin jobs whose turn it is and for which there is room. One whose prompt begins as another does that is just being
        read waits for that: then it needs not read it itself."""
        while self.waiting:
            needs = [self._need(job) for job in self.waiting if not self._better_later(job)]
            working = [job.client for job in (*self.prefilling, *self.decoding)]
            cells = self.cache.cells_free - self.cells_promised
            admitted = admit(needs, working, cells, self.cache.sequences_free - self.sequences_promised)
            if not admitted:
                return
            job = next(job for job in self.waiting if job.number == admitted[0])
            self.waiting.remove(job)
            self._begin(job)

    def _need(self, job: Request) -> Need:
        known = 0 if job.scored is not None else self.cache.cached_length(job.tokens, working=True)
        fresh = len(job.tokens) - known
        return Need(job.number, job.client, fresh + job.seat_count * job.budget, job.seat_count)

    def _better_later(self, job: Request) -> bool:
        shared = ((common(job.tokens, one.tokens, 0), len(one.tokens) - 1) for one in self.prefilling)
        spared = max((length for length, end in shared if length >= end or not self.cache.whole), default=0)
        return spared - self.cache.cached_length(job.tokens) >= WORTH_KEEPING

    def _begin(self, job: Request) -> None:
        sequences = job.seat_count + self.sequences_promised
        cells = job.seat_count * job.budget + self.cells_promised
        begun = self.cache.begin(job.tokens, cells, sequences, anew=job.scored is not None)
        job.sequence, job.prefilled, job.cached = begun.sequence, begun.cached, begun.cached
        if self.cache.whole:  # no state can be cut: it is kept where prompts parted and just before this one's end
            job.checkpoints.extend(sorted({begun.parting or 0, len(job.tokens) - 1} - {0, job.prefilled}))
        self.prefilling.append(job)
        self.cache.evict_idle(self.most_idle)

    def _add_decode_rows(self, batch: Batch) -> list[DecodeRows]:
        """Each branch's pending token, and as much of what it will probably write next as is worth trying and has room."""
        branches = [(job, branch) for job in self.decoding for branch in job.branches]
        drafts = [
            job.lookup.draft(
                branch.first.seat, min(self.longest_draft, job.limit - branch.first.generated - 1), self.draft_trust
            )
            for job, branch in branches
        ]
        values = [
            value
            for job in self.decoding
            for value in token_values([(branch.first.generated, len(branch.seats)) for branch in job.branches])
        ]
        spare = self.memory.cells - self.cache.cells_used - self.cells_promised
        rows = min(self.memory.outputs - len(self.prefilling), batch.size) - len(branches)
        tried = draft_lengths([draft.chances for draft in drafts], values, min(spare, rows), self.step_cost.seconds)
        parts = []
        for (job, branch), draft, count in zip(branches, drafts, tried, strict=True):
            parts.append(DecodeRows(job, branch, draft, count, len(batch)))
            batch.add(
                branch.sequence,
                self.cache.length(branch.sequence),
                [branch.first.pending, *draft.tokens[:count]],
                "all",
            )
        return parts

    def _add_prefill_rows(self, batch: Batch, rows: int, room: int) -> list[PrefillRows]:
        jobs = {job.number: job for job in self.prefilling}
        readings = [Prefill(job.number, job.ahead) for job in jobs.values()]
        parts = []
        for number, count in divide(readings, room):
            job, scored = jobs[number], jobs[number].scored is not None
            if scored:  # a row for each token: as many as there are
                count = min(count, self.memory.outputs - rows - len(jobs))
            if count < 1:
                continue
            ends = job.prefilled + count == len(job.tokens)
            parts.append(PrefillRows(job, count, rows, count if scored else int(ends), ends))
            rows += parts[-1].rows
            wanted: Wanted = "all" if scored else "last" if ends else "none"
            batch.add(job.sequence, job.prefilled, job.tokens[job.prefilled : job.prefilled + count], wanted)
        return parts

    # -- after a step

    def _after_prefill(self, part: PrefillRows, scores: Scores) -> Iterator[messages.Report]:
        """A piece of prompt is in memory. When it was the last, draw each seat's first token."""
        job = part.request
        self.cache.extend(job.sequence, job.tokens[job.prefilled : job.prefilled + part.count])
        if job.scored is not None:
            job.scored += self.sampler.score_prompt(job, part, scores)
        job.prefilled += part.count
        if job.checkpoints and job.prefilled == job.checkpoints[0]:
            job.checkpoints.popleft()
            self.cache.checkpoint(job.sequence)
        if not part.ends:
            return
        if job.scored is not None:
            yield messages.Scored(job.number, job.scored)
        self.prefilling.remove(job)
        self.decoding.append(job)
        writers = [
            SeatState(
                seat,
                job.draws[seat],
                StopStringFilter(job.stops),
                job.grammar.copy() if job.grammar else None,
                job.budget,
            )
            for seat in range(job.seat_count)
            if seat not in job.finished
        ]
        branch = SharedSequence(job.sequence, writers)
        job.sequence, job.branches = -1, [branch]
        yield from self._sample(job, branch, Draft(), (), scores[part.first + part.rows - 1 :])

    def _after_decode(self, part: DecodeRows, scores: Scores) -> Iterator[messages.Report]:
        """What was pending and a draft are in memory: draw what follows."""
        branch, tried = part.branch, part.draft.tokens[: part.tried]
        self.cache.extend(branch.sequence, (branch.first.pending, *tried))
        yield from self._sample(part.request, branch, part.draft, tried, scores[part.row :])

    def _sample(
        self, job: Request, branch: SharedSequence, draft: Draft, tried: Sequence[int], scores: Scores
    ) -> Iterator[messages.Report]:
        """Each seat draws what follows the last token before the draft, and on for as long as its draws agree with it."""
        drawn = self.sampler.sample(job, branch.seats, tried, scores)
        for _, said in drawn:
            self.drafted, self.accepted = self.drafted + len(tried), self.accepted + len(said) - 1
            self.draft_trust.observe(draft, [one.token for one in said])
        self._fork_seats(job, branch, self.cache.length(branch.sequence) - len(tried) - 1, drawn)
        for writer, said in drawn:
            yield from self._report(job, writer, said)

    def _fork_seats(
        self, job: Request, branch: SharedSequence, known: int, drawn: Sequence[tuple[SeatState, list[SampledToken]]]
    ) -> None:
        """Seats stay one sequence for as long as they say the same; those who now say something else get one of their own.

        All but the last token of what a seat has drawn lies in memory, behind `known` tokens and the one that was pending.
        """
        ways: dict[tuple[int, ...], list[SeatState]] = {}
        for writer, said in drawn:
            ways.setdefault(tuple(one.token for one in said), []).append(writer)
        (kept, branch.seats), *others = ways.items()
        for way, writers in others:
            job.branches.append(SharedSequence(self.cache.branch(branch.sequence, known + len(way)), writers))
        self.cache.trim(branch.sequence, known + len(kept))

    def _report(self, job: Request, writer: SeatState, drawn: Sequence[SampledToken]) -> Iterator[messages.Report]:
        """Tokens were drawn: hand on what may be shown of their text, and see whether the answer ends with them."""
        shown, finish, facts = "", None, list[TokenFacts]()
        for one in drawn:
            writer.generated += 1
            self.written += 1
            writer.pending = one.token
            writer.logprob_sum += one.logprob
            if not self.model.ends(one.token):
                shown += writer.stop_filter.push(self.model.piece(one.token, job.kept))
                facts += [one.facts] if one.facts else []
            finish = self._finish(job, writer)
            if finish:
                shown += writer.stop_filter.close()
                break
        if shown or facts:
            yield messages.SeatText(job.number, writer.seat, shown, facts)
        if finish:
            seconds = self.clock() - job.arrived
            yield messages.SeatDone(
                job.number, writer.seat, finish, writer.generated, writer.logprob_sum, seconds, job.cached
            )
            self._release(job, writer)

    def _finish(self, job: Request, writer: SeatState) -> FinishReason | None:
        if self.model.ends(writer.pending) or writer.stop_filter.stopped:
            return "stop"
        if writer.generated >= job.limit or (writer.generated >= writer.budget and not self._extend_budget(writer)):
            return "length"
        return None

    def _extend_budget(self, writer: SeatState) -> bool:
        """More cells for an answer that is longer than its budget, unless others need them."""
        if self.waiting or self.cache.cells_free - self.cells_promised < GROWTH:
            return False
        writer.budget += GROWTH
        return True

    # -- the end

    def _release(self, job: Request, writer: SeatState) -> None:
        """A seat is done: its sequence rests as a prefix for others, once nobody else writes on it."""
        branch = next(branch for branch in job.branches if writer in branch.seats)
        branch.seats.remove(writer)
        job.finished.add(writer.seat)
        if not branch.seats:
            job.branches.remove(branch)
            self.cache.retire(branch.sequence)
        self._end_if_done(job)

    def _end_if_done(self, job: Request) -> None:
        if len(job.finished) < job.seat_count:
            return
        for place in (self.waiting, self.prefilling, self.decoding):
            if job in place:
                place.remove(job)
        if job.sequence >= 0:
            self.cache.retire(job.sequence)
            job.sequence = -1
        if self.decoding:
            self.cache.evict_idle(self.most_idle)

    def _shed(self) -> list[messages.Report]:
        """llama.cpp finds no cells where the books say there are: let idle ones go, or the youngest job, and try again."""
        if self.cache.idle:
            self.cache.make_room(self.memory.cells, 0)
            return []
        youngest = max([*self.prefilling, *self.decoding], key=lambda job: job.arrived)
        self.cancel(messages.Cancel(youngest.number))
        return [messages.JobBusy(youngest.number, "The engine ran out of cache memory.")]
