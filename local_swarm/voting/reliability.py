"""Elections in, how often each voter is right out: learned without being told any right answer.

After Dawid & Skene (1979) with one accuracy per voter, for open answers: a voter is right as often as those are likely
to be right with whom it agrees. What is known weighs in where votes are level, never against a clear majority.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from local_swarm.paths import keep
from local_swarm.types import Election

ROUNDS = 30  # of estimating; it settles after a few
WRONG_WAYS = 12.0  # as many wrong answers as are about equally tempting: two who err agree that seldom
PRIOR = 2.0  # votes that every voter is thought to have cast before, half of them right
DECAY = 0.995  # of what was learned, with each further vote: models and machines change
MOST_VOTERS = 1_000
SAVE_EVERY = 25

logger = logging.getLogger(__name__)

Ballots = Sequence[tuple[str, int]]  # (voter, the group that it is in) of one election


def ballots_of(election: Election) -> list[tuple[str, int]]:
    return [
        (voter, number)
        for number, group in enumerate(election.clusters)
        for member in group
        if (voter := election.candidates[member].voter)
    ]


def estimate_reliabilities(elections: Sequence[Ballots]) -> dict[str, float]:
    """How often each voter is right, 0 to 1, by what all of them have said."""
    voters = sorted({voter for ballots in elections for voter, _ in ballots})
    right = dict.fromkeys(voters, 0.5)
    useful = [ballots for ballots in elections if len(ballots) > 1]
    for _ in range(ROUNDS):
        gained, cast = dict.fromkeys(voters, PRIOR / 2), dict.fromkeys(voters, PRIOR)
        for ballots in useful:
            likely = likelihoods(ballots, right)
            for voter, group in ballots:
                gained[voter] += likely[group]
                cast[voter] += 1
        right = {voter: gained[voter] / cast[voter] for voter in voters}
    return right


def likelihoods(ballots: Ballots, right: Mapping[str, float]) -> dict[int, float]:
    """How likely each group is to be the right one; together less than 1, since all may be wrong."""
    odds = {group: 1.0 for _, group in ballots}
    for voter, group in ballots:
        odds[group] *= right[voter] / (1 - right[voter]) * WRONG_WAYS
    total = WRONG_WAYS + sum(odds.values())
    return {group: value / total for group, value in odds.items()}


@dataclass(slots=True)
class VoterReliability:
    """What a running swarm has learned, kept in a file from one start to the next. `seen`: (votes won, votes cast)
    by voter."""

    path: Path | None = None
    seen: dict[str, tuple[float, float]] = field(default_factory=dict)
    unsaved: int = 0

    def weight(self, voter: str) -> float | None:
        won, cast = self.seen.get(voter, (0.0, 0.0))
        return (won + PRIOR / 2) / (cast + PRIOR) if cast else None

    def learn(self, election: Election) -> None:
        """From whom the winner's group consists of, as far as that group can be trusted; two voters say nothing of
        each other."""
        ballots = ballots_of(election)
        if len(ballots) < 3:
            return
        own = next(number for number, group in enumerate(election.clusters) if election.winner in group)
        for voter, group in ballots:
            won, cast = self.seen.get(voter, (0.0, 0.0))
            self.seen[voter] = (won * DECAY + election.agreement * (group == own), cast * DECAY + 1)
        while len(self.seen) > MOST_VOTERS:
            del self.seen[min(self.seen, key=lambda voter: self.seen[voter][1])]
        self.unsaved += 1
        if self.unsaved >= SAVE_EVERY:
            self.save()

    def load(self) -> None:
        """A file that is not there, or that cannot be read, is as good as an empty one."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            if self.path:
                told = json.loads(self.path.read_text(encoding="utf-8"))
                self.seen = {str(voter): (float(won), float(cast)) for voter, (won, cast) in told.items()}

    def save(self) -> None:
        self.unsaved = 0
        if not self.path or not self.seen:
            return
        try:
            keep(self.path, json.dumps(self.seen))
        except OSError as problem:
            logger.warning("What was learned of the voters cannot be kept: %s.", problem)
