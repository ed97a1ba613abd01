"""What goes into the sandbox and what comes out. Imports nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tier = Literal["bubblewrap", "namespaces", "landlock", "seatbelt"]
Language = Literal["python", "javascript", "typescript"]


# Parts a program from the text that is taken where it does not run, and that from the whole text as it was written. No source
# holds it.
SPARE = "\n\0\n"
SCRIPT, STDIN = "script: ", "stdin: "  # what calls begin with that are no expressions
PRINTED, CHANGED = "=print:", "=changed:"  # what outcomes begin with where nothing was returned


@dataclass(frozen=True, slots=True)
class Job:
    """A program and what to do after it, one by one.

    A call is an expression; or `SCRIPT` and the literal `[class, [arguments], [[method, [arguments]], ...]]`; or `STDIN` and a
    literal text, with which as standard input the whole text of the program runs.
    """

    program: str
    calls: tuple[str, ...]
    language: Language = "python"


Outcomes = tuple[str, ...]  # one per call: `=` and the canonical value, `!` and an exception's name, `~` out of time
