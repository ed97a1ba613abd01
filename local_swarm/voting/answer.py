"""What a reply was read as: its kind, and the form in which it is compared. Pure data."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# What a reply can be, as votes tell it.
Kind = Literal["calls", "number", "choice", "json", "short", "code", "edit", "prose", "refusal", "empty", "unreadable"]
# Kinds that are compared with each other, and in the same way.
Family = Literal["calls", "value", "code", "text", "refusal"]
FAMILIES: Mapping[str, Family] = {
    "calls": "calls",
    "number": "value",
    "choice": "value",
    "json": "value",
    "short": "value",
    "code": "code",
    "edit": "code",
    "prose": "text",
    "refusal": "refusal",
    "empty": "text",
    "unreadable": "text",
}


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    """`body`: what is compared as text; of a value its normal form. Of Python, `tree` is what the answer defines and
    `program` what can be run: the prompt's own code, then the answer's, without what merely uses it. `complaint`:
    why it cannot win. `words`: what its structure is compared by, where that is known already. `edits_prose`: the file that
    it changes is no code, so that two texts which say the same may be worded differently."""

    kind: Kind
    body: str
    language: str = ""
    tree: ast.Module | None = None
    program: str | None = None
    complaint: str | None = None
    words: tuple[str, ...] | None = None
    edits_prose: bool = False

    @property
    def valid(self) -> bool:
        return self.complaint is None

    @property
    def family(self) -> Family:
        return FAMILIES[self.kind]
