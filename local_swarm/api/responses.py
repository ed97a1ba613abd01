"""OpenAI's newer way to ask, `/v1/responses`, without memory between requests: its items in, its items and events out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, ValidationError

from local_swarm.api.replies import LONG_SLICE, SLICE, Reply, slices, usage
from local_swarm.api.schemas import ChatRequest, Count, Mode, Name, SwarmOptions, Wire, mistake
from local_swarm.api.sse import COMMENT, KEEP_ALIVE_S
from local_swarm.errors import BadRequest, SwarmError
from local_swarm.events import with_pauses
from local_swarm.intake import encoded
from local_swarm.limits import MOST_MESSAGES, MOST_TOOLS
from local_swarm.types import Candidate, Delta, Election, Event

ITEMS = ("message", "function_call", "function_call_output", "reasoning")


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
        """The same wish in the older words. Raises BadRequest for what cannot be done."""
        if self.previous_response_id:
            raise BadRequest(
                "Responses are not kept here, so previous_response_id cannot be used. Send the whole conversation as input.",
                param="previous_response_id",
            )
        wish = {
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
            return ChatRequest.model_validate(wish).model_copy(update={"swarm": self.swarm, "stream": self.stream})
        except ValidationError as problem:
            first = mistake(problem.errors())
            place = ".".join(str(part) for part in first["loc"])
            raise BadRequest(f"input: {place}: {first['msg']}.", param="input") from problem

    def messages(self) -> list[dict[str, Any]]:
        told = [{"role": "system", "content": self.instructions}] if self.instructions else []
        items = [{"role": "user", "content": self.input}] if isinstance(self.input, str) else self.input
        if not items:
            raise BadRequest("input must not be empty.", param="input")
        for place, item in enumerate(items):
            add(told, item, place)
        return [message for message in told if not message.pop("thought_only", False)]

    def functions(self) -> list[dict[str, Any]] | None:
        for place, tool in enumerate(self.tools or ()):
            if tool.get("type") != "function":
                raise BadRequest(
                    f"Only functions can be tools here, not {str(tool.get('type'))[:64]!r}.", param=f"tools[{place}]"
                )
        return [{"type": "function", "function": tool} for tool in self.tools] if self.tools else None

    def format(self) -> dict[str, Any] | None:
        form = (self.text or {}).get("format")
        if not isinstance(form, dict):
            return None
        return {"type": form.get("type"), "json_schema": form} if form.get("type") == "json_schema" else form


def add(told: list[dict[str, Any]], item: Mapping[str, Any], place: int) -> None:
    """One item to the conversation: calls and thoughts belong to the assistant's message before or after them."""
    kind = item.get("type") or "message"
    if kind not in ITEMS:
        raise BadRequest(f"input[{place}] cannot be a {str(kind)[:64]!r} here.", param=f"input[{place}]")
    if kind == "function_call_output":
        output = item.get("output")
        told.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": output})
        return
    if kind == "message":
        joins = item.get("role") == "assistant" and told and told[-1].pop("thought_only", False)
        message = {"role": item.get("role"), "content": item.get("content")}
        if joins:
            told[-1] |= message
        else:
            told.append(message)
        return
    if not told or told[-1]["role"] != "assistant":
        told.append({"role": "assistant", "content": "", "thought_only": True})
    if kind == "reasoning":
        parts = [part for key in ("content", "summary") if isinstance(given := item.get(key), list) for part in given]
        said = "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
        told[-1]["reasoning_content"] = said
        return
    told[-1].pop("thought_only", None)
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    told[-1].setdefault("tool_calls", []).append({"id": item.get("call_id"), "type": "function", "function": function})


# ----------------------------------------------------------------------------------------------- answers


