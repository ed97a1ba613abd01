"""Our announcement in, those of others out, by multicast DNS (RFC 6762) on the LAN's interfaces.

Interfaces come and go, addresses change, machines sleep. So `follow` gets the present state every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from zeroconf import Error, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from local_swarm.events import cancel
from local_swarm.network.discovery.announcement import Announcement, from_records
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.lan import address_of

SERVICE = "_local-swarm._tcp.local."
RESOLVE_MS = 3000
MOST_RESOLVED_AT_ONCE = 16
TTL_S = 60  # of our records; a node that vanished without a goodbye is forgotten after this time
MDNS_CLOSE_S = 3.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Responder:
    """One set of multicast sockets. `info` is what it announces, None before the first announcement."""

    zeroconf: AsyncZeroconf
    browser: AsyncServiceBrowser
    info: AsyncServiceInfo | None = None

    async def announce(self, info: AsyncServiceInfo) -> None:
        if self.info is None:
            self.info = (
                info  # the name holds a piece of the key's fingerprint: no honest node has it, so we do not probe
            )
            await (await self.zeroconf.async_register_service(info, cooperating_responders=True))
        elif (info.properties, info.parsed_addresses()) != (self.info.properties, self.info.parsed_addresses()):
            self.info = info
            await (await self.zeroconf.async_update_service(info))

    async def close(self) -> None:
        """Says goodbye where there is still a network."""
        await self.browser.async_cancel()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self.zeroconf.async_close(), MDNS_CLOSE_S)


class Discovery:
    """`now` is the clock of the directory. `problem` says why multicast does not work, if so."""

    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self._directory, self._now = directory, now
        self._responder: Responder | None = None  # none while there is no interface to use
        self._interfaces: list[str] = []
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self.problem: str | None = None

    async def __aenter__(self) -> Discovery:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await cancel(*self._resolving.values())
        await self._stop()

    async def follow(self, interfaces: list[str], mine: Announcement, woke: bool = False) -> None:
        """Announce this on these interface addresses, whatever was announced where before."""
        try:
            if interfaces != self._interfaces or woke:
                await self._rebind(interfaces, woke)
            if self._responder:
                await self._responder.announce(service_info(mine))
            self.problem = None if interfaces else "There is no network interface to be found on."
        except (OSError, RuntimeError, TimeoutError, Error) as problem:
            self.problem = f"Multicast DNS does not work here: {problem}"
            logger.info("%s", self.problem)
            await self._stop()

    async def _rebind(self, interfaces: list[str], woke: bool) -> None:
        """Open sockets on other interfaces. After a sleep all are new, since others may have forgotten us."""
        if self._responder and interfaces and not woke:
            await self._responder.zeroconf.async_update_interfaces(list(interfaces), ip_version(interfaces))
        else:
            await self._stop()
            if interfaces:
                made = AsyncZeroconf(interfaces=list(interfaces), ip_version=ip_version(interfaces))
                browser = AsyncServiceBrowser(made.zeroconf, SERVICE, handlers=[self._on_service_change])
                self._responder = Responder(made, browser)
        self._interfaces = interfaces

    async def _stop(self) -> None:
        ended, self._responder, self._interfaces = self._responder, None, []
        if ended:
            await ended.close()

    # ----------------------------------------------------------------------------------------------- others

    def _on_service_change(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if state_change is ServiceStateChange.Removed:
            self._directory.hear_goodbye(name, self._now())
        elif name not in self._resolving and len(self._resolving) < MOST_RESOLVED_AT_ONCE:
            task = self._resolving[name] = asyncio.create_task(self._resolve(zeroconf, name), name="resolve")
            task.add_done_callback(lambda _: self._resolving.pop(name, None))

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


def ip_version(interfaces: list[str]) -> IPVersion:
    six = any(":" in address for address in interfaces)
    four = any(":" not in address for address in interfaces)
    return IPVersion.All if six and four else IPVersion.V6Only if six else IPVersion.V4Only
