"""What the engine knows of a request while it works on it. Values that one engine owns and changes; they decide nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from local_swarm.backends.constraint import Constraint
from local_swarm.backends.llamacpp.speculation import Draft, PromptLookup
from local_swarm.backends.process.stop_strings import StopStringFilter
from local_swarm.backends.sampling import Draw

TokenFacts = tuple[str, float | None, list[tuple[str, float]]]  # as in `wire.Scores`


@dataclass(slots=True, eq=False)
class SeatState:
    """One seat while it writes. `pending`: drawn but not yet decoded."""

    seat: int
    draw: Draw
    stop_filter: StopStringFilter
    grammar: Constraint | None
    budget: int
    pending: int = -1
    generated: int = 0
    logprob_sum: float = 0.0


@dataclass(slots=True, eq=False)
class SharedSequence:
    """A sequence in memory, and the seats, one at least, whose text it is: they have said the same so far."""

    sequence: int
    seats: list[SeatState]

    @property
    def first(self) -> SeatState:
        """What it has pending and has written, all have."""
        return self.seats[0]


@dataclass(slots=True)
class Request:
    """A prompt with its seats. `read` of its `tokens` are in memory; `borders` are places where the reading pauses for a
    checkpoint. `kept`: control tokens that are told as text; `scored`:
    what is known of the prompt's own tokens, where that is wished for."""

    number: int
    client: str
    tokens: list[int]
    draws: list[Draw]
    stops: list[str]
    limit: int
    budget: int
    arrived: float
    lookup: PromptLookup
    grammar: Constraint | None = None
    logprobs: int | None = None
    kept: frozenset[str] = frozenset()
    scored: list[TokenFacts] | None = None
    sequence: int = -1
    prefilled: int = 0
    cached: int = 0
    checkpoints: deque[int] = field(default_factory=deque)
    branches: list[SharedSequence] = field(default_factory=list)
    finished: set[int] = field(default_factory=set)  # seats that have finished or were cancelled

    @property
    def active_seats(self) -> list[SeatState]:
        return [writer for branch in self.branches for writer in branch.seats]

    @property
    def left(self) -> int:
        return len(self.tokens) - self.prefilled

    @property
    def ahead(self) -> int:
        """Tokens to read until the next border or the end."""
        return (self.checkpoints[0] if self.checkpoints else len(self.tokens)) - self.prefilled

    @property
    def seat_count(self) -> int:
        return len(self.draws)

    @property
    def promised(self) -> int:
        """Cells that it may still take beyond those in use."""
        if self.branches or self.prefilled == len(self.tokens):
            return sum(writer.budget - writer.generated for writer in self.active_seats)
        return self.left + (self.seat_count - len(self.finished)) * self.budget


@dataclass(frozen=True, slots=True)
class DecodeRows:
    """One branch's part of a batch: its pending token and as much of a draft of what may follow as is tried; `row`: its first
    row of scores."""

    request: Request
    branch: SharedSequence
    draft: Draft
    tried: int
    row: int


@dataclass(frozen=True, slots=True)
class PrefillRows:
    """A prompt's part of a batch: so many of its tokens, how many rows of scores they have from `first` on, whether it ends."""

    request: Request
    count: int
    first: int
    rows: int
    ends: bool


@dataclass(frozen=True, slots=True)
class SampledToken:
    token: int
    logprob: float
    facts: TokenFacts | None
