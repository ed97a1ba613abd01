"""What a client needs to see when something goes wrong, and what clients of today stumble over: each point has its test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from local_swarm.api.chat import ChatReply, ChatRequest, stream_chat
from local_swarm.api.envelope import Envelope
from local_swarm.api.sse import KEEP_ALIVE_S
from local_swarm.backends.base import Seat
from local_swarm.errors import Busy, EngineLost
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.types import Accepted, Event, Prompt
from tests.api.test_chat import HELLO, post, stream, text_of
from tests.api.test_tools import ASK, call, saying
from tests.chat.samples import HERMES, TOOLS

pytestmark = pytest.mark.anyio

REPLY = ChatReply(Envelope("x", 1, "swarm", "here"), ChatRequest.model_validate(HELLO))
ENDS = {"stop", "length", "tool_calls", "content_filter"}


def finishes(chunks: list[Any]) -> list[str]:
    return [c["finish_reason"] for k in chunks for c in k.get("choices", []) if c["finish_reason"]]


# -------------------------------------------------------------- what opencode and others stumble over


async def test_point_1_an_overflow_is_told_before_headers_in_words_that_clients_know(door: Any) -> None:
    for wish in ({}, {"stream": True}, {"stream": True, "model": "swarm-fast"}):
        status, body, _ = await post(door, {"messages": [{"role": "user", "content": "word " * 1500}], **wish})
        assert status == 400 and body["error"]["code"] == "context_length_exceeded"
        assert body["error"]["message"] == (
            "This model's maximum context length is 1000 tokens. However, your messages resulted in 1500 tokens. "
            "Please reduce the length of the messages."
        )


async def test_point_1_more_tokens_than_fit_are_no_reason_to_refuse(door: Any) -> None:
    status, body, _ = await post(door, {**HELLO, "max_tokens": 32_000, "max_completion_tokens": 64_000})
    assert status == 200 and body["choices"][0]["finish_reason"] == "stop"


async def test_point_2_headers_and_role_come_at_once_and_comments_while_nothing_happens() -> None:
    async def slow() -> AsyncGenerator[Event, None]:
        await asyncio.Event().wait()
        yield Accepted(1)

    async with asyncio.timeout(5), aclosing(stream_chat(slow(), REPLY, "vote", pause_s=0.01)) as sent:
        lines = [await anext(sent) for _ in range(4)]
    assert b'"role":"assistant"' in lines[0] and lines[1:] == [b": keep-alive\n\n"] * 3
    assert KEEP_ALIVE_S <= 10


async def test_point_2_a_client_that_leaves_frees_the_workers_while_nothing_is_written(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=60.0)) as door:
        for path, body in (
            ("chat/completions", HELLO),
            ("completions", {"prompt": "a b"}),
            ("responses", {"input": "a b"}),
        ):
            for streamed in (True, False):
                asked = asyncio.create_task(door.http.post(f"{door.url}/v1/{path}", json={**body, "stream": streamed}))
                async with asyncio.timeout(5):
                    await door.engine.busy.wait()
                    if streamed:
                        (await asked).close()
                    asked.cancel()
                    await door.engine.idle.wait()


@pytest.mark.parametrize("model", ["swarm", "swarm-fast"])
async def test_point_3_every_stream_ends_with_a_legal_reason_usage_and_done(open_a_door: Any, model: str) -> None:
    replies = ("words", "", call(filePath="a"), "<think>only thoughts", "<tool_call>{broken</tool_call>")
    for reply in replies:
        async with open_a_door(saying(reply, forced='{"filePath": "a"}')) as door:
            chunks, raw = await stream(door, {**ASK, "model": model, "stream_options": {"include_usage": True}})
        [finish] = finishes(chunks)
        called = any(c["delta"].get("tool_calls") for k in chunks for c in k["choices"])
        assert finish in ENDS and (finish == "tool_calls") == called
        assert (
            chunks[-1]["choices"] == [] and chunks[-1]["usage"]["total_tokens"] > 0 and raw.endswith("data: [DONE]\n\n")
        )
        assert len({chunk["id"] for chunk in chunks}) == 1
        assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)


async def test_point_3_nothing_but_chunks_and_errors_is_sent_as_data(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=0.01)) as door:
        for mode in ("vote", "draft", "fastest"):
            chunks, raw = await stream(door, {**HELLO, "swarm": {"stream": mode}})
            assert all("choices" in chunk for chunk in chunks) and "event:" not in raw


async def test_point_4_thoughts_are_split_from_words_and_taken_back(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(lambda *_: "<think>\nhm hm\n</think>\n\nIt is 4.", template=HERMES)) as door:
        _, body, _ = await post(door, HELLO)
        assert body["choices"][0]["message"]["reasoning_content"] == "hm hm"
        assert body["choices"][0]["message"]["content"] == "It is 4."
        for model in ("swarm", "swarm-fast"):
            chunks, raw = await stream(door, {**HELLO, "model": model})
            thoughts = "".join(c["delta"].get("reasoning_content") or "" for k in chunks for c in k["choices"])
            assert (thoughts, text_of(chunks)) == ("hm hm", "It is 4.") and "think>" not in raw
    seen: list[Prompt] = []
    async with open_a_door(FakeBackend(hearing(seen))) as door:
        past = [{"role": "assistant", "content": "4", "reasoning_content": "hm hm"}]
        await post(door, {"messages": [*HELLO["messages"], *past, *HELLO["messages"]]})
    assert seen[0].messages[1].reasoning == "hm hm"


def hearing(seen: list[Prompt]) -> Callable[[Prompt, Seat], str]:
    def script(prompt: Prompt, _seat: Seat) -> str:
        seen.append(prompt)
        return "fine"

    return script


async def test_point_4_arguments_are_never_complete_before_they_are(open_a_door: Any) -> None:
    """A client runs a call as soon as its arguments parse, so no beginning of them may."""
    async with open_a_door(saying(call("write", filePath="f", content="x" * 5000))) as door:
        chunks, _ = await stream(door, ASK)
    parts = [
        c["function"]["arguments"] for k in chunks for ch in k["choices"] for c in ch["delta"].get("tool_calls", [])
    ]
    for count in range(1, len(parts)):
        with pytest.raises(ValueError):
            json.loads("".join(parts[:count]))
    assert json.loads("".join(parts))


async def test_point_6_many_at_once_wait_their_turn(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=0.002)) as door:
        wishes = [{**HELLO, "model": model} for model in ("swarm", "swarm-fast", "swarm", "swarm")]
        done = await asyncio.gather(*(post(door, wish) for wish in wishes * 5))
        assert {status for status, _, _ in done} == {200}


class Refusing(FakeBackend):
    """An engine that takes nothing more in."""

    async def generate(self, prompt: Prompt, seats: Sequence[Seat]) -> AsyncGenerator[Event, None]:
        if seats:
            raise Busy("The engine's queue is full.", retry_after_s=2)
        yield Accepted(0)


async def test_point_6_a_full_queue_says_when_to_come_back(open_a_door: Any) -> None:
    async with open_a_door(Refusing()) as door:
        status, body, headers = await post(door, {**HELLO, "stream": True})
    assert status == 503 and headers["retry-after"] == "2" and body["error"]["code"] == "busy"


async def test_point_7_a_conversation_keeps_its_name(open_a_door: Any) -> None:
    seen: list[Prompt] = []
    async with open_a_door(FakeBackend(hearing(seen)), workers=1) as door:
        await post(door, HELLO, **{"x-session-id": "ses_1"})
        await post(door, HELLO, **{"x-session-affinity": "ses_2"})
        await post(door, {**HELLO, "prompt_cache_key": "ses_3"})
    assert [prompt.session for prompt in seen] == ["ses_1", "ses_2", "ses_3"]


# ---------------------------------------------------------------------------------------- faults


async def test_an_engine_killed_while_a_request_waits_is_not_noticed_by_the_client(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=0.05)) as door:
        asked = asyncio.create_task(stream(door, HELLO))
        await door.engine.busy.wait()
        door.engine.crash()
        chunks, raw = await asked
    assert finishes(chunks) == ["stop"] and raw.endswith("[DONE]\n\n")


async def test_an_engine_killed_under_a_stream_that_has_said_something_is_an_error_and_no_end(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=0.05)) as door:
        for path, body in (("completions", {"prompt": "a b c d e f", "model": "swarm-fast"}),):
            async with door.http.post(f"{door.url}/v1/{path}", json={**body, "stream": True}) as response:
                await response.content.readline()
                door.engine.crash()
                rest = (await response.read()).decode()
            assert '"error"' in rest and "[DONE]" not in rest and '"finish_reason":"stop"' not in rest
        async with door.http.post(
            f"{door.url}/v1/responses", json={"input": "a b c", "model": "swarm-fast", "stream": True}
        ) as response:
            for _ in range(18):
                await response.content.readline()
            door.engine.crash()
            rest = (await response.read()).decode()
        assert "response.failed" in rest and "response.completed" not in rest


class Dying(FakeBackend):
    """An engine that dies for good with the first answer that is done."""

    async def generate(self, prompt: Prompt, seats: Sequence[Seat]) -> AsyncGenerator[Event, None]:
        async with aclosing(super().generate(prompt, seats)) as events:
            async for event in events:
                yield event
                if getattr(event, "usage", None):
                    raise EngineLost("The engine's process ended.")


async def test_a_vote_of_one_survivor_counts_and_says_so(open_a_door: Any) -> None:
    async with open_a_door(Dying()) as door:
        status, body, _ = await post(door, HELLO)
    assert status == 200 and body["swarm"]["candidates"] == 1 and body["swarm"]["strategy"] == "single"


async def test_workers_that_only_think_are_asked_again_without_thinking(open_a_door: Any) -> None:
    def script(prompt: Prompt, _seat: Seat) -> str:
        return "It is 4." if prompt.thinking is False else "<think> I wonder and wonder"

    async with open_a_door(FakeBackend(script, template=HERMES)) as door:
        _, body, _ = await post(door, HELLO)
        assert body["choices"][0]["message"]["content"] == "It is 4."
        chunks, _ = await stream(door, {**HELLO, "model": "swarm-fast"})
        assert text_of(chunks) == "It is 4." and finishes(chunks) == ["stop"]


async def test_workers_that_never_answer_end_with_what_they_thought(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(lambda *_: "<think> hm", template=HERMES)) as door:
        status, body, _ = await post(door, HELLO)
    assert status == 200 and body["choices"][0]["message"]["reasoning_content"] == "hm" and body["swarm"]["flaw"]


async def test_a_call_that_was_cut_short_ends_with_length(open_a_door: Any) -> None:
    async with open_a_door(saying(call("write", filePath="f", content="a b c d e f g h i j"))) as door:
        _, body, _ = await post(door, {**ASK, "max_tokens": 6})
    assert body["choices"][0]["finish_reason"] == "length"


async def test_tools_may_be_odd_without_harm(door: Any) -> None:
    odd = {
        "type": "function",
        "function": {
            "name": "f",
            "parameters": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {"n": {"type": "integer", "maximum": 9007199254740991}},
            },
        },
    }
    bare = {"type": "function", "function": {"name": "g", "parameters": None}}
    assert (await post(door, {**HELLO, "tools": [odd, bare, *TOOLS]}))[0] == 200


async def test_a_draft_is_shown_as_thoughts_before_the_answer(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=0.01)) as door:
        chunks, _ = await stream(door, {**HELLO, "swarm": {"stream": "draft"}})
    drafted = "".join(c["delta"].get("reasoning_content") or "" for k in chunks for c in k["choices"])
    assert drafted.startswith("say these four") and text_of(chunks).startswith("say these four words")
    assert chunks[-1]["swarm"]["candidates"] == 5


async def test_the_fastest_alone_may_be_streamed_of_any_model(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=0.01)) as door:
        chunks, _ = await stream(door, {**HELLO, "swarm": {"stream": "fastest"}})
    assert chunks[-1]["swarm"]["candidates"] == 1 and len(chunks) > 5
