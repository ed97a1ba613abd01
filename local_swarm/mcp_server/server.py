"""A caller of tools in, an MCP server out. Only tools are advertised: anything more would cost assistants tokens.

A call reports progress at least every `pause_s`, since clients cut off tools that are silent for a minute, and is given up when
its client cancels it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

import anyio
import mcp_types
from mcp.server.lowlevel import Server

from local_swarm import __version__
from local_swarm.errors import SwarmError
from local_swarm.mcp_server.desk import Course, Desk
from local_swarm.mcp_server.tools import TOOLS

PAUSE_S = 8.0
INSTRUCTIONS = (
    "Local models on this machine or network that answer together and vote. Use generate_code or ask_swarm for a second opinion "
    "with a measured agreement; low agreement means: check it. They see nothing but the prompt."
)

logger = logging.getLogger(__name__)

Tell = Callable[[float, float | None, str | None], Awaitable[None]]


class Caller(Protocol):
    """Whoever runs tools: this process, or another one that is asked. Never raises SwarmErrors."""

    async def __call__(self, name: str, arguments: Mapping[str, Any], tell: Tell) -> mcp_types.CallToolResult: ...


def server(caller: Caller) -> Server[Any]:
    """Serves both eras of the protocol, on any transport."""

    async def list_tools(_context: Any, _page: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[tool.listed for tool in TOOLS.values()])

    async def call_tool(context: Any, wish: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        return await caller(wish.name, wish.arguments or {}, context.session.report_progress)

    return Server(
        "local-swarm", version=__version__, title="Local Swarm", instructions=INSTRUCTIONS,
        on_list_tools=list_tools, on_call_tool=call_tool,
    )  # fmt: skip


def at(desk: Desk, pause_s: float = PAUSE_S) -> Caller:
    """The tools of this process. Errors become results that a model can read and act on."""

    async def call(name: str, arguments: Mapping[str, Any], tell: Tell) -> mcp_types.CallToolResult:
        course, began = Course(), time.monotonic()

        async def report() -> None:
            seconds = time.monotonic() - began
            await tell(seconds, None, f"{course.words}, {seconds:.0f} s")

        try:
            found = await with_reports(desk.call(name, arguments, course), report, pause_s)
        except SwarmError as problem:
            return failed(problem.message)
        except Exception:
            logger.exception("The tool %s failed.", name)
            return failed("Something went wrong inside the swarm; its log says what.")
        told = found.model_dump(mode="json")
        return mcp_types.CallToolResult(content=[text(found.model_dump_json())], structured_content=told)

    return call


async def with_reports(work: Coroutine[Any, Any, Any], report: Callable[[], Awaitable[None]], pause_s: float) -> Any:
    """The result of `work`, with a report whenever `pause_s` passes. Cancelling it cancels the work and waits for its end."""
    task = asyncio.create_task(work, name="tool")
    try:
        while not (await asyncio.wait({task}, timeout=pause_s))[0]:
            await report()
        return task.result()
    finally:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(task, return_exceptions=True)


def failed(message: str) -> mcp_types.CallToolResult:
    return mcp_types.CallToolResult(content=[text(message)], is_error=True)


def text(words: str) -> mcp_types.TextContent:
    return mcp_types.TextContent(type="text", text=words)
