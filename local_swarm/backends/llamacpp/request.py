"""What the engine knows of a request while it works on it: values that one engine changes and that decide nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from local_swarm.backends.constraint import Constraint
from local_swarm.backends.llamacpp.speculation import Draft, PromptLookup
from local_swarm.backends.process import messages
from local_swarm.backends.process.stop_strings import Stops
from local_swarm.backends.sampling import SamplingParams


@dataclass(slots=True, eq=False)
class SeatState:
    """The seat of this `index` while it decodes. `budget`: tokens it may generate by now; `generated`: those it has;
    `pending`: the last of them, sampled and not yet decoded; `logprob_sum`: theirs, in nats."""

    index: int
    params: SamplingParams
    stops: Stops
    grammar: Constraint | None
    budget: int
    pending: int = -1
    generated: int = 0
    logprob_sum: float = 0.0


@dataclass(slots=True, eq=False)
class SharedSequence:
    """A sequence in the KV cache, and the seats, one at least, whose text it is: they have said the same so far."""

    sequence: int
    seats: list[SeatState]

    @property
    def first(self) -> SeatState:
        """What it has pending and has generated, all have."""
        return self.seats[0]


@dataclass(slots=True)
class Request:
    """A prompt with its seats.

    `stops`: makes what ends an answer's text; `limit`: most tokens of an answer; `budget`: those that each is sure to
    get; `arrived`: when, by the engine's clock. `kept`: control tokens that are reported as text. `scored`: the
    prompt's own tokens, None where nobody asks for them. `sequence`: the prompt's own in the KV cache until its seats
    branch, else -1. Of `tokens` so many are `prefilled`; so many were `cached`. `checkpoints`: positions at which
    prefill pauses to keep recurrent state. `finished`: seats that have ended or were cancelled.
    """

    number: int
    client: str
    tokens: list[int]
    params: list[SamplingParams]
    stops: Callable[[], Stops]
    limit: int
    budget: int
    arrived: float
    lookup: PromptLookup
    grammar: Constraint | None = None
    logprobs: int | None = None
    kept: frozenset[str] = frozenset()
    scored: list[messages.ScoredToken] | None = None
    sequence: int = -1
    prefilled: int = 0
    cached: int = 0
    checkpoints: deque[int] = field(default_factory=deque)
    branches: list[SharedSequence] = field(default_factory=list)
    finished: set[int] = field(default_factory=set)

    @property
    def active_seats(self) -> list[SeatState]:
        """Those that decode."""
        return [seat for branch in self.branches for seat in branch.seats]

    @property
    def left(self) -> int:
        """Tokens of the prompt that are still to prefill."""
        return len(self.tokens) - self.prefilled

    @property
    def ahead(self) -> int:
        """Tokens to prefill until the next checkpoint or the end."""
        return (self.checkpoints[0] if self.checkpoints else len(self.tokens)) - self.prefilled

    @property
    def seat_count(self) -> int:
        return len(self.params)

    @property
    def promised(self) -> int:
        """Cells that it may still take beyond those in use."""
        if self.branches or self.prefilled == len(self.tokens):
            return sum(seat.budget - seat.generated for seat in self.active_seats)
        return self.left + (self.seat_count - len(self.finished)) * self.budget

    def start_branch(self) -> SharedSequence:
        """The one sequence on which all seats begin once the prompt is prefilled."""
        seats = [
            SeatState(
                index,
                self.params[index],
                self.stops(),
                self.grammar.copy() if self.grammar else None,
                self.budget,
            )
            for index in range(self.seat_count)
            if index not in self.finished
        ]
        branch = SharedSequence(self.sequence, seats)
        self.sequence, self.branches = -1, [branch]
        return branch


@dataclass(frozen=True, slots=True)
class DecodeRows:
    """One branch's part of a batch: its pending token and the first `tried` tokens of a draft; `row`: its first row of
    scores."""

    request: Request
    branch: SharedSequence
    draft: Draft
    tried: int
    row: int


@dataclass(frozen=True, slots=True)
class PrefillRows:
    """A prompt's part of a batch: `count` of its tokens, `rows` rows of scores from `first` on, whether the prompt
    ends."""

    request: Request
    count: int
    first: int
    rows: int
    ends: bool


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What one batch holds: first the parts that decode, each token of which has a row of scores, then those of
    prompts."""

    decode: list[DecodeRows]
    prefill: list[PrefillRows]
    decode_tokens: int
    prefill_tokens: int

    @property
    def tokens(self) -> int:
        return self.decode_tokens + self.prefill_tokens

    @property
    def rows(self) -> int:
        return self.decode_tokens + sum(part.rows for part in self.prefill)


@dataclass(frozen=True, slots=True)
class SampledToken:
    """`facts`: what clients are told of it, None where they do not ask."""

    token: int
    logprob: float
    facts: messages.ScoredToken | None
