"""OpenAI's request JSON in, a `Prompt` out. Private to `api`: nothing else knows these shapes.

Unknown fields are ignored and nulls count as absent, as clients send plenty of both; a wrong type is an error that names
its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from local_swarm.errors import BadRequest
from local_swarm.limits import (
    LONGEST_NAME,
    LONGEST_STOP,
    MOST_BIAS,
    MOST_CALLS,
    MOST_MESSAGES,
    MOST_NUMBER,
    MOST_PARTS,
    MOST_STOPS,
    MOST_TOOLS,
    MOST_TOP,
    MOST_VOICES,
    bounded,
    check_tools,
)
from local_swarm.types import JSON, Message, Prompt, Sampling, Strategy, ToolCall

LONGEST_WORD = 64  # of a kind or an effort
TEXT_PARTS = ("text", "input_text", "output_text", "refusal")
THOUGHTLESS = ("none", "minimal")  # efforts at which a model shall not think first
Mode = Literal["vote", "draft", "fastest"]

# What is too long is refused before its members are looked at, and at the first mistake in a list the others do not matter.
Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Word = Annotated[str, Field(max_length=LONGEST_WORD)]
Stop = Annotated[str, Field(max_length=LONGEST_STOP)]
Count = Annotated[int, Field(ge=1, le=MOST_NUMBER)]


class Wire(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


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

    def message(self, place: str) -> Message:
        return Message(
            role=self.role,
            content=text_of(self.content, place),
            tool_calls=tuple(
                ToolCall(call.id or f"call_{number}", call.function.name, call.function.arguments or "{}")
                for number, call in enumerate(self.tool_calls or ())
            ),
            tool_call_id=self.tool_call_id,
            name=self.name,
            reasoning=self.reasoning_content or self.reasoning,
        )


class StreamOptionsWire(Wire):
    include_usage: bool | None = None


class SchemaWire(Wire):
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None


class ResponseFormatWire(Wire):
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: SchemaWire | None = None

    def schema_of(self) -> JSON | None:
        """The schema that the answer must obey. Raises BadRequest where one is announced and none is given."""
        if self.type == "json_schema":
            if self.json_schema is None or self.json_schema.schema_ is None:
                raise BadRequest("response_format.json_schema.schema is missing.", param="response_format")
            return self.json_schema.schema_
        return {"type": "object"} if self.type == "json_object" else None


class SwarmOptions(Wire):
    """The extension of requests: how to vote, and what of it to show."""

    strategy: Strategy | None = None
    n: Annotated[int, Field(ge=1, le=MOST_VOICES)] | None = None
    federate: bool | None = None
    early: bool | None = None
    route: bool | None = None
    stream: Mode | None = None
    ballots: bool | None = None


class SampledRequest(Wire):
    """What requests for chat and for plain completions share."""

    model: Name = "swarm"
    stream: bool | None = None
    stream_options: StreamOptionsWire | None = None
    n: Annotated[int, Field(ge=1, le=MOST_VOICES)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=MOST_NUMBER)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=100)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    stop: Stop | Annotated[list[Stop | None], Field(max_length=MOST_STOPS, fail_fast=True)] | None = None
    logit_bias: Annotated[dict[Word, Annotated[float, Field(ge=-100, le=100)]], Field(max_length=MOST_BIAS)] | None = (
        None
    )
    prompt_cache_key: Name | None = None
    user: Name | None = None
    swarm: SwarmOptions | None = None

    @property
    def choices(self) -> int:
        return self.n or 1

    @property
    def ballots(self) -> bool:
        return bool(self.swarm and self.swarm.ballots)

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def mode(self) -> Mode:
        """What of the answer is streamed: the vote's, with a draft before it, or one worker's as it comes."""
        return (self.swarm.stream if self.swarm else None) or "vote"

    def voices(self, fast: bool) -> int | None:
        """How many workers are asked; None leaves it to the swarm."""
        if fast:
            return self.choices
        wanted = self.swarm.n if self.swarm else None
        return max(self.choices, wanted or 0) if self.choices > 1 else wanted

    def sampling(self, max_tokens: int | None, logprobs: int | None) -> Sampling:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            repeat_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            seed=self.seed,
            max_tokens=max_tokens,
            stop=tuple(stop for stop in stops if stop),
            bias=self._bias(),
            logprobs=logprobs,
        )

    def _bias(self) -> tuple[tuple[int, float], ...]:
        try:
            return tuple((int(token), weight) for token, weight in (self.logit_bias or {}).items())
        except ValueError as problem:
            raise BadRequest("logit_bias must map token ids to numbers.", param="logit_bias") from problem


class ChatRequest(SampledRequest):
    messages: Annotated[list[MessageWire], Field(min_length=1, max_length=MOST_MESSAGES, fail_fast=True)]
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    tools: Annotated[list[dict[str, Any]], Field(max_length=MOST_TOOLS, fail_fast=True)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_TOP)] | None = None
    response_format: ResponseFormatWire | None = None
    reasoning_effort: Word | None = None
    chat_template_kwargs: dict[str, Any] | None = None

    def prompt(self, fast: bool, session: str | None) -> Prompt:
        """The prompt, asked of one worker if `fast`. Raises BadRequest for what cannot be done."""
        names = check_tools(self.tools or ())
        offered, must_call = self._choice(names)
        kept = set(offered)
        prompt = Prompt(
            messages=tuple(message.message(f"messages[{place}]") for place, message in enumerate(self.messages)),
            tools=tuple(tool for tool, name in zip(self.tools or (), names, strict=True) if name in kept),
            must_call=must_call,
            one_call=self.parallel_tool_calls is False,
            sampling=self.sampling(
                self.max_completion_tokens or self.max_tokens, (self.top_logprobs or 0) if self.logprobs else None
            ),
            voices=self.voices(fast),
            strategy=self.swarm.strategy if self.swarm else None,
            early=not (self.swarm and self.swarm.early is False),
            session=session or self.prompt_cache_key or self.user,
            schema=self.response_format.schema_of() if self.response_format else None,
            template=self._template_options(),
            thinking=self._thinking(),
            draft=self.mode == "draft",
            federate=not (self.swarm and self.swarm.federate is False),
            route=self.swarm.route if self.swarm else None,
        )
        return bounded(prompt)

    def _template_options(self) -> JSON:
        effort = {} if self.reasoning_effort in (None, *THOUGHTLESS) else {"reasoning_effort": self.reasoning_effort}
        return {**effort, **(self.chat_template_kwargs or {})}

    def _thinking(self) -> bool | None:
        wish = (self.chat_template_kwargs or {}).get("enable_thinking")
        return wish if isinstance(wish, bool) else False if self.reasoning_effort in THOUGHTLESS else None

    def _choice(self, names: list[str]) -> tuple[list[str], tuple[str, ...]]:
        """(tools that may be called, tools of which one must be). Raises BadRequest for a choice that there is not."""
        choice = self.tool_choice
        if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
            allowed = choice.get("allowed_tools", choice)
            tools = allowed.get("tools") if isinstance(allowed, dict) else None
            wanted = {name_of(one) for one in tools} if isinstance(tools, list) else set()
            names = [name for name in names if name in wanted]
            choice = allowed.get("mode", "auto") if isinstance(allowed, dict) else "auto"
        if choice in (None, "auto"):
            return names, ()
        if choice == "none":
            return [], ()
        must = tuple(dict.fromkeys(names)) if choice == "required" else (name_of(choice),)
        if not must or not set(must) <= set(names):
            raise BadRequest(
                "tool_choice must be 'auto', 'none', 'required' or name one of the tools.", param="tool_choice"
            )
        return names, must


def mistake(errors: Sequence[Any]) -> Any:
    """The one of pydantic's errors that says the most: where a value may be of several kinds, the others say only of which it is
    not."""
    return next((one for one in errors if not one["type"].endswith("_type")), errors[0])


def name_of(choice: Any) -> str:
    """`{"type": "function", "function": {"name": ...}}`, or the name without that middle layer."""
    inner = choice.get("function", choice) if isinstance(choice, dict) else {}
    return str(inner.get("name", "")) if isinstance(inner, dict) else ""


def text_of(content: str | list[PartWire] | None, place: str) -> str:
    """Text of a message's content, parts joined. Raises BadRequest for parts that are no text."""
    if content is None or isinstance(content, str):
        return content or ""
    for number, part in enumerate(content):
        if part.type not in TEXT_PARTS:
            raise BadRequest(f"This model reads text only, not {part.type!r}.", param=f"{place}.content[{number}]")
    return "\n".join(part.text or part.refusal or "" for part in content)
