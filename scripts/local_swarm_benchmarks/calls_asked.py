"""Functions and right calls as the Berkeley Function Calling Leaderboard writes them in, tools and verdicts out. Pure.

Their parameter types are Python's (https://gorilla.cs.berkeley.edu/leaderboard.html); the leaderboard's own comparison is
the model: strings without case, spaces and punctuation, any of the values listed for a parameter, "" for one left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

JSON_TYPES = {
    "dict": "object",
    "float": "number",
    "tuple": "array",
    "list": "array",
    "int": "integer",
    "bool": "boolean",
    "str": "string",
    "any": "string",
}
UNSAID = re.compile(r"[ ,./\-_*^()'\"]")  # what the leaderboard drops from strings before it compares them
Values = Mapping[str, Any]


def tools_of(functions: Sequence[Values]) -> list[dict[str, Any]]:
    """In OpenAI's form."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool_name(one["name"]),
                "description": one.get("description", ""),
                "parameters": json_schema(one["parameters"]),
            },
        }
        for one in functions
    ]


def tool_name(name: str) -> str:
    return name.replace(".", "_")


def json_schema(given: Any) -> Any:
    """A schema with the names of JSON's types; a type that JSON has stays."""
    if isinstance(given, list):
        return [json_schema(one) for one in given]
    if not isinstance(given, dict):
        return given
    made = {key: json_schema(value) for key, value in given.items()}
    if isinstance(given.get("type"), str):
        made["type"] = JSON_TYPES.get(given["type"].lower(), given["type"])
    return made


def calls_match(calls: Sequence[Values], answers: Sequence[Values], functions: Sequence[Values]) -> bool:
    """Whether the calls are the right ones, in any order, none missing and none too many."""
    if len(calls) != len(answers):
        return False
    required = {tool_name(one["name"]): set(one["parameters"].get("required", ())) for one in functions}
    left = list(answers)
    for call in calls:
        match = next((one for one in left if call_matches(call, one, required)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def call_matches(call: Values, answer: Values, required: Mapping[str, set[str]]) -> bool:
    """Every argument given is one of those listed, and none is missing that has to be there."""
    (name, allowed), *_ = answer.items()
    if call["name"] != tool_name(name):
        return False
    try:
        given = json.loads(call["arguments"] or "{}")
    except ValueError:
        return False
    if not isinstance(given, dict) or not set(given) <= set(allowed):
        return False
    needed = {key for key, values in allowed.items() if "" not in values} | required.get(call["name"], set())
    return needed <= set(given) and all(any(same(value, one) for one in allowed[key]) for key, value in given.items())


def same(given: Any, listed: Any) -> bool:
    """One given value against one of those listed."""
    if isinstance(given, bool) or isinstance(listed, bool):
        return given is listed
    if isinstance(given, str) and isinstance(listed, str):
        return UNSAID.sub("", given).lower() == UNSAID.sub("", listed).lower()
    if isinstance(given, list) and isinstance(listed, list):
        return len(given) == len(listed) and all(map(same, given, listed))
    if isinstance(given, dict) and isinstance(listed, dict):
        # Each value of a listed object is itself a list of those allowed.
        return set(given) <= set(listed) and all(
            any(same(given[key], one) for one in values) if key in given else "" in values
            for key, values in ((key, as_list(values)) for key, values in listed.items())
        )
    return (type(given) in (int, float) and type(listed) in (int, float) and given == listed) or given is listed is None


def as_list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]
