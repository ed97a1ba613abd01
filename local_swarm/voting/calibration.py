"""How far a vote's voters agree in, how likely its winner is to be right out. Pure.

Logistic regressions and one table, fitted to votes of 3, 5 and 8 on published samples of real models with verdicts; how
well they hold is measured by `bench vote` and stands in docs/consensus.md. Where nothing has been measured the share
itself is told.
"""

from __future__ import annotations

from itertools import pairwise
from math import exp

from local_swarm.types import Band

MEDIUM, HIGH = 0.4, 0.75

# Weights of: one; the share that says the same; the mean backing by the others; then passing every example; the share passed.
BEHAVIOUR = (-2.82, 2.01, 2.41)
WITH_EXAMPLES = (-5.76, 2.27, 0.22, 4.08, 2.04)
STRUCTURE = (-3.18, 2.05, 3.00)
# Of numbers and choices: share -> right, straight between. 4 voters on GSM8K; 8 voters as published measurements have it.
VALUES = ((0.0, 0.0), (0.1, 0.12), (0.25, 0.33), (0.4, 0.5), (0.5, 0.6), (0.75, 0.87), (1.0, 0.965))


def band(agreement: float) -> Band:
    return "high" if agreement >= HIGH else "medium" if agreement >= MEDIUM else "low"


def calibrated_agreement(kind: str, strategy: str, share: float, support: float | None, passed: float | None) -> float:
    """The share of right winners among votes like this one. `support` and `passed` as in `Outcome`."""
    if kind == "value" and strategy == "exact":
        return interpolate(VALUES, share)
    if kind != "code" or support is None:
        return share
    if strategy == "behaviour" and passed is not None:
        return logistic(WITH_EXAMPLES, (1.0, share, support, float(passed == 1.0), passed))
    if strategy in ("behaviour", "structure"):
        return logistic(BEHAVIOUR if strategy == "behaviour" else STRUCTURE, (1.0, share, support))
    return share


def logistic(weights: tuple[float, ...], facts: tuple[float, ...]) -> float:
    return 1 / (1 + exp(-sum(weight * fact for weight, fact in zip(weights, facts, strict=True))))


def interpolate(points: tuple[tuple[float, float], ...], at: float) -> float:
    """The height at a place on a line through points."""
    for (left, low), (right, high) in pairwise(points):
        if at <= right:
            return low + (high - low) * (at - left) / (right - left)
    return points[-1][1]
