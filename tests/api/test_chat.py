"""Chat completions over HTTP, as clients see them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from local_swarm.testing.fake_backend import FakeBackend

pytestmark = pytest.mark.anyio

ALL = {"swarm": {"early": False}}
HELLO = {"messages": [{"role": "user", "content": "say these four words"}]}


async def post(door: Any, body: object, **headers: str) -> tuple[int, Any, Any]:
    async with door.http.post(f"{door.url}/v1/chat/completions", json=body, headers=headers) as response:
        return response.status, await response.json(), response.headers


async def stream(door: Any, body: dict[str, Any]) -> tuple[list[Any], str]:
    """(the JSON of every data line, the raw text)."""
    async with door.http.post(f"{door.url}/v1/chat/completions", json={**body, "stream": True}) as response:
        assert response.status == 200 and response.content_type == "text/event-stream"
        raw = await response.text()
    lines = [line[6:] for line in raw.split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"], raw


def text_of(chunks: list[Any], index: int = 0) -> str:
    return "".join(c["delta"].get("content") or "" for k in chunks for c in k["choices"] if c["index"] == index)


async def test_answers_with_the_elected_text_and_how_it_was_elected(door: Any) -> None:
    status, body, headers = await post(door, {"model": "swarm", **HELLO})
    assert status == 200 and body["object"] == "chat.completion" and body["model"] == "swarm"
    assert body["choices"][0]["message"]["content"].startswith("say these four words")
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["prompt_tokens"] == 4
    assert body["usage"]["total_tokens"] == 4 + body["usage"]["completion_tokens"]
    vote = body["swarm"]
    assert vote["candidates"] == sum(vote["clusters"]) == 5 and 0 < vote["agreement"] <= 1
    assert vote["nodes"] == [{"name": "here", "ballots": 5, "state": "ok"}]
    assert vote["completion_tokens_total"] >= 5 * 4 and vote["seconds"] >= 0 and vote["note"] == "a test"
    assert headers["x-swarm-candidates"] == "5" and float(headers["x-swarm-agreement"]) == vote["agreement"]
    assert "ballots" not in vote


async def test_voices_that_a_vote_did_not_wait_for_are_told_in_its_note(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(lambda _prompt, _seat: "42")) as door:
        _, early, _ = await post(door, {"messages": [{"role": "user", "content": "What is 6 * 7?"}]})
        _, full, _ = await post(door, {"messages": [{"role": "user", "content": "What is 6 * 7?"}], **ALL})
    missing = early["swarm"]["asked"] - early["swarm"]["candidates"]
    told = f"{missing} of the 5 voices asked had not answered yet and could not have changed the vote."
    assert missing > 0 and told in early["swarm"]["note"]
    assert full["swarm"]["candidates"] == 5 and "voices asked" not in full["swarm"]["note"]


async def test_shows_the_ballots_when_asked(door: Any) -> None:
    _, body, _ = await post(door, {**HELLO, "swarm": {"ballots": True, "n": 3}})
    ballots = body["swarm"]["ballots"]
    assert [ballot["voter"] for ballot in sorted(ballots, key=lambda one: one["voter"])] == ["w1", "w2", "w3"]
    assert sum(ballot["elected"] for ballot in ballots) == 1 and sum(ballot["anchor"] for ballot in ballots) == 1


async def test_n_gives_as_many_choices_the_winner_first(door: Any) -> None:
    _, body, _ = await post(door, {**HELLO, "n": 3})
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]


async def test_temperature_zero_is_one_greedy_worker(door: Any) -> None:
    _, body, _ = await post(door, {**HELLO, "temperature": 0})
    assert (body["swarm"]["candidates"], body["swarm"]["strategy"]) == (1, "single")
    _, body, _ = await post(door, {**HELLO, "temperature": 0, "swarm": {"n": 4}})
    assert body["swarm"]["candidates"] == 4


async def test_swarm_fast_is_one_worker(door: Any) -> None:
    _, body, _ = await post(door, {**HELLO, "model": "swarm-fast"})
    assert body["swarm"]["candidates"] == 1


async def test_the_same_seed_gives_the_same_ballots(door: Any) -> None:
    wish = {**HELLO, "seed": 7, "swarm": {"ballots": True}}
    (_, one, _), (_, other, _) = await post(door, wish), await post(door, wish)
    assert {b["voter"]: b["text"] for b in one["swarm"]["ballots"]} == {
        b["voter"]: b["text"] for b in other["swarm"]["ballots"]
    }


@pytest.mark.parametrize("model", ["swarm", "swarm-fast", "fake"])
async def test_a_stream_says_the_role_the_text_the_end_and_is_done(door: Any, model: str) -> None:
    chunks, raw = await stream(door, {"model": model, **HELLO})
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert text_of(chunks).startswith("say these four words")
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["swarm"]["candidates"] == (1 if model == "swarm-fast" else 5)
    assert len({chunk["id"] for chunk in chunks}) == 1 and not any(letter.isdigit() for letter in chunks[0]["id"])
    assert raw.endswith("data: [DONE]\n\n")


async def test_usage_comes_in_a_last_chunk_without_choices_when_asked(door: Any) -> None:
    chunks, _ = await stream(door, {**HELLO, "stream_options": {"include_usage": True}})
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["prompt_tokens"] == 4
    assert chunks[-1]["swarm"]["candidates"] == 5
    assert all("swarm" not in chunk and "usage" not in chunk for chunk in chunks[:-1])


async def test_several_choices_stream_one_after_the_other(door: Any) -> None:
    chunks, _ = await stream(door, {**HELLO, "n": 2})
    assert text_of(chunks, 0) and text_of(chunks, 1)


async def test_swarm_fast_streams_words_as_they_come(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=0.02)) as door:
        chunks, _ = await stream(door, {"model": "swarm-fast", **HELLO})
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks[1:-1]] == [
        "say",
        " these",
        " four",
        " words",
    ]


async def test_hanging_up_frees_the_engine(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=60.0)) as door:
        for streamed in (True, False):
            asked = asyncio.create_task(post(door, {**HELLO, "stream": streamed}))
            async with asyncio.timeout(5):
                await door.engine.busy.wait()
                asked.cancel()
                await door.engine.idle.wait()


async def test_an_engine_lost_under_a_stream_is_an_error_event_and_no_clean_end(open_a_door: Any) -> None:
    body = {**HELLO, "model": "swarm-fast", "stream": True}
    async with (
        open_a_door(FakeBackend(pace_s=0.5)) as door,
        door.http.post(f"{door.url}/v1/chat/completions", json=body) as response,
    ):
        said = [await response.content.readline() for _ in range(3)]  # the role, a blank line, the first word
        door.engine.crash()
        rest = (await response.read()).decode()
    [data] = [json.loads(line[6:]) for line in rest.split("\n") if line.startswith("data: ")]
    assert b"say" in said[2] and data["error"]["code"] == "engine_lost" and "[DONE]" not in rest


async def test_an_engine_lost_before_any_answer_is_asked_again(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(pace_s=0.05)) as door:
        asked = asyncio.create_task(post(door, HELLO))
        await door.engine.busy.wait()
        door.engine.crash()
        status, body, _ = await asked
    assert status == 200 and body["swarm"]["candidates"] == 5


async def test_a_starting_swarm_says_when_to_come_back(open_a_door: Any) -> None:
    async with open_a_door(up=False) as door:
        status, body, headers = await post(door, HELLO)
        assert status == 503 and body["error"]["code"] == "starting" and int(headers["retry-after"]) >= 1
        async with door.http.get(f"{door.url}/health") as response:
            assert response.status == 503
            assert await response.json() == {
                "status": "starting",
                "workers": {"healthy": 0, "total": 5},
                "model": "fake",
                "version": "0.1.0",
            }


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"messages": []}, 400, "messages"),
        ({}, 400, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, 400, "messages[0].content"),
        ({"messages": "hello"}, 400, "messages"),
        ({**HELLO, "temperature": "hot"}, 400, "temperature"),
        ({**HELLO, "temperature": 3}, 400, "temperature"),
        ({**HELLO, "max_tokens": 0}, 400, "max_tokens"),
        ({**HELLO, "swarm": {"strategy": "guess"}}, 400, "swarm.strategy"),
        ({**HELLO, "swarm": {"n": 1000}}, 400, "swarm.n"),
        ({**HELLO, "stop": 7}, 400, "stop"),
        ({**HELLO, "model": "gpt-9"}, 404, "model"),
        ({**HELLO, "top_logprobs": 99}, 400, "top_logprobs"),
        ({**HELLO, "logit_bias": {"word": 1}}, 400, "logit_bias"),
        ({**HELLO, "response_format": {"type": "yaml"}}, 400, "response_format.type"),
        ({**HELLO, "response_format": {"type": "json_schema"}}, 400, "response_format"),
        ({**HELLO, "tools": [{"type": "function"}]}, 400, "tools[0]"),
        ({"messages": [{"role": "user", "content": [{"type": 3}]}]}, 400, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": "word " * 2000}]}, 400, "messages"),
        ([1, 2], 400, None),
    ],
)
async def test_mistakes_get_openais_error_with_the_place(
    door: Any, body: object, status: int, param: str | None
) -> None:
    got, answer, _ = await post(door, body)
    assert (got, answer["error"]["param"]) == (status, param), answer
    assert answer["error"]["type"] == "invalid_request_error" and answer["error"]["message"].endswith(".")
    assert (await post(door, HELLO))[0] == 200  # nobody else is disturbed


async def test_a_prompt_that_does_not_fit_is_refused_before_a_stream_begins(door: Any) -> None:
    long = {"messages": [{"role": "user", "content": "word " * 2000}], "stream": True}
    status, body, _ = await post(door, long)
    assert status == 400 and body["error"]["code"] == "context_length_exceeded"
    assert "maximum context length is 1000 tokens" in body["error"]["message"] and "2000" in body["error"]["message"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
async def test_broken_json_is_a_clear_mistake(door: Any, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    async with door.http.post(f"{door.url}/v1/chat/completions", data=b'{"messages": [', headers=headers) as response:
        assert response.status == 400
        assert "JSON" in (await response.json())["error"]["message"]


async def test_unknown_fields_and_nulls_are_no_mistakes(door: Any) -> None:
    odd = {
        "temperature": None,
        "stop": [None],
        "tools": None,
        "n": None,
        "seed": None,
        "custom_field": {"a": 1},
        "chat_template_kwargs": {"x": 1},
        "reasoning_effort": "low",
        "store": False,
        "metadata": {"k": "v"},
        "user": "u",
        "service_tier": "auto",
    }
    parts = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello there"}]}]}
    assert (await post(door, {**parts, **odd}))[0] == 200


async def test_history_with_calls_results_and_thoughts_is_read(door: Any) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "invalid", "arguments": "{}"}}
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "read it"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "c1", "content": "the words of the file"},
    ]
    _, body, _ = await post(door, {"messages": history})
    assert body["choices"][0]["message"]["content"].startswith("the words of the file")


async def test_many_clients_at_once_are_all_answered(door: Any) -> None:
    done = await asyncio.gather(*(post(door, HELLO) for _ in range(40)))
    assert {status for status, _, _ in done} == {200}
