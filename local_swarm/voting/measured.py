"""How often votes of real models were right. Written by `local_swarm_benchmarks.calibrate`.

Curves: firmness of a vote, share right. Weights of: one; firmness; support; all examples passed; the share passed.
"""

from __future__ import annotations

Curve = tuple[tuple[float, float], ...]

WEIGHTS: dict[str, tuple[float, ...]] = {
    "behaviour": (-2.61, 2.8, 1.55),
    "examples": (-7.23, 5.08, 0.04, 6.59, 0.83),
    "structure": (-3.18, 2.05, 3.0),
}
NEVER_HIGH = frozenset(["behaviour", "structure"])  # ways of voting on programs
VALUES: Curve = ((0.0, 0.0), (0.2, 0.3), (0.4, 0.5), (0.5, 0.61), (0.6, 0.83), (0.75, 0.93), (0.85, 0.96))
CALLS: Curve = ((0.0, 0.0), (1.0, 1.0))
FEW_OPTIONS: dict[int, Curve] = {
    2: ((0.0, 0.0), (0.25, 0.5), (0.5, 0.576), (0.75, 0.576), (1.0, 0.576)),
    4: ((0.0, 0.0), (0.25, 0.188), (0.5, 0.306), (0.75, 0.306), (1.0, 0.306)),
}