@dataclass(slots=True)
class ResponsesAnswer:
    """One response as it comes to be. Events are numbered in the order in which they are sent."""

    reply: Reply
    wish: ResponsesRequest
    number: int = 0
    output: list[dict[str, Any]] = field(default_factory=list)

    def body(self, status: str, election: Election | None = None, problem: SwarmError | None = None) -> dict[str, Any]:
        wish = self.wish
        cut = election is not None and election.elected.finish_reason == "length"
        made = {
            "id": "resp_" + self.reply.id,
            "object": "response",
            "created_at": self.reply.created,
            "status": "incomplete" if cut else status,
            "error": None,
            "model": self.reply.model,
            "output": self.output,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "instructions": wish.instructions,
            "max_output_tokens": wish.max_output_tokens,
            "metadata": wish.metadata or {},
            "parallel_tool_calls": wish.parallel_tool_calls is not False,
            "previous_response_id": None,
            "reasoning": wish.reasoning or {"effort": None, "summary": None},
            "store": False,
            "temperature": wish.temperature,
            "text": wish.text or {"format": {"type": "text"}},
            "tool_choice": wish.tool_choice or "auto",
            "tools": wish.tools or [],
            "top_p": wish.top_p,
            "truncation": "disabled",
            "usage": usage_of(election.elected) if election else None,
        }
        if problem:
            made["error"] = {"code": problem.code or problem.kind, "message": problem.message}
        if election:
            made["swarm"] = self.reply.extension(election, bool(wish.swarm and wish.swarm.ballots))
        return made

    def whole(self, election: Election) -> dict[str, Any]:
        self.output = self.items(election.elected)
        return self.body("completed", election)

    def items(self, candidate: Candidate) -> list[dict[str, Any]]:
        made = [self.thoughts(candidate.reasoning)] if candidate.reasoning else []
        if candidate.text or not candidate.tool_calls:
            made.append(self.message(candidate.text, "completed"))
        return [*made, *self.calls(candidate)]

    def thoughts(self, text: str) -> dict[str, Any]:
        summary = [{"type": "summary_text", "text": text}] if text else []
        return {"type": "reasoning", "id": "rs_" + self.reply.id, "summary": summary}

    def message(self, text: str | None, status: str) -> dict[str, Any]:
        content = [] if text is None else [part(text)]
        return {
            "type": "message",
            "id": "msg_" + self.reply.id,
            "role": "assistant",
            "status": status,
            "content": content,
        }

    def calls(self, candidate: Candidate) -> list[dict[str, Any]]:
        return [
            {
                "type": "function_call",
                "id": call["id"].replace("call_", "fc_"),
                "call_id": call["id"],
                "status": "completed",
                **call["function"],
            }
            for call in self.reply.calls(candidate.tool_calls)
        ]

    # -- as a stream

    async def stream(self, events: AsyncGenerator[Event, None], mode: Mode) -> AsyncIterator[bytes]:
        """Events as the client's library expects them; a failure is told as one and not as an end."""
        sent: str | None = None
        async with aclosing(with_pauses(events, KEEP_ALIVE_S)) as paced:
            yield self.event("response.created", response=self.body("in_progress"))
            yield self.event("response.in_progress", response=self.body("in_progress"))
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
                yield self.event("response.failed", response=self.body("failed", problem=problem))

    def event(self, kind: str, **data: Any) -> bytes:
        body = encoded({"type": kind, "sequence_number": self.number, **data})
        self.number += 1
        return b"event: " + kind.encode() + b"\ndata: " + body + b"\n\n"

    @property
    def place(self) -> dict[str, Any]:
        return {"item_id": "msg_" + self.reply.id, "output_index": len(self.output), "content_index": 0}

    def begin(self, text: str) -> Iterator[bytes]:
        item = self.message(None, "in_progress")
        yield self.event("response.output_item.added", output_index=len(self.output), item=item)
        yield self.event("response.content_part.added", **self.place, part=part(""))
        if text:
            yield self.more(text)

    def more(self, text: str) -> bytes:
        return self.event("response.output_text.delta", **self.place, delta=text, logprobs=[])

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
            yield self.event("response.output_text.done", **self.place, text=elected.text, logprobs=[])
            yield self.event("response.content_part.done", **self.place, part=part(elected.text))
            done = self.message(elected.text, "completed")
            yield self.event("response.output_item.done", output_index=len(self.output), item=done)
            self.output.append(done)
        for call in self.calls(elected):
            yield from self.call(call)
        end = self.body("completed", election)
        yield self.event(f"response.{end['status']}", response=end)

    def item(self, item: dict[str, Any], begun: dict[str, Any]) -> Iterator[bytes]:
        yield self.event("response.output_item.added", output_index=len(self.output), item=begun)
        yield self.event("response.output_item.done", output_index=len(self.output), item=item)
        self.output.append(item)

    def call(self, call: dict[str, Any]) -> Iterator[bytes]:
        place = {"item_id": call["id"], "output_index": len(self.output)}
        begun = {**call, "status": "in_progress", "arguments": ""}
        yield self.event("response.output_item.added", output_index=len(self.output), item=begun)
        for text in slices(call["arguments"], LONG_SLICE):
            yield self.event("response.function_call_arguments.delta", **place, delta=text)
        yield self.event(
            "response.function_call_arguments.done", **place, name=call["name"], arguments=call["arguments"]
        )
        yield self.event("response.output_item.done", output_index=len(self.output), item=call)
        self.output.append(call)


def part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def usage_of(candidate: Candidate) -> dict[str, Any]:
    spent = usage([candidate])
    return {
        "input_tokens": spent["prompt_tokens"],
        "input_tokens_details": spent["prompt_tokens_details"],
        "output_tokens": spent["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": spent["total_tokens"],
    }
