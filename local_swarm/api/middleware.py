"""ASGI middleware: requests in, those out that may be made: from this machine or with the key, within bounds of size and time.

A web page anywhere can make a browser send requests to 127.0.0.1 (DNS rebinding; Ollama's CVE-2024-28224). It cannot choose the
Host and Origin headers, so both must name this machine: in the one way in which clients write it, not in any that could be read
as doing so.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
import time
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local_swarm.api.error_body import error_body
from local_swarm.commands import command
from local_swarm.errors import BadRequest, Forbidden, SwarmError, TooLarge, TooSlow, Unauthorized
from local_swarm.intake import Intake, TooDeep, TooMuch, encode_json

# Of a request: a text of this length is parsed in about 30 ms, during which nobody else is served.
MOST_BODY_BYTES = 16 << 20
AUTHORITY = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?)(?::([0-9]{1,5}))?")
MCP_PATH = "/mcp"  # for programs alone: a web page may call it only if the user has named it
# For those who watch over the daemon, who need no key, and for the page, which asks for it.
OPEN_PATHS = ("/health", "/")
COUNTED = (  # the metrics call every other path `other`
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/models",
    "/v1/providers",
    "/v1/responses",
    "/v1/swarm",
    "/health",
    "/metrics",
    MCP_PATH,
)


async def refuse(problem: SwarmError, send: Send) -> None:
    body = encode_json(error_body(problem))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if isinstance(problem, Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class AuthMiddleware:
    """Refuses callers that may not call.

    `hosts`: names beside the loopback ones under which clients may call this machine, None for any. `origins`: web pages that may
    call, beside those of this machine. `key`: what every caller must send, if not None.
    """

    def __init__(
        self, app: ASGIApp, hosts: Iterable[str] | None = (), origins: Iterable[str] = (), key: str | None = None
    ) -> None:
        self.app, self.key = app, key
        self.hosts = frozenset(host.lower() for host in hosts) if hosts is not None else None
        self.origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self.judge(scope) if scope["type"] in ("http", "websocket") else None
        if problem is None:
            await self.app(scope, receive, send)
        else:
            await refuse(problem, send)

    def judge(self, scope: Scope) -> SwarmError | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        host = ", ".join(hosts)
        if len(hosts) != 1 or not self.is_our_host(host_of(host)):
            return Forbidden(
                f"The Host header {host[:200]!r} does not name this machine. Call http://127.0.0.1 or http://localhost."
            )
        origin = ", ".join(origins) if origins else None
        if origin is not None and not (
            self.is_named_origin(origin) if self.is_program_path(scope["path"]) else self.is_welcome_origin(origin)
        ):
            return Forbidden(f"Web pages from {origin[:200]!r} may not call this server.")
        asks_leave = scope.get("method") == "OPTIONS" and origin is not None  # browsers send no key along with that
        if self.key and scope["path"] not in OPEN_PATHS and not asks_leave and not self.has_key(headers):
            return Unauthorized(
                f"This swarm wants its key: Authorization: Bearer KEY. On its machine, `{command('key')}` shows it."
            )
        return None

    def is_our_host(self, host: str | None) -> bool:
        return host is not None and (self.hosts is None or host in self.hosts or is_loopback(host))

    def is_named_origin(self, origin: str) -> bool:
        """Whether the user has let that page in by its own name. `null` names no page in particular."""
        return origin.lower() != "null" and origin.lower() in self.origins

    def is_welcome_origin(self, origin: str) -> bool:
        """Whether the page is of this machine, or one that the user has let in."""
        scheme, _, rest = origin.lower().partition("://")
        host = host_of(rest) if scheme in ("http", "https") else None
        return self.is_named_origin(origin) or (host is not None and is_loopback(host))

    def is_program_path(self, path: str) -> bool:
        """Whether only programs call this path. They send no Origin. A page that happens to run on some port of this machine must
        not drive tools, so the user has to name it."""
        return path == MCP_PATH or path.startswith(MCP_PATH + "/")

    def has_key(self, headers: dict[bytes, str]) -> bool:
        """Compares in constant time, so that a wrong key does not show how much of it is right."""
        given = headers.get(b"authorization", "").removeprefix("Bearer ").strip() or headers.get(b"x-api-key", "")
        return hmac.compare_digest(given.encode(), (self.key or "").encode())


class BoundsMiddleware:
    """Refuses a request that is larger than `most_bytes`, has more in it than is read, or takes longer than `read_s` to arrive.

    Gives up a client that leaves a piece of its answer unread for `write_s`. Passes bodies on with half characters mended.
    """

    def __init__(
        self, app: ASGIApp, most_bytes: int = MOST_BODY_BYTES, read_s: float = 60.0, write_s: float = 120.0
    ) -> None:
        self.app, self.most_bytes, self.read_s, self.write_s = app, most_bytes, read_s, write_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif is_compressed(scope):
            await refuse(BadRequest("The request body must not be compressed."), send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = BoundedBody(receive, self.most_bytes, self.read_s)
        began = False

        async def send_in_time(message: Message) -> None:
            nonlocal began
            if body.refusal and not began:
                return  # whatever the application makes of it
            began = True
            try:
                async with asyncio.timeout(self.write_s):
                    await send(message)
            except TimeoutError:
                raise OSError("The client does not read its answer.") from None

        try:
            await self.app(scope, body.receive, send_in_time)
        except SwarmError as problem:
            if problem is not body.refusal:
                raise
        if body.refusal and not began:
            await refuse(body.refusal, send)


def is_compressed(scope: Scope) -> bool:
    headers = scope.get("headers", ())
    return any(name == b"content-encoding" and value.lower() != b"identity" for name, value in headers)


class BoundedBody:
    """A request's body while it arrives. `refusal`: why it is not read to its end, once that is so."""

    def __init__(self, receive: Receive, most_bytes: int, read_s: float) -> None:
        self.refusal: SwarmError | None = None
        self._receive, self._most_bytes, self._read_s = receive, most_bytes, read_s
        self._until = time.monotonic() + read_s
        self._size, self._done, self._intake = 0, False, Intake()

    async def receive(self) -> Message:
        """The next ASGI message. Raises the refusal."""
        if self._done:  # from here on it only says when the client leaves
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise self._refuse(TooSlow(f"The request did not arrive within {self._read_s:.0f} seconds.")) from None
        return self._bounded_part(message) if message["type"] == "http.request" else message

    def _bounded_part(self, message: Message) -> Message:
        body = message.get("body", b"")
        self._size += len(body)
        self._done = not message.get("more_body", False)
        if self._size > self._most_bytes:
            raise self._refuse(TooLarge(f"The request is larger than {self._most_bytes >> 20} MiB."))
        try:
            read = self._intake.feed(body)
            return {**message, "body": read + self._intake.end() if self._done else read}
        except TooDeep as problem:
            raise self._refuse(BadRequest(f"The request body is not read: {problem}.")) from None
        except TooMuch as problem:
            raise self._refuse(TooLarge(f"The request body is not read: {problem}.")) from None

    def _refuse(self, problem: SwarmError) -> SwarmError:
        self.refusal = self.refusal or problem
        return self.refusal


class CountingMiddleware:
    """Calls `saw` after every request, with its endpoint, its status and the seconds that it took."""

    def __init__(self, app: ASGIApp, saw: Callable[[str, int, float], None]) -> None:
        self.app, self.saw = app, saw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 499

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note_status)
        finally:
            self.saw(endpoint_of(scope["path"]), status, time.monotonic() - began)


def endpoint_of(path: str) -> str:
    return next((known for known in COUNTED if path == known or path.startswith(known + "/")), "other")


def host_of(address: str) -> str | None:
    """The host of `host` or `host:port`, in small letters and without brackets; None for what is not exactly that."""
    found = AUTHORITY.fullmatch(address.lower())
    if not found or not address.isascii() or not 0 < int(found[2] or 1) < 65_536:
        return None
    bare = found[1].strip("[]")
    return bare if (":" in bare) == (bare != found[1]) else None


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
