"""OpenAI's messages in, `Message`s out: texts, parts, tool calls and thoughts."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from local_swarm.api.schemas import Name, Wire, Word
from local_swarm.limits import MOST_CALLS, MOST_PARTS
from local_swarm.types import Message, ToolCall

TEXT_PARTS = ("text", "input_text", "output_text", "summary_text", "refusal", "thinking")
KINDS = ("image", "audio", "video", "file", "document")  # what others are called, with something before or behind it
LEFT_OUT = "This model reads text only, so parts of the messages were left out"


class FunctionWire(Wire):
    name: Name
    arguments: str | dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """The arguments as a model wrote them. Some clients send back the object that they read of it."""
        given = self.arguments
        return json.dumps(given, ensure_ascii=False) if isinstance(given, dict) else given or "{}"


class ToolCallWire(Wire):
    id: Name | None = None
    function: FunctionWire


class PartWire(Wire):
    """Some part of a message. Of those that are no text only the kind is looked at."""

    type: Word = "text"
    text: str | None = None
    refusal: str | None = None
    thinking: str | None = None

    @property
    def kind(self) -> str | None:
        """What it is, in a word, where it cannot be read; None where it can."""
        if self.type in TEXT_PARTS or self.text or self.thinking:
            return None
        known = next((kind for kind in KINDS if kind in self.type.lower()), None)
        return known or (self.type if self.type.isidentifier() else "part")

    @property
    def words(self) -> str:
        """Its text, or what stands in for it: one image that cannot be read must not end a conversation."""
        return f"[{self.kind} left out: this model reads text only]" if self.kind else self.text or self.refusal or ""


class MessageWire(Wire):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[PartWire], Field(max_length=MOST_PARTS, fail_fast=True)] | None = None
    tool_calls: Annotated[list[ToolCallWire], Field(max_length=MOST_CALLS, fail_fast=True)] | None = None
    tool_call_id: Name | None = None
    name: Name | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    @property
    def parts(self) -> list[PartWire]:
        return self.content if isinstance(self.content, list) else []

    @property
    def left_out(self) -> list[str]:
        """The kinds of its parts that cannot be read."""
        return [part.kind for part in self.parts if part.kind]

    def message(self) -> Message:
        spoken = [part.words for part in self.parts if not part.thinking]
        thoughts = "\n".join(part.thinking for part in self.parts if part.thinking) or None
        return Message(
            role=self.role,
            content=self.content if isinstance(self.content, str) else "\n".join(spoken),
            tool_calls=tuple(
                ToolCall(call.id or f"call_{number}", call.function.name, call.function.text)
                for number, call in enumerate(self.tool_calls or ())
            ),
            tool_call_id=self.tool_call_id,
            name=self.name,
            reasoning=self.reasoning_content or self.reasoning or thoughts,
        )
