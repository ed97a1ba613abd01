"""Candidates in, ballots in an order of their own out, and groups of ballots that say the same. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local_swarm.types import Candidate
from local_swarm.voting.answer import ExtractedAnswer, Family
from local_swarm.voting.asked import NOTHING_ASKED, Asked, AskedKind

Matrix = NDArray[np.float64]
Embed = Callable[[Sequence[str]], Matrix]  # texts to unit vectors (n, dimensions)
Group = list["Ballot"]

UNKNOWN_WEIGHT = 0.5  # how often a voter is right of whom nothing is known
HEAD_START = 0.05  # of the anchor's score, where likeness decides
RELIABLE = 0.02  # weight of what is known of the voter: it breaks ties and no more

PROGRAMS: tuple[Family, ...] = ("code",)
# Families of answers to questions of these kinds, where a question leaves no doubt.
FITTING: dict[AskedKind, tuple[Family, ...]] = {
    **dict.fromkeys(("function", "class", "program", "code", "file", "edit"), PROGRAMS),
    **dict.fromkeys(("number", "choice", "yes_no", "json"), ("value",)),
}


@dataclass(frozen=True, slots=True)
class Ballot:
    """A candidate with what it answers; `index` is its place among the candidates as given. `fits`: it is of the kind
    that was asked for without a doubt."""

    index: int
    candidate: Candidate
    answer: ExtractedAnswer
    fits: bool = False

    @property
    def valid(self) -> bool:
        return self.answer.valid and self.whole

    @property
    def whole(self) -> bool:
        return self.candidate.finish_reason != "length" and self.candidate.flaw is None

    @property
    def answers(self) -> bool:
        """It says something, and that is no refusal."""
        return self.answer.kind not in ("empty", "refusal")

    @property
    def weight(self) -> float:
        """Between 0 and 1, whatever scale the weights that came with the candidates have."""
        given = UNKNOWN_WEIGHT if self.candidate.weight is None else self.candidate.weight
        return given / (1 + given) if 0 <= given < float("inf") else 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who wins and who says the same as whom. `support` of the winner, 0 to 1: how well the others back it, as
    measured by this kind of vote; `passed`: the share of the prompt's examples that it passes, None where there are
    none."""

    winner: Ballot
    groups: Sequence[Group]
    strategy: str
    support: float | None = None
    passed: float | None = None


def in_order(
    candidates: Sequence[Candidate], answers: Sequence[ExtractedAnswer], asked: Asked = NOTHING_ASKED
) -> list[Ballot]:
    """Anchor first, then the more reliable, then by text: the order of arrival decides nothing."""
    fitting = FITTING.get(asked.kind, ()) if asked.kind and asked.sure else ()
    ballots = [
        Ballot(index, candidate, answer, answer.family in fitting)
        for index, (candidate, answer) in enumerate(zip(candidates, answers, strict=True))
    ]
    return sorted(
        ballots, key=lambda b: (not b.candidate.anchor, -b.weight, b.candidate.text, b.candidate.voter, b.index)
    )


def majority_kind(ballots: Sequence[Ballot]) -> Family:
    """Of those that answer. What was asked for goes before what is frequent."""
    heard = [ballot for ballot in ballots if ballot.answers] or ballots
    heard = [ballot for ballot in heard if ballot.fits and ballot.valid] or heard
    families = Counter(ballot.answer.family for ballot in heard)
    return max(families, key=lambda family: (families[family], family == heard[0].answer.family, family))


def electable(ballots: Sequence[Ballot]) -> list[Ballot]:
    """The valid ballots of the majority's kind; where there are none, whatever is best of the rest.

    A kind that most chose and that we can't read is not given up for another one."""
    family = majority_kind(ballots)
    same = [ballot for ballot in ballots if ballot.answer.family == family and ballot.answers]
    whole = [ballot for ballot in same if ballot.whole]
    others = [ballot for ballot in ballots if ballot.valid and ballot.answers]
    said = [ballot for ballot in ballots if ballot.answer.kind != "empty"]
    return [b for b in same if b.valid] or whole or others or same or said or list(ballots)


def around_leaders(ballots: Sequence[Ballot], same: Callable[[int, int], bool], leader: int) -> list[Group]:
    """First all that are the same as the leader, then as the next ungrouped ballot, and so on; by places among
    `ballots`."""
    groups = []
    left = list(range(len(ballots)))
    while left:
        head = leader if leader in left else left[0]
        members = [at for at in left if at == head or same(head, at)]
        groups.append([ballots[at] for at in members])
        grouped = set(members)
        left = [at for at in left if at not in grouped]
    return groups
