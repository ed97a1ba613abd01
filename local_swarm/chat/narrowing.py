"""A JSON schema in, a looser one out: the same without what is costly to enforce. Pure.

Every answer that obeys the schema obeys the looser one; what is left out is for the check of the whole answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

NARROW = frozenset(
    {
        "pattern",
        "patternProperties",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
    }
    | {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
)
# By which a schema forbids what another one allows, or counts what fits it: that one must not become looser.
NEGATIVE = frozenset(
    {"not", "if", "then", "else", "contains", "minContains", "maxContains", "unevaluatedProperties", "unevaluatedItems"}
)
BESIDE_PATTERNS = ("additionalProperties", "unevaluatedProperties")  # which are about what no pattern fits
DATA = ("enum", "const", "default", "examples")  # whose values are no schemas
NAMES = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")  # whose keys are names
MOST_REPEATED = 1_000  # characters or items that a server's grammar may count
LONGEST_PATTERN = 200  # characters

Keep = Callable[[str, Any], bool]


def loosen(schema: Any) -> Any:
    """Without any bounds on values: kinds, names and choices are left. Raises RecursionError for what nests too deeply."""
    return positive(keep_keywords(schema, lambda keyword, _: keyword not in NARROW))


def simplify_schema(schema: Any) -> Any:
    """For servers, which build grammars in ways of their own: without numbers and patterns that make those large."""
    thin = keep_keywords(schema, cheap)
    return schema if thin == schema else positive(thin)


def cheap(keyword: str, value: Any) -> bool:
    if keyword == "pattern":
        return isinstance(value, str) and is_cheap(value)
    if keyword == "patternProperties":
        return isinstance(value, Mapping) and all(map(is_cheap, value))
    return keyword not in NARROW or not isinstance(value, int | float) or abs(value) <= MOST_REPEATED


def is_cheap(pattern: str) -> bool:
    return len(pattern) <= LONGEST_PATTERN and not any(mark in pattern for mark in ("{", "(?", ")*", ")+"))


def keep_keywords(schema: Any, keep: Keep) -> Any:
    """The keywords that shall be kept, wherever they are keywords."""

    def some(part: Mapping[str, Any]) -> Mapping[str, Any]:
        left = {key: value for key, value in part.items() if keep(key, value)}
        if "patternProperties" in part and "patternProperties" not in left:
            left = {key: value for key, value in left.items() if key not in BESIDE_PATTERNS}
        return left

    return map_schemas(schema, some)


def positive(schema: Any) -> Any:
    """Only keywords that allow more where what is below them does."""

    def some(part: Mapping[str, Any]) -> Mapping[str, Any]:
        left = {key: value for key, value in part.items() if key not in NEGATIVE and key != "oneOf"}
        if "oneOf" in part:
            also = part.get("allOf")
            left["allOf"] = [*(also if isinstance(also, list) else []), {"anyOf": part["oneOf"]}]
        return left

    return map_schemas(schema, some)


def map_schemas(schema: Any, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
    """A schema with each of its schemas changed, the outer ones first."""
    if isinstance(schema, list):
        return [map_schemas(one, change) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: below(key, value, change) for key, value in change(schema).items()}


def below(key: str, value: Any, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Any:
    if key in DATA:
        return value
    if key in NAMES and isinstance(value, Mapping):
        return {name: map_schemas(one, change) for name, one in value.items()}
    return map_schemas(value, change)


def parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every schema within a schema, itself first. Without recursion."""
    left = [schema]
    while left:
        one = left.pop()
        if isinstance(one, list):
            left.extend(one)
        elif isinstance(one, Mapping):
            yield one
            for key, value in one.items():
                if key in NAMES and isinstance(value, Mapping):
                    left.extend(value.values())
                elif key not in DATA:
                    left.append(value)
