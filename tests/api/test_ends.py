"""How answers end over HTTP: stop strings count in the visible answer alone, and a call that the limit cuts is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_swarm.testing.fake_backend import FakeBackend
from tests.chat.samples import HERMES, READ, TOOLS

pytestmark = pytest.mark.anyio

THOUGHT = "<think>Question: is it\n\nso? </think>\n\n42 is it. Question: next"
CALL = '<tool_call>\n{"name": "write", "arguments": {"filePath": "f", "content": "one two three four"}}\n</tool_call>'
ASK = {"messages": [{"role": "user", "content": "go"}]}


def saying(reply: str) -> FakeBackend:
    return FakeBackend(lambda _prompt, _seat: reply, template=HERMES)


async def post(door: Any, body: dict[str, Any], path: str = "chat/completions") -> Any:
    async with door.http.post(f"{door.url}/v1/{path}", json=body) as response:
        return await response.json()


async def events(door: Any, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with door.http.post(f"{door.url}/v1/{path}", json={**body, "stream": True}) as response:
        lines = (await response.text()).splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


def streamed(chunks: list[dict[str, Any]]) -> tuple[str, str | None, list[str]]:
    """(words, finish, arguments of calls) of chunks of one choice."""
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    words = "".join(one["delta"].get("content") or "" for one in choices)
    calls: dict[int, str] = {}
    for piece in (piece for one in choices for piece in one["delta"].get("tool_calls") or ()):
        calls[piece["index"]] = calls.get(piece["index"], "") + piece["function"]["arguments"]
    finish = [one["finish_reason"] for one in choices if one["finish_reason"]]
    return words, finish[-1] if finish else None, list(calls.values())


@pytest.mark.parametrize("model", ["swarm", "swarm-fast"])
async def test_a_stop_string_counts_in_the_visible_answer_alone(open_a_door: Any, model: str) -> None:
    ask = {**ASK, "model": model, "stop": ["Question:", "\n\n"]}
    async with open_a_door(saying(THOUGHT)) as door:
        body = await post(door, ask)
        words, finish, _ = streamed(await events(door, "chat/completions", ask))
    choice = body["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("42 is it. ", "stop")
    assert choice["message"]["reasoning_content"] == "Question: is it\n\nso?"
    assert (words, finish) == ("42 is it. ", "stop")


async def test_a_text_that_goes_on_stops_anywhere(open_a_door: Any) -> None:
    async with open_a_door(saying(THOUGHT)) as door:
        body = await post(door, {"prompt": "x", "max_tokens": 50, "stop": "Question:"}, "completions")
    assert body["choices"][0]["text"] == "<think>"


async def test_stop_strings_leave_calls_whole(open_a_door: Any) -> None:
    ask = {**ASK, "tools": list(TOOLS), "stop": ["\n\n", "two", '"}']}
    async with open_a_door(saying(f"<think>a\n\nb</think>\n\n{CALL}")) as door:
        body = await post(door, ask)
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])["content"] == "one two three four"


@pytest.mark.parametrize("model", ["swarm", "swarm-fast"])
@pytest.mark.parametrize("forced", [False, True])
async def test_wherever_the_limit_cuts_a_call_the_answer_ends_with_length(
    open_a_door: Any, model: str, forced: bool
) -> None:
    reply = '{"filePath": "f", "content": "one two three four"}' if forced else f"Well {CALL} {CALL}"
    choice = {"tool_choice": {"type": "function", "function": {"name": "write"}}} if forced else {}
    async with open_a_door(saying(reply), workers=2) as door:
        for limit in range(1, len(reply.split(" "))):
            ask = {**ASK, **choice, "model": model, "tools": list(TOOLS), "max_tokens": limit}
            body = await post(door, ask)
            told = body["choices"][0]
            _, finish, arguments = streamed(await events(door, "chat/completions", ask))
            whole = [one["function"]["arguments"] for one in told["message"].get("tool_calls") or ()]
            assert finish == told["finish_reason"] and arguments == whole
            assert all(json.loads(one)["content"] == "one two three four" for one in whole)
            ends = " ".join(reply.split(" ")[:limit]).endswith("</tool_call>")
            assert finish == ("tool_calls" if ends else "length"), limit


async def test_a_response_whose_call_is_cut_is_incomplete_and_has_none(open_a_door: Any) -> None:
    tools: list[Any] = [{"type": "function", **READ["function"]}]  # type: ignore[dict-item]
    ask = {"input": "go", "tools": tools, "max_output_tokens": 5}
    async with open_a_door(saying(CALL)) as door:
        body = await post(door, ask, "responses")
        last = (await events(door, "responses", ask))[-1]
    assert body["status"] == "incomplete" and body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert not [one for one in body["output"] if one["type"] == "function_call"]
    assert last["type"] == "response.incomplete"
    assert [[one["type"] for one in told["output"]] for told in (body, last["response"])] == [["message"]] * 2
    assert body["output"][0]["status"] == last["response"]["output"][0]["status"] == "incomplete"
