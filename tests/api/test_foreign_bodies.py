"""Bodies that no client should send: each is refused in a sentence or answered, at once, and never a failure of ours."""

from __future__ import annotations

import gzip
import json
import random
import time
from typing import Any

import pytest

from local_swarm import limits
from local_swarm.testing.fake_backend import FakeBackend
from tests.api.test_chat import HELLO, post
from tests.chat.samples import TOOLS

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}
PATHS = ("chat/completions", "completions", "responses", "embeddings")
HALF = '"\\ud800 hi \\udfff"'


async def send(door: Any, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
    async with door.http.post(f"{door.url}/v1/{path}", data=body, headers={**JSON, **headers}) as response:
        return response.status, json.loads(await response.read())


# --------------------------------------------------------------------------------------------- half characters


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat/completions", '{"messages": [{"role": "user", "content": %s}]}'),
        ("chat/completions", '{"messages": [{"role": "user", "content": [{"type": "text", "text": %s}], "name": %s}]}'),
        (
            "chat/completions",
            '{"messages": [{"role": "user", "content": "x"}], "user": %s, "stop": [%s], "metadata": {%s: %s}}',
        ),
        ("chat/completions", '{"messages": [{"role": "user", "content": "x"}], "swarm": {"ballots": true}, %s: 1}'),
        ("chat/completions", '{"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {%s: %s}}'),
        ("chat/completions", '{"model": %s, "messages": [{"role": "user", "content": "x"}]}'),
        (
            "chat/completions",
            '{"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": '
            '{"name": %s, "description": %s, "parameters": {"type": "object", "properties": {%s: {"enum": [%s]}}}}}]}',
        ),
        ("completions", '{"prompt": %s, "echo": true, "logprobs": 2}'),
        ("responses", '{"input": %s, "instructions": %s, "metadata": {%s: %s}}'),
        ("responses", '{"input": %s, "stream": true}'),
        ("embeddings", '{"input": [%s, "x"]}'),
    ],
)
async def test_half_characters_are_replaced_wherever_they_stand(open_a_door: Any, path: str, body: str) -> None:
    seen: list[str] = []

    def script(prompt: Any, _seat: Any) -> str:
        seen.extend(message.content for message in prompt.messages)
        return "fine"

    async with open_a_door(FakeBackend(script)) as door:
        for half in (HALF, HALF.replace("d800", "D83D"), '"\xed\xa0\x80"'):
            async with door.http.post(
                f"{door.url}/v1/{path}", data=body.replace("%s", half).encode("latin-1"), headers=JSON
            ) as response:
                assert response.status < 500
                (await response.read()).decode()
    for text in seen:
        text.encode()


async def test_a_whole_character_in_two_escapes_stays_one(open_a_door: Any) -> None:
    async with open_a_door() as door:
        status, body = await send(
            door, "chat/completions", b'{"messages": [{"role": "user", "content": "\\ud83d\\ude00 smile"}]}'
        )
    assert status == 200 and body["choices"][0]["message"]["content"].startswith("\U0001f600 smile")


async def test_answers_with_half_characters_reach_their_client(open_a_door: Any) -> None:
    async with open_a_door(FakeBackend(lambda *_: "a\ud800b")) as door:
        for path, wish in (
            ("chat/completions", HELLO),
            ("completions", {"prompt": "a"}),
            ("responses", {"input": "a"}),
        ):
            for streamed in (False, True):
                body = json.dumps({**wish, "stream": streamed, "swarm": {"ballots": True}}).encode()
                async with door.http.post(f"{door.url}/v1/{path}", data=body, headers=JSON) as response:
                    assert response.status == 200 and "a?b" in (await response.read()).decode()


# --------------------------------------------------------------------------------------------------- the bounds


def chat(**more: Any) -> dict[str, Any]:
    return {**HELLO, **more}


def tool(name: str = "f", **schema: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", **schema}}}


def with_enum(count: int) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"a": {"enum": [str(number) for number in range(count)]}}}
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


