"""A number of workers in, a server whose workers answer at once out. It prints its port and ends when its input closes."""

from __future__ import annotations

import asyncio
import sys

from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.metrics import Metrics
from local_swarm.api.server import create_app, listen, serve_app
from local_swarm.api.status import Status
from local_swarm.swarm.vectors import Vectors
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm

CONTEXT = 32_768


async def main(workers: int) -> None:
    backend = FakeBackend(context=CONTEXT)
    await backend.start()
    swarm = scripted_swarm(backend, workers, name="bench")
    made = listen("127.0.0.1", 0)

    def status() -> Status:
        return Status("ok", workers, workers, "fake", CONTEXT)

    app = create_app(LoggedVoice(swarm, Metrics(status)), status, Vectors(swarm.embedder, backend))
    async with serve_app(app, made):
        sys.stdout.write(f"{made.getsockname()[1]}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
