"""A caller of tools in, an MCP server out. Only tools are advertised: anything more would cost assistants tokens.

Kept light, since every assistant starts a process that imports it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import mcp_types
from mcp.server.lowlevel import Server

from local_swarm import __version__
from local_swarm.intake import encode_json, parse_json
from local_swarm.mcp_server.tools import TOOLS, Value

INSTRUCTIONS = (
    "Local models on this machine or network that answer together and vote. Use generate_code or ask_swarm for a second opinion "
    "with a measured agreement; low agreement means: check it. They see nothing but the prompt."
)

Tell = Callable[[float, float | None, str | None], Awaitable[None]]


class Caller(Protocol):
    """Runs tools: in this process, or by asking another one. Never raises SwarmErrors."""

    async def __call__(self, name: str, arguments: Mapping[str, Any], tell: Tell) -> mcp_types.CallToolResult: ...


def create_mcp_server(caller: Caller) -> Server[Any]:
    """Speaks both eras of the protocol, on any transport."""

    async def list_tools(_context: Any, _page: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[tool.listed for tool in TOOLS.values()])

    async def call_tool(context: Any, request: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        return await caller(request.name, request.arguments or {}, context.session.report_progress)

    return Server(
        "local-swarm",
        version=__version__,
        title="Local Swarm",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def error_result(message: str) -> mcp_types.CallToolResult:
    return mcp_types.CallToolResult(content=[text_content(message)], is_error=True)


def text_content(words: str) -> mcp_types.TextContent:
    return mcp_types.TextContent(type="text", text=words)


def structured_result(found: Value) -> mcp_types.CallToolResult:
    """The same JSON as text and as structured content; half characters in it are mended."""
    data = encode_json(found.model_dump())
    return mcp_types.CallToolResult(content=[text_content(data.decode())], structured_content=parse_json(data))
