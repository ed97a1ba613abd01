"""`POST /v1/chat/completions`: OpenAI's chat request in, its reply or its stream of chunks out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Request
from fastapi.responses import Response
from pydantic import Field

from local_swarm.api.context import ApiContext
from local_swarm.api.envelope import Envelope, UsageInfo, by_agreement, usage_of
from local_swarm.api.error_body import error_body
from local_swarm.api.messages import LEFT_OUT, MessageWire
from local_swarm.api.schemas import Count, Mode, SampledRequest, Wire, Word
from local_swarm.api.sse import (
    COMMENT,
    DONE,
    KEEP_ALIVE_S,
    LONG_SLICE,
    SLICE,
    EventStreamResponse,
    Sent,
    slices,
    sse_event,
)
from local_swarm.api.swarm_info import Body, ModelText, SwarmInfo, ToolCallInfo
from local_swarm.api.waiting import begin_answer, client_gone, elected_response, session_of, unless_gone
from local_swarm.errors import BadRequest, SwarmError
from local_swarm.events import election_of, with_pauses
from local_swarm.limits import MOST_MESSAGES, MOST_TOOLS, MOST_TOP, check_prompt, check_tools
from local_swarm.types import JSON, Candidate, Delta, Election, Event, FinishReason, Prompt

THOUGHTLESS = ("none", "minimal")  # efforts at which a model shall not think first


async def answer_chat(context: ApiContext, request: ChatRequest, http: Request) -> Response:
    """Raises SwarmErrors before the first byte of an answer."""
    reply = ChatReply(context.envelope(request.model).with_note(request.note), request)
    mode = request.stream_mode
    events = await begin_answer(context.voice, request.prompt(mode == "fastest", session_of(http)))
    if request.stream:
        return EventStreamResponse(stream_chat(events, reply, mode), events)
    election = await unless_gone(election_of(events), http)
    return elected_response(reply.completion(election), election) if election else client_gone()


# ----------------------------------------------------------------------------------------------- the request


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
            messages=tuple(message.message() for message in self.messages),
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
            thinking=self._wants_thinking(),
            draft=self.mode == "draft",
            federate=not (self.swarm and self.swarm.federate is False),
            route=self.swarm.route if self.swarm else None,
        )
        return check_prompt(prompt)

    @property
    def note(self) -> str | None:
        """What of the request the model cannot read."""
        kinds = sorted({kind for message in self.messages for kind in message.left_out})
        return f"{LEFT_OUT}: {', '.join(kinds)}." if kinds else None

    def _template_options(self) -> JSON:
        effort = {} if self.reasoning_effort in (None, *THOUGHTLESS) else {"reasoning_effort": self.reasoning_effort}
        return {**effort, **(self.chat_template_kwargs or {})}

    def _wants_thinking(self) -> bool | None:
        wanted = (self.chat_template_kwargs or {}).get("enable_thinking")
        return wanted if isinstance(wanted, bool) else False if self.reasoning_effort in THOUGHTLESS else None

    def _choice(self, names: list[str]) -> tuple[list[str], tuple[str, ...]]:
        """(tools that may be called, tools of which one must be). Raises BadRequest for a choice that there is not."""
        choice = self.tool_choice
        if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
            allowed = choice.get("allowed_tools", choice)
            tools = allowed.get("tools") if isinstance(allowed, dict) else None
            listed = {name_of(one) for one in tools} if isinstance(tools, list) else set()
            names = [name for name in names if name in listed]
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


def name_of(choice: Any) -> str:
    """`{"type": "function", "function": {"name": ...}}`, or the name without that middle layer."""
    inner = choice.get("function", choice) if isinstance(choice, dict) else {}
    return str(inner.get("name", "")) if isinstance(inner, dict) else ""


# ------------------------------------------------------------------------------------------------- the reply


class ChatMessageInfo(Body):
    role: Annotated[str, Field(description="Always `assistant`.")]
    content: Annotated[ModelText | None, Field(description="The answer; null where it only calls tools.")]
    refusal: None
    reasoning_content: Annotated[ModelText | None, Field(description="What the model thought first.")] = None
    tool_calls: list[ToolCallInfo] | None = None


class ChatChoice(Body):
    index: int
    message: ChatMessageInfo
    finish_reason: FinishReason
    logprobs: dict[str, Any] | None


class ChatCompletion(Body):
    id: str
    object: Annotated[str, Field(description="Always `chat.completion`.")]
    created: int
    model: str
    choices: Annotated[list[ChatChoice], Field(description="The winner, then others by agreement.")]
    usage: UsageInfo
    swarm: SwarmInfo


@dataclass(frozen=True, slots=True)
class ChatReply:
    """How one request is answered: at once, or in chunks."""

    envelope: Envelope
    request: ChatRequest

    def completion(self, election: Election) -> ChatCompletion:
        chosen = by_agreement(election)[: self.request.choices]
        return ChatCompletion(
            id="chatcmpl-" + self.envelope.id,
            object="chat.completion",
            created=self.envelope.created,
            model=self.envelope.model,
            choices=[self.choice(candidate, index) for index, candidate in enumerate(chosen)],
            usage=usage_of(chosen),
            swarm=self.envelope.swarm(election, self.request.ballots),
        )

    def choice(self, candidate: Candidate, index: int) -> ChatChoice:
        message = ChatMessageInfo(role="assistant", content=candidate.text, refusal=None)
        if candidate.reasoning:
            message.reasoning_content = candidate.reasoning
        if candidate.tool_calls:
            message.content = candidate.text or None
            message.tool_calls = self.envelope.tool_calls(candidate.tool_calls, index)
        return ChatChoice(
            index=index, message=message, finish_reason=candidate.finish_reason, logprobs=chat_logprobs(candidate)
        )

    def chunk(
        self, delta: Mapping[str, Any], finish: str | None = None, index: int = 0, likely: JSON | None = None
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": dict(delta), "finish_reason": finish, "logprobs": likely}
        return self._chunk_of([choice])

    def chunks(self, election: Election, sent: Sent) -> Iterator[dict[str, Any]]:
        """What follows the role and what was sent: every choice in slices with its end. The last chunk has the `swarm` object."""
        chosen = by_agreement(election)[: self.request.choices]
        for index, candidate in enumerate(chosen):
            yield from self._pieces(candidate, index, sent if index == 0 else Sent())
            end = self.chunk({}, candidate.finish_reason, index)
            if index == len(chosen) - 1 and not self.request.include_usage:
                end["swarm"] = self._swarm(election)
            yield end
        if self.request.include_usage:  # a chunk without choices, for clients that asked for it
            yield {**self._chunk_of([]), "usage": usage_of(chosen).json_value(), "swarm": self._swarm(election)}

    def _pieces(self, candidate: Candidate, index: int, sent: Sent) -> Iterator[dict[str, Any]]:
        for piece in slices(candidate.reasoning[sent.thoughts :], SLICE):
            yield self.chunk({"reasoning_content": piece}, index=index)
        likely = chat_logprobs(candidate)  # with the first piece, for all of them
        for piece in slices(candidate.text[sent.words :], SLICE):
            yield self.chunk({"content": piece}, index=index, likely=likely)
            likely = None
        for number, call in enumerate(self.envelope.tool_calls(candidate.tool_calls, index)):
            begun = {"id": call.id, "type": call.type, "function": {"name": call.function.name, "arguments": ""}}
            yield self.chunk({"tool_calls": [{"index": number, **begun}]}, index=index, likely=likely)
            likely = None
            for piece in slices(call.function.arguments, LONG_SLICE):
                yield self.chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]}, index=index)
        if likely:  # all text was sent while it was written
            yield self.chunk({"content": ""}, index=index, likely=likely)

    def _chunk_of(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        envelope = self.envelope
        return {
            "id": "chatcmpl-" + envelope.id,
            "object": "chat.completion.chunk",
            "created": envelope.created,
            "model": envelope.model,
            "choices": choices,
        }

    def _swarm(self, election: Election) -> dict[str, Any]:
        return self.envelope.swarm(election, self.request.ballots).json_value()


def chat_logprobs(candidate: Candidate) -> dict[str, Any] | None:
    """In the shape of the chat API: one object for each token."""

    def entry(text: str, nats: float | None) -> dict[str, Any]:
        return {"token": text, "logprob": nats, "bytes": list(text.encode("utf-8", "replace"))}

    content = [
        {**entry(one.text, one.logprob), "top_logprobs": [entry(*other) for other in one.top]}
        for one in candidate.logprobs
    ]
    return {"content": content, "refusal": None} if content else None


# ------------------------------------------------------------------------------------------------ the stream


async def stream_chat(
    events: AsyncGenerator[Event, None], reply: ChatReply, mode: Mode, pause_s: float = KEEP_ALIVE_S
) -> AsyncGenerator[bytes, None]:
    """One whole event stream: the text of a single worker as it is written (`fastest`), or the elected one after the vote, with
    what one worker writes shown as thoughts meanwhile (`draft`).

    A failure becomes an error event without an end mark: clients must not take a cut answer for a whole one.
    """
    sent = Sent()
    async with aclosing(with_pauses(events, pause_s)) as paced:
        yield sse_event(reply.chunk({"role": "assistant", "content": ""}))
        try:
            async for event in paced:
                if event is None:
                    yield COMMENT
                elif isinstance(event, Delta) and mode != "vote" and reply.request.choices == 1:
                    yield sse_event(reply.chunk(delta_fields(event, mode, sent)))
                elif isinstance(event, Election):
                    for data in reply.chunks(event, sent):
                        yield sse_event(data)
                    yield DONE
        except SwarmError as problem:
            yield sse_event(error_body(problem))


def delta_fields(delta: Delta, mode: Mode, sent: Sent) -> dict[str, str]:
    """A piece as the client sees it, counted in `sent`. A draft is no part of the answer, so it is not counted."""
    if mode == "draft":
        return {"reasoning_content": delta.text}
    if delta.thought:
        sent.thoughts += len(delta.text)
        return {"reasoning_content": delta.text}
    sent.words += len(delta.text)
    return {"content": delta.text}
