"""Requests in, only those that a program on this machine may make out.

A web page anywhere can make a browser send requests to 127.0.0.1 (DNS rebinding; CVE-2024-28224 in a neighbour). It cannot
choose the Host and Origin headers, so both must name this machine.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from local_swarm.api.replies import error_body
from local_swarm.errors import Forbidden


class OwnMachineOnly:
    """`hosts` are further names, beside every loopback one, under which clients may call."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self.app, self.hosts = app, frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self.judge(scope) if scope["type"] in ("http", "websocket") else None
        if problem is None:
            await self.app(scope, receive, send)
            return
        body = json.dumps(error_body(problem)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": problem.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def judge(self, scope: Scope) -> Forbidden | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"host", b"origin")}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if not self.ours(host_of("//" + host)):
            return Forbidden(
                f"The Host header {host!r} does not name this machine. Call http://127.0.0.1 or http://localhost."
            )
        if origin is not None and not self.ours(host_of(origin)):
            return Forbidden(f"Web pages from {origin!r} may not call this server.")
        return None

    def ours(self, host: str | None) -> bool:
        return host is not None and (host in self.hosts or is_loopback(host))


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
