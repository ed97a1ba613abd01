"""`POST /v1/responses`, OpenAI's newer API without memory between requests: its items in, its items and events out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import Field, ValidationError

from local_swarm.api.chat import ChatRequest
from local_swarm.api.context import ApiContext
from local_swarm.api.envelope import Envelope, PromptTokensDetails, usage_of
from local_swarm.api.response_items import messages_of
from local_swarm.api.schemas import Count, Mode, Name, SwarmOptions, Wire, complaint, mistake, parameter_path
from local_swarm.api.sse import COMMENT, KEEP_ALIVE_S, LONG_SLICE, SLICE, EventStreamResponse, slices
from local_swarm.api.swarm_info import Body, ModelText, SwarmInfo
from local_swarm.api.waiting import begin_answer, client_gone, elected_response, session_of, unless_gone
from local_swarm.errors import BadRequest, SwarmError
from local_swarm.events import election_of, with_pauses
from local_swarm.intake import encode_json
from local_swarm.limits import MOST_MESSAGES, MOST_TOOLS
from local_swarm.types import Candidate, Delta, Election, Event


async def answer_responses(context: ApiContext, request: ResponsesRequest, http: Request) -> Response:
    """Raises SwarmErrors before the first byte of an answer."""
    envelope = context.envelope(request.model)
    chat = request.chat()
    mode = chat.stream_mode
    events = await begin_answer(context.voice, chat.prompt(mode == "fastest", session_of(http)))
    reply = ResponsesReply(envelope.with_note(chat.note), request)
    if request.stream:
        return EventStreamResponse(reply.stream(events, mode), events)
    election = await unless_gone(election_of(events), http)
    return elected_response(reply.whole(election), election) if election else client_gone()


# ----------------------------------------------------------------------------------------------- the request


class ResponsesRequest(Wire):
    input: str | Annotated[list[dict[str, Any]], Field(max_length=MOST_MESSAGES, fail_fast=True)]
    model: Name = "swarm"
    instructions: str | None = None
    max_output_tokens: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    tools: Annotated[list[dict[str, Any]], Field(max_length=MOST_TOOLS, fail_fast=True)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    stream: bool | None = None
    previous_response_id: str | None = None
    prompt_cache_key: Name | None = None
    metadata: dict[str, Any] | None = None
    user: Name | None = None
    swarm: SwarmOptions | None = None

    def chat(self) -> ChatRequest:
        """The same as a request for chat. Raises BadRequest for what cannot be done."""
        if self.previous_response_id:
            raise BadRequest(
                "Responses are not kept here, so previous_response_id cannot be used. Send the whole conversation as input.",
                param="previous_response_id",
            )
        fields = {
            "model": self.model,
            "messages": self.messages(),
            "max_completion_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "tools": self.functions(),
            "tool_choice": self.tool_choice,
            "parallel_tool_calls": self.parallel_tool_calls,
            "reasoning_effort": (self.reasoning or {}).get("effort"),
            "response_format": self.format(),
            "prompt_cache_key": self.prompt_cache_key,
            "user": self.user,
        }
        try:
            return ChatRequest.model_validate(fields).model_copy(update={"swarm": self.swarm, "stream": self.stream})
        except ValidationError as problem:
            first = mistake(problem.errors())
            where = parameter_path(("input", *first["loc"]))
            raise BadRequest(f"input: as {where}: {complaint(first)}.", param="input") from problem

    def messages(self) -> list[dict[str, Any]]:
        system = [{"role": "system", "content": self.instructions}] if self.instructions else []
        items = [{"role": "user", "content": self.input}] if isinstance(self.input, str) else self.input
        if not items:
            raise BadRequest("input must not be empty.", param="input")
        return [*system, *messages_of(items)]

    def functions(self) -> list[dict[str, Any]] | None:
        for index, tool in enumerate(self.tools or ()):
            if tool.get("type") != "function":
                raise BadRequest(
                    f"Only functions can be tools here, not {str(tool.get('type'))[:64]!r}.", param=f"tools[{index}]"
                )
        return [{"type": "function", "function": tool} for tool in self.tools] if self.tools else None

    def format(self) -> dict[str, Any] | None:
        form = (self.text or {}).get("format")
        if not isinstance(form, dict):
            return None
        return {"type": form.get("type"), "json_schema": form} if form.get("type") == "json_schema" else form


# ------------------------------------------------------------------------------------------------- the reply


class OutputTokensDetails(Body):
    reasoning_tokens: int


class ResponseUsage(Body):
    input_tokens: int
    input_tokens_details: PromptTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class ResponseError(Body):
    code: ModelText
    message: ModelText


class IncompleteDetails(Body):
    reason: str


class ResponseBody(Body):
    """A response, whole or as far as it has come. What the request said is repeated in it, as OpenAI does."""

    id: str
    object: Annotated[str, Field(description="Always `response`.")]
    created_at: int
    status: Annotated[str, Field(description="`completed`, `incomplete`, `in_progress` or `failed`.")]
    error: ResponseError | None
    model: str
    output: Annotated[list[dict[str, Any]], Field(description="Thoughts, the message, calls of functions.")]
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, Any]
    parallel_tool_calls: bool
    previous_response_id: None
    reasoning: dict[str, Any]
    store: bool
    temperature: float | None
    text: dict[str, Any]
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    top_p: float | None
    truncation: str
    usage: ResponseUsage | None
    swarm: SwarmInfo | None = None


@dataclass(slots=True)
class ResponsesReply:
    """One response while it is made. Events are numbered in the order in which they are sent."""

    envelope: Envelope
    request: ResponsesRequest
    number: int = 0
    output: list[dict[str, Any]] = field(default_factory=list)

    def body(self, status: str, election: Election | None = None, problem: SwarmError | None = None) -> ResponseBody:
        request = self.request
        cut = election is not None and status_of(election.elected) == "incomplete"
        body = ResponseBody(
            id="resp_" + self.envelope.id,
            object="response",
            created_at=self.envelope.created,
            status="incomplete" if cut else status,
            error=ResponseError(code=problem.code or problem.kind, message=problem.message) if problem else None,
            model=self.envelope.model,
            output=self.output,
            incomplete_details=IncompleteDetails(reason="max_output_tokens") if cut else None,
            instructions=request.instructions,
            max_output_tokens=request.max_output_tokens,
            metadata=request.metadata or {},
            parallel_tool_calls=request.parallel_tool_calls is not False,
            previous_response_id=None,
            reasoning=request.reasoning or {"effort": None, "summary": None},
            store=False,
            temperature=request.temperature,
            text=request.text or {"format": {"type": "text"}},
            tool_choice=request.tool_choice or "auto",
            tools=request.tools or [],
            top_p=request.top_p,
            truncation="disabled",
            usage=response_usage(election.elected) if election else None,
        )
        if election:
            body.swarm = self.envelope.swarm(election, bool(request.swarm and request.swarm.ballots))
        return body

    def whole(self, election: Election) -> ResponseBody:
        self.output = self.items(election.elected)
        return self.body("completed", election)

    def items(self, candidate: Candidate) -> list[dict[str, Any]]:
        items = [self.thoughts(candidate.reasoning)] if candidate.reasoning else []
        if candidate.text or not candidate.tool_calls:
            items.append(self.message(candidate.text, status_of(candidate)))
        return [*items, *self.calls(candidate)]

    def thoughts(self, text: str) -> dict[str, Any]:
        summary = [{"type": "summary_text", "text": text}] if text else []
        return {"type": "reasoning", "id": "rs_" + self.envelope.id, "summary": summary}

    def message(self, text: str | None, status: str) -> dict[str, Any]:
        content = [] if text is None else [text_part(text)]
        return {
            "type": "message",
            "id": "msg_" + self.envelope.id,
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def calls(self, candidate: Candidate) -> list[dict[str, Any]]:
        return [
            {
                "type": "function_call",
                "id": call.id.replace("call_", "fc_"),
                "call_id": call.id,
                "status": "completed",
                "name": call.function.name,
                "arguments": call.function.arguments,
            }
            for call in self.envelope.tool_calls(candidate.tool_calls)
        ]

    # -- as a stream

    async def stream(self, events: AsyncGenerator[Event, None], mode: Mode) -> AsyncGenerator[bytes, None]:
        """Events as the client's library expects them. A failure becomes `response.failed`, never an end."""
        sent: str | None = None
        async with aclosing(with_pauses(events, KEEP_ALIVE_S)) as paced:
            yield self.state_event("response.created", self.body("in_progress"))
            yield self.state_event("response.in_progress", self.body("in_progress"))
            try:
                async for event in paced:
                    if event is None:
                        yield COMMENT
                    elif isinstance(event, Delta) and mode == "fastest" and not event.thought:
                        for data in self.begin(event.text) if sent is None else [self.more(event.text)]:
                            yield data
                        sent = (sent or "") + event.text
                    elif isinstance(event, Election):
                        for data in self.rest(event, sent):
                            yield data
            except SwarmError as problem:
                yield self.state_event("response.failed", self.body("failed", problem=problem))

    def state_event(self, kind: str, body: ResponseBody) -> bytes:
        return self.event(kind, response=body.json_value())

    def event(self, kind: str, **data: Any) -> bytes:
        body = encode_json({"type": kind, "sequence_number": self.number, **data})
        self.number += 1
        return b"event: " + kind.encode() + b"\ndata: " + body + b"\n\n"

    @property
    def text_address(self) -> dict[str, Any]:
        return {"item_id": "msg_" + self.envelope.id, "output_index": len(self.output), "content_index": 0}

    def begin(self, text: str) -> Iterator[bytes]:
        item = self.message(None, "in_progress")
        yield self.event("response.output_item.added", output_index=len(self.output), item=item)
        yield self.event("response.content_part.added", **self.text_address, part=text_part(""))
        if text:
            yield self.more(text)

    def more(self, text: str) -> bytes:
        return self.event("response.output_text.delta", **self.text_address, delta=text, logprobs=[])

    def rest(self, election: Election, sent: str | None) -> Iterator[bytes]:
        """Everything that was not sent while it was written."""
        elected = election.elected
        if elected.reasoning and sent is None:
            yield from self.item(self.thoughts(elected.reasoning), self.thoughts(""))
        if elected.text or sent is not None or not elected.tool_calls:
            if sent is None:
                yield from self.begin("")
            for text in slices(elected.text[len(sent or "") :], SLICE):
                yield self.more(text)
            yield self.event("response.output_text.done", **self.text_address, text=elected.text, logprobs=[])
            yield self.event("response.content_part.done", **self.text_address, part=text_part(elected.text))
            done = self.message(elected.text, status_of(elected))
            yield self.event("response.output_item.done", output_index=len(self.output), item=done)
            self.output.append(done)
        for call in self.calls(elected):
            yield from self.call(call)
        end = self.body("completed", election)
        yield self.state_event(f"response.{end.status}", end)

    def item(self, item: dict[str, Any], begun: dict[str, Any]) -> Iterator[bytes]:
        yield self.event("response.output_item.added", output_index=len(self.output), item=begun)
        yield self.event("response.output_item.done", output_index=len(self.output), item=item)
        self.output.append(item)

    def call(self, call: dict[str, Any]) -> Iterator[bytes]:
        address = {"item_id": call["id"], "output_index": len(self.output)}
        begun = {**call, "status": "in_progress", "arguments": ""}
        yield self.event("response.output_item.added", output_index=len(self.output), item=begun)
        for text in slices(call["arguments"], LONG_SLICE):
            yield self.event("response.function_call_arguments.delta", **address, delta=text)
        yield self.event(
            "response.function_call_arguments.done", **address, name=call["name"], arguments=call["arguments"]
        )
        yield self.event("response.output_item.done", output_index=len(self.output), item=call)
        self.output.append(call)


def status_of(candidate: Candidate) -> str:
    return "incomplete" if candidate.finish_reason == "length" else "completed"


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def response_usage(candidate: Candidate) -> ResponseUsage:
    usage = usage_of([candidate])
    return ResponseUsage(
        input_tokens=usage.prompt_tokens,
        input_tokens_details=usage.prompt_tokens_details,
        output_tokens=usage.completion_tokens,
        output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
        total_tokens=usage.total_tokens,
    )
