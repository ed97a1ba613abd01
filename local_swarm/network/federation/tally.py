"""The messages of each node in, who is missing and how long to wait out: one vote across machines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from local_swarm.errors import PeerFault, SwarmError, Unavailable
from local_swarm.types import Candidate, Event, Turnout

LEAST_GRACE_S = 2.0
GRACE_SHARE = 0.5  # of the time that the local answer took


@dataclass(slots=True)
class Tally:
    """One vote across machines.

    `asked` maps each peer to the ballots it may send. Our own swarm is expected to send `local_ballots`. Times are
    seconds since the start."""

    local: str
    local_ballots: int
    asked: Mapping[str, int]
    candidates: list[Candidate] = field(default_factory=list)
    outstanding: dict[str, int] = field(init=False)
    states: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    problem: SwarmError | None = None
    first: str | None = None
    decided_after: float | None = None
    early: bool = False

    def __post_init__(self) -> None:
        own = {self.local: self.local_ballots} if self.local_ballots else {}
        self.outstanding = {**own, **self.asked}

    def hear(self, node: str, message: Event | SwarmError | str | None, passed: float) -> None:
        """A node's ballot, end (None) or failure. A string means that our own ballots have decided among themselves."""
        if isinstance(message, Candidate):
            self.candidates.append(replace(message, node=node))
            if node in self.outstanding:
                self.outstanding[node] = max(0, self.outstanding[node] - 1)
        elif message is None or isinstance(message, SwarmError):
            self.outstanding.pop(node, None)
            self.states[node] = state_of(message)
            if message is None:
                self.first = self.first or node
            elif node == self.local:
                self.problem = message
            elif isinstance(message, PeerFault):
                self.faults[node] = message.state
        ended = node not in self.outstanding or isinstance(message, str)
        if node == self.local and ended and self.decided_after is None and not self.problem:
            self.decided_after = passed

    def give_up(self, state: str) -> None:
        """Stop waiting for the missing nodes. `ok`: they are not needed."""
        for node in self.outstanding:
            self.states.setdefault(node, state)
            if state == "late" and node != self.local:
                self.faults[node] = "slow"
        if state == "ok":
            self.early = True
            self.first = self.first or self.local

    @property
    def complete(self) -> bool:
        return not self.outstanding

    @property
    def missing(self) -> int:
        """Ballots that may still arrive."""
        return sum(self.outstanding.values())

    @property
    def local_missing(self) -> int:
        return self.outstanding.get(self.local, 0)

    def patience(self, grace_s: float | None, timeout_s: float, longest_s: float) -> float:
        """How long after the start to wait for the next message, in seconds."""
        if self.decided_after is None:
            return timeout_s if self.problem else longest_s
        grace = grace_s if grace_s is not None else max(LEAST_GRACE_S, GRACE_SHARE * self.decided_after)
        return self.decided_after + grace

    @property
    def turnouts(self) -> tuple[Turnout, ...]:
        """Every node asked, our own first."""
        names = dict.fromkeys([self.local, *self.asked])
        sent = [candidate.node for candidate in self.candidates]
        return tuple(Turnout(name, sent.count(name), self.states.get(name, "ok")) for name in names)


def state_of(outcome: SwarmError | None) -> str:
    if outcome is None:
        return "ok"
    if isinstance(outcome, PeerFault):
        return outcome.state
    return "busy" if isinstance(outcome, Unavailable) else "failed"
