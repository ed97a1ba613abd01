"""The other endpoints, and who may call at all."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from local_swarm.api.middleware import AuthMiddleware, host_of
from local_swarm.api.schemas import parameter_path
from local_swarm.api.server import listen
from local_swarm.errors import UsageError

pytestmark = pytest.mark.anyio


async def get(door: Any, path: str, **headers: str) -> tuple[int, Any]:
    async with door.http.get(door.url + path, headers=headers) as response:
        return response.status, await response.json()


async def test_health_is_ok_when_all_workers_are(door: Any) -> None:
    status, body = await get(door, "/health")
    assert (status, body["status"], body["workers"]) == (200, "ok", {"healthy": 5, "total": 5})


async def test_models_are_the_vote_one_worker_and_the_real_one(door: Any) -> None:
    status, body = await get(door, "/v1/models")
    assert status == 200 and [model["id"] for model in body["data"]] == ["swarm", "swarm-fast", "fake"]
    assert all(m["context_length"] == m["max_model_len"] == 1000 and m["description"] == "a test" for m in body["data"])


async def test_a_model_is_told_by_name_and_a_wrong_name_names_the_right_ones(door: Any) -> None:
    assert (await get(door, "/v1/models/swarm"))[1]["id"] == "swarm"
    status, body = await get(door, "/v1/models/org/other")
    assert status == 404 and "swarm, swarm-fast, fake" in body["error"]["message"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/v1/chat/completions", 405)])
async def test_wrong_paths_and_methods_get_an_error_body_too(door: Any, method: str, path: str, status: int) -> None:
    async with door.http.request(method, door.url + path) as response:
        assert response.status == status and (await response.json())["error"]["message"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "169.254.1.1", "127.0.0.1.evil.example", ""])
async def test_a_host_that_is_not_this_machine_is_turned_away(door: Any, host: str) -> None:
    status, body = await get(door, "/health", host=host)
    assert status == 403 and body["error"]["code"] == "forbidden"


STRANGE_HOSTS = [
    "evil.com@127.0.0.1",
    "evil.com:80@127.0.0.1:8000",
    "localhost.",
    "localhost.:8000",
    "127.1",
    "0x7f.1",
    "2130706433",
    "0177.0.0.1",
    "0.0.0.0",
    "[::]",
    "[::1",
    "::1",
    "[::1%lo]",
    "[::1%25lo]",
    "[127.0.0.1]",
    "[::ffff:8.8.8.8]",
    "localhost:",
    "localhost:0",
    "localhost:65536",
    "localhost:+80",
    "localhost:80:80",
    "localhost:8o",
    "localhost/",
    "localhost?",
    "localhost#",
    "localhost\\",
    "localhost, evil.example",
    "localhost evil.example",
    "http://localhost",
    "//localhost",
    "localhost\t",
    "l\u00f6calhost",
    "127.0.0.1.",
    ".localhost",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "*",
    "-",
]


@pytest.mark.parametrize("host", STRANGE_HOSTS)
def test_a_host_that_nobody_writes_is_turned_away(host: str) -> None:
    for gate in (AuthMiddleware(nothing), AuthMiddleware(nothing, hosts=None)):
        named = gate.hosts is not None or host_of(host) is None
        assert not named or refused(gate, (b"host", host.encode("latin-1")))


def test_two_hosts_are_one_too_many() -> None:
    assert refused(AuthMiddleware(nothing), (b"host", b"localhost"), (b"host", b"localhost"))
    assert refused(AuthMiddleware(nothing)) and not refused(AuthMiddleware(nothing), (b"host", b"LocalHost:8000"))


STRANGE_ORIGINS = [
    "moz-extension://localhost",
    "chrome-extension://localhost",
    "javascript://localhost",
    "ftp://127.0.0.1",
    "file://localhost",
    "ws://localhost",
    "localhost",
    "//localhost",
    "http:localhost",
    "http:/localhost",
    "http:///localhost",
    "http://localhost/",
    "http://localhost/path",
    "http://localhost?query",
    "http://localhost#part",
    "http://user@localhost",
    "http://a:b@localhost",
    "http://evil.example@localhost",
    "http://localhost:80@evil.example",
    "http://localhost.",
    "http://127.1",
    "http://[::1%lo]",
    "http://localhost:",
    "http://localhost:99999",
    "http://localhost http://evil.example",
    "null",
    "Null",
    "",
    " ",
    "http://",
    "http://localhost\\@evil.example",
    "https://localhost.evil.example",
    "http://0.0.0.0",
    "about:blank",
    "data:text/html,x",
]


@pytest.mark.parametrize("origin", STRANGE_ORIGINS)
def test_an_origin_that_is_no_page_of_this_machine_is_turned_away(origin: str) -> None:
    for gate in (AuthMiddleware(nothing), AuthMiddleware(nothing, hosts=None, origins=["https://app.example", "null"])):
        assert refused(gate, (b"host", b"localhost"), (b"origin", origin.encode()))


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "HTTPS://LOCALHOST", "http://127.0.0.1", "http://[::1]:1", "https://app.example"],
)
def test_pages_of_this_machine_and_those_that_were_named_may_call(origin: str) -> None:
    gate = AuthMiddleware(nothing, origins=["https://app.example/"])
    assert not refused(gate, (b"host", b"localhost"), (b"origin", origin.encode()))
    assert refused(gate, (b"host", b"localhost"), (b"origin", origin.encode()), (b"origin", origin.encode()))
    named = origin == "https://app.example"
    assert refused(gate, (b"host", b"localhost"), (b"origin", origin.encode()), path="/mcp") != named


def refused(gate: AuthMiddleware, *headers: tuple[bytes, bytes], path: str = "/health") -> bool:
    return gate.judge({"type": "http", "method": "GET", "path": path, "headers": list(headers)}) is not None


async def nothing(*_: Any) -> None: ...


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8000", "app.localhost"])
async def test_every_name_of_this_machine_may_be_used(door: Any, host: str) -> None:
    assert (await get(door, "/health", host=host))[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://"])
async def test_web_pages_from_elsewhere_are_turned_away(door: Any, origin: str) -> None:
    assert (await get(door, "/health", origin=origin))[0] == 403


async def test_web_pages_of_this_machine_are_not(door: Any) -> None:
    assert (await get(door, "/health", origin="http://localhost:3000"))[0] == 200


def test_a_broken_host_header_is_no_crash() -> None:
    assert refused(AuthMiddleware(nothing), (b"host", b"[::1"))


def test_a_port_in_use_is_told_in_a_sentence() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(UsageError, match=r"in use.*--port"):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "port"), [("203.0.113.5", 0), ("no.such.host.invalid", 0), ("127.0.0.1", 99999), ("127.0.0.1", -1)]
)
def test_addresses_of_others_and_impossible_ports_are_refused(host: str, port: int) -> None:
    with pytest.raises(UsageError):
        listen(host, port)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv6_loopback_is_this_machine_too() -> None:
    listen("::1", 0).close()


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (("body", "messages", 0, "role"), "messages[0].role"),
        (("body", "messages", 0, "content", "str"), "messages[0].content"),
        (("body", "messages", 0, "content", "list[PartWire]"), "messages[0].content"),
        (("body",), ""),
    ],
)
def test_places_of_mistakes_read_as_in_json(location: tuple[str | int, ...], place: str) -> None:
    assert parameter_path(location) == place
