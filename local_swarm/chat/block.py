"""Pieces of a call, a code block or a JSON value in; its text, and whether a mark ends it, out. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from local_swarm.chat.notations import Nesting
from local_swarm.chat.unmarked import FENCE, Kind, closing_tag, kind_of

LONGEST_LINE = 300  # characters of a line that are looked at
BEGINS_JSON = re.compile(r"\{|\[\s*+[{\[]")


@dataclass(slots=True)
class CallBody:
    """What a call, or what may be one, consists of so far. It comes in many small pieces."""

    parts: list[str] = field(default_factory=list)
    nesting: Nesting = field(default_factory=Nesting)

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.nesting.feed(text)

    @property
    def text(self) -> str:
        return "".join(self.parts)


@dataclass(slots=True)
class LastLine:
    """The line that a text ends with, and the last before it that says something."""

    now: str = ""
    before: str = ""

    def add(self, text: str) -> None:
        first, *others = text.split("\n")
        self.now = (self.now + first)[-LONGEST_LINE:]
        for line in others:
            self.before = self.now if self.now.strip() else self.before
            self.now = line[-LONGEST_LINE:]

    @property
    def lead(self) -> str:
        return self.now if self.now.strip() else self.before


MARKS: dict[Kind, tuple[str, ...]] = {
    "json": ("}", "]"),
    "python": (")", "]"),
    "action": ("}", "\nObservation"),
    "fence": ("```",),
}


class Block(CallBody):
    """What no mark of the family's surrounds: a call without marks while it is `held`, else text that is shown as it comes."""

    __slots__ = ("begins_json", "held", "kind", "line", "marks")

    def __init__(self, start: str, held: bool) -> None:
        super().__init__()
        self.kind, self.held, self.line = kind_of(start), held, LastLine()
        self.marks = MARKS.get(self.kind) or (closing_tag(start),)
        fence = FENCE.match(start)
        self.begins_json = BEGINS_JSON.match(start, fence.end() if fence else 0) is not None

    def add(self, text: str) -> None:
        if self.held:
            self.parts.append(text)
        self.nesting.feed(text)
        self.line.add(text)

    def ends(self, mark: str) -> bool:
        """Whether a mark that was just added is its end."""
        whole = self.nesting.depth <= 0 and not self.nesting.open
        if self.kind != "fence":
            return whole or mark not in ("}", "]", ")")
        alone = not self.line.now.removesuffix(mark).strip()
        return (alone and not (self.begins_json and self.nesting.open)) or (self.begins_json and whole)
