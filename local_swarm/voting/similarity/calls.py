"""Tool calls in, a form that is equal for equal deeds, and how alike those of two candidates are out (0 to 1). Pure.

Names and short arguments must be equal: another path or another number is another deed. How a number is written, the
order of keys, a `null` for what may be absent and the order of calls that don't touch the same file are no deed. Long
texts, such as a file's new content, are never quite equal and count by how many runs of words they share.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local_swarm.types import ToolCall
from local_swarm.voting.scanner import MOST_TEXT

LONG = 80  # characters from which a text argument is prose or code rather than a name
MOST_WORDS, MOST_IN_ALL = 20_000, 160_000  # of one text that are compared, and of one text of each candidate
DEEPEST_ARGUMENT = 60  # arguments that nest deeper are compared as they are written
WORD = re.compile(r"\w+|[^\w\s]")
PATH_KEY = re.compile(
    r"(?:^|[_-])(?:path|file|filename|filepath|dir|directory|folder|cwd)s?$|(?:Path|File|Dir)s?$", re.IGNORECASE
)

Deed = tuple[str, Any]  # a tool's name, and its arguments as they are compared


def call_likeness(candidates: Sequence[Sequence[ToolCall]]) -> NDArray[np.float64]:
    """A symmetric matrix (n, n) with ones on its diagonal."""
    read = [deeds(calls) for calls in candidates]
    texts = CallTexts(min(MOST_WORDS, MOST_IN_ALL // max(1, len(read))))
    alike = np.eye(len(read))
    for row in range(len(read)):
        for column in range(row):
            alike[row, column] = alike[column, row] = texts.calls_alike(read[row], read[column])
    return alike


def calls_text(calls: Sequence[ToolCall]) -> str:
    """One line a call."""
    return "\n".join(line_of(deed) for deed in deeds(calls))


def deeds(calls: Sequence[ToolCall]) -> list[Deed]:
    """In an order of their own, where no two touch the same file."""
    found = [(call.name, arguments_of(call)) for call in calls]
    touched = [set(paths_in(arguments)) for _, arguments in found]
    apart = sum(map(len, touched)) == len(set().union(*touched))
    return sorted(found, key=line_of) if apart else found


def line_of(deed: Deed) -> str:
    name, arguments = deed
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, sort_keys=True, ensure_ascii=False)
    return f"{name}({text})"


def arguments_of(call: ToolCall) -> Any:
    """As they are compared; what is no JSON, or too much of it, as it is written."""
    if len(call.arguments) > MOST_TEXT:
        return call.arguments
    try:
        value = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return call.arguments.strip()
    return settled_value(value) if shallow(value) else call.arguments.strip()


def settled_value(value: Any, key: str = "") -> Any:
    """10.0 is 10, `null` is absent, and `./a` as a path is `a`."""
    if isinstance(value, dict):
        return {name: settled_value(one, name) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [settled_value(one, key) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return plain_path(value) if isinstance(value, str) and PATH_KEY.search(key[-LONG:]) else value


def plain_path(path: str) -> str:
    return path.removeprefix("./").rstrip("/") or path


def paths_in(arguments: Any) -> Iterator[str]:
    named = arguments.items() if isinstance(arguments, dict) else ()
    yield from (value for key, value in named if isinstance(value, str) and PATH_KEY.search(key[-LONG:]))


def shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST_ARGUMENT):
        inner = [list(one.values()) if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        if not inner:
            return True
        level = list(chain.from_iterable(inner))
    return False


@dataclass(slots=True)
class CallTexts:
    """Compares calls, and remembers the words of the texts in them: each is compared with many others. `most`: words
    of one."""

    most: int
    known: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict)

    def calls_alike(self, one: Sequence[tuple[str, Any]], other: Sequence[tuple[str, Any]]) -> float:
        """How alike the least alike of their calls are."""
        if not one or [name for name, _ in one] != [name for name, _ in other]:
            return 0.0
        return min(self.values_alike(mine, theirs) for (_, mine), (_, theirs) in zip(one, other, strict=True))

    def values_alike(self, one: Any, other: Any) -> float:
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return 0.0
            return min((self.values_alike(value, other[key]) for key, value in one.items()), default=1.0)
        if isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                return 0.0
            return min((self.values_alike(*pair) for pair in zip(one, other, strict=True)), default=1.0)
        if isinstance(one, str) and isinstance(other, str) and one != other and min(len(one), len(other)) >= LONG:
            return self.texts_alike(one, other)
        return float(type(one) is type(other) and one == other)

    def texts_alike(self, one: str, other: str) -> float:
        """The share of pairs of neighbouring words that both have (Jaccard's index)."""
        mine, theirs = self.pairs(one), self.pairs(other)
        return len(mine & theirs) / max(1, len(mine | theirs))

    def pairs(self, text: str) -> frozenset[tuple[str, str]]:
        if text not in self.known:
            self.known[text] = frozenset(
                pairwise(found[0] for found in islice(WORD.finditer(text[:MOST_TEXT]), self.most))
            )
        return self.known[text]


def has_long_text(calls: Sequence[ToolCall]) -> bool:
    return any(len(call.arguments) >= LONG for call in calls)
