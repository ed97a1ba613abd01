"""Sessions over HTTP: as many may begin as like to, nobody at work is sent away, and what strangers say is mended or refused."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local_swarm.mcp_server.http import Sessions

pytestmark = pytest.mark.anyio

HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
}


class Client:
    """A client of the handshake's era, written by hand."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http, self.url, self.session = http, url, ""

    async def post(self, body: Any, **headers: str) -> tuple[int, str]:
        own = {"mcp-session-id": self.session} if self.session else {}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http.post(self.url, data=data, headers={**HEADERS, **own, **headers}) as response:
            self.session = response.headers.get("mcp-session-id", self.session)
            return response.status, await response.text()

    async def begin(self) -> int:
        self.session = ""
        return (await self.post(HELLO))[0]

    async def call(self, name: str, **arguments: Any) -> tuple[int, str]:
        wish = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        return await self.post(wish)


@asynccontextmanager
async def clients(url: str, count: int) -> AsyncIterator[list[Client]]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
        yield [Client(http, url) for _ in range(count)]


async def test_a_thousand_sessions_may_begin_and_one_in_use_goes_on(open_a_house: Any) -> None:
    async with open_a_house() as house, clients(house.url, 2) as (honest, flood):
        assert await honest.begin() == 200 and (await honest.call("get_swarm_status"))[0] == 200
        begun = {await flood.begin() for _ in range(1000)}
        assert begun == {200} and (await honest.call("get_swarm_status"))[0] == 200


async def test_many_that_begin_at_once_are_no_more_than_there_may_be(open_a_house: Any) -> None:
    async with open_a_house(most=5) as house, clients(house.url, 40) as many:
        done = await asyncio.gather(*(client.begin() for client in many))
        assert done.count(200) >= 5 and set(done) <= {200, 503}
        alive = [(await client.post({"jsonrpc": "2.0", "method": "notifications/initialized"}))[0] for client in many]
        assert 1 <= alive.count(202) <= 5


async def test_a_session_with_a_call_in_the_works_is_neither_idle_nor_sent_away(open_a_house: Any) -> None:
    async with open_a_house(pace_s=0.2, idle_s=0.2, most=2) as house, clients(house.url, 2) as (worker, flood):
        await worker.begin()
        asked = asyncio.create_task(worker.call("ask_swarm", prompt="one two three four five"))
        await house.engine.busy.wait()
        assert {await flood.begin() for _ in range(20)} == {200}
        status, said = await asked
        assert status == 200 and "one two three" in said


async def test_an_idle_session_ends(open_a_house: Any) -> None:
    async with open_a_house(idle_s=0.05) as house, clients(house.url, 1) as (client,):
        await client.begin()
        async with asyncio.timeout(5):
            while (await client.call("get_worker_details"))[0] != 404:  # noqa: ASYNC110  each look is a use of it
                await asyncio.sleep(0.1)
        assert await client.begin() == 200


def test_who_has_only_introduced_himself_goes_before_who_has_worked() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    for name in ("worked", "listens", "first", "second"):
        sessions.begin(name)
        now[0] += 1
    for name in ("worked", "worked", "first"):
        with sessions.use(name, stream=False):
            now[0] += 1
    with sessions.use("listens", stream=True), sessions.use("first", stream=False):
        assert sessions.dispensable() == "second"
        del sessions.known["second"]
        assert sessions.dispensable() == "listens"
        del sessions.known["listens"]
        assert sessions.dispensable() == "worked"
        with sessions.use("worked", stream=False):
            assert sessions.dispensable() is None


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "null", "https://evil.example"])
async def test_no_web_page_drives_the_tools_unless_it_was_named(open_a_house: Any, origin: str) -> None:
    async with open_a_house() as house, clients(house.url, 1) as (client,):
        assert (await client.post(HELLO, origin=origin))[0] == 403


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF", "\\ud83d \\ude00"])
async def test_half_characters_in_arguments_are_mended(open_a_house: Any, half: str) -> None:
    async with open_a_house() as house, clients(house.url, 1) as (client,):
        await client.begin()
        for name, arguments in (
            ("ask_swarm", f'{{"prompt": "a {half} b", "{half}": 1}}'),
            ("compare_answers", f'{{"answers": ["{half}", "x"], "prompt": "{half}"}}'),
            ("embed", f'{{"texts": ["{half}"]}}'),
        ):
            wish = f'{{"name": "{name}", "arguments": {arguments}}}'
            call = f'{{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {wish}}}'
            status, said = await client.post(call.encode())
            assert status == 200 and '"result"' in said and "went wrong" not in said, said


async def test_answers_with_half_characters_reach_the_assistant(open_a_house: Any) -> None:
    async with open_a_house(lambda *_: "a\ud800b") as house, clients(house.url, 1) as (client,):
        await client.begin()
        status, said = await client.call("ask_swarm", prompt="x")
        assert status == 200 and "a?b" in said


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[" * 10**6, 400), (b"[" + b"1," * 300_000 + b"1]", 413), (b'"' + b"x" * (5 << 20) + b'"', 413)],
)
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_too_much_is_refused(open_a_house: Any, body: bytes, status: int) -> None:
    async with open_a_house() as house, clients(house.url, 1) as (client,):
        await client.begin()
        assert (await client.post(body))[0] == status
        assert (await client.call("get_swarm_status"))[0] == 200


async def test_half_characters_on_stdin_are_mended(tmp_path: Path) -> None:
    """No daemon runs, so the answer says so; a line that cannot be read would get none."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local_swarm",
        "mcp",
        "--port",
        "9",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin and process.stdout
    wish = '{"name": "ask_swarm", "arguments": {"prompt": "\\ud800"}}'
    call = f'{{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {wish}}}'
    hello = json.dumps(HELLO).replace('"x"', '"\\ud800"')
    for line in (hello, '{"jsonrpc": "2.0", "method": "notifications/initialized"}', call):
        process.stdin.write(line.encode() + b"\n")
    async with asyncio.timeout(30):
        answers = [json.loads(await process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        await process.wait()
    assert [answer["id"] for answer in answers] == [1, 7] and "No swarm runs" in json.dumps(answers[1])
