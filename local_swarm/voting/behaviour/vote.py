"""Ballots and what their programs did in, the outcome of the vote by behaviour out. Pure.

Minimum Bayes risk over outputs (Shi et al. 2022, "MBR-Exec"), soft: programs that agree on most inputs back each other.
Examples in the prompt come first, as in AlphaCode's filtering (Li et al. 2022): those that pass most of them are
compared among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from local_swarm.sandbox.messages import UNKNOWN
from local_swarm.voting.ballots import HEAD_START, RELIABLE, Ballot, Matrix, Outcome, around_leaders, electable
from local_swarm.voting.behaviour.evidence import Behaviour, Evidence
from local_swarm.voting.similarity.structure import structural

CONSTANT = 0.1  # taken from programs that always say the same
# Taken from programs that raise an error wherever another gives a value; in proportion, where they do at times.
RAISING = 0.05
SAME = 0.1  # given for programs that never differ: to be between two others is not to be right
LIKENESS = 0.1  # weight of the likeness of syntax
SILENT, EMPTY = "=None", "=[]"
NO_NUMBERS = frozenset({"=nan", "=inf", "=-inf"})
ACCIDENTS = frozenset(  # errors that nobody raises on purpose
    f"!{kind.__name__}"
    for kind in (IndexError, KeyError, TypeError, AttributeError, ZeroDivisionError, RecursionError, UnboundLocalError)
)
NOTHING, ERROR, NOT_KNOWN = -1, -2, -3  # in place of a value's number
AGREED = 0.5  # of the inputs: programs that give the same on more of them agree

Numbers = NDArray[np.int64]


def by_behaviour(ballots: Sequence[Ballot], evidence: Evidence) -> Outcome | None:
    """None where the programs say nothing: none ran, or none gave a value. A program that needs what is not here is
    not elected and counts against nobody; where most are such, those that ran must agree, or pass examples, to be
    heard."""
    ran = [ballot for ballot in electable(ballots) if ballot.index in evidence.behaviours]
    able = [ballot for ballot in ran if not evidence.behaviours[ballot.index].unknown]
    did = [evidence.behaviours[ballot.index] for ballot in able]
    if not any(spoke(behaviour) or behaviour.passed for behaviour in did):
        return None
    if len(ran) - len(able) > len(able) and not confirm_each_other(did):
        return None
    best = max(behaviour.passed for behaviour in did)
    shown = best > 0
    table = values(did)
    equal, raised = equality(table), (table == ERROR).sum(axis=1) / np.maximum((table != NOT_KNOWN).sum(axis=1), 1)
    alike = structural([ballot.answer for ballot in able])
    score = [
        mean_likeness(at, equal)
        + SAME * sum(same(one, other) for other in did if other is not one) / max(1, len(did) - 1)
        + LIKENESS * mean_likeness(at, alike)
        - CONSTANT * one.constant
        - RAISING * raised[at]
        + RELIABLE * able[at].weight
        + HEAD_START * (able[at].candidate.anchor and not shown)
        for at, one in enumerate(did)
    ]
    winner = max((at for at, one in enumerate(did) if one.passed == best), key=score.__getitem__)
    if not did[winner].runs:  # of those that do the same, one that also runs as it was written
        whole = (at for at, one in enumerate(did) if one.runs and same(one, did[winner]))
        winner = max(whole, key=score.__getitem__, default=winner)
    groups = around_leaders(able, lambda one, other: same(did[one], did[other]), winner)
    rest = [[ballot] for ballot in ballots if ballot not in able]
    passed = did[winner].passed / evidence.examples if evidence.examples else None
    return Outcome(able[winner], [*groups, *rest], "behaviour", mean_likeness(winner, equal), passed)


def confirm_each_other(did: Sequence[Behaviour]) -> bool:
    """Whether what these did is worth something without the others: one passes examples, or two agree on most
    inputs."""
    equal = equality(values(did)) - np.eye(len(did))
    return any(behaviour.passed for behaviour in did) or bool((equal > AGREED).any())


def spoke(behaviour: Behaviour) -> bool:
    return any(map(value, behaviour.outcomes))


def value(outcome: str) -> bool:
    return outcome.startswith("=") and outcome != SILENT


def same(one: Behaviour, other: Behaviour) -> bool:
    """The same on every input on which both are known, and a value on some."""
    known = [
        pair for pair in zip(one.heard, other.heard, strict=True) if not any(out.startswith(UNKNOWN) for out in pair)
    ]
    return all(mine == theirs or says_nothing(mine, theirs) for mine, theirs in known) and any(
        value(mine) for mine, _ in known
    )


def says_nothing(*pair: str) -> bool:
    """Whether the difference is one that inputs make which make no sense: nobody said what happens then."""
    return set(pair) <= {SILENT, EMPTY} or all(
        outcome == SILENT or outcome in ACCIDENTS | NO_NUMBERS for outcome in pair
    )


def values(did: Sequence[Behaviour]) -> Numbers:
    """What each gave on each input (n, inputs), a number for each value, the same for equal ones. Inputs that give
    nobody a value are left out: they are our mistake; where there are only such, one remains on which nobody has
    any."""
    numbers: dict[str, int] = {SILENT: NOTHING}
    table = np.array([[number(outcome, numbers) for outcome in behaviour.heard] for behaviour in did], np.int64)
    kept = table[:, (table > NOTHING).any(axis=0)]
    return kept if kept.size else np.full((len(did), 1), NOTHING)


def number(outcome: str, numbers: dict[str, int]) -> int:
    if outcome.startswith(UNKNOWN):
        return NOT_KNOWN
    return numbers.setdefault(outcome, len(numbers)) if outcome.startswith("=") else ERROR


def equality(table: Numbers) -> Matrix:
    """Shares (n, n) of the inputs on which two programs give the same value, of those on which both are known;
    errors and None are no values."""
    equal = (table[:, None, :] == table[None, :, :]) & (table > NOTHING)[:, None, :]
    known = (table[:, None, :] != NOT_KNOWN) & (table[None, :, :] != NOT_KNOWN)
    shares: Matrix = equal.sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    return shares


def mean_likeness(at: int, alike: Matrix) -> float:
    """Mean likeness of one to all the others."""
    others = len(alike) - 1
    return float(alike[at].sum() - alike[at, at]) / others if others else 0.0
