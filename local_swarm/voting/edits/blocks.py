"""A reply in, its search and replace blocks out, as aider, Cline and Roo Code have models write them. Pure and linear.

https://aider.chat/docs/more/edit-formats.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from local_swarm.voting.edits.changes import Change, replacement
from local_swarm.voting.edits.names import named_by_info, named_in
from local_swarm.voting.scanner import FENCE

HEAD = re.compile(r"(?:<{5,9}|-{5,9}) ?(?:SEARCH|ORIGINAL|OLD|BEFORE)>?\s*+$")
MIDDLE = re.compile(r"={5,9}\s*+$")
TAIL = re.compile(r"(?:>{5,9}|\+{5,9}) ?(?:REPLACE|UPDATED|NEW|AFTER)<?\s*+$")
START_LINE = re.compile(r":(?:start_line|end_line):\s*+\d")
RULE = re.compile(r"-{5,9}\s*+$")
LOOKED_ABOVE = 4  # lines above a block in which its path may stand


def search_blocks(text: str) -> tuple[Change, ...] | None:
    """In order. None where one is not complete; a block without a path is of the file of the one before."""
    lines = text.split("\n")
    found: list[Change] = []
    at, path, after = 0, "", 0
    while at < len(lines):
        if not HEAD.match(lines[at].strip()):
            at += 1
            continue
        path = path_above(lines[max(after, at - LOOKED_ABOVE) : at]) or path
        middle = next_line(lines, at + 1, MIDDLE)
        tail = next_line(lines, middle + 1, TAIL)
        if tail >= len(lines):
            return None
        old = "\n".join(without_line_numbers(lines[at + 1 : middle]))
        found.append(replacement(path, old, "\n".join(lines[middle + 1 : tail])))
        at = after = tail + 1
    return tuple(found)


def next_line(lines: Sequence[str], start: int, wanted: re.Pattern[str]) -> int:
    """The next line that is so, else one after the end."""
    return next((at for at in range(start, len(lines)) if wanted.match(lines[at].strip())), len(lines))


def path_above(lines: Sequence[str]) -> str:
    """The nearest line that names a file, behind a fence or by itself; a sentence may name one too."""
    for line in reversed(lines):
        if fence := FENCE.match(line):
            if named := named_by_info(line[fence.end(1) :]):
                return named
        elif named := named_in(line):
            return named
    return ""


def without_line_numbers(lines: list[str]) -> list[str]:
    """Without the head that Roo Code's blocks have: where they start, and a rule."""
    start = 0
    while start < len(lines) and START_LINE.match(lines[start].strip()):
        start += 1
    return lines[start + 1 :] if start and start < len(lines) and RULE.match(lines[start].strip()) else lines[start:]


def has_block(text: str) -> bool:
    return any(HEAD.match(line.strip()) for line in text.split("\n"))
