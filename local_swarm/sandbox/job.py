"""What goes into the sandbox and what comes out. Imports nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tier = Literal["bubblewrap", "namespaces", "landlock", "seatbelt"]
Language = Literal["python", "javascript", "typescript"]


@dataclass(frozen=True, slots=True)
class Job:
    """A program and expressions to evaluate after it."""

    program: str
    calls: tuple[str, ...]
    language: Language = "python"


Outcomes = tuple[str, ...]  # one per call: `=` and the canonical value, `!` and an exception's name, `~` out of time