TOO_MUCH: dict[str, tuple[str, Any, str]] = {
    "stops": ("chat/completions", chat(stop=["x"] * 100_000), "stop"),
    "a stop": ("chat/completions", chat(stop="x" * 10_000), "stop"),
    "tools": ("chat/completions", chat(tools=[tool(f"t{n}") for n in range(3000)]), "tools"),
    "a name": ("chat/completions", chat(tools=[tool("x" * 10_000)]), "tools"),
    "enum": ("chat/completions", chat(response_format=with_enum(20_000)), "response_format"),
    "enum of a tool": ("chat/completions", chat(tools=[tool(enum=list(range(20_000)))]), "tools"),
    "biases": ("chat/completions", chat(logit_bias={str(n): 1 for n in range(40_000)}), "logit_bias"),
    "messages": ("chat/completions", {"messages": HELLO["messages"] * 12_000}, "messages"),
    "wrong messages": ("chat/completions", {"messages": [1] * 90_000}, "messages"),
    "parts": ("chat/completions", {"messages": [{"role": "user", "content": [{"type": "text"}] * 30_000}]}, "messages"),
    "max_tokens": ("chat/completions", chat(max_tokens=10**18), "max_tokens"),
    "top_k": ("chat/completions", chat(top_k=2**40), "top_k"),
    "model": ("chat/completions", chat(model="x" * 10**6), "model"),
    "kinds": ("chat/completions", {"messages": [{"role": "user", "content": [{"type": "x" * 10**6}]}]}, "messages"),
    "tokens": ("completions", {"prompt": [7] * 190_000}, "prompt"),
    "lists": ("completions", {"prompt": [[1]] * 30_000 + ["x"]}, "prompt"),
    "texts": ("embeddings", {"input": ["x"] * 190_000}, "input"),
    "items": ("responses", {"input": [{"type": "message"}] * 12_000}, "input"),
    "item": ("responses", {"input": [{"type": "x" * 10**6}]}, "input"),
}


UNCOUNTED = ("wrong messages", "tokens", "lists", "item")  # what is wrong there is their kind


@pytest.mark.parametrize("case", TOO_MUCH)
async def test_too_much_is_refused_by_name_and_at_once(door: Any, case: str) -> None:
    path, body, field = TOO_MUCH[case]
    data = json.dumps(body).encode()
    began = time.process_time()
    status, said = await send(door, path, data)
    assert status == 400 and field in f"{said['error']['param']} {said['error']['message']}"
    assert case in UNCOUNTED or any(letter.isdigit() for letter in said["error"]["message"])  # the bound
    assert len(json.dumps(said)) < 3000 and time.process_time() - began < 1.0


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"[" * 10**6, b'{"a":' * 10**5, b'{"messages":' + b"[" * 200 + b"]" * 200 + b"}"])
async def test_what_is_nested_too_deeply_is_a_mistake_of_the_client(door: Any, path: str, body: bytes) -> None:
    assert (await send(door, path, body))[0] == 400


@pytest.mark.parametrize("path", PATHS)
async def test_more_values_than_are_read_are_too_large(door: Any, path: str) -> None:
    status, said = await send(door, path, b"[" + b"1," * 300_000 + b"1]")
    assert status == 413 and str(200_000) in said["error"]["message"]


async def test_as_much_as_agents_send_is_served(door: Any) -> None:
    many = [tool(f"server__tool_{n}", properties={"a": {"enum": list(range(50))}}) for n in range(200)]
    status, _, _ = await post(door, chat(tools=many, stop=["a"] * 16, logit_bias={str(n): 1 for n in range(300)}))
    assert status == 200
    assert limits.MOST_TOOLS > 200


# ------------------------------------------------------------------------------------------------- odd in other ways


