"""The tools that a request offers, and what a model made of them: which calls can be carried out, and why others cannot. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from local_swarm.chat.notations import NAME, WrittenCall
from local_swarm.types import JSON, ToolCall


class Toolbox:
    """Tools as OpenAI's API describes them."""

    def __init__(self, tools: Sequence[JSON]) -> None:
        self.tools = {str(tool["function"]["name"]): tool["function"] for tool in tools}

    def __bool__(self) -> bool:
        return bool(self.tools)

    @cached_property
    def by_letters(self) -> dict[str, str]:
        return {letters_of(name): name for name in reversed(self.tools)}

    def knows(self, name: str) -> bool:
        return self.proper(name) in self.tools

    def proper(self, name: str) -> str:
        """A tool's own name, where a model wrote it with other capitals or signs, or with a `functions.` before it."""
        if name in self.tools:
            return name
        last = name.rpartition(".")[2]
        return self.by_letters.get(letters_of(name)) or self.by_letters.get(letters_of(last), name)

    def schema(self, name: str) -> JSON:
        """The JSON schema of a tool's arguments; of a tool that takes none, or says nothing, that of any object."""
        parameters = self.tools.get(name, {}).get("parameters")
        return parameters if isinstance(parameters, dict) and parameters else {"type": "object"}

    def types(self, name: str, key: str) -> frozenset[str]:
        """The JSON types that a parameter may have; none where that is not said."""
        properties = self.schema(self.proper(name)).get("properties")
        return types_of(properties.get(key)) if isinstance(properties, dict) else frozenset()

    def fits(self, name: str, arguments: JSON) -> bool:
        """Whether these are all arguments that a tool needs, and none that it does not know."""
        schema = self.schema(self.proper(name))
        required, properties = schema.get("required"), schema.get("properties")
        known = arguments.keys() <= properties.keys() if isinstance(properties, dict) else not arguments
        return known and (not isinstance(required, list) or all(one in arguments for one in required))

    def problem(self, name: str, arguments: Any) -> str | None:
        """Why a call cannot be carried out, whatever its tool's schema says: that is looked at in `checks`."""
        if name not in self.tools:
            return f"there is no tool {name!r}"
        return None if isinstance(arguments, dict) else f"the arguments of {name} are no JSON object"


def letters_of(name: str) -> str:
    """A name without capitals and signs; a name of nothing else is itself."""
    return "".join(filter(str.isalnum, name)).lower() or name


def types_of(schema: Any) -> frozenset[str]:
    if not isinstance(schema, dict):
        return frozenset()
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return frozenset({kinds})
    if isinstance(kinds, list):
        return frozenset(kind for kind in kinds if isinstance(kind, str))
    choices = [choice for key in ("anyOf", "oneOf") for choice in schema.get(key) or () if isinstance(choice, dict)]
    return frozenset().union(*(types_of(choice) for choice in choices))


def settle_calls(
    written: Sequence[WrittenCall], broken: Sequence[str], tools: Toolbox
) -> tuple[tuple[ToolCall, ...], str | None]:
    """(calls, flaw): what a client gets, and what is wrong with the first that cannot be carried out.

    A call that nobody could read is handed on where its tool is known: clients tell the model what was wrong with it.
    """
    calls: list[ToolCall] = []
    flaw = None
    for one in written:
        name = tools.proper(one.name)
        text = one.arguments if isinstance(one.arguments, str) else json.dumps(one.arguments, ensure_ascii=False)
        flaw = flaw or tools.problem(name, one.arguments)
        calls.append(ToolCall(f"call_{len(calls)}", name, text))
    for body in broken:
        flaw = flaw or "a call could not be read"
        if found := NAME.search(body):
            _, _, arguments = body.partition('"arguments"')
            calls.append(ToolCall(f"call_{len(calls)}", tools.proper(found[1]), arguments.lstrip(" :\n") or body))
    return tuple(calls), flaw
