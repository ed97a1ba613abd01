"""Our announcement in, those of others out, by multicast DNS (RFC 6762) on the LAN's interfaces.

Interfaces come and go, addresses change, machines sleep. So `follow` gets the present state every few seconds. Each interface has
sockets of its own, so that one that fails takes no other with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

from zeroconf import Error, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from local_swarm.events import cancel
from local_swarm.network.discovery.announcement import Announcement, from_records
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.lan import MulticastPlace, address_of

SERVICE = "_local-swarm._tcp.local."
MDNS_GROUP, MDNS_PORT = "224.0.0.251", 5353
RESOLVE_MS = 3000
MOST_RESOLVED_AT_ONCE = 16
TTL_S = 60  # of our records; a node that vanished without a goodbye is forgotten after this time
MDNS_CLOSE_S = 3.0
FIRST_RETRY_S, LONGEST_RETRY_S = 2.0, 30.0  # until sockets that could not be had are tried again
# On Linux a socket gets the packets of every group that any program has joined, on any interface. 0 ends that.
OWN_GROUPS_ONLY = ((socket.IPPROTO_IP, 49), (getattr(socket, "IPPROTO_IPV6", 41), 29))

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Responder:
    """The multicast sockets of one interface. `info` is what it announces, None before the first announcement."""

    place: MulticastPlace
    zeroconf: AsyncZeroconf
    browser: AsyncServiceBrowser
    info: AsyncServiceInfo | None = None

    async def announce(self, info: AsyncServiceInfo) -> None:
        if self.info is None:
            self.info = info
            # The name holds a piece of the key's fingerprint: no honest node has it, so we do not probe.
            await (await self.zeroconf.async_register_service(info, cooperating_responders=True))
        elif (info.properties, info.parsed_addresses()) != (self.info.properties, self.info.parsed_addresses()):
            self.info = info
            await (await self.zeroconf.async_update_service(info))

    async def complete(self) -> None:
        """Every address of the interface gets its socket: one that the system has just given may not be used at once."""
        missing = len(self.zeroconf.zeroconf.engine.senders) < len(self.place.addresses)
        if missing:
            await self.zeroconf.async_update_interfaces(list(self.place.addresses), ip_version(self.place.addresses))
        if not self.zeroconf.zeroconf.engine.senders:
            raise OSError(f"{self.place.name} takes no multicast")

    async def close(self) -> None:
        """Says goodbye where there is still a network."""
        await self.browser.async_cancel()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.zeroconf.async_close(), MDNS_CLOSE_S)


@dataclass(slots=True)
class Failure:
    """Why an interface has no multicast, how often in a row, and when it is tried again."""

    why: str
    times: int
    due: float


class Discovery:
    """`now` is the clock of the directory. `problem` says on which interfaces multicast does not work and why, if so."""

    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self._directory, self._now = directory, now
        self._responders: dict[MulticastPlace, Responder] = {}
        self._failures: dict[MulticastPlace, Failure] = {}
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self.problem: str | None = None

    async def __aenter__(self) -> Discovery:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await cancel(*self._resolving.values())
        await self._close(list(self._responders))

    async def follow(self, places: Sequence[MulticastPlace], mine: Announcement, woke: bool = False) -> None:
        """Announce this on these interfaces, whatever was announced where before. After a sleep all sockets are new, since others
        may have forgotten us."""
        await self._close([place for place in self._responders if woke or place not in places])
        self._failures = {place: one for place, one in self._failures.items() if place in places and not woke}
        await asyncio.gather(*(self._follow_at(place, mine) for place in places))
        whys = [f"on {place.name}: {one.why}" for place, one in self._failures.items()]
        nowhere = None if places else "There is no network interface to be found on."
        self.problem = f"Multicast DNS does not work {'; '.join(whys)}" if whys else nowhere

    async def _follow_at(self, place: MulticastPlace, mine: Announcement) -> None:
        failure = self._failures.get(place)
        if failure and self._now() < failure.due:
            return
        try:
            if place not in self._responders:
                self._responders[place] = await self._open(place)
            await self._responders[place].complete()
            await self._responders[place].announce(service_info(mine))
            self._failures.pop(place, None)
        except (OSError, RuntimeError, TimeoutError, Error) as problem:
            times = failure.times + 1 if failure else 1
            pause = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** (times - 1))
            self._failures[place] = Failure(str(problem) or type(problem).__name__, times, self._now() + pause)
            logger.info("Multicast DNS does not work on %s: %s", place.name, self._failures[place].why)
            await self._close([place])

    async def _open(self, place: MulticastPlace) -> Responder:
        """Raises OSError, RuntimeError, TimeoutError and zeroconf's errors."""
        check_multicast(place)
        made = AsyncZeroconf(interfaces=list(place.addresses), ip_version=ip_version(place.addresses))
        try:
            await made.zeroconf.async_wait_for_start()
        except (Error, TimeoutError):
            await made.async_close()
            raise
        for reader in made.zeroconf.engine.readers:
            hear_own_groups_only(reader.sock)
        return Responder(place, made, AsyncServiceBrowser(made.zeroconf, SERVICE, handlers=[self._on_service_change]))

    async def _close(self, places: Sequence[MulticastPlace]) -> None:
        ended = [self._responders.pop(place) for place in places if place in self._responders]
        await asyncio.gather(*(one.close() for one in ended))

    # ----------------------------------------------------------------------------------------------- others

    def _on_service_change(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if state_change is ServiceStateChange.Removed:
            if not self._is_announced(name, without=zeroconf):
                self._directory.hear_goodbye(name, self._now())
        elif name not in self._resolving and len(self._resolving) < MOST_RESOLVED_AT_ONCE:
            task = self._resolving[name] = asyncio.create_task(self._resolve(zeroconf, name), name="resolve")
            task.add_done_callback(lambda _: self._resolving.pop(name, None))

    def _is_announced(self, name: str, without: Zeroconf) -> bool:
        """Whether another interface still hears it."""
        others = (one.zeroconf.zeroconf for one in self._responders.values())
        return any(one.cache.current_entry_with_name_and_alias(SERVICE, name) for one in others if one is not without)

    async def _resolve(self, zeroconf: Zeroconf, name: str) -> None:
        info = AsyncServiceInfo(SERVICE, name)
        if not await info.async_request(zeroconf, RESOLVE_MS):
            return
        addresses = tuple(info.parsed_scoped_addresses(IPVersion.All))
        announcement = from_records(info.properties, info.port, addresses)
        if announcement:
            where = tuple(address_of(address, announcement.port) for address in announcement.addresses)
            self._directory.hear_announcement(announcement, where, self._now(), name)


def service_info(mine: Announcement) -> AsyncServiceInfo:
    """The announcement as DNS-SD records (RFC 6763)."""
    return AsyncServiceInfo(
        SERVICE,
        f"{label(mine)}.{SERVICE}",
        port=mine.port,
        properties=mine.records(),
        server=f"{label(mine)}.local.",
        parsed_addresses=list(mine.addresses),
        host_ttl=TTL_S,
        other_ttl=TTL_S,
    )


def label(mine: Announcement) -> str:
    """One DNS label, unique by a piece of the id. Some resolvers fail on other characters than these."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in mine.name).strip("-")
    return f"{plain[:40] or 'node'}-{mine.id[:10]}"


def check_multicast(place: MulticastPlace) -> None:
    """Whether the system gives what zeroconf needs, which would leave sockets open where it does not. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(("", MDNS_PORT))
        for address in place.addresses:
            if ":" not in address:
                group = socket.inet_aton(MDNS_GROUP) + socket.inet_aton(address)
                made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)


def hear_own_groups_only(made: socket.socket) -> None:
    """Packets of another interface are not for this one."""
    if sys.platform == "linux":
        for level, option in OWN_GROUPS_ONLY:
            with contextlib.suppress(OSError):
                made.setsockopt(level, option, 0)


def ip_version(addresses: Sequence[str]) -> IPVersion:
    six = any(":" in address for address in addresses)
    four = any(":" not in address for address in addresses)
    return IPVersion.All if six and four else IPVersion.V6Only if six else IPVersion.V4Only
