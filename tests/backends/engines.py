"""Every engine that the contract suite runs over, with what each needs around it. One that cannot run here says why."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import aiohttp
import pytest

from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.metrics import Metrics
from local_swarm.api.server import create_app, listen, serve_app
from local_swarm.api.status import Status
from local_swarm.backends.base import Backend
from local_swarm.backends.openai_compatible.backend import OpenAICompatible, ServerTarget
from local_swarm.backends.openai_compatible.managed_server import PROGRAM, free_port
from local_swarm.models import starter
from local_swarm.swarm.worker import Worker
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm

CONTEXT = 2048
UP_S = 30.0
BUILT = Path("~/.local_swarm/bench/llama.cpp/build/bin/llama-server").expanduser()


def server_program() -> str | None:
    """llama.cpp's own server, installed or built for the benchmarks."""
    return shutil.which(PROGRAM) or (str(BUILT) if BUILT.exists() else None)


Engine = Callable[[Path], AbstractAsyncContextManager[Backend]]


@asynccontextmanager
async def fake(_scratch: Path) -> AsyncIterator[Backend]:
    yield FakeBackend(pace_s=0.001)


@asynccontextmanager
async def llamacpp(_scratch: Path) -> AsyncIterator[Backend]:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from local_swarm.backends.process.backend import ProcessBackend
    from local_swarm.backends.process.lifecycle import Description
    from local_swarm.backends.process.messages import Load
    from local_swarm.models.gguf import read_header

    header = read_header(starter.PATH)
    load = Load(str(starter.PATH), CONTEXT, answer_tokens=256, cells=CONTEXT + 7 * 256, sequences=16, threads=1)
    yield ProcessBackend(load, Description(starter.NAME, header.architecture, header.chat_template, starter=True))


@asynccontextmanager
async def own_daemon(scratch: Path) -> AsyncIterator[Backend]:
    """Another swarm of this kind as a server: one of its workers is asked for each seat."""
    async with llamacpp(scratch) as engine:
        facts = await engine.start()
        swarm = scripted_swarm([Worker("v1", 1, engine)], name="there")
        made = listen("127.0.0.1", 0)

        def status() -> Status:
            return Status("ok", 1, 1, facts.model, facts.context)

        app = create_app(LoggedVoice(swarm, Metrics(status)), status, engine.embed)
        async with serve_app(app, made):
            yield OpenAICompatible(ServerTarget(f"http://127.0.0.1:{made.getsockname()[1]}/v1"))
        await engine.close()


@asynccontextmanager
async def llama_server(_scratch: Path) -> AsyncIterator[Backend]:
    """llama.cpp's own server with the starter model."""
    program, port = server_program(), free_port()
    if not program:
        pytest.skip("there is no llama-server on the path; scripts/build_llama_server.py builds one")
    process = await asyncio.create_subprocess_exec(
        program,
        "-m",
        str(starter.PATH),
        "--port",
        str(port),
        "-c",
        str(CONTEXT),
        "-np",
        "8",
        "-kvu",
        "-t",
        "1",
        "--jinja",
        "--embeddings",
        "--pooling",
        "mean",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )
    try:
        await healthy(f"http://127.0.0.1:{port}/health")
        yield OpenAICompatible(ServerTarget(f"http://127.0.0.1:{port}/v1"))
    finally:
        process.kill()
        await process.wait()


async def healthy(url: str) -> None:
    async with asyncio.timeout(UP_S), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(url) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


def starter_folder(scratch: Path) -> Path:
    """The starter model as a folder of safetensors, made once."""
    from starter.folder import convert

    folder = scratch / "starter"
    if not (folder / "config.json").exists():
        convert(starter.PATH, folder)
    return folder


def hosted(engine: str, folder: Path, threads: int = 1) -> Backend:
    """An engine in a process of its own, with room for 12 voices of the whole context."""
    from local_swarm.backends.process.backend import ProcessBackend
    from local_swarm.backends.process.lifecycle import Description
    from local_swarm.backends.process.messages import Load
    from local_swarm.models.folder import read_folder

    about = read_folder(folder)
    load = Load(str(folder), CONTEXT, answer_tokens=256, cells=12 * CONTEXT, sequences=24, threads=threads)
    return ProcessBackend(load, Description(starter.NAME, about.architecture, about.chat_template, engine=engine))


@asynccontextmanager
async def mlx(scratch: Path) -> AsyncIterator[Backend]:
    pytest.importorskip("mlx_lm", reason="mlx-lm is not installed; on Linux it is mlx-lm[cpu]")
    yield hosted("mlx", starter_folder(scratch))


@asynccontextmanager
async def transformers(scratch: Path) -> AsyncIterator[Backend]:
    if not (find_spec("torch") and find_spec("transformers")):
        pytest.skip("torch or transformers is not installed")
    yield hosted("transformers", starter_folder(scratch))


ENGINES: dict[str, Engine] = {
    "fake": fake,
    "llamacpp": llamacpp,
    "own-daemon": own_daemon,
    "llama-server": llama_server,
    "mlx": mlx,
    "transformers": transformers,
}
