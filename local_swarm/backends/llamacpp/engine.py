"""Commands in, reports out, one step at a time: schedule a batch, decode it, sample what follows. Knows no processes.

A prompt is prefilled once for all its seats. They share one sequence of the KV cache until their answers differ, and
fork it there; the sequences of all requests are decoded as one batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial

from local_swarm.backends.llamacpp.cache import KVCache
from local_swarm.backends.llamacpp.library import Context, EmbeddingPool, LoadedModel
from local_swarm.backends.llamacpp.request import (
    DecodeRows,
    PrefillRows,
    Request,
    SampledToken,
    SeatState,
    SharedSequence,
    StepPlan,
)
from local_swarm.backends.llamacpp.sampler import Sampler
from local_swarm.backends.llamacpp.scheduler import Scheduler
from local_swarm.backends.llamacpp.speculation import Draft, PromptLookup
from local_swarm.backends.llamacpp.thread_tuner import ThreadTuner
from local_swarm.backends.process import messages
from local_swarm.backends.process.engine import QUEUE_LIMIT, PreparedCommand
from local_swarm.backends.process.failures import contain_failures
from local_swarm.backends.process.stop_strings import stops_for
from local_swarm.backends.sampling import Scores, sampling_params
from local_swarm.types import FinishReason

WARM_UP = (64, 1, 3, 4, 8)  # tokens of the first steps, each twice: all kernels, and what a step will cost
LONGEST_DRAFT = 8


class LlamaCppEngine:
    """A `StepEngine`. `context`: most tokens of one prompt and answer; `answer_tokens`: what each answer is sure to
    get."""

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
        self.clock = clock
        self.cache = KVCache(memory, host_cache_bytes)
        self.scheduler = Scheduler(memory, self.cache, longest_draft)
        self.thread_tuner = ThreadTuner(memory.threads)
        self.sampler = Sampler(model)
        self.constraints = model.constraints()
        self.steps = self.generated = self.drafted = self.accepted = 0
        self.decode_s = 0.0

    @property
    def idle(self) -> bool:
        return self.scheduler.idle

    @cached_property
    def pool(self) -> EmbeddingPool:
        """Where vectors of texts are made; there is none before the first is wanted."""
        return EmbeddingPool(self.model, self.memory.threads)

    def forget(self) -> None:
        """See `StepEngine`."""
        self.cache.forget()
        if pool := self.__dict__.pop("pool", None):
            pool.close()

    def beat(self) -> messages.Beat:
        jobs = len(self.scheduler.requests)
        return messages.Beat(self.steps, jobs, self.cache.cells_used, len(self.cache.unused), self.generated)

    def warm_up(self) -> None:
        """Decode batches of several sizes. The first request shall not pay for lazily made graphs and cold weights, and
        a build that does not run on this machine shall fail here. The scheduler learns on the way what a step costs."""
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
            self.scheduler.step_cost.observe(*((count, 0) if few else (0, count)), seconds)

    # -- commands

    def submit(self, command: messages.Generate, prepared: PreparedCommand | None = None) -> messages.Report:
        """See `StepEngine`."""
        tokens = prepared.tokens if prepared else self.model.tokenize(command.text)
        seats = len(command.seeds)
        room = self.context - len(tokens)
        if room < 1 or not tokens:
            return messages.JobRefused(command.job, len(tokens), self.context)
        if seats > self.memory.sequences or len(self.scheduler.waiting) >= QUEUE_LIMIT:
            return messages.JobBusy(command.job, "The engine's queue is full.")
        limit = min(command.max_tokens or max(self.answer_tokens, 1), room)
        try:
            grammar = prepared.grammar if prepared else self.constraints(command.schema) if command.schema else None
        except ValueError as problem:
            return messages.JobInvalid(command.job, str(problem))
        request = Request(
            number=command.job,
            client=command.client,
            tokens=tokens,
            params=sampling_params(command),
            stops=partial(stops_for, command),
            limit=limit,
            budget=max(1, min(limit, self.answer_tokens, (self.memory.cells - len(tokens)) // seats)),
            arrived=self.clock(),
            lookup=PromptLookup(tokens, seats),
            grammar=grammar,
            logprobs=command.logprobs,
            kept=frozenset(command.kept),
            scored=[] if command.scored else None,
        )
        self.scheduler.waiting.append(request)
        return messages.JobAccepted(command.job, len(tokens))

    def cancel(self, command: messages.Cancel) -> None:
        """See `StepEngine`. The sequences are free from the next step on."""
        for request in self.scheduler.requests:
            if request.number == command.job:
                every = range(request.seat_count)
                gone = set(every).intersection(every if command.seats is None else command.seats)
                for seat in [one for one in request.active_seats if one.index in gone]:
                    self._release(request, seat)
                request.finished |= gone
                self._end_if_done(request)

    # -- a step

    def step(self) -> list[messages.Report]:
        """See `StepEngine`."""
        plan = self.scheduler.schedule()
        if not plan.tokens:
            return []
        scores = self._decode(plan)
        return self._shed() if scores is None else self._postprocess(plan, scores)

    def _decode(self, plan: StepPlan) -> Scores | None:
        """Logits (rows, vocabulary) of the batch; None where llama.cpp finds no cells for it."""
        self._use_threads(plan)
        began = self.clock()
        if not self.memory.decode(self.memory.batch):
            return None
        self.steps += 1
        scores = self.memory.scores(plan.rows)
        seconds = self.clock() - began
        self.decode_s += seconds
        self.scheduler.step_cost.observe(plan.decode_tokens, plan.prefill_tokens, seconds)
        # Behind a prompt that is just being prefilled a step is longer, whoever else computes.
        if not (plan.prefill_tokens or self.scheduler.prefilling or self.model.on_gpu):
            self.thread_tuner.observe(plan.decode_tokens, seconds, self.clock())
        return scores

    def _use_threads(self, plan: StepPlan) -> None:
        """A step with prefill is long enough for every thread to get its turn, whoever else computes."""
        threads = self.thread_tuner.most if plan.prefill_tokens else self.thread_tuner.threads
        if threads != self.memory.threads:
            self.memory.use_threads(threads)

    def _postprocess(self, plan: StepPlan, scores: Scores) -> list[messages.Report]:
        """Sample what follows each part of the batch. A failure ends one request."""
        reports: list[messages.Report] = []
        for prompt in plan.prefill:
            reports += self._contain(prompt.request, self._after_prefill(prompt, scores))
        for part in [one for one in plan.decode if one.branch.seats]:  # one's failure may have ended its request
            reports += self._contain(part.request, self._after_decode(part, scores))
        return reports

    def _contain(self, request: Request, reports: Iterator[messages.Report]) -> Iterator[messages.Report]:
        return contain_failures(request.number, reports, partial(self.cancel, messages.Cancel(request.number)))

    def _shed(self) -> list[messages.Report]:
        """Give up a request where even evicting has made no room."""
        request = self.scheduler.shed()
        if request is None:
            return []
        self.cancel(messages.Cancel(request.number))
        return [messages.JobBusy(request.number, "The engine ran out of cache memory.")]

    # -- after a step

    def _after_prefill(self, part: PrefillRows, scores: Scores) -> Iterator[messages.Report]:
        """A part of a prompt is in the cache. When it was the last, sample each seat's first token."""
        request = part.request
        self.cache.extend(request.sequence, request.tokens[request.prefilled : request.prefilled + part.count])
        if request.scored is not None:
            request.scored += self.sampler.score_prompt(request, part, scores)
        request.prefilled += part.count
        if request.checkpoints and request.prefilled == request.checkpoints[0]:
            request.checkpoints.popleft()
            self.cache.checkpoint(request.sequence)
        if not part.ends:
            return
        if request.scored is not None:
            yield messages.Scored(request.number, request.scored)
        self.scheduler.start_decoding(request)
        branch = request.start_branch()
        yield from self._sample(request, branch, Draft(), (), scores[part.first + part.rows - 1 :])

    def _after_decode(self, part: DecodeRows, scores: Scores) -> Iterator[messages.Report]:
        """A pending token and its draft are in the cache: sample what follows."""
        branch, tried = part.branch, part.draft.tokens[: part.tried]
        self.cache.extend(branch.sequence, (branch.first.pending, *tried))
        yield from self._sample(part.request, branch, part.draft, tried, scores[part.row :])

    def _sample(
        self, request: Request, branch: SharedSequence, draft: Draft, tried: Sequence[int], scores: Scores
    ) -> Iterator[messages.Report]:
        """Each seat samples what follows the last token before the draft, and on for as long as its tokens agree with
        it."""
        sampled = self.sampler.sample(request, branch.seats, tried, scores)
        for _, tokens in sampled:
            self.drafted, self.accepted = self.drafted + len(tried), self.accepted + len(tokens) - 1
            self.scheduler.draft_trust.observe(draft, [one.token for one in tokens])
        self._fork_seats(request, branch, self.cache.length(branch.sequence) - len(tried) - 1, sampled)
        for seat, tokens in sampled:
            yield from self._report(request, seat, tokens)

    def _fork_seats(
        self,
        request: Request,
        branch: SharedSequence,
        known: int,
        sampled: Sequence[tuple[SeatState, list[SampledToken]]],
    ) -> None:
        """Seats stay one sequence for as long as they say the same; those who now say something else get one of their
        own.

        All but the last of a seat's new tokens lies in the cache, behind `known` tokens and the one that was pending.
        """
        ways: dict[tuple[int, ...], list[SeatState]] = {}
        for seat, tokens in sampled:
            ways.setdefault(tuple(one.token for one in tokens), []).append(seat)
        (kept, branch.seats), *others = ways.items()
        for way, seats in others:
            request.branches.append(SharedSequence(self.cache.branch(branch.sequence, known + len(way)), seats))
        self.cache.trim(branch.sequence, known + len(kept))

    def _report(self, request: Request, seat: SeatState, tokens: Sequence[SampledToken]) -> Iterator[messages.Report]:
        """What may be shown of a seat's new tokens, and its end where the answer ends with them."""
        shown, finish, facts = "", None, list[messages.ScoredToken]()
        for one in tokens:
            seat.generated += 1
            self.generated += 1
            seat.pending = one.token
            seat.logprob_sum += one.logprob
            if not self.model.ends(one.token):
                shown += seat.stops.push(self.model.piece(one.token, request.kept))
                facts += [one.facts] if one.facts else []
            finish = self._finish_reason(request, seat)
            if finish:
                shown += seat.stops.close()
                break
        if shown or facts:
            yield messages.SeatText(request.number, seat.index, shown, facts)
        if finish:
            yield self._seat_done(request, seat, finish)
            self._release(request, seat)

    def _finish_reason(self, request: Request, seat: SeatState) -> FinishReason | None:
        if self.model.ends(seat.pending) or seat.stops.stopped:
            return "stop"
        spent = seat.generated >= seat.budget
        if seat.generated >= request.limit or (spent and not self.scheduler.extend_budget(seat)):
            return "length"
        return None

    # -- the end

    def _seat_done(self, request: Request, seat: SeatState, finish: FinishReason) -> messages.Report:
        return messages.SeatDone(
            request.number,
            seat.index,
            finish,
            completion_tokens=seat.generated,
            logprob_sum=seat.logprob_sum,
            seconds=self.clock() - request.arrived,
            cached_tokens=request.cached,
        )

    def _release(self, request: Request, seat: SeatState) -> None:
        """A seat is done: its sequence stays as a prefix for others, once no seat decodes on it."""
        branch = next(branch for branch in request.branches if seat in branch.seats)
        branch.seats.remove(seat)
        request.finished.add(seat.index)
        if not branch.seats:
            request.branches.remove(branch)
            self.cache.retire(branch.sequence)
        self._end_if_done(request)

    def _end_if_done(self, request: Request) -> None:
        if len(request.finished) == request.seat_count:
            self.scheduler.remove(request)
