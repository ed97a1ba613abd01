"""A model's raw reply in, its words and its tool calls out, for the Hermes way of writing calls. Pure.

Hermes (NousResearch's Hermes-Function-Calling; Qwen2.5, Granite and the starter model write it):
`<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, any number of times, around or after words.
"""

from __future__ import annotations

import json
import re

from local_swarm.types import ToolCall

CALL = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)


def parse_reply(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    """(words, calls). A call that cannot be read stays in the words, where it can be seen."""
    calls: list[ToolCall] = []

    def take(match: re.Match[str]) -> str:
        call = parse_call(match[1], len(calls))
        if call is None:
            return match[0]
        calls.append(call)
        return ""

    words = CALL.sub(take, text)
    return (words.strip() if calls else words), tuple(calls)


def parse_call(body: str, number: int) -> ToolCall | None:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        return None
    arguments = data.get("arguments", data.get("parameters", {}))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(f"call_{number}", data["name"], text)


def canonical(call: ToolCall) -> str:
    """A text that is equal for calls that do the same: order and spacing of arguments do not count."""
    try:
        arguments = json.dumps(json.loads(call.arguments), sort_keys=True, ensure_ascii=False)
    except ValueError:
        arguments = call.arguments.strip()
    return f"{call.name}({arguments})"
