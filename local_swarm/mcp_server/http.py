"""An MCP server in, the place `/mcp` of the users' door out, behind the same guards as the API.

Without `--mcp` it serves the user's own `local-swarm mcp` alone, which knows the token in the home folder.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local_swarm.api.key import CONTROL
from local_swarm.api.middleware import refuse
from local_swarm.errors import ModelNotFound
from local_swarm.mcp_server.server import PATH

MOST_SESSIONS = 200
MOST_BYTES = 4 << 20


class Closed(ModelNotFound):
    code = "mcp_off"


class Place:
    """Where MCP's HTTP transport is in an application: a client's requests in, the server's answers out."""

    def __init__(self, server: Server[Any], public: bool, token: str) -> None:
        self.sessions = StreamableHTTPSessionManager(
            server, max_sessions=MOST_SESSIONS, max_request_body_size=MOST_BYTES
        )
        self.public, self.token = public, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = Request(scope).headers.get(CONTROL, "")
        if self.public or secrets.compare_digest(shown.encode(), self.token.encode()):
            await self.sessions.handle_request(scope, receive, send)
        else:
            await refuse(Closed("This swarm runs without MCP over HTTP. Start it with --mcp."), send)


@asynccontextmanager
async def mounted(app: FastAPI, place: Place) -> AsyncIterator[None]:
    """`/mcp` answers while the context lasts. The sessions live in a task of their own, since the SDK's group of tasks would wrap
    whatever error ends the context."""
    app.router.routes.append(Route(PATH, endpoint=place))
    begun, over = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        async with place.sessions.run():
            begun.set()
            await over.wait()

    task = asyncio.create_task(run(), name="mcp-sessions")
    waiting = asyncio.create_task(begun.wait(), name="mcp-begun")
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not begun.is_set():
        waiting.cancel()
        task.result()
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(task, return_exceptions=True)
