"""A port and addresses in, the listening sockets of our server out: one for every address, or one at each of those named.

Named interfaces come and go, so `follow` gets the addresses of the present ones every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from types import TracebackType

from local_swarm.errors import UsageError
from local_swarm.network.discovery.lan import ANYWHERE

BACKLOG = 64
TAKEN = (errno.EADDRINUSE, errno.EACCES)

logger = logging.getLogger(__name__)


class ServerSockets:
    """All have the same `port`. `addresses` come with their zones. `problems`: why there is none at an address, by address.

    Raises UsageError if no port can be had."""

    def __init__(self, port: int, addresses: Sequence[str]) -> None:
        self.problems: dict[str, str] = {}
        self._sockets: dict[str, socket.socket] = {}
        self._servers: dict[str, asyncio.Server] = {}
        self._protocol: Callable[[], asyncio.Protocol] | None = None
        self.port = port
        if not self._have_all(addresses):
            logger.info("Port %d for other machines is in use; taking another one.", port)
            self.close()
            self.port = 0
            self._have_all(addresses)
        self.port = self.port or free_port()

    def __enter__(self) -> ServerSockets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def addresses(self) -> list[str]:
        return list(self._sockets)

    def _have_all(self, addresses: Sequence[str]) -> bool:
        """Whether the port is free at all of them. An address that is not there yet is not waited for."""
        for address in addresses:
            try:
                self._bind(address)
            except OSError as problem:
                if problem.errno in TAKEN and self.port:
                    return False
                if address == ANYWHERE:
                    said = f"Port {self.port} for other machines cannot be used: {problem.strerror}."
                    raise UsageError(said) from problem
                self.problems[address] = problem.strerror or str(problem)
        return True

    def _bind(self, address: str) -> None:
        self._sockets[address] = made = bind_socket(address, self.port)
        self.port = int(made.getsockname()[1])

    async def serve(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """From now on connections are answered, at the addresses of now and of later."""
        self._protocol = protocol
        for address in list(self._sockets):
            await self._serve_at(address, protocol)

    async def _serve_at(self, address: str, protocol: Callable[[], asyncio.Protocol]) -> None:
        loop = asyncio.get_running_loop()
        self._servers[address] = await loop.create_server(protocol, sock=self._sockets[address])

    async def follow(self, addresses: Sequence[str]) -> None:
        """Listen at these and at no others. One that cannot be had is tried again at the next call."""
        for gone in [one for one in self._sockets if one not in addresses]:
            self._close_at(gone)
        self.problems = {}
        for address in addresses:
            if address in self._sockets:
                continue
            try:
                self._bind(address)
                if self._protocol:
                    await self._serve_at(address, self._protocol)
            except OSError as problem:
                self._close_at(address)
                self.problems[address] = problem.strerror or str(problem)

    def _close_at(self, address: str) -> None:
        server, made = self._servers.pop(address, None), self._sockets.pop(address, None)
        if server:
            server.close()
        if made:
            made.close()

    def close(self) -> None:
        for address in list(self._sockets):
            self._close_at(address)


def bind_socket(address: str, port: int) -> socket.socket:
    """For every address IPv6 and IPv4 where the system has both. Raises OSError."""
    if address == ANYWHERE and socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return socket.create_server(("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    where = socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0][4] if address else (address, port)
    return socket.create_server(where, family=family, backlog=BACKLOG)


def free_port() -> int:
    """A port that nobody uses now, for addresses that are not there yet."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])
