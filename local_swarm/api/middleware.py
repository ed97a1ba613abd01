"""Requests in, only those that may be made out: from this machine or with the key, of bearable size, in bearable time.

A web page anywhere can make a browser send requests to 127.0.0.1 (DNS rebinding; CVE-2024-28224 in a neighbour). It cannot
choose the Host and Origin headers, so both must name this machine.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local_swarm.api.replies import error_body
from local_swarm.errors import Forbidden, SwarmError, TooLarge, TooSlow, Unauthorized

OPEN_PATHS = (
    "/health",
    "/",
)  # for those who watch over the daemon, who need no key, and for the page, which asks for it
COUNTED = (
    *(f"/v1/{name}" for name in ("chat/completions", "completions", "embeddings", "responses", "models", "swarm")),
    "/health",
    "/metrics",
    "/mcp",
)


async def refuse(problem: SwarmError, send: Send) -> None:
    body = json.dumps(error_body(problem)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if isinstance(problem, Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Gate:
    """Turns away who may not call. `hosts`: further names, beside every loopback one, under which clients may call, None for any;
    `origins`: web pages that may; `key`: what everybody must know, where there is one."""

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
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if not self.ours(host_of("//" + host)):
            return Forbidden(
                f"The Host header {host!r} does not name this machine. Call http://127.0.0.1 or http://localhost."
            )
        if origin is not None and not self.welcome(origin):
            return Forbidden(f"Web pages from {origin!r} may not call this server.")
        asks_leave = scope.get("method") == "OPTIONS" and origin is not None  # browsers send no key along with that
        if self.key and scope["path"] not in OPEN_PATHS and not asks_leave and not self.knows_key(headers):
            return Unauthorized(
                "This swarm wants its key: Authorization: Bearer KEY. On its machine, `local-swarm key` shows it."
            )
        return None

    def ours(self, host: str | None) -> bool:
        return self.hosts is None or (host is not None and (host in self.hosts or is_loopback(host)))

    def welcome(self, origin: str) -> bool:
        host = host_of(origin)
        return origin.lower() in self.origins or (host is not None and is_loopback(host))

    def knows_key(self, headers: dict[bytes, str]) -> bool:
        """Compared in a time that does not depend on how much of it is right."""
        given = headers.get(b"authorization", "").removeprefix("Bearer ").strip() or headers.get(b"x-api-key", "")
        return hmac.compare_digest(given.encode(), (self.key or "").encode())


class Bounds:
    """No request may be larger than `most_bytes` or take longer than `read_s` to arrive; no client may leave a piece of its
    answer unread for `write_s`."""

    def __init__(self, app: ASGIApp, most_bytes: int = 32 << 20, read_s: float = 60.0, write_s: float = 120.0) -> None:
        self.app, self.most_bytes, self.read_s, self.write_s = app, most_bytes, read_s, write_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = False

        async def writing(message: Message) -> None:
            nonlocal began
            began = True
            try:
                async with asyncio.timeout(self.write_s):
                    await send(message)
            except TimeoutError:
                raise OSError("The client does not read its answer.") from None

        try:
            await self.app(scope, self._reading(receive), writing)
        except (TooLarge, TooSlow) as problem:
            if not began:
                await refuse(problem, send)

    def _reading(self, receive: Receive) -> Receive:
        until = time.monotonic() + self.read_s
        size, done = 0, False

        async def bounded() -> Message:
            nonlocal size, done
            if done:  # from here on it only says when the client leaves
                return await receive()
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                raise TooSlow(f"The request did not arrive within {self.read_s:.0f} seconds.") from None
            size += len(message.get("body", b""))
            done = not message.get("more_body", False)
            if size > self.most_bytes:
                raise TooLarge(f"The request is larger than {self.most_bytes >> 20} MiB.")
            return message

        return bounded


class Counted:
    """Tells `saw` of every answered request: endpoint, status, seconds."""

    def __init__(self, app: ASGIApp, saw: Callable[[str, int, float], None]) -> None:
        self.app, self.saw = app, saw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 499

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watching)
        finally:
            self.saw(endpoint_of(scope["path"]), status, time.monotonic() - began)


def endpoint_of(path: str) -> str:
    return next((known for known in COUNTED if path == known or path.startswith(known + "/")), "other")


def host_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
