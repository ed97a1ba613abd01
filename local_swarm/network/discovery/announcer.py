"""This node's facts and interfaces in, announcements by multicast DNS and broadcast out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Literal

from local_swarm.events import cancel
from local_swarm.network.discovery.announcement import Announcement
from local_swarm.network.discovery.broadcast import Broadcast
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.lan import LanInterfaces, multicast_places
from local_swarm.network.discovery.mdns import Discovery
from local_swarm.network.server_sockets import ServerSockets
from local_swarm.network.trust.pairing import Invitations
from local_swarm.network.trust.store import TrustStore

Clock = Callable[[], float]
Method = Literal["auto", "mdns", "broadcast", "static"]
FOLLOW_S = 2.0  # between looks at the interfaces
FIRST_LOOKS = 3  # after the start, each with a broadcast
SLEPT_S = 5.0  # the wall clock ran ahead of the monotonic clock by more: the machine slept


@dataclass(frozen=True, slots=True)
class OwnAnnouncement:
    """What this node announces. `fixed` holds what stays the same while it runs."""

    fixed: Announcement
    trust: TrustStore
    invitations: Invitations
    interfaces: LanInterfaces

    def current(self) -> Announcement:
        return replace(
            self.fixed,
            addresses=tuple(self.interfaces.addresses),
            swarm=self.trust.tag,
            invitation=self.invitations.number,
        )


class SleepDetector:
    """Notices that the machine slept: meanwhile only the wall clock went on."""

    def __init__(self, wall: Clock = time.time, steady: Clock = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()

    def woke(self) -> bool:
        """Whether it has slept since the last call."""
        before, self._offset = self._offset, self._wall() - self._steady()
        return abs(self._offset - before) > SLEPT_S


@dataclass(slots=True)
class Announcer:
    """Announces this node while its context lasts. `changed` makes it look again at once."""

    announcement: OwnAnnouncement
    interfaces: LanInterfaces
    sockets: ServerSockets
    directory: Directory
    mdns: Discovery
    broadcast: Broadcast
    method: Method
    broadcast_s: float
    changed: asyncio.Event
    _looks: int = 0
    _broadcast_at: float = 0.0

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        following = asyncio.create_task(self._follow(), name="announcer")
        try:
            yield
        finally:
            await cancel(following)

    async def _follow(self) -> None:
        sleep = SleepDetector()
        while True:
            await self._announce(sleep.woke())
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), FOLLOW_S)

    async def _announce(self, woke: bool) -> None:
        await self.interfaces.refresh()
        await self.sockets.follow(self.interfaces.listening)
        mine, now = self.announcement.current(), time.monotonic()
        if self.method in ("auto", "broadcast"):
            await self.broadcast.follow(self.interfaces.beacons)
            if woke or self._broadcast_is_due(now):
                self._broadcast_at = now
                self.broadcast.send(mine.beacon())
        if self.method in ("auto", "mdns"):
            await self.mdns.follow(multicast_places(self.interfaces.selected), mine, woke)
        if woke:
            self.directory.probe_all(now)
        self._looks += 1

    def _broadcast_is_due(self, now: float) -> bool:
        return self._looks < FIRST_LOOKS or now - self._broadcast_at >= self.broadcast_s
