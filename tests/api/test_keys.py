"""Keys, bindings and bounds: who may call, how much, and how slowly."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from local_swarm.api.connection import ImpatientProtocol
from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.key import ensure_key, required_key
from local_swarm.api.metrics import Metrics
from local_swarm.api.middleware import BoundsMiddleware
from local_swarm.api.server import AccessPolicy, create_app
from local_swarm.api.status import Status
from local_swarm.config import ServerConfig
from local_swarm.errors import UsageError
from local_swarm.node import access_policy
from local_swarm.swarm.vectors import Vectors
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm
from tests.api.test_chat import HELLO, post

pytestmark = pytest.mark.anyio

LOCKED = AccessPolicy("ls-secret", ("https://chat.example",), None)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer ls-secret"}, 200),
        ({"x-api-key": "ls-secret"}, 200),
        ({"authorization": "Bearer ls-secre"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": "Bearer schlüssel"}, 401),
        ({}, 401),
    ],
)
async def test_with_a_key_only_those_who_know_it_are_answered(
    open_a_door: Any, headers: dict[str, str], status: int
) -> None:
    async with open_a_door(who=LOCKED) as door:
        got, body, _ = await post(door, HELLO, **headers)
        assert got == status
        assert status == 200 or body["error"]["code"] == "invalid_api_key"
        async with door.http.get(f"{door.url}/health", headers={"host": "192.168.1.5:8000"}) as response:
            assert response.status == 200  # whoever watches over the daemon needs none


async def test_listed_pages_may_call_and_others_may_not(open_a_door: Any) -> None:
    async with open_a_door(who=LOCKED) as door:
        asks = {"origin": "https://chat.example", "access-control-request-method": "POST"}
        async with door.http.options(f"{door.url}/v1/chat/completions", headers=asks) as response:
            assert response.status == 200 and response.headers["access-control-allow-origin"] == "https://chat.example"
        asks["origin"] = "https://evil.example"
        async with door.http.options(f"{door.url}/v1/chat/completions", headers=asks) as response:
            assert response.status == 403


def server(**facts: Any) -> ServerConfig:
    return ServerConfig(**{"host": "127.0.0.1", "port": 0, "key": None, "origins": None, "mcp": False, **facts})


def test_beyond_this_machine_a_key_is_demanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    assert required_key(server()) is None and required_key(server(key="k")) == "k"
    with pytest.raises(UsageError, match=r"python main\.py key"):
        access_policy(server(host="0.0.0.0"))
    key = ensure_key()
    assert access_policy(server(host="0.0.0.0", origins="https://a, https://b")) == AccessPolicy(
        key, ("https://a", "https://b"), None
    )
    assert access_policy(server()) == AccessPolicy(None, (), ())


class Peer:
    """Both ends of one request, without a network."""

    def __init__(self, *messages: Message) -> None:
        self.messages, self.sent = list(messages), list[Message]()

    async def receive(self) -> Message:
        if self.messages:
            return self.messages.pop(0)
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def answer(self) -> tuple[int, str]:
        return self.sent[0]["status"], json.loads(self.sent[1]["body"])["error"]["code"]


async def reads_all(_scope: Scope, receive: Receive, _send: Send) -> None:
    while (await receive()).get("more_body"):
        pass


def part(size: int, more: bool = True) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


async def test_a_request_that_is_too_large_is_refused_before_it_is_read() -> None:
    peer = Peer(part(600), part(600))
    await BoundsMiddleware(reads_all, most_bytes=1000)({"type": "http"}, peer.receive, peer.send)
    assert peer.answer == (413, "request_too_large")


async def test_a_request_that_does_not_arrive_is_given_up() -> None:
    peer = Peer(part(1))
    async with asyncio.timeout(5):
        await BoundsMiddleware(reads_all, read_s=0.05)({"type": "http"}, peer.receive, peer.send)
    assert peer.answer == (408, "request_timeout")


async def test_a_client_that_does_not_read_is_given_up() -> None:
    async def writes(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def stuck(_message: Message) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        with pytest.raises(OSError, match="does not read"):
            await BoundsMiddleware(writes, write_s=0.05)({"type": "http"}, Peer().receive, stuck)


async def test_waiting_for_a_client_to_leave_is_not_bound() -> None:
    left = asyncio.Event()

    async def waits(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        left.set()

    peer = Peer(part(1, more=False))

    async def late() -> Message:
        if peer.messages:
            return await peer.receive()
        await asyncio.sleep(0.1)
        return {"type": "http.disconnect"}

    await BoundsMiddleware(waits, read_s=0.05)({"type": "http"}, late, peer.send)
    assert left.is_set()


async def test_the_application_refuses_a_large_body_as_such() -> None:
    backend = FakeBackend()
    await backend.start()
    swarm = scripted_swarm(backend, 1)

    def status() -> Status:
        return Status("ok", 1, 1, "fake", 1000)

    app = create_app(LoggedVoice(swarm, Metrics(status)), status, Vectors(swarm.embedder, backend))
    beginning: Message = {"type": "http.request", "body": b'"', "more_body": True}
    peer = Peer(beginning, *(part(1 << 20) for _ in range(40)))
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }
    await app(scope, peer.receive, peer.send)
    assert peer.answer == (413, "request_too_large") and len(peer.messages) == 40 - 16


async def test_a_connection_whose_request_never_begins_is_closed(open_a_door: Any) -> None:
    class Hasty(ImpatientProtocol):
        head_s = 0.1

    async with open_a_door(connection=Hasty) as door:
        for sent in (b"", b"POST /v1/chat/comp", b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: "):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rsplit(":", 1)[1]))
            writer.write(sent)
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()
        assert (await post(door, HELLO))[0] == 200
