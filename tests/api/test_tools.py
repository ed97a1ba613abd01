"""Tools over HTTP: calls are read, checked, voted on and told as OpenAI does, streamed and not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local_swarm.backends.base import Seat
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.types import Prompt
from tests.api.test_chat import post, stream, text_of
from tests.chat.samples import HERMES, READ, TOOLS, WRITE

pytestmark = pytest.mark.anyio

ASK = {"messages": [{"role": "user", "content": "read a.txt"}], "tools": list(TOOLS), "swarm": {"early": False}}


def call(name: str = "read", **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def saying(*replies: str, forced: str = "") -> FakeBackend:
    """An engine whose workers say these, one each; asked to call a tool, they all say `forced`."""

    def script(prompt: Prompt, seat: Seat) -> str:
        return forced if prompt.must_call else replies[(int(seat.voter[1:]) - 1) % len(replies)]

    return FakeBackend(script, template=HERMES)


def calls_of(body: Any) -> list[tuple[str, Any]]:
    calls = body["choices"][0]["message"].get("tool_calls") or []
    return [(one["function"]["name"], json.loads(one["function"]["arguments"])) for one in calls]


async def test_tool_calls_are_voted_on_by_name_and_arguments(open_a_door: Any) -> None:
    a, same, b = call(filePath="a.txt", limit=2), call(limit=2, filePath="a.txt"), call(filePath="b.txt")
    async with open_a_door(saying(b, a, same, a, same)) as door:
        _, body, _ = await post(door, ASK)
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    assert calls_of(body) == [("read", {"filePath": "a.txt", "limit": 2})]
    assert body["swarm"]["share"] == 0.8 and body["swarm"]["clusters"] == [4, 1]


async def test_long_texts_in_arguments_are_compared_by_likeness(open_a_door: Any) -> None:
    text = "The quick brown fox jumps over the lazy dog and runs into the deep dark forest near the old river. " * 2
    near, far = (
        text + "The end.",
        "Something else entirely stands in here, and it has nothing to do with any animal. " * 2,
    )
    replies = [call("write", filePath="f", content=one) for one in (far, text, near, text + "Finis.")]
    async with open_a_door(saying(*replies), workers=4) as door:
        _, body, _ = await post(door, ASK)
    assert calls_of(body)[0][1]["content"].startswith("The quick") and body["swarm"]["clusters"] == [3, 1]


async def test_calls_that_break_the_schema_cannot_win(open_a_door: Any) -> None:
    good, wrong = call(filePath="a.txt"), call(filePath="a.txt", limit="many")
    async with open_a_door(saying(wrong, wrong, wrong, good)) as door:
        _, body, _ = await post(door, {**ASK, "swarm": {"early": False, "n": 4, "ballots": True}})
    assert calls_of(body) == [("read", {"filePath": "a.txt"})]
    assert sum("limit" in (ballot.get("flaw") or "") for ballot in body["swarm"]["ballots"]) == 3


async def test_words_against_calls_is_decided_by_the_majority_of_kinds(open_a_door: Any) -> None:
    async with open_a_door(saying(call(filePath="a"), call(filePath="b"), call(filePath="c"), "no", "no")) as door:
        assert calls_of((await post(door, ASK))[1])
    async with open_a_door(saying(call(filePath="a"), call(filePath="a"), "no", "nay", "none")) as door:
        assert not calls_of((await post(door, ASK))[1])


@pytest.mark.parametrize("broken", ["<tool_call>\n{broken\n</tool_call>", call(file="a.txt"), call("raed", x=1)])
async def test_a_call_that_cannot_be_used_is_asked_for_once_more_and_then_bound(open_a_door: Any, broken: str) -> None:
    forced = (
        json.dumps({"filePath": "a.txt"})
        if "file" in broken
        else json.dumps({"name": "read", "arguments": {"filePath": "a.txt"}})
    )
    async with open_a_door(saying(broken, forced=forced)) as door:
        _, body, _ = await post(door, ASK)
        assert calls_of(body) == [("read", {"filePath": "a.txt"})] and "flaw" not in body["swarm"]
        chunks, raw = await stream(door, {**ASK, "model": "swarm-fast"})
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls" and "tool_call>" not in raw


async def test_a_call_that_stays_unusable_is_told_so_that_the_client_can_answer(open_a_door: Any) -> None:
    broken = '<tool_call>\n{"name": "read", "arguments": {"filePath": \n</tool_call>'
    async with open_a_door(saying(broken, forced="{")) as door:
        _, body, _ = await post(door, ASK)
    [told] = body["choices"][0]["message"]["tool_calls"]
    assert told["function"]["name"] == "read" and body["swarm"]["flaw"]


async def test_a_name_in_other_capitals_is_put_right(open_a_door: Any) -> None:
    async with open_a_door(saying(call("Read", filePath="a.txt"))) as door:
        assert calls_of((await post(door, ASK))[1])[0][0] == "read"


@pytest.mark.parametrize("model", ["swarm", "swarm-fast"])
async def test_a_streamed_call_begins_with_id_name_and_empty_arguments(open_a_door: Any, model: str) -> None:
    long = "x" * 3000
    async with open_a_door(saying("Let me. " + call("write", filePath="f", content=long) + call(filePath="f"))) as door:
        chunks, raw = await stream(door, {**ASK, "model": model})
    parts = [c for k in chunks for c in k["choices"][0]["delta"].get("tool_calls", [])]
    first = {part["index"]: part for part in reversed(parts)}
    assert [(one["function"]["name"], one["function"]["arguments"]) for one in (first[0], first[1])] == [
        ("write", ""),
        ("read", ""),
    ]
    assert all(one["id"] and one["type"] == "function" for one in first.values()) and first[0]["id"] != first[1]["id"]
    whole = ["".join(p["function"]["arguments"] for p in parts if p["index"] == n) for n in (0, 1)]
    assert json.loads(whole[0])["content"] == long and json.loads(whole[1]) == {"filePath": "f"}
    assert text_of(chunks) == "Let me." and "tool_call>" not in raw
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_one_call_at_a_time_where_the_client_wants_it_so(open_a_door: Any) -> None:
    async with open_a_door(saying(call(filePath="a") + call(filePath="b"))) as door:
        assert len(calls_of((await post(door, ASK))[1])) == 2
        assert len(calls_of((await post(door, {**ASK, "parallel_tool_calls": False}))[1])) == 1


@pytest.mark.parametrize(
    ("choice", "must"),
    [
        ("auto", ()),
        ("none", ()),
        ("required", ("read", "write")),
        ({"type": "function", "function": {"name": "write"}}, ("write",)),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [READ]}}, ("read",)),
    ],
)
async def test_the_choice_of_tools_reaches_the_engine(open_a_door: Any, choice: Any, must: tuple[str, ...]) -> None:
    seen: list[Prompt] = []
    async with open_a_door(FakeBackend(heard(seen), template=HERMES)) as door:
        assert (await post(door, {**ASK, "tool_choice": choice}))[0] == 200
    assert seen[0].must_call == must
    assert [tool["function"]["name"] for tool in seen[0].tools] == (
        []
        if choice == "none"
        else ["read", "write"]
        if choice in ("auto", "required") or "function" in choice
        else ["read"]
    )


def heard(seen: list[Prompt]) -> Callable[[Prompt, Seat], str]:
    def script(prompt: Prompt, _seat: Seat) -> str:
        seen.append(prompt)
        return (
            '{"name": "read", "arguments": {"filePath": "a"}}'
            if len(prompt.must_call) > 1
            else '{"filePath": "a", "content": "b"}'
        )

    return script


async def test_a_forced_call_comes_back_as_one(open_a_door: Any) -> None:
    async with open_a_door(saying("words", forced='{"filePath": "a", "content": "b"}')) as door:
        wish = {**ASK, "tool_choice": {"type": "function", "function": {"name": "write"}}}
        assert calls_of((await post(door, wish))[1]) == [("write", {"filePath": "a", "content": "b"})]


@pytest.mark.parametrize(
    "choice", ["always", {"type": "function", "function": {"name": "nothing"}}, {}, {"type": "function"}]
)
async def test_a_choice_that_there_is_not_is_refused(door: Any, choice: Any) -> None:
    status, body, _ = await post(door, {**ASK, "tool_choice": choice})
    assert status == 400 and body["error"]["param"] == "tool_choice"


async def test_required_without_tools_is_refused(door: Any) -> None:
    assert (await post(door, {**ASK, "tools": None, "tool_choice": "required"}))[0] == 400


async def test_history_may_hold_calls_of_tools_that_are_not_offered(open_a_door: Any) -> None:
    past = {"id": "c", "type": "function", "function": {"name": "invalid", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "", "tool_calls": [past]},
        {"role": "tool", "tool_call_id": "c", "content": "that was invalid"},
    ]
    async with open_a_door(saying("fine")) as door:
        assert (await post(door, {**ASK, "messages": messages, "tools": [WRITE]}))[0] == 200
