"""How often votes of real models were right. Written by `local_swarm_benchmarks.calibrate`.

Curves: firmness of a vote, share right. Weights of: one; firmness; support; all examples passed; the share passed.
"""

from __future__ import annotations

Curve = tuple[tuple[float, float], ...]

WEIGHTS: dict[str, tuple[float, ...]] = {
    "behaviour": (-3.41, 1.03, 2.82),
    "examples": (-5.73, 4.7, 0.0, 5.06, 0.98),
    "structure": (-3.28, 3.21, 1.12),
}
NEVER_HIGH = frozenset(["behaviour", "structure"])  # ways of voting on programs
VALUES: Curve = ((0.0, 0.0), (0.25, 0.177), (0.4, 0.32), (0.5, 0.58), (0.6, 0.6), (0.75, 0.9), (0.85, 0.9))
CALLS: Curve = ((0.0, 0.0), (0.25, 0.222), (0.4, 0.333), (0.5, 0.34), (0.6, 0.386), (0.75, 0.593), (0.85, 0.656))
FEW_OPTIONS: dict[int, Curve] = {
    2: ((0.0, 0.0), (0.25, 0.4), (0.4, 0.4), (0.5, 0.457), (0.6, 0.542), (0.75, 0.542), (0.85, 0.542)),
    4: ((0.0, 0.0), (0.25, 0.25), (0.4, 0.25), (0.5, 0.4), (0.6, 0.571), (0.75, 0.75), (0.85, 0.75)),
}
