"""The words of a request in, values that make sense for what it speaks of out. Pure.

Three things that kinds of arguments alone don't tell: which arguments count or measure, so that numbers below zero mean nothing
for them; that one argument is looked for in another; and the words of a small language that a program is to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from local_swarm.voting.behaviour.ranges import LONGEST_REQUEST

FEWEST_COMMANDS, MOST_COMMANDS = 3, 8
NAME = r"[`'\"*]{0,2}([A-Za-z_]\w{0,30}+)[`'\"*]{0,2}"
COUNTED = (
    re.compile(
        rf"\b(?:length|size|count|index|position|rank|(?:element|item|term|row|line) number)\s(?:is\s|of\s)?{NAME}",
        re.IGNORECASE,
    ),
    re.compile(rf"\b(?:first|last|top|next)\s{NAME}\s(?!of\b)[a-z]{{3,}}", re.IGNORECASE),
    re.compile(rf"{NAME}-?\s?(?:-th|th)\b", re.IGNORECASE),
    re.compile(rf"\bnumber of \w{{3,20}}\s{NAME}", re.IGNORECASE),
)
COMMAND = re.compile(r"(?<![\w-])[A-Z][A-Z_]{1,15}(?![\w-])")
PARTS = (
    lambda whole: whole[len(whole) // 2 : len(whole) // 2 + 1],
    lambda whole: whole[:2],
    lambda whole: whole[-2:],
    lambda whole: whole,
)


def counted_names(text: str, parameters: Sequence[str]) -> frozenset[str]:
    """Arguments that are called a length, an index, an amount of things: whole numbers from 0 on."""
    text = text[:LONGEST_REQUEST]
    found = {one[1] for pattern in COUNTED for one in pattern.finditer(text)}
    return frozenset(found & set(parameters))


def related_rows(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Each row, and then one in which a piece of a text or of a list is an argument beside it, where there may be one."""
    for at, row in enumerate(rows):
        yield row
        if (other := with_a_piece(row, at)) and other != row:
            yield other


def with_a_piece(row: tuple[Any, ...], turn: int) -> tuple[Any, ...] | None:
    for at, whole in enumerate(row):
        for beside in range(len(row)):
            piece = piece_for(whole, row[beside], turn) if beside != at else None
            if piece is not None:
                return (*row[:beside], piece, *row[beside + 1 :])
    return None


def piece_for(whole: Any, beside: Any, turn: int) -> Any:
    """A piece of the first of the kind of the second, None where there is none."""
    if isinstance(whole, str) and len(whole) > 1 and isinstance(beside, str):
        return PARTS[turn % len(PARTS)](whole)
    if isinstance(whole, list) and whole:
        item = whole[turn % len(whole)]
        if type(item) is type(beside):
            return item
    return None


def command_lines(text: str) -> list[str]:
    """Lines of a small language whose words stand in capitals in the request, with an argument and without; none where
    there are few such words."""
    words = list(dict.fromkeys(COMMAND.findall(text[:LONGEST_REQUEST])))
    if len(words) < FEWEST_COMMANDS:
        return []
    forms = ("{}", "{} 5", "{} -1", "{} 200 # a note", "  {} 7  ", "{} # 3")
    own = words[-MOST_COMMANDS:]
    return [forms[at % len(forms)].format(own[at % len(own)]) for at in range(3 * len(own))]


def command_lists(lines: Sequence[str]) -> list[list[str]]:
    """Programs of such lines, short and long."""
    sizes = (1, 1, 1, 2, 3, 4)
    starts = range(0, len(lines), 2)
    return [list(lines[at : at + sizes[turn % len(sizes)]]) for turn, at in enumerate(starts)]
