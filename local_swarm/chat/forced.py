"""Tools of which one must be called in, how to make a model do so out: what its reply begins with, and the JSON that must follow.

A grammar then binds the reply to that JSON, so what comes out is always a call that can be carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_swarm.chat.families import Family
from local_swarm.chat.narrowing import map_schemas, parts
from local_swarm.chat.notations import WrittenCall, object_of, read_json
from local_swarm.chat.tools import Toolbox


@dataclass(frozen=True, slots=True)
class Force:
    """`cue` goes after the prompt; `schema` binds the reply, `loose` does so where a grammar cannot express that. `name`: the one
    tool there is to call, whose arguments are the whole reply."""

    cue: str
    schema: Mapping[str, Any]
    loose: Mapping[str, Any]
    name: str | None

    def read(self, reply: str, tools: Toolbox) -> list[WrittenCall] | None:
        if self.name:
            return [WrittenCall(self.name, object_of(reply.strip()))]
        return read_json(reply, tools.types)


def force(family: Family, names: Sequence[str], tools: Toolbox) -> Force:
    """For one named tool its arguments are all that is left to write; else its name is chosen first."""
    loose: dict[str, Any] = {"type": "object"}
    if len(names) == 1:
        return Force(family.prefix_for(names[0]), tools.schema(names[0]), loose, names[0])
    own = {str(place): tools.schema(name) for place, name in enumerate(names)}
    own = {place: move_references(schema, f"#/$defs/{place}") for place, schema in own.items() if refers(schema)}
    choices = [
        call_schema({"const": name}, {"$ref": f"#/$defs/{place}"} if str(place) in own else tools.schema(name))
        for place, name in enumerate(names)
    ]
    schema = {"anyOf": choices, **({"$defs": own} if own else {})}
    return Force(family.call_prefix, schema, call_schema({"enum": list(names)}, loose), None)


def refers(schema: Any) -> bool:
    return any("$ref" in part for part in parts(schema))


def move_references(schema: Any, place: str) -> Any:
    """A schema whose references lead to the same places when it stands at that one: two tools may give one name to two things."""

    def lead(part: Mapping[str, Any]) -> Mapping[str, Any]:
        ref = part.get("$ref")
        return (
            {**part, "$ref": place + ref[1:]} if isinstance(ref, str) and (ref == "#" or ref.startswith("#/")) else part
        )

    return map_schemas(schema, lead)


def call_schema(name: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": name, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
