"""Candidates in, an election out. Pure: the same candidates in any order elect the same text; nothing here runs, loads or waits.

Strategies and what they are worth were measured on samples of real models: a valid answer closest to all others (minimum
Bayes risk decoding, Kumar & Byrne 2004) beats grouping by an embedding threshold, and needs no embedding. The answer sampled
at temperature 0 is the one to beat, so it holds a small head start.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local_swarm.swarm.extract import Answer, extract
from local_swarm.swarm.similarity.calls import call_likeness, has_long_text
from local_swarm.swarm.similarity.structure import structural
from local_swarm.types import Candidate, Election, Strategy

HEAD_START = 0.05  # of the anchor
SAME_CODE = (
    0.9999  # structural likeness from which two programs count as the same: one wrong operator is another program
)
SAME_BONUS = 0.25  # on top of likeness 1, since programs that differ in one token are nearly alike and yet disagree
SAME_TEXT = 0.6  # word n-gram likeness from which two texts do
SAME_CALL = 0.8  # likeness of their long arguments from which two calls do the same
SAME_MEANING = 0.85  # cosine from which two embedded texts do

EARLY: tuple[Strategy, ...] = ("auto", "structure", "exact")  # strategies by which answers are the same or not

Matrix = NDArray[np.float64]
Embed = Callable[[Sequence[str]], Matrix]  # texts to unit vectors (n, dimensions)


@dataclass(frozen=True, slots=True)
class Ballot:
    """A candidate with what it answers; `index` is its place among the candidates as given."""

    index: int
    candidate: Candidate
    answer: Answer

    @property
    def valid(self) -> bool:
        return self.answer.valid and self.candidate.finish_reason != "length" and self.candidate.flaw is None


def elect(candidates: Sequence[Candidate], strategy: Strategy = "auto", embed: Embed | None = None) -> Election:
    """Choose one of at least one candidates. `embed` serves `similarity` and, for prose, `auto`; without it structure decides."""
    ballots = in_order(candidates)
    if len(ballots) == 1:
        return outcome(candidates, ballots[0], [ballots], "single")
    if strategy == "fastest":
        first = min(ballots, key=lambda ballot: ballot.candidate.seconds)
        return judged(candidates, ballots, "fastest", embed=None, winner=first)
    if strategy == "exact":
        return by_text(candidates, ballots)
    if strategy == "quality":
        best = max(ballots, key=quality)
        return judged(candidates, ballots, "quality", embed=None, winner=best)
    if strategy == "similarity" and embed:
        return by_groups(candidates, ballots, embed)
    if majority_kind(ballots) == "calls":
        long = any(has_long_text(ballot.candidate.tool_calls) for ballot in ballots)
        return by_calls(candidates, ballots) if long else by_text(candidates, ballots)
    prose = majority_kind(ballots) == "text"
    use = embed if prose and strategy == "auto" else None
    return judged(candidates, ballots, "similarity" if use else "structure", embed=use)


def decided(candidates: Sequence[Candidate], missing: int, strategy: Strategy = "auto") -> bool:
    """Whether the `missing` voices cannot change which answer is elected, whatever they say: where answers are the same or not,
    once a group is larger than any other would be with all of them. Prose is never quite the same, so it is never decided."""
    if strategy not in EARLY or not candidates:
        return False
    if strategy != "exact" and majority_kind(in_order(candidates)) == "text":
        return False
    election = elect(candidates, strategy)
    ballots = {ballot.index: ballot for ballot in in_order(candidates)}
    elected = ballots[election.winner]
    if not elected.valid or (elected.answer.kind == "text" and strategy != "exact"):
        return False
    kinds = Counter(ballot.answer.kind for ballot in ballots.values())
    own = next(len(group) for group in election.clusters if election.winner in group)
    other_group = max((len(group) for group in election.clusters if election.winner not in group), default=0)
    other_kind = max((count for kind, count in kinds.items() if kind != elected.answer.kind), default=0)
    return own > other_group + missing and kinds[elected.answer.kind] > other_kind + missing


def in_order(candidates: Sequence[Candidate]) -> list[Ballot]:
    """Ballots in an order of their own, the anchor first, so that the order of arrival decides nothing."""
    ballots = [Ballot(index, candidate, extract(candidate)) for index, candidate in enumerate(candidates)]
    return sorted(ballots, key=lambda b: (not b.candidate.anchor, b.candidate.text, b.candidate.voter, b.index))


def majority_kind(ballots: Sequence[Ballot]) -> str:
    kinds = Counter(ballot.answer.kind for ballot in ballots)
    return max(kinds, key=lambda kind: (kinds[kind], kind == ballots[0].answer.kind))


def electable(ballots: Sequence[Ballot]) -> list[Ballot]:
    """The valid ballots of the majority's kind; where there are none, whatever is best of the rest."""
    kind = majority_kind(ballots)
    same_kind = [ballot for ballot in ballots if ballot.answer.kind == kind]
    return [b for b in same_kind if b.valid] or [b for b in ballots if b.valid] or same_kind


