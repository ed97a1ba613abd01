"""Servers of other people, well and ill: what befalls one request stays with it, and the others vote."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from local_swarm.backends.base import Seat
from local_swarm.backends.openai_compatible.backend import (
    OpenAICompatible,
    ServerCare,
    ServerTarget,
    is_near,
    normalize_url,
    parties_of,
)
from local_swarm.backends.openai_compatible.choices import ChoiceSoFar, usages
from local_swarm.backends.openai_compatible.messages import error_of, request_body, seconds_of
from local_swarm.errors import (
    BadRequest,
    Busy,
    ContextExceeded,
    EngineLost,
    Forbidden,
    SwarmError,
    UsageError,
)
from local_swarm.types import Accepted, Candidate, Message, Prompt, Sampling

pytestmark = pytest.mark.anyio

PROMPT = Prompt((Message("user", "Say hello."),))
CARE = ServerCare(probe_s=2.0, probe_every_s=30.0, silence_s=0.3, first_pause_s=0.02, longest_pause_s=0.05)
BOUND_S = 5.0

Behaviour = Callable[[dict[str, Any]], Awaitable[web.StreamResponse] | web.StreamResponse]


def chunk(index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def stream(*chunks: dict[str, Any] | str) -> web.Response:
    lines = [f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n" for one in chunks]
    return web.Response(text="".join(lines), content_type="text/event-stream")


def hello(_body: dict[str, Any]) -> web.Response:
    counted = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    return stream(chunk(content="hel"), chunk(content="lo"), chunk(finish="stop"), counted, "[DONE]")


@dataclass
class Stand:
    """A server that answers each request as it is told to: `behave` gets the body."""

    behave: Behaviour = hello
    models: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "m", "max_model_len": 500, "owned_by": "x"}])
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/models", self.list)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/embeddings", self.chat)
        return app

    async def list(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization"))
        return web.json_response({"data": self.models})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        made = self.behave(self.bodies[-1])
        return made if isinstance(made, web.StreamResponse) else await made


@asynccontextmanager
async def listening(stand: Stand, port: int = 0) -> AsyncIterator[str]:
    runner = web.AppRunner(stand.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


@asynccontextmanager
async def engine(stand: Stand, look_s: float = 30.0, **wish: Any) -> AsyncIterator[OpenAICompatible]:
    async with listening(stand) as url:
        made = OpenAICompatible(ServerTarget(url, **wish), replace(CARE, probe_every_s=look_s))
        await made.start()
        yield made
        await made.close()


async def ask(
    made: OpenAICompatible, count: int = 3, prompt: Prompt = PROMPT
) -> tuple[list[Candidate], SwarmError | None]:
    seats = [Seat(f"w{n}", 0.0 if n == 1 else 0.8, n) for n in range(1, count + 1)]
    found = []
    async with asyncio.timeout(BOUND_S), aclosing(made.generate(prompt, seats)) as events:
        try:
            async for event in events:
                found += [event] if isinstance(event, Candidate) else []
        except SwarmError as problem:
            return found, problem
    return found, None


async def test_tells_the_model_and_the_context_that_the_server_tells() -> None:
    async with engine(Stand()) as made:
        facts = made.facts
        assert facts and (facts.model, facts.context, facts.note) == ("m", 500, None)


async def test_a_context_that_is_not_told_is_assumed_and_said() -> None:
    async with engine(Stand(models=[{"id": "m"}])) as made:
        assert made.facts and made.facts.context == 8192 and "assumed" in str(made.facts.note)


async def test_words_counts_and_ends_are_the_servers() -> None:
    async with engine(Stand()) as made:
        found, problem = await ask(made)
    assert not problem and [one.text for one in found] == ["hello"] * 3
    assert {(one.usage.prompt_tokens, one.usage.completion_tokens, one.finish_reason) for one in found} == {
        (7, 2, "stop")
    }
    assert [one.anchor for one in found].count(True) == 1


async def test_a_server_that_does_not_stream_is_understood() -> None:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
    async with engine(Stand(lambda _: web.json_response(body))) as made:
        found, problem = await ask(made)
    assert not problem and [one.text for one in found] == ["hi"] * 3


async def test_tool_calls_are_put_together_from_pieces() -> None:
    def calls(_body: dict[str, Any]) -> web.Response:
        first = {"index": 0, "id": "c1", "function": {"name": "read", "arguments": '{"pa'}}
        second = {"index": 0, "function": {"arguments": 'th": "a"}'}}
        return stream(chunk(tool_calls=[first]), chunk(tool_calls=[second]), chunk(finish="tool_calls"), "[DONE]")

    async with engine(Stand(calls)) as made:
        found, _ = await ask(made, 1)
    call = found[0].tool_calls[0]
    assert (call.id, call.name, call.arguments, found[0].finish_reason) == ("c1", "read", '{"path": "a"}', "tool_calls")


def one_in_three(bad: Behaviour) -> Behaviour:
    def behave(body: dict[str, Any]) -> Awaitable[web.StreamResponse] | web.StreamResponse:
        return bad(body) if body["seed"] == 2 else hello(body)

    return behave


async def hang(_body: dict[str, Any]) -> web.Response:
    await asyncio.sleep(BOUND_S)
    return web.Response()


ILL: dict[str, tuple[Behaviour, type[SwarmError]]] = {
    "hangs": (hang, EngineLost),
    "speaks no JSON": (lambda _: stream("{oh"), EngineLost),
    "sends lists": (lambda _: stream("[1, 2]"), EngineLost),
    "sends choices that are none": (lambda _: stream({"choices": [1]}), EngineLost),
    "sends words that are none": (lambda _: stream(chunk(content=5)), EngineLost),
    "breaks off": (lambda _: stream(chunk(content="hel")), EngineLost),
    "says nothing": (lambda _: stream("[DONE]"), EngineLost),
    "says an error in its stream": (lambda _: stream({"error": {"message": "out of memory"}}), EngineLost),
    "fails": (lambda _: web.Response(status=500, text="<html>oh</html>"), EngineLost),
    "has no room": (lambda _: web.Response(status=429, headers={"Retry-After": "7"}), Busy),
    "sends elsewhere": (lambda _: web.Response(status=307, headers={"Location": "http://example.org"}), EngineLost),
}


@pytest.mark.parametrize("illness", list(ILL))
async def test_one_ill_request_leaves_the_others_their_answers(illness: str) -> None:
    behaviour, kind = ILL[illness]
    async with engine(Stand(one_in_three(behaviour))) as made:
        found, problem = await ask(made)
    assert sorted(one.voter for one in found) == ["w1", "w3"]
    assert type(problem) is kind


async def test_a_prompt_that_is_too_long_is_told_with_numbers() -> None:
    said = {"error": {"message": "This model's maximum context length is 500 tokens, your messages have 912 tokens."}}
    async with engine(Stand(lambda _: web.json_response(said, status=400))) as made:
        _, problem = await ask(made)
    assert isinstance(problem, ContextExceeded) and (problem.context, problem.prompt_tokens) == (500, 912)


async def test_a_server_that_leaves_is_waited_for_and_found_again() -> None:
    stand = Stand()
    async with listening(stand) as url:
        port = int(url.split(":")[2].split("/")[0])
        made = OpenAICompatible(ServerTarget(url), CARE)
        await made.start()
    _, problem = await ask(made)
    assert isinstance(problem, EngineLost) and made.state == "restarting"
    async with listening(stand, port):
        assert await made.ready(BOUND_S)
        assert len((await ask(made))[0]) == 3
    await made.close()


async def test_a_server_that_is_not_there_yet_is_found_when_it_comes() -> None:
    async with listening(Stand()) as url:
        port = int(url.split(":")[2].split("/")[0])
    made = OpenAICompatible(ServerTarget(url), CARE)
    with pytest.raises(EngineLost, match="cannot be reached"):
        await made.start()
    async with listening(Stand(), port):
        assert await made.ready(BOUND_S)
    await made.close()


async def fallen(made: OpenAICompatible) -> str:
    """Its state, once it no longer answers."""
    async with asyncio.timeout(BOUND_S):
        while made.state == "ready":  # noqa: ASYNC110 - looks come by themselves
            await asyncio.sleep(0.005)
    return made.state


async def test_a_model_that_was_asked_for_and_is_gone_is_a_failure_until_it_is_back() -> None:
    stand = Stand()
    async with engine(stand, look_s=0.01, model="m") as made:
        stand.models[0]["id"] = "other"
        assert await fallen(made) == "failed"
        stand.models[0]["id"] = "m"
        assert await made.ready(BOUND_S)


async def test_a_model_that_is_not_there_is_told_with_the_nearest() -> None:
    async with listening(Stand(models=[{"id": "qwen3.5:9b"}])) as url:
        made = OpenAICompatible(ServerTarget(url, "qwen3:9b"), CARE)
        with pytest.raises(UsageError, match=r"Did you mean qwen3\.5:9b"):
            await made.start()
        await made.close()


async def test_the_key_is_sent_and_never_shown() -> None:
    stand = Stand()
    async with engine(stand, key="sk-secret") as made:
        assert stand.keys == ["Bearer sk-secret"]
        assert "secret" not in repr(made.server)


async def test_several_answers_are_asked_for_at_once_where_the_server_can_and_singly_where_it_does_not() -> None:
    def both(body: dict[str, Any]) -> web.Response:
        places = range(body.get("n", 1))
        said = [one for n in places for one in (chunk(n, content=f"a{n}"), chunk(n, finish="stop"))]
        return stream(*said, {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}, "[DONE]")

    able, unable = Stand(both), Stand()
    async with engine(able, several=True) as made:
        assert len((await ask(made, 5))[0]) == 5 and sorted(one.get("n", 1) for one in able.bodies) == [1, 4]
    async with engine(unable, several=True) as made:
        assert len((await ask(made, 5))[0]) == 5 and sorted(one.get("n", 1) for one in unable.bodies) == [1, 1, 1, 1, 4]
        await ask(made, 5)
        assert [one.get("n", 1) for one in unable.bodies[5:]] == [1] * 5


async def test_leaving_ends_the_requests() -> None:
    left = asyncio.Event()

    async def wait(_body: dict[str, Any]) -> web.Response:
        try:
            await asyncio.sleep(BOUND_S)
        except asyncio.CancelledError:
            left.set()
            raise
        return web.Response()

    def begin(body: dict[str, Any]) -> Awaitable[web.StreamResponse] | web.StreamResponse:
        return hello(body) if body["seed"] == 1 else wait(body)

    async with engine(Stand(begin)) as made:
        async with aclosing(made.generate(PROMPT, [Seat("w1", 0.0, 1), Seat("w2", 0.8, 2)])) as events:
            assert isinstance(await anext(events), Accepted)
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "merged-stream"]


async def test_offline_nothing_leaves_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_SWARM_OFFLINE", "1")
    with pytest.raises(Forbidden):
        await OpenAICompatible(ServerTarget("http://93.184.215.14/v1"), CARE).start()
    assert await is_near("http://192.168.1.4/v1") and await is_near("http://localhost/v1")


def test_what_is_asked_is_what_is_wished_and_no_more() -> None:
    wish = Sampling(top_p=0.9, stop=("\n",), max_tokens=5, logprobs=2)
    body = request_body(
        Prompt((Message("user", "x"),), sampling=wish, schema={"type": "object"}), [Seat("w1", 0.5, 9)], "m"
    )
    assert {"top_p", "max_tokens", "logprobs", "top_logprobs", "seed", "response_format"} <= set(body)
    assert not {"n", "stop", "tools", "top_k", "min_p", "logit_bias"} & set(body)


def test_seats_of_one_warmth_go_together() -> None:
    seats = [Seat("w1", 0.0, 1), Seat("w2", 0.8, 2), Seat("w3", 0.8, 3)]
    assert [len(party) for party in parties_of(seats, True)] == [1, 2]
    assert [len(party) for party in parties_of(seats, False)] == [1, 1, 1]


def test_a_count_for_all_choices_is_shared_and_one_for_each_is_kept() -> None:
    said = {0: ChoiceSoFar(pieces=1), 1: ChoiceSoFar(pieces=3)}
    shared = usages({1: {"completion_tokens": 8, "prompt_tokens": 5}}, said, 1)
    assert [shared[at].completion_tokens for at in (0, 1)] == [2, 6]
    own = usages({1: {"completion_tokens": 3}, 0: {"completion_tokens": 4}}, said, 9)
    assert [own[at].completion_tokens for at in (0, 1)] == [4, 3] and own[0].prompt_tokens == 9


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"error": {"type": "exceed_context_size_error", "n_ctx": 9, "n_prompt_tokens": 12}}', ContextExceeded),
        (400, '{"error": {"message": "prompt is too long"}}', ContextExceeded),
        (400, '{"error": "temperature?"}', BadRequest),
        (401, "", EngineLost),
        (404, "{}", EngineLost),
        (503, "loading", EngineLost),
    ],
)
def test_statuses_are_what_they_mean(status: int, body: str, kind: type[SwarmError]) -> None:
    assert type(error_of(status, body, None, where="It", estimate=3, context=100)) is kind


@pytest.mark.parametrize(("told", "seconds"), [("7", 7), (None, 5), ("Wed, 21 Oct 2026", 5), ("1e9", 3600), ("0", 1)])
def test_how_long_to_wait(told: str | None, seconds: int) -> None:
    assert seconds_of(told) == seconds


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("localhost:8080", "http://localhost:8080/v1"),
        ("https://api.example.org/openai/v1/", "https://api.example.org/openai/v1"),
    ],
)
def test_addresses_are_completed(written: str, meant: str) -> None:
    assert normalize_url(written) == meant


@pytest.mark.parametrize("written", ["ftp://x", "http://", "http://key@host/v1"])
def test_what_is_no_address_is_said(written: str) -> None:
    with pytest.raises(UsageError):
        normalize_url(written)