ODD = [
    b"",
    b"null",
    b"true",
    b"[]",
    b"1",
    b'"x"',
    b"{",
    b"nonsense",
    b"\xff\xfe{",
    b"\x00",
    b"\xef\xbb\xbf[]",
    '{"a": 1}'.encode("utf-16"),
    b'{"messages": NaN}',
    b'{"temperature": NaN, "messages": [{"role": "user", "content": "x"}]}',
    b'{"a": 1e999}',
    b'{"a": -1e999}',
    b'{"seed": 1' + b"0" * 5000 + b"}",
    b'{"input": 1, "input": 2, "prompt": 1, "prompt": {}}',
    b"{'a': 1}",
    b'{"a": 1,}',
    b'{"a": "\n"}',
    b'{"a": "\\x"}',
    b'{"a": "\\u12"}',
    b"[" * 50 + b"]" * 50,
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("place", range(len(ODD)))
async def test_odd_bodies_are_mistakes_of_the_client(door: Any, path: str, place: int) -> None:
    status, said = await send(door, path, ODD[place])
    assert status in (400, 413) and said["error"]["message"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
async def test_compressed_bodies_are_refused(door: Any, encoding: str) -> None:
    data = gzip.compress(json.dumps(HELLO).encode())
    status, said = await send(door, "chat/completions", data, **{"content-encoding": encoding})
    assert status == 400 and "compressed" in said["error"]["message"]


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/xml", "application/json; charset=utf-16", "x", "multipart/form-data"]
)
async def test_odd_kinds_of_content_never_fail(door: Any, kind: str) -> None:
    async with door.http.post(
        f"{door.url}/v1/chat/completions", data=json.dumps(HELLO).encode(), headers={"content-type": kind}
    ) as response:
        assert response.status in (200, 400)


VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**300,
    0.5,
    -0.0,
    1e308,
    "",
    "x",
    "\u0000",
    "auto",
    "swarm",
    [],
    [None],
    [[]],
    ["x", 1],
    {},
    {"a": None},
    {"type": "function"},
    {"type": "json_schema"},
    {"function": {"name": None}},
    [{}],
    [{"type": []}],
    [{"role": "user"}],
    [{"role": "user", "content": None}],
    [{"type": "function", "function": {"name": "f", "parameters": 1}}],
    {"type": "json_schema", "json_schema": {"schema": {"type": 1}}},
    {"type": "allowed_tools", "allowed_tools": {"tools": [1], "mode": {}}},
    {"effort": 1},
    {"effort": "none"},
    {"format": {"type": "json_schema", "schema": []}},
    {"format": 1},
    {"strategy": "exact", "n": 33},
    [{"type": "reasoning", "content": 1, "summary": "x"}],
    [{"type": "function_call_output", "output": {"a": [1]}}],
    [{"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": 1}]}],
    [{"type": "function_call"}],
]
FIELDS = {
    "chat/completions": (
        "messages",
        "model",
        "stream",
        "stream_options",
        "n",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "repetition_penalty",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "stop",
        "logit_bias",
        "user",
        "swarm",
        "max_tokens",
        "max_completion_tokens",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "logprobs",
        "top_logprobs",
        "response_format",
        "reasoning_effort",
        "chat_template_kwargs",
        "metadata",
    ),
    "completions": ("prompt", "suffix", "max_tokens", "echo", "logprobs", "best_of", "n", "stream", "swarm", "stop"),
    "responses": (
        "input",
        "instructions",
        "max_output_tokens",
        "tools",
        "tool_choice",
        "reasoning",
        "text",
        "stream",
        "metadata",
        "user",
        "previous_response_id",
    ),
    "embeddings": ("input", "model", "encoding_format", "dimensions"),
}
PLAIN: dict[str, dict[str, Any]] = {
    "chat/completions": HELLO,
    "completions": {"prompt": "x"},
    "responses": {"input": "x"},
    "embeddings": {"input": "x"},
}


@pytest.mark.parametrize("path", PATHS)
async def test_no_value_of_any_field_is_a_failure_of_ours(open_a_door: Any, path: str) -> None:
    async with open_a_door(workers=2) as door:
        for field in FIELDS[path]:
            for value in VALUES:
                status = await status_of(door, path, {**PLAIN[path], "max_tokens": 4, field: value})
                assert status < 500, (field, value)


@pytest.mark.parametrize("seed", range(8))
async def test_no_mixture_of_fields_is_a_failure_of_ours(open_a_door: Any, seed: int) -> None:
    chance = random.Random(seed)
    async with open_a_door(workers=2) as door:
        for _ in range(60):
            path = chance.choice(PATHS)
            body = dict(PLAIN[path])
            for field in chance.sample(FIELDS[path], 3):
                body[field] = chance.choice([*VALUES, TOOLS])
            assert await status_of(door, path, body) < 500, (path, body)


async def status_of(door: Any, path: str, body: Any) -> int:
    async with door.http.post(f"{door.url}/v1/{path}", data=json.dumps(body).encode(), headers=JSON) as response:
        (await response.read()).decode()
        return int(response.status)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/%ED%A0%80",
        "/v1/models/%00",
        "/v1/models/%FF",
        "/v1/swarm/elections/" + "9" * 5000,
        "/v1/swarm/elections/x",
        "/v1/models?x=%ED%A0%80",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/swarm/elections/-1",
        "/v1/models/" + "x" * 30_000,
    ],
)
async def test_odd_paths_never_fail(door: Any, path: str) -> None:
    import yarl

    for headers in ({}, {"x-swarm-page": "\u00ff"}, {"x-session-id": "x" * 5000}):
        async with door.http.get(yarl.URL(door.url + path, encoded=True), headers=headers) as response:
            assert response.status < 500
            (await response.read()).decode()
