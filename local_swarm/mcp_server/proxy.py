"""An assistant's stdio in, calls to the daemon out. Loads no model, starts at once and outlives the daemon's restarts.

Every call is a connection of its own: a daemon that comes, goes or comes back is found by the next call.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx2
import mcp_types
from mcp import MCPError
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from local_swarm.api.middleware import MCP_PATH
from local_swarm.commands import command
from local_swarm.daemon import DaemonClient
from local_swarm.errors import SwarmError
from local_swarm.mcp_server.server import Tell, error_result, structured_result
from local_swarm.mcp_server.tools import StatusResult
from local_swarm.paths import PRIVATE, checkout, home, make_folder

SILENCE_S = 60.0  # the daemon reports every few seconds, so a longer silence is a death
KNOCK_S = 3.0
START_S = 300.0  # a large model takes its time to load
RETRY_S = 1.0
NEED_THE_MODEL = ("generate_code", "ask_swarm", "embed")  # these need the model; the others answer while it loads


@dataclass(frozen=True, slots=True)
class McpProxy:
    """The tools of the daemon on this machine's port. `command` starts one where that is allowed; None where it is not."""

    daemon: DaemonClient
    command: Sequence[str] | None = None

    @asynccontextmanager
    async def client(self) -> Any:
        """An MCP client of the daemon, for one call."""
        timeout = httpx2.Timeout(KNOCK_S, read=SILENCE_S)
        async with (
            plain_http(timeout, self.daemon.credentials(MCP_PATH)) as http,
            Client(streamable_http_client(self.daemon.url + MCP_PATH, http_client=http), cache=None) as client,
        ):
            yield client

    async def health(self) -> int | None:
        """See `DaemonClient.health_code`."""
        return await asyncio.to_thread(self.daemon.health_code, KNOCK_S)

    async def ready(self, tell: Tell) -> bool:
        """Whether the daemon answers, after waiting for one that starts or that may be started.

        Raises SwarmError for one that ends while it starts."""
        now = await self.health()
        if now == 200 or (now is None and not self.command):
            return now == 200
        started = launch(self.command) if now is None and self.command else None
        waited = 0.0
        while waited < START_S:
            await tell(waited, None, f"the swarm is starting, {waited:.0f} s")
            await asyncio.sleep(RETRY_S)
            waited += RETRY_S
            now = await self.health()
            if now == 200:
                return True
            if now is None and (started is None or started.poll() is not None):
                raise SwarmError(f"The swarm ended while it was starting. Its log says why: {log()}")
        return False

    def absent(self) -> str:
        return (
            f"No swarm runs on port {self.daemon.server.port} of this machine. Ask the user to start it with "
            f"`{command()}`, or to let you start it: `{command('mcp', '--start')}` in your settings."
        )

    async def call(self, name: str, arguments: Mapping[str, Any], tell: Tell) -> mcp_types.CallToolResult:
        """See `Caller`."""
        if name == "get_swarm_status" and await self.health() is None:
            return structured_result(StatusResult(running=False, note=self.absent()))
        try:
            waits = name in NEED_THE_MODEL or await self.health() is None
            if waits and not await self.ready(tell):
                return error_result(self.absent())
            async with self.client() as client:
                found: mcp_types.CallToolResult = await client.call_tool(name, dict(arguments), progress_callback=tell)
                return found
        except BaseExceptionGroup as problems:
            return error_result(interruption(first_cause(problems)))
        except SwarmError as problem:
            return error_result(problem.message)
        except (MCPError, httpx2.HTTPError, OSError) as problem:
            return error_result(interruption(problem))


def plain_http(timeout: httpx2.Timeout, headers: Mapping[str, str]) -> httpx2.AsyncClient:
    """To this machine: without the user's proxies, and without the certificates of the world, which take longer to read than a
    call takes."""
    return httpx2.AsyncClient(headers=dict(headers), timeout=timeout, trust_env=False, verify=False)


def log() -> Path:
    return home() / "logs" / "daemon.log"


def launch(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts a process that outlives this one and shares neither its input and output nor its working folder."""
    own: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        own = {"creationflags": subprocess.CREATE_NO_WINDOW}
    with open_emptied(log()) as said:
        return subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=checkout(), **own
        )


def open_emptied(path: Path) -> BinaryIO:
    """An empty file that only its owner can read, also where there was one that everybody could."""
    make_folder(path.parent)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), PRIVATE)
    if sys.platform != "win32":
        os.fchmod(opened, PRIVATE)
    return os.fdopen(opened, "wb")


def first_cause(problems: BaseExceptionGroup) -> BaseException:
    found: BaseException = problems
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def interruption(problem: BaseException) -> str:
    return f"The swarm stopped answering in the middle of the call ({problem or type(problem).__name__}). Try again."
