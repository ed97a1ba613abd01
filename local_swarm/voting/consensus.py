"""Candidates in, an election out. Pure: nothing here runs, loads or waits.

The same candidates in any order elect the same text.
Strategies and what they are worth were measured on samples of real models (docs/consensus.md): a valid answer closest
to all others (minimum Bayes risk decoding, Kumar & Byrne 2004) beats grouping by an embedding threshold, and what
programs do says more than how they are written. The answer sampled at temperature 0 is the one to beat, so it holds a
small head start.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from typing import assert_never

import numpy as np

from local_swarm.types import Candidate, Election, Strategy, VoteBasis
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.ballots import (
    HEAD_START,
    RELIABLE,
    Ballot,
    Embed,
    Matrix,
    Outcome,
    around_leaders,
    electable,
    in_order,
    majority_kind,
)
from local_swarm.voting.behaviour.evidence import Evidence
from local_swarm.voting.behaviour.vote import by_behaviour
from local_swarm.voting.calibration import UNPROVEN, band, calibrated_agreement, choices_of, opinions
from local_swarm.voting.extract import extract
from local_swarm.voting.question import Question
from local_swarm.voting.scanner import MOST_TEXT
from local_swarm.voting.similarity.calls import call_likeness, has_long_text
from local_swarm.voting.similarity.deciding_words import kept_apart
from local_swarm.voting.similarity.meaning import SAME_MEANING, Pair, meaning_likeness
from local_swarm.voting.similarity.structure import structural

# Structural likeness from which two programs count as the same: one wrong operator is another program.
SAME_CODE = 0.9999
SAME_BONUS = 0.25  # on top of likeness 1, since programs that differ in one token are nearly alike and yet disagree
SAME_CALL = 0.8  # likeness of their long arguments from which two calls do the same
SAME_EMBEDDED = 0.85  # cosine from which two embedded texts do
SURE = 0.95  # that the leading answer would still lead with endless voters: enough to stop
LOOSE = re.compile(r"\b(?:TODO|FIXME|NotImplementedError)\b")
NOTHING_SAID = "The candidates were compared by structure: none of them gave a value when it was run."
OUT_OF_TIME = "Not all programs were run on all inputs: they took more time than a vote has."
NO_VALID_ANSWER = "There is no valid answer among the candidates."

# By which answers are the same or not.
EARLY_STOP_STRATEGIES: tuple[Strategy, ...] = ("auto", "structure", "behaviour", "exact")
NOTHING_KNOWN = Question()
NOBODY_ASKED: Mapping[Pair, float] = {}


def elect(
    candidates: Sequence[Candidate],
    strategy: Strategy = "auto",
    embed: Embed | None = None,
    *,
    question: Question = NOTHING_KNOWN,
    evidence: Evidence | None = None,
    answers: Sequence[ExtractedAnswer] | None = None,
    judged: Mapping[Pair, float] = NOBODY_ASKED,
) -> Election:
    """Choose one of at least one candidates.

    `embed` serves `similarity`; without it structure decides. `evidence` serves `behaviour` and, for code, `auto`, in the
    same way. `answers`: what was extracted from the candidates, where that is known already.
    `judged`: what a model says of pairs of prose.
    """
    answers = [extract(candidate, question) for candidate in candidates] if answers is None else answers
    ballots = in_order(candidates, answers, question.asked)
    found = outcome_of(ballots, strategy, embed, evidence, Prose(question.text, judged))
    unheard = evidence and found.strategy == "structure" and found.winner.answer.family == "code"
    note = (evidence.note or NOTHING_SAID) if evidence and unheard else None
    if evidence and evidence.partial and found.strategy == "behaviour":
        note = OUT_OF_TIME
    return election_from(candidates, answers, found, note, choices_of(question.asked))


@dataclass(frozen=True, slots=True)
class Prose:
    """What prose is compared by: the `question`, whose words tell nothing in an answer, and what was `judged` of pairs."""

    question: str = ""
    judged: Mapping[Pair, float] = field(default_factory=dict)


def outcome_of(
    ballots: list[Ballot], strategy: Strategy, embed: Embed | None, evidence: Evidence | None, prose: Prose
) -> Outcome:
    """The rule of each strategy. mypy refuses a strategy that has none."""
    if len(ballots) == 1:
        return Outcome(ballots[0], [ballots], "single")
    match strategy:
        case "auto" | "behaviour":
            return by_kind(ballots, evidence, prose)
        case "structure":
            return by_kind(ballots, None, prose)
        case "similarity":
            return by_groups(ballots, embed) if embed else by_kind(ballots, None, prose)
        case "exact":
            return by_text(ballots)
        case "quality":
            return by_similarity(ballots, "quality", prose, winner=max(ballots, key=quality))
        case "fastest":
            first = min(ballots, key=lambda ballot: ballot.candidate.seconds)
            return by_similarity(ballots, "fastest", prose, winner=first)
    assert_never(strategy)


def by_kind(ballots: list[Ballot], evidence: Evidence | None, prose: Prose) -> Outcome:
    """Calls and values by what they say, programs by what they do where there is `evidence`, else by structure, and prose by
    its words and what was judged of it."""
    kind = majority_kind(ballots)
    if kind == "calls" and any(has_long_text(one.candidate.tool_calls) for one in ballots):
        return by_calls(ballots)
    if kind in ("calls", "value"):
        return by_text(ballots)
    told = evidence and (evidence.examples or not most_edit_alike(ballots))
    if kind == "code" and evidence and told and (found := by_behaviour(ballots, evidence)):
        return found
    return by_similarity(ballots, "structure", prose)


def most_edit_alike(ballots: Sequence[Ballot]) -> bool:
    """Whether most edits leave the same file: that says more than calls that were made up."""
    able = electable(ballots)
    results = Counter(one.answer.words for one in able if one.answer.kind == "edit")
    return 2 * max(results.values(), default=0) > len(able)


def is_decided(
    candidates: Sequence[Candidate],
    missing: int,
    strategy: Strategy = "auto",
    *,
    question: Question = NOTHING_KNOWN,
    evidence: Evidence | None = None,
    answers: Sequence[ExtractedAnswer] | None = None,
) -> bool:
    """Whether to stop asking, where answers are the same or not; prose is never quite the same, so it is never decided.

    Three reasons: the `missing` voices cannot change which answer is elected, whatever they say; the leading answer
    would almost surely lead among endless voters (Aggarwal et al. 2023, "Adaptive-Consistency"); or two programs that
    behave alike pass all the examples of the prompt.
    """
    if strategy not in EARLY_STOP_STRATEGIES or not candidates:
        return False
    answers = [extract(candidate, question) for candidate in candidates] if answers is None else answers
    ballots = in_order(candidates, answers, question.asked)
    if strategy != "exact" and majority_kind(ballots) == "text":
        return False
    found = outcome_of(ballots, strategy, None, evidence, Prose(question.text))
    elected = found.winner
    if not elected.valid or (elected.answer.family == "text" and strategy != "exact"):
        return False
    own = next(len(group) for group in found.groups if elected in group)
    other = max((len(group) for group in found.groups if elected not in group), default=0)
    if found.passed == 1.0 and own > 1:
        return True
    same_kind = sum(ballot.answer.family == elected.answer.family for ballot in ballots)
    lead = min(own - other, same_kind - most_of_another_kind(ballots, elected))
    return lead > missing or (own >= other and would_lead(own, other) >= SURE)


def prose_to_compare(ballots: Sequence[Ballot]) -> list[str]:
    """The texts that a vote on prose is about; none where it is about something else."""
    able = electable(ballots)
    return [one.answer.body for one in able] if able[0].answer.family == "text" else []


def most_of_another_kind(ballots: Sequence[Ballot], elected: Ballot) -> int:
    kinds = [ballot.answer.family for ballot in ballots if ballot.answer.family != elected.answer.family]
    return max((kinds.count(kind) for kind in kinds), default=0)


def would_lead(own: int, other: int) -> float:
    """How likely the larger of two groups is the larger among endless voters.

    That is P(p > 1/2) for p ~ Beta(own + 1, other + 1).
    """
    tosses = own + other + 1
    return float(sum(comb(tosses, heads) for heads in range(own + 1)) / 2**tosses)


# ------------------------------------------------------------------------------------------------ ways to vote


def by_similarity(ballots: list[Ballot], strategy: str, prose: Prose, winner: Ballot | None = None) -> Outcome:
    """The electable ballot that is most like all the others, or the given winner; groups by likeness."""
    able = electable(ballots)
    alike = likeness(ballots, prose)
    place = {ballot.index: at for at, ballot in enumerate(ballots)}
    floor = floor_among(able)
    others = [place[ballot.index] for ballot in able]

    def closeness(ballot: Ballot) -> float:
        mine = place[ballot.index]
        near = [alike[mine, at] + SAME_BONUS * (alike[mine, at] >= floor) for at in others if at != mine]
        own = HEAD_START * ballot.candidate.anchor + RELIABLE * ballot.weight
        return (sum(near) / len(near) if near else 0.0) + own

    if winner is None:
        winner = max(able, key=closeness)  # the first of equals, which is the anchor where it is among them
    at = place[winner.index]
    support = [float(alike[at, other]) for other in others if other != at]
    groups = around_leaders(ballots, lambda one, other: bool(alike[one, other] >= floor), at)
    return Outcome(winner, groups, strategy, sum(support) / len(support) if support else 0.0)


def floor_among(able: Sequence[Ballot]) -> float:
    """The likeness from which two of them are the same."""
    if able[0].answer.family != "code":
        return SAME_MEANING
    return SAME_CALL if all(one.answer.edits_prose for one in able) else SAME_CODE


def likeness(ballots: Sequence[Ballot], prose: Prose) -> Matrix:
    alike = structural([ballot.answer for ballot in ballots])
    edited = [at for at, ballot in enumerate(ballots) if ballot.answer.edits_prose]
    within = np.ix_(edited, edited)
    alike[within] = kept_apart(alike[within], [ballots[at].answer.body for at in edited])
    written = [at for at, ballot in enumerate(ballots) if ballot.answer.family == "text"]
    texts = [ballots[at].answer.body for at in written]
    meant = meaning_likeness(texts, prose.question, prose.judged)
    alike[np.ix_(written, written)] = kept_apart(meant, texts)
    kinds = np.array([ballot.answer.family for ballot in ballots])
    of_one_kind: Matrix = alike * (kinds[:, None] == kinds[None, :])
    return of_one_kind


def by_groups(ballots: list[Ballot], embed: Embed) -> Outcome:
    """The medoid of the largest group of like answers (cosine above 0.85)."""
    bodies = [ballot.answer.body for ballot in ballots]
    vectors = embed(bodies)
    alike = kept_apart(np.clip(vectors @ vectors.T, 0.0, 1.0), bodies)
    groups = around_leaders(ballots, lambda one, other: bool(alike[one, other] >= SAME_EMBEDDED), 0)
    largest = max(groups, key=len)
    at = {ballot.index: n for n, ballot in enumerate(ballots)}
    medoid = max(largest, key=lambda ballot: sum(alike[at[ballot.index], at[other.index]] for other in largest))
    return Outcome(medoid, groups, "similarity")


def by_text(ballots: list[Ballot]) -> Outcome:
    """The most frequent answer, blanks at the ends of lines aside. Of equally frequent ones the anchor's, else that
    of the voter who has been right most often."""
    able = {ballot.index for ballot in electable(ballots)}
    groups: dict[str, list[Ballot]] = {}
    for ballot in ballots:
        body = "\n".join(line.rstrip(" \t") for line in ballot.answer.body.strip().split("\n"))
        groups.setdefault(f"{ballot.answer.family}:{body}", []).append(ballot)
    winning = max(groups.values(), key=lambda group: (any(b.index in able for b in group), len(group)))
    winner = next((ballot for ballot in winning if ballot.index in able), winning[0])
    return Outcome(winner, list(groups.values()), "exact")


def by_calls(ballots: list[Ballot]) -> Outcome:
    """The calls that are most like all others: same tools and short arguments, and long texts by the words they
    share."""
    alike = call_likeness([ballot.candidate.tool_calls for ballot in ballots])
    able = {ballot.index for ballot in electable(ballots)}
    places = [place for place, ballot in enumerate(ballots) if ballot.index in able]
    winner = max(places, key=lambda at: alike[at, places].sum() + HEAD_START * ballots[at].candidate.anchor)
    groups = around_leaders(ballots, lambda one, other: bool(alike[one, other] >= SAME_CALL), winner)
    return Outcome(ballots[winner], groups, "similarity")


def quality(ballot: Ballot) -> tuple[bool, bool, bool, int]:
    """Valid, complete, without loose ends, and neither terse nor endless."""
    body = ballot.answer.body
    lines = (line.strip() for line in body[:MOST_TEXT].split("\n"))
    loose = bool(LOOSE.search(body[:MOST_TEXT])) or any(line == "pass" or line.endswith("...") for line in lines)
    return (ballot.valid, ballot.candidate.finish_reason == "stop", not loose, min(len(body), 2000))


def election_from(
    candidates: Sequence[Candidate],
    answers: Sequence[ExtractedAnswer],
    found: Outcome,
    note: str | None,
    choices: int,
) -> Election:
    """The outcome in terms of the candidates as they were given. `choices` as in `choices_of`."""
    own = next(group for group in found.groups if found.winner in group)
    largest_first = sorted(found.groups, key=lambda group: (-len(group), group is not own))
    share = len(own) / len(candidates)
    answer = found.winner.answer
    basis = VoteBasis(
        family=answer.family,
        strategy=found.strategy,
        voices=opinions(candidates),
        alike=opinions(ballot.candidate for ballot in own),
        support=found.support,
        passed=found.passed,
        options=choices,
    )
    agreement, valid = calibrated_agreement(basis), found.winner.valid
    if not valid and basis.voices > 1:
        agreement = min(agreement, UNPROVEN)
    return Election(
        candidates=tuple(candidates),
        winner=found.winner.index,
        clusters=tuple(tuple(sorted(ballot.index for ballot in group)) for group in largest_first),
        agreement=agreement,
        strategy=found.strategy,
        share=share,
        band=band(agreement) if valid and basis.voices > 1 else "low",
        note=note if valid else NO_VALID_ANSWER,
        read=tuple(answer.kind for answer in answers),
        basis=basis,
    )
