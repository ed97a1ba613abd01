"""A cancelled call gets no answer, its workers are free, and the assistant goes on: JSON-RPC by hand, over stdio and HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.mcp_server.conftest import House, Open
from tests.mcp_server.test_sessions import HEADERS, HELLO, Client

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 20.0
BEGUN = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def call(number: object, prompt: str = "long", **meta: Any) -> dict[str, Any]:
    told = {"_meta": meta} if meta else {}
    params = {"name": "ask_swarm", "arguments": {"prompt": prompt}, **told}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def cancellation(**params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


class Assistant:
    """The other end of the proxy's stdio. `said`: every message that came, in order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    def send(self, *messages: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"".join(json.dumps(one).encode() + b"\n" for one in messages))

    async def answer(self, number: object) -> dict[str, Any]:
        """The answer to this id, once it is there."""
        assert self.process.stdout
        while not (found := self.answers(number)):
            line = await self.process.stdout.readline()
            assert line, "the proxy has ended"
            self.said.append(json.loads(line))
        return found[0]

    def answers(self, number: object) -> list[dict[str, Any]]:
        return [one for one in self.said if one.get("id") == number]


@asynccontextmanager
async def assistant(house: House) -> AsyncIterator[Assistant]:
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "local_swarm", "mcp", "--port", str(house.port)]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT, env=dict(os.environ))
    try:
        async with asyncio.timeout(PATIENCE_S):
            made = Assistant(process)
            made.send(HELLO)
            await made.answer(HELLO["id"])
            made.send(BEGUN)
            yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def slow(prompt: Any, _seat: Any) -> str:
    return "word " * 900 if "long" in prompt.messages[-1].content else "short"


def text_of(answer: dict[str, Any]) -> str:
    return str(answer["result"]["structuredContent"]["text"])


@pytest.mark.parametrize("number", [7, "seven", 0])
async def test_a_cancelled_call_gets_no_answer_and_the_next_one_does(open_a_house: Open, number: object) -> None:
    async with open_a_house(slow, 0.05, pause_s=0.05) as house, assistant(house) as client:
        client.send(call(number, progressToken="p"))
        await house.engine.busy.wait()
        client.send(cancellation(requestId=number, reason="the user has changed their mind"))
        await house.engine.idle.wait()
        client.send(call(8, "brief"))
        assert text_of(await client.answer(8)) == "short"
        at = len(client.said)
        client.send(call(9, "brief"))
        await client.answer(9)
        assert client.answers(number) == []
        assert [one for one in client.said[at:] if one.get("method") == "notifications/progress"] == []


@pytest.mark.parametrize(
    "params", [{"requestId": 99}, {"requestId": "x"}, {"requestId": 1}, {"requestId": 8}, {"requestId": None}, {}]
)
async def test_cancelling_what_is_not_in_the_works_harms_nobody(open_a_house: Open, params: dict[str, Any]) -> None:
    async with open_a_house(slow, 0.0) as house, assistant(house) as client:
        client.send(cancellation(**params), call(8, "brief"))
        assert text_of(await client.answer(8)) == "short"


async def test_a_call_that_is_cancelled_before_it_has_begun_takes_no_worker_for_long(open_a_house: Open) -> None:
    async with open_a_house(slow, 0.05) as house, assistant(house) as client:
        client.send(call(7), cancellation(requestId=7), call(8, "brief"))
        assert text_of(await client.answer(8)) == "short"
        await house.engine.idle.wait()
        assert client.answers(7) == []


async def test_two_calls_of_one_id_do_not_end_the_session(open_a_house: Open) -> None:
    async with open_a_house(slow, 0.02) as house, assistant(house) as client:
        client.send(call(7, "brief"), call(7, "brief"))
        await client.answer(7)
        client.send(call(8, "brief"))
        assert text_of(await client.answer(8)) == "short"


async def test_an_assistant_that_ends_in_the_middle_of_a_call_frees_the_workers(open_a_house: Open) -> None:
    async with open_a_house(slow, 0.05) as house, assistant(house) as client:
        client.send(call(7))
        await house.engine.busy.wait()
        assert client.process.stdin
        client.process.stdin.close()
        await client.process.wait()
        await house.engine.idle.wait()


async def test_over_http_a_cancelled_call_gets_no_answer_either(open_a_house: Open) -> None:
    async with open_a_house(slow, 0.05) as house, aiohttp.ClientSession() as http, asyncio.timeout(PATIENCE_S):
        client = Client(http, house.url)
        await client.begin()
        await client.post(BEGUN)
        asked = asyncio.create_task(client.post(call(7)))
        await house.engine.busy.wait()
        await client.post(cancellation(requestId=7))
        await house.engine.idle.wait()
        _, said = await asked
        assert '"id":7' not in said.replace(" ", "")
        assert "short" in (await client.call("ask_swarm", prompt="brief"))[1]


async def test_over_http_of_2026_closing_the_stream_cancels_the_call(open_a_house: Open) -> None:
    async with open_a_house(slow, 0.05) as house, aiohttp.ClientSession() as http, asyncio.timeout(PATIENCE_S):
        meta: dict[str, Any] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
        }
        headers = {**HEADERS, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "ask_swarm"}
        asked = asyncio.create_task(http.post(house.url, json=call(7, **meta), headers=headers))
        await house.engine.busy.wait()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await house.engine.idle.wait()
