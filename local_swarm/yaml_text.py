"""A text of YAML in, its value out: of bounded length, depth and size, whatever its anchors make of it. Pure."""

from __future__ import annotations

from typing import Any

import yaml

LONGEST = 256 << 10  # characters: PyYAML takes a second for so many
DEEPEST = 40  # levels; within brackets PyYAML's time grows with their number times the length
MOST_BITS = 128  # of a whole number: Python does not write those of 5,000 digits out again
MOST_VALUES = 100_000  # with every alias counted as often as it stands: nine of nine of nine fit into some lines


def read_yaml(text: str, loader: type[Any] = yaml.SafeLoader) -> Any:
    """Raises yaml.YAMLError."""
    if len(text) > LONGEST:
        raise yaml.YAMLError(f"it has more than {LONGEST} characters")
    if brackets(text) > DEEPEST:
        raise yaml.YAMLError(f"it has more than {DEEPEST} brackets within each other")
    try:
        found = yaml.load(text, loader)
        size(found, {}, 0)
    except RecursionError as problem:
        raise yaml.YAMLError("it nests too deeply") from problem
    except (
        ValueError,
        TypeError,
        OverflowError,
        AttributeError,
    ) as problem:  # dates that there are not, half characters
        raise yaml.YAMLError(str(problem)[:200]) from problem
    return found


def brackets(text: str) -> int:
    """How many are open at most, those in quotes and comments counted too."""
    depth = most = 0
    for letter in text:
        if letter in "[{":
            depth += 1
            most = max(most, depth)
        elif letter in "]}":
            depth = max(0, depth - 1)
    return most


def size(value: Any, known: dict[int, int], depth: int) -> int:
    """The number of values in a value. Raises yaml.YAMLError for too many, or for one that contains itself."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise yaml.YAMLError("a number in it is too large")
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        if depth > DEEPEST:
            raise yaml.YAMLError("it nests too deeply")
        inner = list(value.values()) if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(size(one, known, depth + 1) for one in inner)
        if known[id(value)] > MOST_VALUES:
            raise yaml.YAMLError(f"it stands for more than {MOST_VALUES} values")
    return known[id(value)]
