"""What a vote rests on in, how likely its winner is to be right out. Pure.

Logistic regressions and tables, fitted to votes of 3, 5 and 8 on answers of real models with verdicts; how well they hold
on problems that they were not fitted to is measured by `local_swarm_benchmarks.calibrate` and stands in docs/consensus.md.
Where nothing has been measured the share itself is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import exp

from local_swarm.types import Band, Candidate, Election, VoteBasis
from local_swarm.voting.answer import FAMILIES, Family
from local_swarm.voting.asked import Asked
from local_swarm.voting.measured import CALLS, FEW_OPTIONS, NEVER_HIGH, VALUES, WEIGHTS, Curve

MEDIUM, HIGH = 0.4, 0.85
NEARLY_HIGH = HIGH - 0.01
UNPROVEN = 0.3  # told at most where voters answer what they were not made for, and where no answer could win
OUTSIDE = "This model was not made for such questions: that its voices agree says little."


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured. `weights`: by way of voting on programs, for the facts of `facts_of`; `never_high`: the ways whose
    best estimates did not hold with every model. The curves lead from firmness to the share right: of `values` of any kind,
    of tool `calls`, and of values with few possible answers, by their number."""

    weights: Mapping[str, tuple[float, ...]]
    never_high: frozenset[str]
    values: Curve
    calls: Curve
    few_options: Mapping[int, Curve]

    def values_among(self, options: int) -> Curve:
        """Few possible answers agree by chance. What was not measured takes the next fewer."""
        measured = [known for known in self.few_options if known <= options]
        return self.few_options[max(measured)] if measured else self.values


MEASURED = Calibration(WEIGHTS, NEVER_HIGH, VALUES, CALLS, FEW_OPTIONS)


def band(agreement: float) -> Band:
    return "high" if agreement >= HIGH else "medium" if agreement >= MEDIUM else "low"


def calibrated_agreement(basis: VoteBasis, measured: Calibration = MEASURED) -> float:
    """The share of right winners among votes like this one."""
    if basis.family == "value" and basis.strategy == "exact":
        return interpolate(measured.values_among(basis.options), firmness(basis))
    if basis.family == "calls" and basis.strategy != "single":
        return interpolate(measured.calls, firmness(basis))
    way = way_of(basis)
    if basis.family != "code" or basis.support is None or way not in measured.weights:
        return basis.alike / basis.voices
    told = logistic(measured.weights[way], facts_of(basis))
    return min(told, NEARLY_HIGH) if way in measured.never_high else told


def firmness(basis: VoteBasis) -> float:
    """The share that says what the winner says, as if one more voice had been heard that says something else: all of three
    prove less than all of eight. Below 1."""
    return basis.alike / (basis.voices + 1)


def way_of(basis: VoteBasis) -> str:
    return "examples" if basis.strategy == "behaviour" and basis.passed is not None else basis.strategy


def facts_of(basis: VoteBasis) -> tuple[float, ...]:
    """What the weights of its way are for. Of examples it counts that all are passed, and how many."""
    known, passed = (1.0, firmness(basis), basis.support or 0.0), basis.passed or 0.0
    return (*known, float(passed == 1.0), passed) if way_of(basis) == "examples" else known


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


def logistic(weights: Sequence[float], facts: Sequence[float]) -> float:
    return 1 / (1 + exp(-sum(weight * fact for weight, fact in zip(weights, facts, strict=True))))


def interpolate(points: Curve, at: float) -> float:
    """The height at a place on a line through points."""
    for (left, low), (right, high) in pairwise(points):
        if at <= right:
            return low + (high - low) * (at - left) / (right - left)
    return points[-1][1]
