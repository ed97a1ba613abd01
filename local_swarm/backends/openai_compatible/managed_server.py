"""A GGUF file in, a `Backend` over llama.cpp's own server out, which runs as a child process.

It is for machines where llama-cpp-python cannot be built. Termux has that server as a package. It is a child on a port
and with a key of its own, started again whenever it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import socket
import time
from pathlib import Path

import aiohttp
import psutil

from local_swarm.backends.base import ModelFacts
from local_swarm.backends.llamacpp.load_log import load_failure, reason_of
from local_swarm.backends.openai_compatible.backend import OpenAICompatible, ServerCare, ServerTarget
from local_swarm.backends.openai_compatible.probe import ServerModel
from local_swarm.backends.process.messages import Load
from local_swarm.backends.process.supervisor import Supervisor
from local_swarm.errors import EngineLost, SwarmError
from local_swarm.events import cancel
from local_swarm.models.memory_shape import PIECE, is_attention_fused

PROGRAM = "llama-server"
SAYS_ERROR = re.compile(r"error|fail|unable|cannot|unknown|unsupported|insufficient|GGML_ASSERT", re.IGNORECASE)
REAPER = "local_swarm.backends.openai_compatible.reaper"
LOAD_S = 600.0  # a large model from a slow disk
POLL_S = 0.3  # between looks at a server that is loading
FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S = 0.5, 30.0, 60.0

logger = logging.getLogger(__name__)


class ManagedLlamaServer(OpenAICompatible):
    """`program`: the path of a llama-server; `model`: the name under which its answers go; `template`: a chat template, for
    files without one."""

    def __init__(
        self, program: str, load: Load, model: str, care: ServerCare | None = None, template: str | None = None
    ) -> None:
        port, key = free_port(), secrets.token_hex(16)
        server = ServerTarget(
            f"http://127.0.0.1:{port}/v1", model, key, load.context, several=True, at_once=load.sequences
        )
        super().__init__(server, care or ServerCare(probe_every_s=2.0))
        path = Path(load.path).absolute()
        self._file, own = path.name, ["--chat-template", template] if template else []
        # Older servers read their arguments in the code page of Windows, where a user's name may have no letters: so it runs
        # in the file's folder, and is told the file's name alone. (llama.cpp, common/arg.cpp; UTF-8 from b9739 on)
        self._command = [str(path.parent), program, *arguments(load, port, model), *own]
        self._process = self._new_process()
        self._runner: asyncio.Task[None] | None = None
        self._ends = 0

    def _new_process(self) -> Supervisor:
        # Everybody on this machine can read a process's arguments, so the key goes by the environment.
        return Supervisor(REAPER, self._command, {"LLAMA_API_KEY": self.server.key or ""})

    @property
    def target_url(self) -> str | None:
        return None

    async def start(self) -> ModelFacts:
        """Load the model. Raises BadModelFile or DoesNotFit where the server ends instead, EngineLost where it takes too long."""
        self._runner = asyncio.create_task(self._run(), name="own-server")
        try:
            await self._wait_until_loaded()
        except SwarmError:
            await self.close()  # what cannot be loaded is not tried again
            raise
        return await super().start()

    async def _wait_until_loaded(self) -> None:
        until = time.monotonic() + LOAD_S
        while not await is_loaded(self.server.url):
            if self._ends:
                raise load_failure(Path(self._file), self._last_words(), PROGRAM)
            if time.monotonic() > until:
                raise EngineLost(f"{self._file} did not load within {LOAD_S:.0f} seconds.")
            await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        await super().close()
        await cancel(self._runner)
        await self._process.close()

    async def _run(self) -> None:
        """Run the server, and run it again whenever it ends, with pauses that grow while it keeps ending."""
        pause = FIRST_PAUSE_S
        while True:
            born = time.monotonic()
            how = await self._live()
            self._ends += 1
            logger.warning("%s %s. It is being started again.", PROGRAM, how)
            self._doubt.set()
            pause = FIRST_PAUSE_S if time.monotonic() - born > STEADY_S else min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)
            self._process = self._new_process()

    async def _live(self) -> str:
        """One life of the server; how it ended, as words."""
        try:
            await self._process.start()
        except OSError as problem:
            return f"could not be started ({problem})"
        async for _ in self._process.reports():
            pass
        return await self._process.wait_for_end()

    def _mark_ready(self, found: ServerModel) -> None:
        """Note as well whose memory counts: that of the server, which is the reaper's only child."""
        super()._mark_ready(found)
        with contextlib.suppress(psutil.Error, IndexError):
            self.pid = psutil.Process(self._process.pid).children()[0].pid

    def _last_words(self) -> str:
        return reason_of(
            [line for line in self._process.last_words if SAYS_ERROR.search(line)] or [*self._process.last_words]
        )


def arguments(load: Load, port: int, model: str) -> list[str]:
    """The server's arguments for a plan: one KV cache for all sequences, a prompt's answers in one batch. On a
    processor attention is not fused, as in our own engine: fused, eight answers took twice as long."""
    kv = ["-ctk", load.kv_type, "-ctv", load.kv_type] if load.kv_type != "f16" else []
    plain = [] if is_attention_fused(load.gpu_layers > 0, load.kv_type) else ["-fa", "off", "-ub", str(PIECE)]
    return [
        "-m",
        Path(load.path).name,
        "--alias",
        model,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "-c",
        str(load.cells),
        "-np",
        str(max(1, load.workers)),
        "--kv-unified",
        "-t",
        str(load.threads),
        "-tb",
        str(load.threads),
        "-ngl",
        str(load.gpu_layers),
        *kv,
        *plain,
        "--jinja",
        "--no-webui",
    ]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


async def is_loaded(url: str) -> bool:
    """Whether the server at an address is done loading: until then it answers 503."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
            http.get(url.removesuffix("/v1") + "/health") as response,
        ):
            return response.status == 200
    return False
