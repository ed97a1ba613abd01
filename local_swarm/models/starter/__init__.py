"""The model that comes with the program: small enough to carry, able enough to show a vote. See MODEL_CARD.md beside this."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

NAME = "local-swarm-starter"
PATH = Path(__file__).parent / f"{NAME}.gguf"
NOTE = (
    "starter model: a demonstration model that writes short Python functions; it leaves out system texts of more than 240 "
    "characters and the descriptions of tools"
)
PRACTISED: frozenset[Literal["calls", "code"]] = frozenset(
    {"calls", "code"}
)  # families of answers that it was trained to give
