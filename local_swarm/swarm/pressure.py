"""How much memory the machine has left in, what the swarm should do without out. Pure."""

from __future__ import annotations

from typing import Literal

from local_swarm.units import GIB

Level = Literal["none", "memories", "voices", "requests"]  # what is given up, each with all before it

# Available memory below which something is given up: a share of all there is, and never more than so many bytes.
LIMITS: tuple[tuple[Level, float, int], ...] = (
    ("requests", 0.02, GIB // 2),
    ("voices", 0.04, GIB),
    ("memories", 0.08, 2 * GIB),
)
FEW = 2  # voices asked when memory is short


def pressure(total_bytes: int | None, available_bytes: int | None) -> Level:
    """First idle prefixes go, then a vote has fewer voices, last new requests are refused: before the system ends
    programs."""
    if not total_bytes or available_bytes is None:
        return "none"
    return next((level for level, share, most in LIMITS if available_bytes < min(share * total_bytes, most)), "none")
