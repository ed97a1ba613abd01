"""A JSON schema in, a looser one out: the same without what is costly to enforce. Pure.

Every answer that obeys the schema obeys the looser one; what is left out is for the check of the whole answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NARROW = frozenset(
    {"pattern", "patternProperties", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
)  # fmt: skip
DATA = ("enum", "const", "default", "examples")  # whose values are no schemas
NAMES = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")  # whose keys are names
MOST_REPEATED = 1_000  # characters or items that a server's grammar may count
LONGEST_PATTERN = 200  # characters

Keep = Callable[[str, Any], bool]


def loosened(schema: Any) -> Any:
    """Without any bounds on values: kinds, names and choices are left."""
    return kept(schema, lambda keyword, _: keyword not in NARROW)


def modest(schema: Any) -> Any:
    """For servers, which build grammars in ways of their own: without numbers and patterns that make those large."""
    return kept(schema, cheap)


def cheap(keyword: str, value: Any) -> bool:
    if keyword == "pattern":
        return (
            isinstance(value, str) and len(value) <= LONGEST_PATTERN and not any(mark in value for mark in ("{", "(?"))
        )
    if keyword == "patternProperties":
        return False
    return keyword not in NARROW or not isinstance(value, int | float) or abs(value) <= MOST_REPEATED


def kept(schema: Any, keep: Keep) -> Any:
    """The keywords that shall be kept, wherever they are keywords. Raises RecursionError for what nests too deeply."""
    if isinstance(schema, list):
        return [kept(one, keep) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: inner(key, value, keep) for key, value in schema.items() if keep(key, value)}


def inner(key: str, value: Any, keep: Keep) -> Any:
    if key in DATA:
        return value
    if key in NAMES and isinstance(value, Mapping):
        return {name: kept(one, keep) for name, one in value.items()}
    return kept(value, keep)
