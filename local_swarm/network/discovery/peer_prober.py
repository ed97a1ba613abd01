"""The directory's due peers and unpaired nodes in, what they answered out. Probes peers and greets possible members."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from local_swarm.errors import PairingFailed, PeerFault
from local_swarm.events import cancel
from local_swarm.network.discovery.directory import Directory, Peer, PeerState, UnpairedNode
from local_swarm.network.federation.client import Client
from local_swarm.network.protocol import Report
from local_swarm.network.trust.identity import fingerprint
from local_swarm.network.trust.introductions import Introductions
from local_swarm.network.trust.store import PairedMember, TrustStore, ahead

PROBE_TICK_S = 0.25
FIRST_ADDRESS_S = 0.5  # before the other addresses of a peer are tried too
MOST_GREETED_AT_ONCE = 4
MOST_GREETED_ADDRESSES = 3  # of one unpaired node

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class PeerProber:
    """Keeps the directory's knowledge fresh. At most one probe or greeting of each node runs at a time."""

    trust: TrustStore
    directory: Directory
    client: Client
    introductions: Introductions
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Probe and greet while the context lasts."""
        watching = asyncio.create_task(self._watch(), name="peer-prober")
        try:
            yield
        finally:
            await cancel(watching, *self._running.values())

    async def _watch(self) -> None:
        changes = -1
        while True:
            if changes != self.trust.changes:
                changes = self.trust.changes
                self.directory.keep_members(self.trust.members.values())
            now = time.monotonic()
            for peer in self.directory.due_peers(now):
                self._begin(peer.id, self._probe(peer))
            greetings = sum(name.startswith("greet ") for name in self._running)
            for node in self.directory.to_greet(self.trust.tag, now)[: max(0, MOST_GREETED_AT_ONCE - greetings)]:
                self._begin(f"greet {node.id}", self._greet(node))
            await asyncio.sleep(PROBE_TICK_S)

    def _begin(self, key: str, work: Coroutine[None, None, None]) -> None:
        if key in self._running:
            work.close()
            return
        task = self._running[key] = asyncio.create_task(work, name=key)
        task.add_done_callback(lambda _: self._running.pop(key, None))

    # ---------------------------------------------------------------------------------------------- members

    async def _probe(self, peer: Peer) -> None:
        """Ask a peer for its report at its last address. If that is slow or fails, ask at all of its addresses too.

        Whoever holds its private key is the peer, so the first answer counts."""
        peer.due = float("inf")
        first, *others = peer.addresses
        attempts = {asyncio.create_task(self.client.report(peer, first)): first}
        worst: PeerState = "gone"
        try:
            done, pending = await asyncio.wait(attempts, timeout=FIRST_ADDRESS_S)
            if others and not any(attempt.exception() is None for attempt in done):
                attempts |= {asyncio.create_task(self.client.report(peer, address)): address for address in others}
            pending = set(attempts)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for attempt in done:
                    problem = attempt.exception()
                    if problem is None:
                        await self._take_report(peer, attempts[attempt], *attempt.result())
                        return
                    if not isinstance(problem, PeerFault):
                        raise problem
                    worst = worse(worst, problem.state)
            self.directory.note_silence(peer, worst, time.monotonic())
        finally:
            await cancel(*attempts)
            if peer.due == float("inf"):
                peer.due = time.monotonic()

    async def _take_report(self, peer: Peer, address: str, report: Report, latency_s: float) -> None:
        member = self.trust.members.get(fingerprint(peer.certificate))
        if member is None:
            return  # forgotten during the probe; it must not get the new key
        if peer.state != report.state:
            logger.info("%s at %s: %s", peer.name, address, report.state)
        self.directory.hear_report(peer, address, report, latency_s, time.monotonic())
        self.directory.hear_hints(report.hints)
        if member.addresses[:1] != (address,) or member.name != report.name:
            self.trust.admit(PairedMember(report.name, member.certificate, (address,)))
        if ahead(report.epoch, self.trust.charter.epoch) > 0:
            with contextlib.suppress(PeerFault):
                await self.client.tell(peer, "/charter", self.trust.charter.towards(report.epoch))

    # ----------------------------------------------------------------------------------------- unpaired nodes

    async def _greet(self, node: UnpairedNode) -> None:
        """Find out whether a node is a member that we have not met, and prove to it that we are one."""
        self.directory.postpone_greeting(node, time.monotonic())  # unless it turns out to be a member
        for address in node.addresses[:MOST_GREETED_ADDRESSES]:
            with contextlib.suppress(PeerFault, PairingFailed, ValueError):
                if await self.introductions.greet(address):
                    self.directory.keep_members(self.trust.members.values())
                    self.directory.unpaired.pop(node.id, None)
                    return


def worse(known: PeerState, state: str) -> PeerState:
    """The most telling outcome of several addresses: a refusal before silence, silence before no connection."""
    order: tuple[PeerState, ...] = ("gone", "late", "refused")
    mapped: PeerState = "late" if state == "late" else "refused" if state in ("refused", "invalid") else "gone"
    return max(known, mapped, key=order.index)