def judged(
    candidates: Sequence[Candidate],
    ballots: list[Ballot],
    strategy: str,
    *,
    embed: Embed | None,
    winner: Ballot | None = None,
) -> Election:
    """The electable ballot that is most like all the others, or the given winner; clusters by likeness."""
    able = electable(ballots)
    alike = likeness(ballots, embed)
    place = {ballot.index: at for at, ballot in enumerate(ballots)}
    floor = SAME_MEANING if embed else SAME_CODE if able[0].answer.kind == "code" else SAME_TEXT
    if winner is None:
        others = [place[ballot.index] for ballot in able]

        def closeness(ballot: Ballot) -> float:
            mine = place[ballot.index]
            near = [
                alike[mine, other] + SAME_BONUS * (alike[mine, other] >= floor) for other in others if other != mine
            ]
            return (sum(near) / len(near) if near else 0.0) + HEAD_START * ballot.candidate.anchor

        winner = max(able, key=closeness)  # the first of equals, which is the anchor where it is among them
    return outcome(candidates, winner, clusters(ballots, alike, floor, place[winner.index]), strategy)


def likeness(ballots: Sequence[Ballot], embed: Embed | None) -> Matrix:
    if embed:
        vectors = embed([ballot.answer.body for ballot in ballots])
        cosines: Matrix = np.clip(vectors @ vectors.T, 0.0, 1.0)
        return cosines
    alike = structural([ballot.answer for ballot in ballots])
    kinds = np.array([ballot.answer.kind for ballot in ballots])
    of_one_kind: Matrix = alike * (kinds[:, None] == kinds[None, :])
    return of_one_kind


def clusters(ballots: Sequence[Ballot], alike: Matrix, floor: float, leader: int) -> list[list[Ballot]]:
    """Groups around leaders: first all that are like the winner, then like the next ungrouped ballot, and so on."""
    groups = []
    left = list(range(len(ballots)))
    while left:
        head = leader if leader in left else left[0]
        members = [at for at in left if at == head or alike[head, at] >= floor]
        groups.append([ballots[at] for at in members])
        left = [at for at in left if at not in members]
    return groups


def by_groups(candidates: Sequence[Candidate], ballots: list[Ballot], embed: Embed) -> Election:
    """The medoid of the largest group of like answers (cosine above 0.85)."""
    alike = likeness(ballots, embed)
    groups = clusters(ballots, alike, SAME_MEANING, 0)
    largest = max(groups, key=len)
    at = {ballot.index: n for n, ballot in enumerate(ballots)}
    medoid = max(largest, key=lambda ballot: sum(alike[at[ballot.index], at[other.index]] for other in largest))
    return outcome(candidates, medoid, groups, "similarity")


def by_text(candidates: Sequence[Candidate], ballots: list[Ballot]) -> Election:
    """The most frequent answer, blanks at the ends of lines aside."""
    able = {ballot.index for ballot in electable(ballots)}
    groups: dict[str, list[Ballot]] = {}
    for ballot in ballots:
        body = re.sub(r"[ \t]+$", "", ballot.answer.body.strip(), flags=re.MULTILINE)
        groups.setdefault(body, []).append(ballot)
    winning = max(groups.values(), key=lambda group: (any(b.index in able for b in group), len(group)))
    return outcome(candidates, winning[0], list(groups.values()), "exact")


def by_calls(candidates: Sequence[Candidate], ballots: list[Ballot]) -> Election:
    """The calls that are most like all others: same tools and short arguments, and long texts by the words they share."""
    alike = call_likeness([ballot.candidate.tool_calls for ballot in ballots])
    able = {ballot.index for ballot in electable(ballots)}
    places = [place for place, ballot in enumerate(ballots) if ballot.index in able]
    winner = max(places, key=lambda at: alike[at, places].sum() + HEAD_START * ballots[at].candidate.anchor)
    groups = clusters(ballots, alike, SAME_CALL, winner)
    return outcome(candidates, ballots[winner], groups, "similarity")


def quality(ballot: Ballot) -> tuple[bool, bool, bool, int]:
    """Valid, complete, without loose ends, and neither terse nor endless."""
    body = ballot.answer.body
    loose = bool(re.search(r"\b(TODO|FIXME|NotImplementedError)\b|^\s*pass\s*$|\.\.\.\s*$", body, re.MULTILINE))
    return (ballot.valid, ballot.candidate.finish_reason == "stop", not loose, min(len(body), 2000))


def outcome(
    candidates: Sequence[Candidate], winner: Ballot, groups: Sequence[Sequence[Ballot]], strategy: str
) -> Election:
    own = next(group for group in groups if any(ballot.index == winner.index for ballot in group))
    largest_first = sorted(groups, key=lambda group: (-len(group), group is not own))
    return Election(
        candidates=tuple(candidates),
        winner=winner.index,
        clusters=tuple(tuple(sorted(ballot.index for ballot in group)) for group in largest_first),
        agreement=len(own) / len(candidates),
        strategy=strategy,
    )
