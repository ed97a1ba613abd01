"""How far a vote's voters agree in, how likely its winner is to be right out. Pure.

Logistic regressions and tables, fitted to votes of 3, 5 and 8 on samples of real models with verdicts; how well they hold
is measured by `bench vote` and `local_swarm_benchmarks.live_again` and stands in docs/consensus.md. Where nothing has been
measured the share itself is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import pairwise
from math import exp

from local_swarm.types import Band, Candidate, Election
from local_swarm.voting.answer import FAMILIES, Family
from local_swarm.voting.asked import Asked
from local_swarm.voting.measured import FEW_OPTIONS

MEDIUM, HIGH = 0.4, 0.75
UNPROVEN = 0.3  # told at most of voters who answer what they were not made for
OUTSIDE = "This model was not made for such questions: that its voices agree says little."

# Weights of: one; the share that says the same; the mean backing by the others; then passing every example; the share passed.
BEHAVIOUR = (-2.82, 2.01, 2.41)
WITH_EXAMPLES = (-5.76, 2.27, 0.22, 4.08, 2.04)
STRUCTURE = (-3.18, 2.05, 3.00)
# Of values of any kind: share -> right, straight between. 4 voters on GSM8K; 8 voters as published measurements have it.
VALUES = ((0.0, 0.0), (0.1, 0.12), (0.25, 0.33), (0.4, 0.5), (0.5, 0.6), (0.75, 0.87), (1.0, 0.965))


def band(agreement: float) -> Band:
    return "high" if agreement >= HIGH else "medium" if agreement >= MEDIUM else "low"


def calibrated_agreement(
    kind: str, strategy: str, share: float, support: float | None, passed: float | None, *, options: int = 0
) -> float:
    """The share of right winners among votes like this one. `support` and `passed` as in `Outcome`; `options`: how many
    answers there were to choose from, two for yes or no, 0 where anything could be said."""
    if kind == "value" and strategy == "exact":
        return interpolate(values_among(options), share)
    if kind != "code" or support is None:
        return share
    if strategy == "behaviour" and passed is not None:
        return logistic(WITH_EXAMPLES, (1.0, share, support, float(passed == 1.0), passed))
    if strategy in ("behaviour", "structure"):
        return logistic(BEHAVIOUR if strategy == "behaviour" else STRUCTURE, (1.0, share, support))
    return share


def values_among(options: int) -> tuple[tuple[float, float], ...]:
    """The table for so many possible answers: few of them agree by chance. What was not measured takes the next fewer."""
    measured = [known for known in FEW_OPTIONS if known <= options]
    return FEW_OPTIONS[max(measured)] if measured else VALUES


def claim(election: Election, practised: Collection[Family] | None) -> Election:
    """What voters that were made to answer `practised` may claim, None for any: elsewhere, that they agree says nothing."""
    family = FAMILIES[election.read[election.winner]]
    if practised is None or family in practised or len(election.candidates) == 1:
        return election
    note = " ".join(filter(None, (OUTSIDE, election.note)))
    return replace(election, agreement=min(election.agreement, UNPROVEN), band="low", note=note)


def choices_of(asked: Asked) -> int:
    """How many answers a question leaves to choose from; 0 where it leaves that open."""
    return len(asked.options) or (2 if asked.kind == "yes_no" else 0)


def opinions(candidates: Iterable[Candidate]) -> int:
    """How many of them count as voices of their own: a model says one thing at temperature 0, however often it is asked."""
    said: set[object] = set()
    for place, one in enumerate(candidates):
        calls = tuple((call.name, call.arguments) for call in one.tool_calls)
        said.add((one.text, calls) if one.anchor else place)
    return len(said)


def logistic(weights: tuple[float, ...], facts: tuple[float, ...]) -> float:
    return 1 / (1 + exp(-sum(weight * fact for weight, fact in zip(weights, facts, strict=True))))


def interpolate(points: tuple[tuple[float, float], ...], at: float) -> float:
    """The height at a place on a line through points."""
    for (left, low), (right, high) in pairwise(points):
        if at <= right:
            return low + (high - low) * (at - left) / (right - left)
    return points[-1][1]
