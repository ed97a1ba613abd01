"""A real server with the tools on a real port, over the scripted engine; the SDK's own client in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.key import control_file
from local_swarm.api.metrics import Metrics
from local_swarm.api.server import create_app, listen, serve_app
from local_swarm.api.status import Status, WorkerStatus
from local_swarm.config import load
from local_swarm.hardware.profile import Hardware, Memory, Processor
from local_swarm.mcp_server.http import IDLE_S, MOST_SESSIONS, McpMount, mount_mcp
from local_swarm.mcp_server.local_caller import local_caller
from local_swarm.mcp_server.server import create_mcp_server
from local_swarm.mcp_server.tool_handlers import ToolHandlers
from local_swarm.models.advice import Advisor, advisor
from local_swarm.paths import keep
from local_swarm.sandbox.host import Sandbox
from local_swarm.swarm.vectors import Vectors
from local_swarm.testing.fake_backend import FakeBackend, parrot
from local_swarm.testing.scripted_swarm import scripted_swarm
from local_swarm.voting.jury import Jury

TOKEN = "token-of-this-user"


@dataclass
class House:
    url: str
    port: int
    engine: FakeBackend


Open = Callable[..., AbstractAsyncContextManager[House]]


@asynccontextmanager
async def open_house(
    script: Callable[..., str] = parrot,
    pace_s: float = 0.0,
    pause_s: float = 8.0,
    public: bool = True,
    port: int = 0,
    idle_s: float = IDLE_S,
    most: int = MOST_SESSIONS,
) -> AsyncIterator[House]:
    engine = FakeBackend(script, pace_s)
    await engine.start()
    swarm = scripted_swarm(engine)

    def status() -> Status:
        workers = tuple(
            WorkerStatus(w.name, "fake", w.healthy, w.busy, w.requests, 0, None, None) for w in swarm.workers
        )
        return Status("ok", 5, 5, "fake", 1000, workers=workers)

    def counsel() -> Advisor:
        machine = Hardware("linux", "x86_64", Processor("a chip", 4, 8), Memory(8 << 30, 6 << 30))
        return advisor(load(environment={}), machine)

    log = LoggedVoice(swarm, Metrics(status))
    app = create_app(log, status, Vectors(swarm.embedder, engine))
    handlers = ToolHandlers(log, status, Vectors(swarm.embedder, engine), Jury(Sandbox(()), swarm.embedder), counsel)
    made = listen("127.0.0.1", port)
    keep(control_file(made.getsockname()[1]), TOKEN)
    async with (
        serve_app(app, made),
        mount_mcp(app, McpMount(create_mcp_server(local_caller(handlers, pause_s)), public, TOKEN, idle_s, most)),
    ):
        taken = made.getsockname()[1]
        yield House(f"http://127.0.0.1:{taken}/mcp", taken, engine)
    await engine.close()


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def open_a_house() -> Open:
    return open_house
