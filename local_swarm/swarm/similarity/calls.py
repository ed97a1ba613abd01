"""Tool calls of two candidates in, how alike they are out (0 to 1). Pure.

Names and short arguments must be equal: another path or another number is another deed. Long texts, such as a file's new content,
are never quite equal and count by how many runs of words they share.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local_swarm.types import ToolCall

LONG = 80  # characters from which a text argument is prose or code rather than a name
WORD = re.compile(r"\w+|[^\w\s]")


def call_likeness(candidates: Sequence[Sequence[ToolCall]]) -> NDArray[np.float64]:
    """A symmetric matrix (n, n) with ones on its diagonal."""
    read = [[(call.name, arguments_of(call)) for call in calls] for calls in candidates]
    alike = np.eye(len(read))
    for row in range(len(read)):
        for column in range(row):
            alike[row, column] = alike[column, row] = calls_alike(read[row], read[column])
    return alike


def arguments_of(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments)
    except (ValueError, RecursionError):
        return call.arguments.strip()


def calls_alike(one: Sequence[tuple[str, Any]], other: Sequence[tuple[str, Any]]) -> float:
    """How alike the least alike of their calls are."""
    if not one or [name for name, _ in one] != [name for name, _ in other]:
        return 0.0
    return min(values_alike(mine, theirs) for (_, mine), (_, theirs) in zip(one, other, strict=True))


def values_alike(one: Any, other: Any) -> float:
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return 0.0
        return min((values_alike(value, other[key]) for key, value in one.items()), default=1.0)
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return 0.0
        return min((values_alike(*pair) for pair in zip(one, other, strict=True)), default=1.0)
    if isinstance(one, str) and isinstance(other, str) and one != other and min(len(one), len(other)) >= LONG:
        return texts_alike(one, other)
    return float(type(one) is type(other) and one == other)


def texts_alike(one: str, other: str) -> float:
    """The share of pairs of neighbouring words that both have (Jaccard's index)."""
    mine, theirs = (set(pairwise(WORD.findall(text))) for text in (one, other))
    return len(mine & theirs) / max(1, len(mine | theirs))


def has_long_text(calls: Sequence[ToolCall]) -> bool:
    return any(len(call.arguments) >= LONG for call in calls)
