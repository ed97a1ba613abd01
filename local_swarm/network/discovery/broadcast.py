"""Our announcement in, those of others out, by UDP broadcast, for networks that drop multicast."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, cast

from local_swarm.network.discovery.announcement import from_beacon
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.lan import address_of

MOST_PER_SECOND = 50  # packets that are read

logger = logging.getLogger(__name__)


class BeaconSocket(asyncio.DatagramProtocol):
    """What arrives at one address, given to `hear` with the sender and the transport that it came by."""

    def __init__(self, hear: Callable[[bytes, Any, asyncio.DatagramTransport], None]) -> None:
        self._hear = hear
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        assert self._transport
        self._hear(data, address, self._transport)

    def error_received(self, problem: Exception) -> None:
        logger.debug("Broadcast: %s", problem)


class Broadcast:
    """Receives beacons on `port` and sends ours there. New nodes get at once, by unicast, what `reply` makes."""

    def __init__(self, directory: Directory, port: int, now: Callable[[], float], reply: Callable[[], bytes]) -> None:
        self._directory, self._port, self._now, self._reply = directory, port, now, reply
        self._open: dict[str, asyncio.DatagramTransport] = {}
        self._places: Mapping[str, tuple[str, ...]] = {}
        self._second, self._heard = 0, 0
        self.problem: str | None = None

    async def __aenter__(self) -> Broadcast:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for transport in self._open.values():
            transport.close()

    async def follow(self, places: Mapping[str, tuple[str, ...]]) -> None:
        """Hear beacons at these addresses and send ours from there to those of each. A socket that cannot be had, or that has
        failed, is tried again at the next call."""
        self._places = places
        for place, transport in list(self._open.items()):
            if place not in places or transport.is_closing():
                self._open.pop(place).close()
        problems = [await self._listen_at(place) for place in places if place not in self._open]
        self.problem = next((one for one in problems if one), None)

    async def _listen_at(self, place: str) -> str | None:
        """What is in the way, if anything."""
        try:
            made = bind_broadcast_socket(place, self._port)
            loop = asyncio.get_running_loop()
            self._open[place], _ = await loop.create_datagram_endpoint(lambda: BeaconSocket(self._hear), sock=made)
        except OSError as problem:
            said = f"UDP port {self._port} cannot be used: {problem.strerror or problem}."
            logger.info("%s", said)
            return said
        return None

    def send(self, beacon: bytes) -> None:
        """To the broadcast address of each LAN, from all places."""
        for place, transport in self._open.items():
            for address in set(self._places.get(place, ())):
                send_to(transport, beacon, (address, self._port))

    def _hear(self, data: bytes, address: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
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
            send_to(transport, self._reply(), address)


def send_to(transport: asyncio.DatagramTransport, data: bytes, address: tuple[str, int]) -> None:
    """A network that is not there now is none of the caller's trouble."""
    if not transport.is_closing():
        with contextlib.suppress(OSError):
            transport.sendto(data, address)


def bind_broadcast_socket(place: str, port: int) -> socket.socket:
    """A UDP socket that several nodes on this machine share where the system allows it. Raises OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform != "win32" and hasattr(socket, "SO_REUSEPORT"):
            with contextlib.suppress(OSError):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.setblocking(False)
        made.bind((place, port))
    except OSError:
        made.close()
        raise
    return made
