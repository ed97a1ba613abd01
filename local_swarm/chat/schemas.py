"""JSON schemas and values in, what breaks them out. Runs in a child process under limits: a pattern may take for ever.

Nothing is ever fetched: a schema that refers to an address says nothing about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, UnknownType, ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from local_swarm.chat.narrowing import parts

LONGEST_REASON = 200  # characters
# What a schema that is none, or refers to what is not there, makes the library raise.
UNFIT = (ValueError, TypeError, KeyError, AttributeError, RecursionError, Unresolvable, UnknownType, re.error)


def violations(checks: Sequence[tuple[Any, Any]]) -> list[str | None]:
    """For each (schema, value) the first way in which the value breaks the schema, None where it does not."""
    return [violation(schema, value) for schema, value in checks]


def violation(schema: Any, value: Any) -> str | None:
    """A schema that is none forbids nothing."""
    try:
        validator = Draft202012Validator(schema, registry=Registry())
        found: ValidationError | None = best_match(validator.iter_errors(value))
    except BaseException as problem:
        if not is_unfit(problem):
            raise
        return None
    if found is None:
        return None
    place = ".".join(str(part) for part in found.absolute_path)
    return f"{place + ': ' if place else ''}{found.message[:LONGEST_REASON]}"


def is_unfit(problem: BaseException) -> bool:
    """Whether it says that a schema is none. A reference that leads back to itself makes the library's Rust part panic."""
    return isinstance(problem, UNFIT) or type(problem).__name__ == "PanicException"


def fault(schema: Any) -> tuple[str, str] | None:
    """(keyword, reason) of what makes a schema none that a value could be held against; None where there is nothing."""
    blamed = "the schema"
    try:
        Draft202012Validator.check_schema(schema)
        for keyword, pattern in patterns(schema):
            blamed = keyword
            re.compile(pattern)
    except SchemaError as problem:
        path = [str(part) for part in problem.absolute_path]
        return path[-1] if path else "the schema", problem.message[:LONGEST_REASON]
    except re.error as problem:
        return blamed, f"{problem}"[:LONGEST_REASON]
    except UNFIT as problem:
        return "the schema", f"{problem}"[:LONGEST_REASON]
    found = next((ref for ref in references(schema) if not resolves(schema, ref)), None)
    return ("$ref", f"{found[:80]!r} does not lie in the schema") if found else None


def patterns(schema: Any) -> list[tuple[str, str]]:
    """Every (keyword, regular expression) in a schema."""
    found = []
    for part in parts(schema):
        if isinstance(pattern := part.get("pattern"), str):
            found.append(("pattern", pattern))
        if isinstance(named := part.get("patternProperties"), dict):
            found += [("patternProperties", name) for name in named]
    return found


def references(schema: Any) -> list[str]:
    return [ref for part in parts(schema) if isinstance(ref := part.get("$ref"), str)]


def resolves(schema: Any, ref: str) -> bool:
    """Whether a reference leads somewhere within the schema: a place, a name, or the schema itself."""
    address, _, fragment = ref.partition("#")
    if address:
        return any(part.get("$id") == address for part in parts(schema))
    if not fragment.startswith("/"):
        return not fragment or any(
            fragment in (part.get("$anchor"), part.get("$dynamicAnchor")) for part in parts(schema)
        )
    found = schema
    for step in fragment[1:].split("/"):
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(name)] if name.isdecimal() and int(name) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, dict) else None
    return found is not None
