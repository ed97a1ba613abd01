"""Tool handlers in, a caller of them out, for the MCP server in this process.

A call reports its progress at least every `pause_s`, since clients cut off tools that are silent for a minute. When its client
cancels a call, the work behind it is cancelled too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import anyio
import mcp_types

from local_swarm.errors import SwarmError
from local_swarm.events import cancel
from local_swarm.mcp_server.server import Caller, Tell, error_result, structured_result
from local_swarm.mcp_server.tool_handlers import ToolHandlers, ToolProgress

PAUSE_S = 8.0

logger = logging.getLogger(__name__)


def local_caller(handlers: ToolHandlers, pause_s: float = PAUSE_S) -> Caller:
    """Runs the tools in this process. Errors become results that a model can read and act on."""

    async def call(name: str, arguments: Mapping[str, Any], tell: Tell) -> mcp_types.CallToolResult:
        progress, began = ToolProgress(), time.monotonic()

        async def report() -> None:
            seconds = time.monotonic() - began
            await tell(seconds, None, f"{progress.words}, {seconds:.0f} s")

        try:
            found = structured_result(await with_reports(handlers.call(name, arguments, progress), report, pause_s))
        except SwarmError as problem:
            return error_result(problem.message)
        except Exception:
            logger.exception("The tool %s failed.", name)
            return error_result("Something went wrong inside the swarm; its log says what.")
        return found

    return call


async def with_reports(work: Coroutine[Any, Any, Any], report: Callable[[], Awaitable[None]], pause_s: float) -> Any:
    """The result of `work`, with a report whenever `pause_s` passes. Cancelling it cancels the work and waits for its end."""
    task = asyncio.create_task(work, name="tool")
    try:
        while not (await asyncio.wait({task}, timeout=pause_s))[0]:
            await report()
        return task.result()
    finally:
        with anyio.CancelScope(shield=True):
            await cancel(task)
