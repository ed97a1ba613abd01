"""Our announcement in, those of others out: multicast DNS on the LAN's interfaces, by zeroconf.

Interfaces come and go, addresses change, machines sleep: `follow` is called every few seconds with what there is now.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from types import TracebackType

from zeroconf import Error, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from local_swarm.network.discovery.announcement import Announcement, from_records
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.lan import address_of

SERVICE = "_local-swarm._tcp.local."
RESOLVE_MS = 3000
MOST_RESOLVED_AT_ONCE = 16
TTL_S = 60  # of our records: a node that vanished without a goodbye is forgotten after so long

logger = logging.getLogger(__name__)


class Discovery:
    """`now` is the clock of the directory. Not being able to use multicast is no error: there are other ways to be found."""

    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self._directory, self._now = directory, now
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._info: AsyncServiceInfo | None = None
        self._interfaces: list[str] = []
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self.problem: str | None = None

    async def __aenter__(self) -> Discovery:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._resolving.values():
            task.cancel()
        await asyncio.gather(*self._resolving.values(), return_exceptions=True)
        await self._stop()

    async def follow(self, interfaces: list[str], mine: Announcement, woke: bool = False) -> None:
        """Be present on these interface addresses with this announcement, whatever it was before."""
        try:
            if interfaces != self._interfaces or woke:
                await self._rebind(interfaces, woke)
            if self._zeroconf:
                await self._announce(mine)
            self.problem = None if interfaces else "There is no network interface to be found on."
        except (OSError, RuntimeError, TimeoutError, Error) as problem:
            self.problem = f"Multicast DNS does not work here: {problem}"
            logger.info("%s", self.problem)
            await self._stop()

    async def _rebind(self, interfaces: list[str], woke: bool) -> None:
        """Sockets on other interfaces. After a sleep everything is made anew: nobody knows what the others still remember."""
        if self._zeroconf and interfaces and not woke:
            await self._zeroconf.async_update_interfaces(list(interfaces), ip_version(interfaces))
        else:
            await self._stop()
            if interfaces:
                self._zeroconf = AsyncZeroconf(interfaces=list(interfaces), ip_version=ip_version(interfaces))
                self._browser = AsyncServiceBrowser(
                    self._zeroconf.zeroconf, SERVICE, handlers=[self._on_service_change]
                )
        self._interfaces = interfaces

    async def _announce(self, mine: Announcement) -> None:
        assert self._zeroconf
        info = AsyncServiceInfo(
            SERVICE,
            f"{label(mine)}.{SERVICE}",
            port=mine.port,
            properties=mine.records(),
            server=f"{label(mine)}.local.",
            parsed_addresses=list(mine.addresses),
            host_ttl=TTL_S,
            other_ttl=TTL_S,
        )
        if self._info is None:
            self._info = (
                info  # the name holds a piece of the key's fingerprint, so nobody honest has it: no need to probe
            )
            await (await self._zeroconf.async_register_service(info, cooperating_responders=True))
        elif (info.properties, info.parsed_addresses()) != (self._info.properties, self._info.parsed_addresses()):
            self._info = info
            await (await self._zeroconf.async_update_service(info))

    async def _stop(self) -> None:
        """Says goodbye, where there is still a network to say it on."""
        if self._browser:
            await self._browser.async_cancel()
        if self._zeroconf:
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(self._zeroconf.async_close(), 3.0)
        self._zeroconf = self._browser = self._info = None
        self._interfaces = []

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
        said = from_records(info.properties, info.port, addresses)
        if said:
            places = tuple(address_of(address, said.port) for address in said.addresses)
            self._directory.hear_announcement(said, places, self._now(), name)


def label(mine: Announcement) -> str:
    """One DNS label, unique by the piece of the id. Other characters than these trouble some resolvers."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in mine.name).strip("-")
    return f"{plain[:40] or 'node'}-{mine.id[:10]}"


def ip_version(interfaces: list[str]) -> IPVersion:
    six = any(":" in address for address in interfaces)
    four = any(":" not in address for address in interfaces)
    return IPVersion.All if six and four else IPVersion.V6Only if six else IPVersion.V4Only
