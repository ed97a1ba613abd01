"""Names in, whole nodes over scripted engines out: real servers, real discovery, real votes, and no model.

For measuring and for tests: `python -m local_swarm.testing.scripted_node NAME ...` runs nodes until its input closes. It prints
a line of JSON for each: its name, the address of its API and the port for other machines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm.api.control import control_router
from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.key import control_file
from local_swarm.api.metrics import Metrics
from local_swarm.api.server import create_app, listen, serve_app
from local_swarm.api.status import Status
from local_swarm.backends.base import Seat
from local_swarm.config import Config, load
from local_swarm.network.service import FederationService, open_federation
from local_swarm.paths import PRIVATE, keep
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.vectors import Vectors
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm
from local_swarm.types import Prompt


@dataclass(frozen=True, slots=True)
class ScriptedPace:
    """What the scripted engine does: one word after `pace_s`, of so many characters. `says` overrules the words."""

    workers: int = 5
    pace_s: float = 0.5
    characters: int = 0
    says: str | None = None

    def script(self, prompt: Prompt, seat: Seat) -> str:
        """One word, however long: one pause."""
        said = self.says or f"def f(): return {len(prompt.messages[-1].content)}"
        filled = said.replace(" ", "\t") + "#" * max(0, self.characters - len(said))
        return f"```python\n{filled}\n```"


@dataclass(frozen=True, slots=True)
class ScriptedNode:
    name: str
    url: str
    service: FederationService
    swarm: Swarm


@asynccontextmanager
async def node(name: str, folder: Path, pace: ScriptedPace, **settings: Any) -> AsyncIterator[ScriptedNode]:
    """A node in this process. `settings` are those of the network, e.g. `peers="127.0.0.1:8766"`, and `discovery`, its method."""
    method = settings.pop("discovery", None)
    given = {f"network.{key}": value for key, value in settings.items()}
    config = load(None, {"server.port": 0, "federation.discovery.method": method, **given}, {})
    backend = FakeBackend(pace.script, pace.pace_s)
    await backend.start()
    swarm = scripted_swarm(backend, pace.workers, name=name)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(backend.close)
        opened = open_federation(config, swarm, "paced", "scripted", folder / "network")
        service = await stack.enter_async_context(opened)
        assert service.enabled
        url = await stack.enter_async_context(serve_scripted(config, swarm, service, folder))
        yield ScriptedNode(name, url, service, swarm)


@asynccontextmanager
async def serve_scripted(config: Config, swarm: Swarm, service: FederationService, folder: Path) -> AsyncIterator[str]:
    def status() -> Status:
        health = swarm.health
        return Status(health.status, health.healthy, health.total, "paced", 100_000)

    token = os.urandom(16).hex()
    log = LoggedVoice(service.voice, Metrics(status))
    vectors = Vectors(swarm.embedder, swarm.workers[0].backend)
    app = create_app(log, status, vectors, routers=[control_router(service, token)])
    made = listen(config.server.host, config.server.port)
    keep(control_file(made.getsockname()[1], folder), token, PRIVATE)
    async with serve_app(app, made):
        yield f"http://127.0.0.1:{made.getsockname()[1]}"


async def run(names: Sequence[str], folder: Path, pace: ScriptedPace, settings: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        for name in names:
            made = await stack.enter_async_context(node(name, folder / name, pace, **settings))
            line = {"name": name, "url": made.url, "port": made.service.port, "home": str(folder / name)}
            print(json.dumps(line), flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description="Nodes over scripted engines.")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=5)
    parser.add_argument("--pace-s", type=float, default=0.5)
    parser.add_argument("--characters", type=int, default=0)
    parser.add_argument("--says")
    parser.add_argument("--settings", type=json.loads, default={}, help="Of the network, as JSON.")
    given = parser.parse_args()
    pace = ScriptedPace(given.workers, given.pace_s, given.characters, given.says)
    asyncio.run(run(given.names, given.home, pace, {"federation_port": 0, **given.settings}))


if __name__ == "__main__":
    main()
