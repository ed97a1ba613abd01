"""Completions, responses, embeddings, metrics and what the door tells of itself."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Sequence
from typing import Any

import pytest

from local_swarm.api.embeddings import EmbeddingsRequest, vectors_for
from local_swarm.errors import BadRequest
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.types import Embedded
from tests.api.test_chat import HELLO
from tests.api.test_tools import call, saying
from tests.chat.samples import READ

pytestmark = pytest.mark.anyio


async def post(door: Any, path: str, body: object) -> tuple[int, Any]:
    async with door.http.post(door.url + path, json=body) as response:
        return response.status, await response.json()


async def events(door: Any, path: str, body: dict[str, Any]) -> tuple[list[Any], str]:
    async with door.http.post(door.url + path, json={**body, "stream": True}) as response:
        assert response.status == 200 and response.content_type == "text/event-stream"
        raw = await response.text()
    lines = [line[6:] for line in raw.split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"], raw


async def get(door: Any, path: str) -> tuple[int, str]:
    async with door.http.get(door.url + path) as response:
        return response.status, await response.text()


# ------------------------------------------------------------------------------------------ completions


async def test_completions_go_on_from_a_text(door: Any) -> None:
    status, body = await post(door, "/v1/completions", {"prompt": "one two three", "swarm": {"early": False}})
    assert (
        status == 200 and body["object"] == "text_completion" and body["choices"][0]["text"].startswith("one two three")
    )
    assert body["usage"]["prompt_tokens"] == 3 and body["swarm"]["candidates"] == 5


async def test_completions_of_several_texts_keep_their_places(door: Any) -> None:
    _, body = await post(door, "/v1/completions", {"prompt": ["a b", "c d"], "n": 2, "model": "swarm-fast"})
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    assert [choice["text"][0] for choice in body["choices"]] == ["a", "a", "c", "c"]


async def test_completions_echo_and_tell_how_likely_tokens_are(door: Any) -> None:
    _, body = await post(door, "/v1/completions", {"prompt": "a b", "echo": True, "logprobs": 1, "temperature": 0})
    choice = body["choices"][0]
    assert choice["text"] == "a ba b"
    assert choice["logprobs"]["tokens"] == ["a", "b", "a", "b"]
    assert (
        choice["logprobs"]["token_logprobs"] == [None, -0.2, -0.1, -0.1]
        and choice["logprobs"]["top_logprobs"][0] is None
    )
    _, body = await post(door, "/v1/completions", {"prompt": "a b", "echo": True, "logprobs": 0, "max_tokens": 0})
    assert body["choices"][0]["text"] == "a b" and body["choices"][0]["logprobs"]["tokens"] == ["a", "b"]


@pytest.mark.parametrize("model", ["swarm", "swarm-fast"])
async def test_completions_stream(door: Any, model: str) -> None:
    wish: dict[str, Any] = {"prompt": "one two three", "model": model, "echo": True, "swarm": {"early": False}}
    wish["stream_options"] = {"include_usage": True}
    chunks, raw = await events(door, "/v1/completions", wish)
    text = "".join(choice["text"] for chunk in chunks for choice in chunk["choices"])
    assert text.startswith("one two threeone two three") and raw.endswith("data: [DONE]\n\n")
    assert chunks[-1]["usage"]["prompt_tokens"] == 3 and chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-2]["swarm"]["candidates"] == (5 if model == "swarm" else 1)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1]]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "a " * 2000}, "messages"),
        ({"prompt": ["a", "a " * 2000]}, "messages"),
        ({"prompt": "a", "logprobs": 99}, "logprobs"),
    ],
)
async def test_completions_that_cannot_be(door: Any, body: dict[str, Any], param: str) -> None:
    for wish in (body, {**body, "stream": True}):
        status, answer = await post(door, "/v1/completions", wish)
        assert (status, answer["error"]["param"]) == (400, param)


# -------------------------------------------------------------------------------------------- responses

NINE = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


async def test_responses_answer_a_text(door: Any) -> None:
    _, body = await post(
        door,
        "/v1/responses",
        {"input": "say it", "instructions": "be brief", "previous_response_id": None, "swarm": {"early": False}},
    )
    assert body["object"] == "response" and body["status"] == "completed" and body["error"] is None
    [item] = body["output"]
    assert item["type"] == "message" and item["content"][0]["text"].startswith("say it")
    assert body["usage"]["input_tokens"] == 4 and body["swarm"]["candidates"] == 5


@pytest.mark.parametrize("model", ["swarm", "swarm-fast"])
async def test_responses_stream_nine_kinds_of_events_in_order(door: Any, model: str) -> None:
    told, raw = await events(door, "/v1/responses", {"input": "say it", "model": model})
    kinds = [event["type"] for event in told]
    assert list(dict.fromkeys(kinds)) == NINE
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert all(f"event: {kind}\ndata: " in raw for kind in NINE)
    whole = told[-1]["response"]["output"][0]["content"][0]["text"]
    assert "".join(event["delta"] for event in told if event["type"] == "response.output_text.delta") == whole


async def test_responses_call_tools_and_read_their_results(open_a_door: Any) -> None:
    tool = {"type": "function", **READ["function"]}  # type: ignore[dict-item]
    async with open_a_door(saying("Look. " + call(filePath="a.txt"))) as door:
        wish = {"input": "read it", "tools": [tool], "tool_choice": "auto"}
        _, body = await post(door, "/v1/responses", wish)
        words, made = body["output"]
        assert words["content"][0]["text"] == "Look." and made["type"] == "function_call" and made["name"] == "read"
        assert json.loads(made["arguments"]) == {"filePath": "a.txt"} and made["call_id"].startswith("call_")
        told, _ = await events(door, "/v1/responses", wish)
        assert "response.function_call_arguments.done" in [event["type"] for event in told]
        added = [
            e["item"]
            for e in told
            if e["type"] == "response.output_item.added" and e["item"]["type"] == "function_call"
        ]
        assert added[0]["arguments"] == ""
        history = [
            {"role": "user", "content": [{"type": "input_text", "text": "read it"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            words,
            made,
            {"type": "function_call_output", "call_id": made["call_id"], "output": "the words"},
        ]
        assert (await post(door, "/v1/responses", {**wish, "input": history}))[0] == 200


async def test_responses_obey_a_schema(open_a_door: Any) -> None:
    form = {"type": "json_schema", "name": "A", "strict": True, "schema": {"type": "object"}}
    async with open_a_door(FakeBackend(lambda prompt, _: '{"a":1}' if prompt.schema else "no")) as door:
        _, body = await post(door, "/v1/responses", {"input": "x", "text": {"format": form}})
    assert body["output"][0]["content"][0]["text"] == '{"a":1}'


async def test_a_response_that_was_cut_is_incomplete(door: Any) -> None:
    _, body = await post(door, "/v1/responses", {"input": "a b c d", "max_output_tokens": 2})
    assert body["status"] == "incomplete" and body["incomplete_details"] == {"reason": "max_output_tokens"}
    told, _ = await events(door, "/v1/responses", {"input": "a b c d", "max_output_tokens": 2})
    assert told[-1]["type"] == "response.incomplete"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": []}, "input"),
        ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"input": [{"role": "wizard", "content": "x"}]}, "input"),
        ({"input": [{"type": "function_call"}]}, "input"),
    ],
)
async def test_responses_that_cannot_be(door: Any, body: dict[str, Any], param: str) -> None:
    status, answer = await post(door, "/v1/responses", body)
    assert (status, answer["error"]["param"]) == (400, param)


# ------------------------------------------------------------------------------------------- embeddings


async def test_embeddings_come_as_numbers_and_as_base64_of_the_same(door: Any) -> None:
    _, plain = await post(door, "/v1/embeddings", {"input": ["hello", "world"], "encoding_format": None})
    _, packed = await post(door, "/v1/embeddings", {"input": ["hello", "world"], "encoding_format": "base64"})
    for one, other in zip(plain["data"], packed["data"], strict=True):
        raw = base64.b64decode(other["embedding"])
        assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == one["embedding"]
        assert abs(sum(number**2 for number in one["embedding"]) - 1) < 1e-5
    assert [one["index"] for one in plain["data"]] == [0, 1] and plain["usage"]["prompt_tokens"] == 2


async def test_embeddings_can_be_shortened(door: Any) -> None:
    _, body = await post(door, "/v1/embeddings", {"input": "hello", "dimensions": 3})
    assert len(body["data"][0]["embedding"]) == 3
    wide = {"input": ["hello", "world"], "dimensions": 3}
    (_, plain), (_, packed) = [
        await post(door, "/v1/embeddings", {**wide, "encoding_format": e}) for e in ("float", "base64")
    ]
    for one, other in zip(plain["data"], packed["data"], strict=True):
        assert list(struct.unpack("<3f", base64.b64decode(other["embedding"]))) == one["embedding"]


async def test_too_many_dimensions_are_refused_before_all_texts_are_worked_on() -> None:
    asked: list[int] = []

    async def embeds(texts: Sequence[str]) -> Embedded:
        asked.append(len(texts))
        return Embedded([[1.0, 0.0]] * len(texts), "m")

    with pytest.raises(BadRequest, match="These vectors have 2 dimensions, not 3"):
        await vectors_for(embeds, EmbeddingsRequest(input=["a"] * 1000, dimensions=3))
    assert asked == [1]


@pytest.mark.parametrize("given", [[], "", ["a", ""], [1, 2], [[1]]])
async def test_embeddings_of_what_is_no_text_are_refused(door: Any, given: Any) -> None:
    assert (await post(door, "/v1/embeddings", {"input": given}))[0] == 400


# --------------------------------------------------------------------------------- what the door tells


async def test_metrics_count_requests_votes_and_tokens(door: Any) -> None:
    await post(door, "/v1/chat/completions", HELLO)
    await post(door, "/v1/chat/completions", {"messages": []})
    status, text = await get(door, "/metrics")
    assert status == 200
    for line in (
        'local_swarm_requests_total{endpoint="/v1/chat/completions",status="200"} 1.0',
        'local_swarm_requests_total{endpoint="/v1/chat/completions",status="400"} 1.0',
        'local_swarm_tokens_total{kind="prompt"} 4.0',
        "local_swarm_agreement_count 1.0",
        "local_swarm_prompts_in_progress 0.0",
    ):
        assert line in text


async def test_the_swarm_tells_of_itself_and_its_last_elections(door: Any) -> None:
    for _ in range(3):
        await post(door, "/v1/chat/completions", HELLO)
    told = json.loads((await get(door, "/v1/swarm"))[1])
    assert told["node"] == "here" and told["model"] == "fake" and told["peers"] == []
    assert len(told["elections"]) == 3 and told["elections"][-1]["candidates"] == 5
    assert "say these" not in json.dumps(told)  # neither questions nor answers
