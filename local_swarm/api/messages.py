"""OpenAI's messages in, `Message`s out: texts, parts, tool calls and thoughts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from local_swarm.api.schemas import Name, Wire, Word
from local_swarm.errors import BadRequest
from local_swarm.limits import MOST_CALLS, MOST_PARTS
from local_swarm.types import Message, ToolCall

TEXT_PARTS = ("text", "input_text", "output_text", "refusal")


class FunctionWire(Wire):
    name: Name
    arguments: str | None = None


class ToolCallWire(Wire):
    id: Name | None = None
    function: FunctionWire


class PartWire(Wire):
    type: Word
    text: str | None = None
    refusal: str | None = None


class MessageWire(Wire):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[PartWire], Field(max_length=MOST_PARTS, fail_fast=True)] | None = None
    tool_calls: Annotated[list[ToolCallWire], Field(max_length=MOST_CALLS, fail_fast=True)] | None = None
    tool_call_id: Name | None = None
    name: Name | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    def message(self, field: str) -> Message:
        return Message(
            role=self.role,
            content=text_of(self.content, field),
            tool_calls=tuple(
                ToolCall(call.id or f"call_{number}", call.function.name, call.function.arguments or "{}")
                for number, call in enumerate(self.tool_calls or ())
            ),
            tool_call_id=self.tool_call_id,
            name=self.name,
            reasoning=self.reasoning_content or self.reasoning,
        )


def text_of(content: str | list[PartWire] | None, field: str) -> str:
    """The text of a message's content, parts joined. Raises BadRequest for parts that are no text."""
    if content is None or isinstance(content, str):
        return content or ""
    for number, part in enumerate(content):
        if part.type not in TEXT_PARTS:
            raise BadRequest(f"This model reads text only, not {part.type!r}.", param=f"{field}.content[{number}]")
    return "\n".join(part.text or part.refusal or "" for part in content)
