"""Open requests and the books of the KV cache in, what the next batch holds out: policy, which runs no model.

Each step it admits requests whose turn it is, gives every sequence that decodes its pending token and a draft, and
divides what is left of the step among the prompts. The decisions themselves are pure: `schedule`, `step_cost`,
`speculation`.
"""

from __future__ import annotations

from collections import deque

from local_swarm.backends.llamacpp.cache import WORTH_KEEPING, KVCache
from local_swarm.backends.llamacpp.library import Batch, Context, Wanted
from local_swarm.backends.llamacpp.request import DecodeRows, PrefillRows, Request, SeatState, StepPlan
from local_swarm.backends.llamacpp.schedule import Need, Prefill, admit, divide
from local_swarm.backends.llamacpp.speculation import DraftTrust, draft_lengths, token_values
from local_swarm.backends.llamacpp.step_cost import StepCost, StepShare
from local_swarm.backends.shared_prefix import shared_prefix_length

BUDGET_EXTENSION = 256  # cells by which an answer longer than its budget goes on, while there are any
IDLE_SHARE = 0.05  # of a step's time that idle cells may cost those that decode


class Scheduler:
    """`longest_draft`: most tokens of a draft; 0 where no draft could be taken back."""

    def __init__(self, memory: Context, cache: KVCache, longest_draft: int) -> None:
        self.memory, self.cache = memory, cache
        self.longest_draft = 0 if memory.model.recurrent else longest_draft
        self.most_idle = int(IDLE_SHARE * memory.model.cells_worth)  # cells that may lie idle while others decode
        self.step_cost = StepCost()
        self.draft_trust = DraftTrust()
        self.waiting: deque[Request] = deque()
        self.prefilling: list[Request] = []
        self.decoding: list[Request] = []

    @property
    def idle(self) -> bool:
        return not (self.waiting or self.prefilling or self.decoding)

    @property
    def requests(self) -> list[Request]:
        """Every open request."""
        return [*self.waiting, *self.prefilling, *self.decoding]

    @property
    def cells_promised(self) -> int:
        return sum(request.promised for request in (*self.prefilling, *self.decoding))

    @property
    def sequences_promised(self) -> int:
        """Those that seats will need who now share one, because they have said the same so far."""
        unread = sum(request.seat_count - len(request.finished) - 1 for request in self.prefilling)
        return unread + sum(len(branch.seats) - 1 for request in self.decoding for branch in request.branches)

    def schedule(self) -> StepPlan:
        """Admit requests and fill the batch. The plan of an idle engine holds no tokens."""
        self._admit()
        batch = self.memory.batch
        batch.clear()
        branches = sum(len(request.branches) for request in self.decoding)
        share = self.step_cost.share(branches, batch.size - branches) if self.prefilling else StepShare(True, 0)
        decode = self._add_decode_rows(batch) if share.decode else []
        decode_tokens = len(batch)
        prefill = self._add_prefill_rows(batch, decode_tokens, min(share.prefill, batch.size - decode_tokens))
        return StepPlan(decode, prefill, decode_tokens, len(batch) - decode_tokens)

    # -- who begins

    def _admit(self) -> None:
        """Begin requests whose turn it is and for which there is room. One whose prompt begins as another does that is
        just being prefilled waits for that, and then shares its cells."""
        while self.waiting:
            needs = [self._need(request) for request in self.waiting if not self._better_later(request)]
            working = [request.client for request in (*self.prefilling, *self.decoding)]
            cells = self.cache.cells_free - self.cells_promised
            admitted = admit(needs, working, cells, self.cache.sequences_free - self.sequences_promised)
            if not admitted:
                return
            request = next(request for request in self.waiting if request.number == admitted[0])
            self.waiting.remove(request)
            self._begin(request)

    def _need(self, request: Request) -> Need:
        cached = 0 if request.scored is not None else self.cache.cached_length(request.tokens, working=True)
        cells = len(request.tokens) - cached + request.seat_count * request.budget
        return Need(request.number, request.client, cells, request.seat_count)

    def _better_later(self, request: Request) -> bool:
        shared = ((shared_prefix_length(request.tokens, one.tokens, 0), len(one.tokens) - 1) for one in self.prefilling)
        spared = max((length for length, end in shared if length >= end or not self.cache.whole), default=0)
        return spared - self.cache.cached_length(request.tokens) >= WORTH_KEEPING

    def _begin(self, request: Request) -> None:
        sequences = request.seat_count + self.sequences_promised
        cells = request.seat_count * request.budget + self.cells_promised
        started = self.cache.begin(request.tokens, cells, sequences, anew=request.scored is not None)
        request.sequence, request.prefilled, request.cached = started.sequence, started.cached, started.cached
        if self.cache.whole:  # no state can be cut: it is kept where prompts parted and just before this one's end
            request.checkpoints.extend(sorted({started.parting or 0, len(request.tokens) - 1} - {0, request.prefilled}))
        self.prefilling.append(request)
        self.cache.evict_idle(self.most_idle)

    # -- what a batch holds

    def _add_decode_rows(self, batch: Batch) -> list[DecodeRows]:
        """Each branch's pending token, and as much of what will probably follow it as is worth trying and has room."""
        branches = [(request, branch) for request in self.decoding for branch in request.branches]
        drafts = [
            request.lookup.draft(
                branch.first.index,
                min(self.longest_draft, request.limit - branch.first.generated - 1),
                self.draft_trust,
            )
            for request, branch in branches
        ]
        values = [
            value
            for request in self.decoding
            for value in token_values([(branch.first.generated, len(branch.seats)) for branch in request.branches])
        ]
        spare = self.memory.cells - self.cache.cells_used - self.cells_promised
        rows = min(self.memory.outputs - len(self.prefilling), batch.size) - len(branches)
        chances = [draft.chances for draft in drafts]
        lengths = draft_lengths(chances, values, min(spare, rows), self.step_cost.seconds)
        parts = []
        for (request, branch), draft, tried in zip(branches, drafts, lengths, strict=True):
            parts.append(DecodeRows(request, branch, draft, tried, len(batch)))
            tokens = [branch.first.pending, *draft.tokens[:tried]]
            batch.add(branch.sequence, self.cache.length(branch.sequence), tokens, "all")
        return parts

    def _add_prefill_rows(self, batch: Batch, rows: int, room: int) -> list[PrefillRows]:
        """A part of each prompt, `room` tokens in all, behind so many `rows` of scores."""
        requests = {request.number: request for request in self.prefilling}
        prefills = [Prefill(request.number, request.ahead) for request in requests.values()]
        parts = []
        for number, count in divide(prefills, room):
            request, scored = requests[number], requests[number].scored is not None
            if scored:  # a row for each token: as many as there are
                count = min(count, self.memory.outputs - rows - len(requests))
            if count < 1:
                continue
            ends = request.prefilled + count == len(request.tokens)
            parts.append(PrefillRows(request, count, rows, count if scored else int(ends), ends))
            rows += parts[-1].rows
            wanted: Wanted = "all" if scored else "last" if ends else "none"
            tokens = request.tokens[request.prefilled : request.prefilled + count]
            batch.add(request.sequence, request.prefilled, tokens, wanted)
        return parts

    # -- as requests go on and end

    def start_decoding(self, request: Request) -> None:
        """Its prompt is prefilled."""
        self.prefilling.remove(request)
        self.decoding.append(request)

    def extend_budget(self, seat: SeatState) -> bool:
        """More cells for an answer that is longer than its budget, unless others need them."""
        if self.waiting or self.cache.cells_free - self.cells_promised < BUDGET_EXTENSION:
            return False
        seat.budget += BUDGET_EXTENSION
        return True

    def remove(self, request: Request) -> None:
        """It has ended: its prompt's sequence, where it still has one, stays as a prefix for others."""
        for queue in (self.waiting, self.prefilling, self.decoding):
            if request in queue:
                queue.remove(request)
        if request.sequence >= 0:
            self.cache.retire(request.sequence)
            request.sequence = -1
        if self.decoding:
            self.cache.evict_idle(self.most_idle)

    def shed(self) -> Request | None:
        """llama.cpp found no cells where the books say there are: evict idle sequences, or else name the youngest
        request, which must end."""
        if self.cache.idle:
            self.cache.make_room(self.memory.cells, 0)
            return None
        return max([*self.prefilling, *self.decoding], key=lambda request: request.arrived)
