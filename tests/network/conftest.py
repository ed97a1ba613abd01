"""Nodes in this process, over scripted engines, with real servers on loopback; and a member that can be told to
misbehave."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from local_swarm.events import election_of
from local_swarm.network.protocol import Report, VoteMessage, encode
from local_swarm.network.trust import tls
from local_swarm.network.trust.identity import Identity, load_identity
from local_swarm.network.trust.store import PairedMember
from local_swarm.testing.scripted_node import ScriptedNode, ScriptedPace, node
from local_swarm.types import Candidate, Election, Message, Prompt, Usage

BOUND_S = 5.0
QUICK = ScriptedPace(3, 0.02)


async def until(true: Callable[[], bool]) -> None:
    """Wait for something to become so; at most some seconds."""
    async with asyncio.timeout(BOUND_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def ask(one: ScriptedNode, question: str = "A question.", **options: Any) -> Election:
    async with asyncio.timeout(3 * BOUND_S):
        return await election_of(one.service.federation.answer(Prompt((Message("user", question),), **options)))


def states(election: Election) -> dict[str, tuple[int, str]]:
    return {one.name: (one.ballots, one.state) for one in election.nodes}


@asynccontextmanager
async def nodes(
    folder: Path, *names: str, paces: dict[str, ScriptedPace] | None = None
) -> AsyncIterator[list[ScriptedNode]]:
    """Members of one swarm that have met."""
    token, made, addresses = secrets.token_hex(16), list[ScriptedNode](), list[str]()
    async with AsyncExitStack() as stack:
        for name in names:
            settings = {
                "auth_token": token,
                "discovery": "static",
                "federation_port": 0,
                "peers": ",".join(addresses) or None,
            }
            pace = (paces or {}).get(name, QUICK)
            one = await stack.enter_async_context(node(name, folder / name, pace, **settings))
            made.append(one)
            addresses.append(f"127.0.0.1:{one.service.port}")
        for one in made:
            await until(lambda one=one: len(one.service.directory.askable(99)) == len(names) - 1)  # type: ignore[misc]
        yield made


Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
Misdeed = Callable[[Reader, Writer], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


class Rogue:
    """A member whose answers are written by hand: looks are answered by `report`, questions by `misdeed`."""

    def __init__(self, mine: Identity, report: Report, misdeed: Misdeed) -> None:
        self.mine, self.said, self.misdeed = mine, report, misdeed
        self.asked = 0

    async def serve(self, reader: Reader, writer: Writer) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                await reader.readexactly(length)
                if b"/vote" in head.split(b"\r\n")[0]:
                    self.asked += 1
                    await self.misdeed(reader, writer)
                    return
                body = encode(self.said)
                writer.write(OK + b"content-length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def with_rogue(
    folder: Path, misdeed: Misdeed, report: Report | None = None, pace: ScriptedPace = QUICK
) -> AsyncIterator[tuple[ScriptedNode, Rogue]]:
    """An honest node, and a rogue that is a member of its swarm."""
    mine = load_identity(folder / "rogue")
    rogue = Rogue(mine, report or Report("rogue", model="other", workers=3), misdeed)
    tasks = set[asyncio.Task[None]]()

    def serve(reader: Reader, writer: Writer) -> None:
        tasks.add(asyncio.create_task(rogue.serve(reader, writer)))

    async with node("honest", folder / "honest", pace, discovery="static", federation_port=0) as honest:
        certificate = honest.service.mine.certificate
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls.for_server(mine, [certificate]))
        port = server.sockets[0].getsockname()[1]
        honest.service.trust.admit(PairedMember("rogue", mine.certificate, (f"127.0.0.1:{port}",)))
        await until(lambda: any(peer.report for peer in honest.service.directory.peers.values()))
        try:
            yield honest, rogue
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"


STREAM = OK + b"transfer-encoding: chunked\r\n\r\n"


def ballot(text: str, voter: str = "w1", **more: Any) -> bytes:
    return encode(VoteMessage("ballot", candidate=Candidate(text, voter, "stop", Usage(1, 1), 0.1, **more))) + b"\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
