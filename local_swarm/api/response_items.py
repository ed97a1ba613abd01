"""Items of a request for `/v1/responses` in, messages as chat requests have them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local_swarm.errors import BadRequest

ITEMS = ("message", "function_call", "function_call_output", "reasoning")


def messages_of(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Raises BadRequest for items that are not known. Thoughts that no answer follows are left out."""
    messages: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        add_item(messages, item, index)
    return [message for message in messages if not message.pop("thought_only", False)]


def add_item(messages: list[dict[str, Any]], item: Mapping[str, Any], index: int) -> None:
    """One item to the conversation. Calls and thoughts belong to the assistant's message before or after them."""
    kind = item.get("type") or "message"
    if kind not in ITEMS:
        raise BadRequest(f"input[{index}] cannot be a {str(kind)[:64]!r} here.", param=f"input[{index}]")
    if kind == "function_call_output":
        messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")})
    elif kind == "message":
        add_message(messages, item)
    else:
        if not messages or messages[-1]["role"] != "assistant":
            messages.append({"role": "assistant", "content": "", "thought_only": True})
        if kind == "reasoning":
            messages[-1]["reasoning_content"] = text_of_thoughts(item)
        else:
            add_call(messages[-1], item)


def add_message(messages: list[dict[str, Any]], item: Mapping[str, Any]) -> None:
    """The assistant's joins the thoughts that stand before it."""
    joins = item.get("role") == "assistant" and messages and messages[-1].pop("thought_only", False)
    message = {"role": item.get("role"), "content": item.get("content")}
    if joins:
        messages[-1] |= message
    else:
        messages.append(message)


def text_of_thoughts(item: Mapping[str, Any]) -> str:
    parts = [part for key in ("content", "summary") if isinstance(given := item.get(key), list) for part in given]
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def add_call(message: dict[str, Any], item: Mapping[str, Any]) -> None:
    message.pop("thought_only", None)
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    message.setdefault("tool_calls", []).append({"id": item.get("call_id"), "type": "function", "function": function})
