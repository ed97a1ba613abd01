"""Ballots and what their programs did in, the outcome of the vote by behaviour out. Pure.

Minimum Bayes risk over outputs (Shi et al. 2022, "MBR-Exec"), soft: programs that agree on most inputs back each other.
Examples in the prompt come first, as in AlphaCode's filtering (Li et al. 2022): those that pass most of them are compared
among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from local_swarm.swarm.ballots import Ballot, Matrix, Outcome, around_leaders, electable
from local_swarm.swarm.behaviour.evidence import Behaviour, Evidence
from local_swarm.swarm.similarity.structure import structural

HEAD_START = 0.05  # of the anchor, where there are no examples
CONSTANT = 0.1  # taken from programs that always say the same
LIKENESS = 0.1  # weight of the likeness of syntax
RELIABLE = 0.02  # weight of what is known of the voter: it breaks ties and no more
SILENT = "=None"


def by_behaviour(ballots: Sequence[Ballot], evidence: Evidence) -> Outcome | None:
    """None where the programs say nothing: none ran, or none gave a value."""
    able = [ballot for ballot in electable(ballots) if ballot.index in evidence.behaviours]
    did = [evidence.behaviours[ballot.index] for ballot in able]
    if not any(spoke(behaviour) or behaviour.passed for behaviour in did):
        return None
    best = max(behaviour.passed for behaviour in did)
    shown = best > 0
    equal = equality(did)
    alike = structural([ballot.answer for ballot in able])
    score = [
        backing(at, equal) + LIKENESS * backing(at, alike) - CONSTANT * one.constant + RELIABLE * able[at].weight
        + HEAD_START * (able[at].candidate.anchor and not shown)
        for at, one in enumerate(did)
    ]  # fmt: skip
    winner = max((at for at, one in enumerate(did) if one.passed == best), key=score.__getitem__)
    groups = around_leaders(able, lambda one, other: same(did[one], did[other]), winner)
    rest = [[ballot] for ballot in ballots if ballot not in able]
    passed = did[winner].passed / evidence.examples if evidence.examples else None
    return Outcome(able[winner], [*groups, *rest], "behaviour", backing(winner, equal), passed)


def spoke(behaviour: Behaviour) -> bool:
    return any(outcome.startswith("=") and outcome != SILENT for outcome in behaviour.outcomes)


def same(one: Behaviour, other: Behaviour) -> bool:
    """The same on every input, errors included, and a value on some."""
    return one.outcomes == other.outcomes and spoke(one)


def equality(did: Sequence[Behaviour]) -> Matrix:
    """Shares (n, n) of the inputs on which two programs give the same value; errors and None are no values. Inputs that give
    nobody a value are not counted: they are our mistake."""
    calls = len(did[0].outcomes)
    numbers: dict[str, int] = {}
    table = np.array(
        [
            [
                numbers.setdefault(outcome, len(numbers)) if outcome.startswith("=") and outcome != SILENT else -1
                for outcome in behaviour.outcomes
            ]
            for behaviour in did
        ]
    ).reshape(len(did), calls)
    equal = (table[:, None, :] == table[None, :, :]) & (table >= 0)[:, None, :]
    shares: Matrix = equal.sum(axis=2) / max(1, int((table >= 0).any(axis=0).sum()))
    return shares


def backing(at: int, alike: Matrix) -> float:
    """Mean likeness of one to all the others."""
    others = len(alike) - 1
    return float(alike[at].sum() - alike[at, at]) / others if others else 0.0
