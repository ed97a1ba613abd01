"""An MCP server in, the path `/mcp` of the API's application out, behind the same guards as the API.

Without `--mcp` it serves this user's own `mcp` command alone, which knows the control token in the home folder.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from local_swarm.api.key import CONTROL
from local_swarm.api.middleware import MCP_PATH, refuse
from local_swarm.errors import Busy, ModelNotFound

MOST_SESSIONS = 200
MOST_BYTES = 4 << 20
IDLE_S = 600.0  # a session without any request for so long is ended; its client begins another, as the protocol has it
SESSION = b"mcp-session-id"
CANCELLED = b'"error":{"code":-32800,'  # how the SDK's answer to a cancelled call begins


class McpOff(ModelNotFound):
    code = "mcp_off"


@dataclass(slots=True)
class SessionUse:
    """How a session is used: POSTs since it began, calls that are open, event streams that are open. `at`: when the last one
    ended."""

    at: float
    posts: int = 0
    open: int = 0
    streams: int = 0


@dataclass(slots=True)
class Sessions:
    """The sessions that are known, and which of them may be ended where there is no room for another.

    One with an open call is never ended. First goes one that has sent only `initialize`, then one that has sent one more message;
    among equals the one that was unused the longest.
    """

    clock: Callable[[], float] = time.monotonic
    known: dict[str, SessionUse] = field(default_factory=dict)

    def begin(self, session: str) -> None:
        self.known[session] = SessionUse(self.clock())

    @contextmanager
    def use(self, session: str, stream: bool) -> Iterator[None]:
        """While a request of it is answered: a call, or an event stream, which may stay open for hours."""
        use = self.known.get(session, SessionUse(0.0))
        use.posts, use.open, use.streams = use.posts + (not stream), use.open + (not stream), use.streams + stream
        try:
            yield
        finally:
            use.open, use.streams, use.at = use.open - (not stream), use.streams - stream, self.clock()

    def dispensable(self) -> str | None:
        """The session to end first, None where all have open calls."""
        idle = [
            (min(use.posts, 2) + (use.streams > 0), use.at, name) for name, use in self.known.items() if not use.open
        ]
        return min(idle)[2] if idle else None


class McpMount:
    """MCP's HTTP transport as an ASGI application: a client's requests in, the server's answers out."""

    def __init__(
        self, server: Server[Any], public: bool, token: str, idle_s: float = IDLE_S, most: int = MOST_SESSIONS
    ) -> None:
        self.manager = StreamableHTTPSessionManager(
            server, max_sessions=None, max_request_body_size=MOST_BYTES, session_idle_timeout=idle_s
        )
        self.public, self.token, self.most = public, token, most
        self.sessions = Sessions()
        self.starting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = Request(scope).headers.get(CONTROL, "")
        if not self.public and not secrets.compare_digest(shown.encode(), self.token.encode()):
            await refuse(McpOff("This swarm runs without MCP over HTTP. Start it with --mcp."), send)
            return
        send = without_cancelled_answers(send)
        session = next((value.decode("latin-1") for name, value in scope["headers"] if name == SESSION), None)
        if session is None:
            await self.begin(scope, receive, send)
        elif scope["method"] == "DELETE":
            self.sessions.known.pop(session, None)
            await self.manager.handle_request(scope, receive, send)
        else:
            with self.sessions.use(session, scope["method"] == "GET"):
                await self.manager.handle_request(scope, receive, send)

    async def begin(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request without a session begins one, or needs none. It counts at once: many may begin at the same time."""
        with self._count_start() as settle:

            async def note_session(message: Message) -> None:
                if message["type"] == "http.response.start":
                    settle()
                    for name, value in message["headers"]:
                        if name.lower() == SESSION:
                            self.sessions.begin(value.decode("latin-1"))
                await send(message)

            if await self.make_room():
                await self.manager.handle_request(scope, receive, note_session)
            else:
                await refuse(Busy("All sessions are at work. Try again in a moment.", retry_after_s=5), send)

    @contextmanager
    def _count_start(self) -> Iterator[Callable[[], None]]:
        """Counts one more session that is starting, until what it yields is called, and at most while the context lasts."""
        self.starting += 1
        counted = True

        def settle() -> None:
            nonlocal counted
            self.starting -= counted
            counted = False

        try:
            yield settle
        finally:
            settle()

    async def make_room(self) -> bool:
        """Ends sessions until there is room for those that are starting. False where no more may be ended."""
        while len(self.sessions.known) + self.starting > self.most:
            least = self.sessions.dispensable()
            if least is None:
                return False
            await self.end(least)
        return True

    async def end(self, session: str) -> None:
        """As if its client had sent DELETE. The transport answers a DELETE of an unknown session too."""
        self.sessions.known.pop(session, None)
        ending = [(SESSION, session.encode("latin-1")), (b"accept", b"application/json, text/event-stream")]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "DELETE",
            "path": MCP_PATH,
            "query_string": b"",
            "headers": ending,
        }

        async def empty_body() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def drop(_message: Message) -> None:
            pass

        await self.manager.handle_request(scope, empty_body, drop)


def without_cancelled_answers(send: Send) -> Send:
    """A call that its client has cancelled is not answered, as the protocol has it: the SDK would, and clients take that for a
    fault of ours. The stream just ends."""

    async def silent(message: Message) -> None:
        if CANCELLED in message.get("body", b""):
            message = {**message, "body": b""}
        await send(message)

    return silent


@asynccontextmanager
async def mount_mcp(app: FastAPI, mount: McpMount) -> AsyncIterator[None]:
    """`/mcp` answers while the context lasts. The sessions run in a task of their own: the SDK's task group would wrap whatever
    error ends the context."""
    app.router.routes.append(Route(MCP_PATH, endpoint=mount))
    begun, over = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        async with mount.manager.run():
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
