"""One voice of the swarm: who it is, which engine it speaks through, and what it has done so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

from local_swarm.backends.base import Backend
from local_swarm.types import Candidate


@dataclass(slots=True)
class Worker:
    """`busy` counts requests in the works; the totals are over finished ones. `weight` (0 to 1): how much it counts
    where votes nearly tie, None where that is learned."""

    name: str
    number: int
    backend: Backend
    weight: float | None = None
    busy: int = 0
    requests: int = 0
    failures: int = 0
    seconds: float = 0.0
    tokens: int = 0

    @property
    def member(self) -> str:
        """The roster's member that it belongs to: its name without its number, `w` of `w2`, `big` of `big-2`."""
        return self.name.rstrip("0123456789").removesuffix("-")

    @property
    def healthy(self) -> bool:
        return self.backend.state == "ready"

    @property
    def average_latency_s(self) -> float | None:
        return self.seconds / self.requests if self.requests else None

    @property
    def tokens_per_s(self) -> float | None:
        return self.tokens / self.seconds if self.seconds else None

    def record(self, candidate: Candidate) -> Candidate:
        """Count an answer; it, with the weight that its worker was given."""
        self.requests += 1
        self.seconds += candidate.seconds
        self.tokens += candidate.usage.completion_tokens
        return candidate if self.weight is None else replace(candidate, weight=self.weight)
