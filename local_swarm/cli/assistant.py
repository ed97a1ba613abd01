"""An assistant on standard input in, a swarm that answers it and everybody else out, for as long as the assistant is there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import mcp_types

from local_swarm.cli.serving import cancel_on_signal, serve
from local_swarm.config import Config
from local_swarm.daemon import DaemonClient
from local_swarm.events import cancel
from local_swarm.launch import Launch
from local_swarm.mcp_server.proxy import McpProxy
from local_swarm.mcp_server.server import Tell, structured_result
from local_swarm.mcp_server.stdio import Lines, serve_assistant
from local_swarm.mcp_server.tools import StatusResult
from local_swarm.node import Node

PAUSE_S = 5.0
STARTING = "The swarm is starting."


@dataclass(frozen=True, slots=True)
class SwarmToCome:
    """The tools of a swarm that is starting in this process: calls wait for it."""

    proxy: asyncio.Future[McpProxy]

    def arrive(self, node: Node, config: Config) -> None:
        port = urlsplit(node.address.url or "").port or config.server.port
        self.proxy.set_result(McpProxy(DaemonClient(replace(config.server, port=port))))

    async def call(self, name: str, arguments: Mapping[str, Any], tell: Tell) -> mcp_types.CallToolResult:
        """See `Caller`."""
        if name == "get_swarm_status" and not self.proxy.done():
            return structured_result(StatusResult(running=False, note=STARTING))
        waited = 0.0
        while not (await asyncio.wait({self.proxy}, timeout=PAUSE_S))[0]:
            waited += PAUSE_S
            await tell(waited, None, f"the swarm is starting, {waited:.0f} s")
        return await self.proxy.result().call(name, arguments, tell)


async def serve_both(config: Config, lines: Lines, prepare: Callable[[], Launch]) -> None:
    """The assistant is answered at once, while `prepare` fetches what is to run and the swarm starts. Its end is ours.

    Raises SwarmErrors of a swarm that does not come up."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task
    cancel_on_signal(task)
    coming = SwarmToCome(loop.create_future())

    async def run_swarm() -> None:
        await serve(await in_thread(prepare), lambda node: coming.arrive(node, config))

    swarm = asyncio.create_task(run_swarm(), name="swarm")
    talk = asyncio.create_task(serve_assistant(coming.call, lines), name="assistant")
    try:
        await asyncio.wait({swarm, talk}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:  # a signal
        pass
    finally:
        ended = swarm.done()
        await cancel(talk)
        await cancel(swarm)
    if ended and (problem := swarm.exception()):
        raise problem


async def in_thread(work: Callable[[], Launch]) -> Launch:
    """What `work` returns, by a thread that keeps nobody from ending the program."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Launch] = loop.create_future()

    def settle(made: Launch | None, problem: Exception | None) -> None:
        if not outcome.done():
            outcome.set_exception(problem) if problem else outcome.set_result(made)  # type: ignore[arg-type]

    def run() -> None:
        made, problem = None, None
        try:
            made = work()
        except Exception as raised:
            problem = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, made, problem)

    threading.Thread(target=run, name="prepare", daemon=True).start()
    return await outcome
