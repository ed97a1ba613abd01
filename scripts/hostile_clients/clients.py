"""A daemon's address in, what became of hostile requests out, a line of JSON for each. Stops by itself.

A process of its own, so that building large requests does not blur what the honest clients measure.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields
from urllib.parse import urlsplit

import aiohttp

from hostile_clients import attacks
from hostile_clients.attacks import LONGEST, Attack

HUNG_S = 240.0  # a request without an answer for so long is hung: long prompts of eight clients wait for each other
SLOW_READS = 400
INSIDE = "Something went wrong inside"
JSON_ONLY = {"content-type": "application/json"}
JSON_OR_EVENTS = {"accept": "application/json, text/event-stream"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A hostile request and what became of it. `outcome`: its status, or a word. Times are the machine's, in seconds."""

    name: str
    began: float
    ended: float
    outcome: str
    said: str = ""
    large: bool = False


@dataclass(frozen=True, slots=True)
class Bout:
    """How much is sent: by so many clients, for so long, nothing of which a model reads more than `longest` characters."""

    clients: int = 8
    seconds: float = 300.0
    seed: int = 1
    longest: int = LONGEST

    def words(self) -> list[str]:
        """For a command line."""
        return [word for one in fields(self) for word in (f"--{one.name}", str(getattr(self, one.name)))]


def bout_options(parser: argparse.ArgumentParser) -> None:
    for one in fields(Bout):
        parser.add_argument(f"--{one.name}", type=type(one.default), default=one.default)


def bout_of(given: argparse.Namespace) -> Bout:
    return Bout(given.clients, given.seconds, given.seed, given.longest)


async def settled(attack: Attack, sending: Awaitable[tuple[str, str]], lost: str) -> Sent:
    """What became of it. `lost`: the word for a connection that ended without an answer."""
    began = time.time()
    try:
        async with asyncio.timeout(HUNG_S):
            outcome, said = await sending
    except TimeoutError:
        outcome, said = "hung", ""
    except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as problem:
        outcome, said = lost, repr(problem)[:200]
    return Sent(attack.name, began, time.time(), outcome, said, attack.large)


class Hostile:
    """One hostile client, with a session of MCP of its own where that is served."""

    def __init__(self, http: aiohttp.ClientSession, url: str, dice: random.Random, mcp: bool, longest: int) -> None:
        self.http, self.url, self.dice, self.mcp, self.longest = http, url, dice, mcp, longest
        self._session: str | None = None

    async def next(self) -> Sent:
        attack = attacks.drawn(self.dice, self.mcp, self.longest)
        return await settled(attack, self._sent(attack), "cut")

    async def _sent(self, attack: Attack) -> tuple[str, str]:
        if attack.manner != "plain":
            return await self._rude(attack)
        if attack.tool is not None:
            return await self._called(attack)
        async with self.http.post(self.url + attack.path, data=attack.body, headers=JSON_ONLY) as response:
            return str(response.status), told(response.status, await response.text(errors="replace"))

    # -------------------------------------------------------------------------------------------------- MCP

    async def _called(self, attack: Attack) -> tuple[str, str]:
        session = self._session or await self._opened()
        head = (
            b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":%b,"arguments":'
            % json.dumps(attack.tool).encode()
        )
        headers = {**JSON_ONLY, **JSON_OR_EVENTS, "mcp-session-id": session}
        async with self.http.post(f"{self.url}/mcp", data=head + attack.body + b"}}", headers=headers) as response:
            text = await response.text(errors="replace")
            if response.status == 404:
                self._session = None
            if response.status == 200 and INSIDE in text:
                return "500", text[:300]  # MCP's tools have no statuses of their own
            return str(response.status), told(response.status, text)

    async def _opened(self) -> str:
        """A session, begun as MCP's clients do."""
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "hostile", "version": "1"}}
        wish = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
        async with self.http.post(f"{self.url}/mcp", json=wish, headers=JSON_OR_EVENTS) as response:
            await response.read()
            session = response.headers.get("mcp-session-id", "")
        done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        headers = {**JSON_OR_EVENTS, "mcp-session-id": session}
        async with self.http.post(f"{self.url}/mcp", json=done, headers=headers) as response:
            await response.read()
        self._session = session
        return session

    # ----------------------------------------------------------------------------------------------- manners

    async def _rude(self, attack: Attack) -> tuple[str, str]:
        """Half a request, an answer that nobody waits for, or one that is read a byte at a time."""
        place = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        head = (
            f"POST {attack.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nconnection: close\r\n"
        )
        whole = f"{head}content-length: {len(attack.body)}\r\n\r\n".encode() + attack.body
        try:
            writer.write(whole[: self.dice.randrange(1, len(whole))] if attack.manner == "half" else whole)
            await writer.drain()
            if attack.manner == "reads slowly":
                return await dripped(reader)
            await asyncio.sleep(self.dice.uniform(0.0, 1.0))
            return ("left", "")
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def dripped(reader: asyncio.StreamReader) -> tuple[str, str]:
    first = await reader.read(16)
    for _ in range(SLOW_READS):
        if not await reader.read(1):
            break
        await asyncio.sleep(0.02)
    return first[9:12].decode("ascii", "replace") or "cut", ""


def told(status: int, text: str) -> str:
    """What a refusal says; of an answer that its stream ended with an error."""
    if status != 200:
        return text[:300]
    return text[-300:] if '"error"' in text[-2_000:] else ""


async def attack(url: str, bout: Bout, mcp: bool, tell: Callable[[Sent], None]) -> None:
    """Send hostile requests, one after the other from each client, until the time is over."""
    until = time.monotonic() + bout.seconds
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=1 << 20) as http:

        async def busy(number: int) -> None:
            one = Hostile(http, url, random.Random(f"{bout.seed} {number}"), mcp, bout.longest)
            while time.monotonic() < until:
                tell(await one.next())

        await asyncio.gather(*map(busy, range(bout.clients)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    bout_options(parser)
    parser.add_argument("--mcp", action="store_true")
    given = parser.parse_args()
    if urlsplit(given.url).hostname not in ("127.0.0.1", "localhost", "::1"):
        parser.error("--url: only a daemon on this machine may be attacked")

    def tell(sent: Sent) -> None:
        sys.stdout.write(json.dumps(asdict(sent)) + "\n")
        sys.stdout.flush()

    asyncio.run(attack(given.url, bout_of(given), given.mcp, tell))


if __name__ == "__main__":
    main()
