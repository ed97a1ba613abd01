"""Our announcement in, those of others out, by UDP broadcast, for networks that drop multicast."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import cast

from local_swarm.network.discovery.announcement import from_beacon
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.lan import address_of

EVERYBODY = "255.255.255.255"
MOST_PER_SECOND = 50  # packets that are read

logger = logging.getLogger(__name__)


class Broadcast(asyncio.DatagramProtocol):
    """Receives beacons on `port` and sends ours there. New nodes get at once, by unicast, what `reply` makes."""

    def __init__(self, directory: Directory, port: int, now: Callable[[], float], reply: Callable[[], bytes]) -> None:
        self._directory, self._port, self._now, self._reply = directory, port, now, reply
        self._transport: asyncio.DatagramTransport | None = None
        self._second, self._heard = 0, 0
        self.problem: str | None = None

    async def __aenter__(self) -> Broadcast:
        try:
            made = bind_broadcast_socket(self._port)
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=made)
        except OSError as problem:
            self.problem = f"UDP port {self._port} cannot be used: {problem.strerror or problem}."
            logger.info("%s", self.problem)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport:
            self._transport.close()

    def send(self, beacon: bytes, broadcasts: Iterable[str]) -> None:
        """To the broadcast address of each LAN, or to the general one where the system does not tell them."""
        for address in set(broadcasts) or {EVERYBODY}:
            self._send(beacon, (address, self._port))

    def _send(self, beacon: bytes, address: tuple[str, int]) -> None:
        if self._transport and not self._transport.is_closing():
            with contextlib.suppress(OSError):
                self._transport.sendto(beacon, address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        now = self._now()
        if int(now) != self._second:
            self._second, self._heard = int(now), 0
        self._heard += 1
        announcement = from_beacon(data, address[0]) if self._heard <= MOST_PER_SECOND else None
        if announcement is None or announcement.id == self._directory.mine:
            return
        new = not self._directory.knows(announcement.id)
        self._directory.hear_announcement(announcement, (address_of(address[0], announcement.port),), now)
        if new and address[1] == self._port:  # from a node's own socket, so nobody can aim our replies at a third party
            self._send(self._reply(), address)

    def error_received(self, problem: Exception) -> None:
        logger.debug("Broadcast: %s", problem)


def bind_broadcast_socket(port: int) -> socket.socket:
    """A UDP socket that several nodes on this machine share where the system allows it. Raises OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform != "win32" and hasattr(socket, "SO_REUSEPORT"):
            with contextlib.suppress(OSError):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.setblocking(False)
        made.bind(("", port))
    except OSError:
        made.close()
        raise
    return made
