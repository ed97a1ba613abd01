"""A real server on a real port over the scripted engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from local_swarm.api.connection import ImpatientProtocol
from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.metrics import Metrics
from local_swarm.api.server import AccessPolicy, create_app, listen, serve_app
from local_swarm.api.status import Status, WorkerStatus
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.vectors import Vectors
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm
from local_swarm.types import Voice


@dataclass
class Door:
    """A running server, the engine behind it, and a client in front of it."""

    url: str
    engine: FakeBackend
    swarm: Swarm
    http: aiohttp.ClientSession
    note: list[str] = field(default_factory=list)


Open = Callable[..., AbstractAsyncContextManager[Door]]


@asynccontextmanager
async def open_door(
    engine: FakeBackend | None = None,
    workers: int = 5,
    up: bool = True,
    who: AccessPolicy | None = None,
    connection: type[ImpatientProtocol] = ImpatientProtocol,
    voice: Callable[[Swarm], Voice] = lambda swarm: swarm,
) -> AsyncIterator[Door]:
    backend = engine or FakeBackend(pace_s=0.001)
    if up:
        await backend.start()
    swarm = scripted_swarm(backend, workers)

    def status() -> Status:
        health = swarm.health
        told = tuple(
            WorkerStatus(one.name, "fake", one.healthy, one.busy, one.requests, one.failures, None, None, one.tokens)
            for one in swarm.workers
        )
        return Status(health.status, health.healthy, health.total, "fake", 1000, "a test", workers=told)

    log = LoggedVoice(voice(swarm), Metrics(status))
    made = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{made.getsockname()[1]}"
    timeout = aiohttp.ClientTimeout(total=5)
    async with (
        serve_app(create_app(log, status, Vectors(swarm.embedder, backend), who), made, connection),
        aiohttp.ClientSession(timeout=timeout) as http,
    ):
        yield Door(url, backend, swarm, http)
    await backend.close()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as opened:
        yield opened


@pytest.fixture
def open_a_door() -> Open:
    return open_door
