"""A text in, the examples in its tables out: Markdown, with lines of characters, by columns, or copied from a page. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.notations.told import call_with, literal_in, wanted_in, without_tags, words_in
from local_swarm.voting.scanner import LONGEST_LITERAL, Attention

MOST_COLUMNS = 16
WANTED = re.compile(
    r"\b(?:expected|wanted|desired|correct|should|output|results?|returns?|answer|return value|gives)\b", re.IGNORECASE
)
SURE = re.compile(r"\b(?:expected|wanted|desired|correct|should|must)\b", re.IGNORECASE)
SEEN = re.compile(
    r"\b(?:actual|actually|current|currently|got|observed|wrong|bug|buggy|now|old|before)\b", re.IGNORECASE
)
NOTE = re.compile(
    r"\b(?:notes?|comments?|explanation|why|description|reason|remarks?|case|test|name|id|no|nr)\b|^\s*+#?\s*+$",
    re.IGNORECASE,
)
RULE = re.compile(r"[\s|+:=-]*+")


@dataclass(frozen=True, slots=True)
class TableHead:
    """Which columns are given, in the order of the parameters, and which is wanted. `width`: how many there are."""

    given: tuple[int, ...]
    wanted: int
    width: int


def tables(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    head, attention = None, Attention()
    for line in without_tags(text).split("\n"):
        if len(line) > LONGEST_LITERAL or (not line.strip()):
            head = None
            continue
        if RULE.fullmatch(line):
            continue
        cells = cells_of(line)
        if head is None or len(cells) != head.width:
            head = head_of(cells, name, parameters)
            continue
        if not attention.spend(2 * len(line)):
            return
        if example := example_of(cells, head, name, parameters):
            yield example


def cells_of(line: str) -> list[str]:
    line = line.strip()
    if "|" in line:
        return [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
    return [cell.strip() for cell in re.split(r"\t|  ++", line) if cell.strip()]


def head_of(cells: Sequence[str], name: str, parameters: Sequence[str]) -> TableHead | None:
    plain = [cell.strip("`* ") for cell in cells]
    if not 1 < len(plain) <= MOST_COLUMNS or any(len(cell) > 40 for cell in plain):
        return None
    telling = [at for at, cell in enumerate(plain) if WANTED.search(cell) or cell.startswith(f"{name}(")]
    telling = [at for at in telling if plain[at] not in parameters and not SEEN.search(plain[at])]
    sure = [at for at in telling if SURE.search(plain[at])] or telling
    if len(sure) != 1:
        return None
    named = [plain.index(one) for one in parameters if one in plain]
    apart = SEEN.search if SURE.search(plain[sure[0]]) else NOTE.search  # what is given today is not given to it
    others = [at for at, cell in enumerate(plain[: sure[0]]) if not NOTE.search(cell) and not apart(cell)]
    others = [at for at in others if at not in telling]
    given = named if parameters and len(named) == len(parameters) else others
    return TableHead(tuple(given), sure[0], len(plain)) if given else None


def example_of(cells: Sequence[str], head: TableHead, name: str, parameters: Sequence[str]) -> Example | None:
    given = [cells[at].strip("`") for at in head.given]
    call = call_with(", ".join(given), name, parameters)
    if not call and len(given) == 1 and len(parameters) == 1 and (words := words_in(given[0])):
        call = f"{name}({words!r})"
    value = literal_in(cells[head.wanted]) or wanted_in(cells[head.wanted])
    return Example(call, value, "shown") if call and value is not None else None
