"""A file and changes of it in, the file as it is afterwards out. Pure.

A change is looked for as editing tools do: as it is written, then without the blanks at the ends of lines, then without
indentation. What stands nowhere, or in several places of which none is meant, does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

MOST_PLACES = 200  # at which one change may stand
MOST_CHANGES = 64  # of one reply


@dataclass(frozen=True, slots=True)
class Change:
    """`path` as the reply has it, "" where it has none. `lines`: (sign, line): " " stays, "-" goes, "+" comes. `whole`:
    the new file, if it is told whole. `line`: where about the change stands, from 1, -1 for before all; `under`: a
    line that stands before it. `every`: it is made wherever it applies. `exact`: what goes is a piece of text, in one place
    only."""

    path: str
    lines: tuple[tuple[str, str], ...] = ()
    whole: str | None = None
    line: int = 0
    under: str = ""
    every: bool = False
    exact: bool = False

    @property
    def old(self) -> tuple[str, ...]:
        return tuple(line for sign, line in self.lines if sign != "+")

    @property
    def new(self) -> tuple[str, ...]:
        return tuple(line for sign, line in self.lines if sign != "-")

    @property
    def creates(self) -> bool:
        """Whether it needs no file to be made."""
        return self.whole is not None or not any(line.strip() for line in self.old)


def replacement(path: str, old: str, new: str, every: bool = False, exact: bool = False) -> Change:
    """One text for another, by lines."""
    gone = [("-", line) for line in lines_of(old, exact)]
    come = [("+", line) for line in lines_of(new, exact)]
    return Change(path, (*gone, *come), every=every, exact=exact)


def lines_of(text: str, exact: bool) -> Sequence[str]:
    """A text's lines; one that is empty has none."""
    text = text.replace("\r\n", "\n")
    text = text if exact else text.removesuffix("\n")
    return text.split("\n") if text else []


def apply_all(text: str, changes: Iterable[Change]) -> str | None:
    """None where one of them does not apply."""
    for change in changes:
        after = apply_change(text, change)
        if after is None:
            return None
        text = after
    return text


def apply_change(text: str, change: Change) -> str | None:
    if change.whole is not None:
        return change.whole
    if change.creates:
        return insert_lines(text, change)
    old, new = "\n".join(change.old), "\n".join(change.new)
    found = text.count(old)
    if change.exact and found:
        return text.replace(old, new) if found == 1 or change.every else None
    lines = text.split("\n")
    keys: tuple[Callable[[str], str], ...] = (str, str.rstrip, str.strip)
    for key in keys:
        if at := places(lines, change.old, key):
            return put_at(lines, places_meant(lines, at, change), change)
    return text.replace(old, new) if found == 1 else None


def insert_lines(text: str, change: Change) -> str | None:
    """Lines that replace nothing: after the place that is named, else at the end."""
    lines = text.rstrip("\n").split("\n") if text.strip() else []
    at = len(lines)
    if change.under:
        above = places(lines, [change.under], str.strip)
        if len(above) != 1:
            return None
        at = above[0] + 1
    elif change.line:
        at = max(0, min(change.line, at))
    return "\n".join([*lines[:at], *change.new, *lines[at:]]) + "\n"


def places(lines: Sequence[str], wanted: Sequence[str], key: Callable[[str], str]) -> list[int]:
    """Where these lines stand, each time. The search is `str.find`'s, which is linear."""
    text = "\n" + "\n".join(map(key, lines)) + "\n"
    return list(line_numbers(text, "\n" + "\n".join(map(key, wanted)) + "\n"))


def line_numbers(text: str, wanted: str) -> Iterator[int]:
    at, line, seen = text.find(wanted), 0, 0
    for _ in range(MOST_PLACES):
        if at < 0:
            return
        line, seen = line + text.count("\n", seen, at), at
        yield line
        at = text.find(wanted, at + 1)


def places_meant(lines: Sequence[str], found: Sequence[int], change: Change) -> Sequence[int]:
    """The places that are meant: none where that is open."""
    if len(found) == 1:
        return found
    if change.every:
        size = len(change.old)
        kept: list[int] = []
        for at in found:
            if not kept or at >= kept[-1] + size:
                kept.append(at)
        return kept
    if change.under:
        above = places(lines, [change.under], str.strip)
        return [at for at in found if above and at >= above[0]][:1]
    return [min(found, key=lambda at: abs(at + 1 - change.line))] if change.line else []


def put_at(lines: Sequence[str], starts: Sequence[int], change: Change) -> str | None:
    """Lines that stay are the file's own, those that come are indented as what they stand for."""
    if not starts:
        return None
    made: list[str] = []
    here = 0
    for start in starts:
        made += lines[here:start]
        here = start
        shift = shift_of(lines, start, change)
        for sign, line in change.lines:
            if sign == "+":
                made.append(shift_line(line, *shift))
                continue
            made += [lines[here]] if sign == " " else []
            here += 1
    return "\n".join([*made, *lines[here:]])


def shift_of(lines: Sequence[str], start: int, change: Change) -> tuple[str, str]:
    """(indentation in the change, indentation in the file) of the first line that goes, else of the first that
    stays."""
    before = [one for one in change.lines if one[0] != "+"]
    old = [(sign, line, lines[start + at]) for at, (sign, line) in enumerate(before) if line.strip()]
    _, line, there = next((one for one in old if one[0] == "-"), old[0])
    return indentation(line), indentation(there)


def indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def shift_line(line: str, before: str, after: str) -> str:
    if before == after or not line.strip():
        return line
    if after.endswith(before):
        return after[: len(after) - len(before)] + line
    return line.removeprefix(before[: len(before) - len(after)]) if before.endswith(after) else line
