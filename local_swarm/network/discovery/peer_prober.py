"""The directory's wishes in, conversations with others out: looking at peers, greeting those that may be members, joining."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from local_swarm.errors import PairingFailed, PeerFault
from local_swarm.events import cancel
from local_swarm.network.discovery.directory import Directory, Peer, PeerState, UnpairedNode
from local_swarm.network.federation.client import Client
from local_swarm.network.protocol import Hello, Report, Welcome
from local_swarm.network.trust.identity import Identity, fingerprint
from local_swarm.network.trust.pairing import TOKEN, JoinFinishReply, JoinStartReply, Newcomer, split
from local_swarm.network.trust.store import Charter, PairedMember, TrustStore, ahead
from local_swarm.paths import program_name

TICK_S = 0.25
PATIENCE_S = 0.5  # with the place where a peer was last
MOST_GREETED_AT_ONCE = 4
MOST_GREETED_PLACES = 3  # of one stranger
JOIN_S = 20.0
INVITERS_S = 5.0  # how long joining looks for a machine that has the invitation open
SURE: tuple[PeerState, ...] = ("gone", "refused")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class PeerProber:
    """`port` is where our own door is."""

    mine: Identity
    trust: TrustStore
    directory: Directory
    client: Client
    name: str
    port: int
    _busy: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keep looking while the context lasts."""
        watching = asyncio.create_task(self._watch(), name="neighbours")
        try:
            yield
        finally:
            await cancel(watching, *self._busy.values())

    async def _watch(self) -> None:
        changes = -1
        while True:
            if changes != self.trust.changes:
                changes = self.trust.changes
                self.directory.keep_members(self.trust.members.values())
            now = time.monotonic()
            for peer in self.directory.due_peers(now):
                self._begin(peer.id, self._look(peer))
            greeting = sum(name.startswith("greet ") for name in self._busy)
            strangers = self.directory.to_greet(self.trust.tag, now)
            for stranger in strangers[: max(0, MOST_GREETED_AT_ONCE - greeting)]:
                self._begin(f"greet {stranger.id}", self._greet(stranger))
            await asyncio.sleep(TICK_S)

    def _begin(self, key: str, work: object) -> None:
        """At most one conversation with each at a time."""
        assert asyncio.iscoroutine(work)
        if key in self._busy:
            work.close()
            return
        task = self._busy[key] = asyncio.create_task(work, name=key)
        task.add_done_callback(lambda _: self._busy.pop(key, None))

    # ---------------------------------------------------------------------------------------------- members

    async def _look(self, peer: Peer) -> None:
        """Ask how a peer is, where it was last and, if that takes long or fails, at all places where it may be: whoever holds its
        key is it."""
        peer.due = float("inf")
        first, *others = peer.addresses
        attempts = {asyncio.create_task(self.client.report(peer, first)): first}
        worst: PeerState = "gone"
        try:
            done, pending = await asyncio.wait(attempts, timeout=PATIENCE_S)
            if others and not any(attempt.exception() is None for attempt in done):
                attempts |= {asyncio.create_task(self.client.report(peer, place)): place for place in others}
            pending = set(attempts)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for attempt in done:
                    problem = attempt.exception()
                    if problem is None:
                        await self._hear(peer, attempts[attempt], *attempt.result())
                        return
                    if not isinstance(problem, PeerFault):
                        raise problem
                    worst = worse(worst, problem.state)
            self.directory.note_silence(peer, worst, time.monotonic())
        finally:
            await cancel(*attempts)
            if peer.due == float("inf"):
                peer.due = time.monotonic()

    async def _hear(self, peer: Peer, place: str, report: Report, latency_s: float) -> None:
        member = self.trust.members.get(fingerprint(peer.certificate))
        if member is None:
            return  # sent away while it was asked; it must not get the new key
        if peer.state != report.state:
            logger.info("%s at %s: %s", peer.name, place, report.state)
        self.directory.hear_report(peer, place, report, latency_s, time.monotonic())
        self.directory.hear_hints(report.hints)
        if member.addresses[:1] != (place,) or member.name != report.name:
            self.trust.admit(PairedMember(report.name, member.certificate, (place,)))
        if ahead(report.epoch, self.trust.charter.epoch) > 0:
            with contextlib.suppress(PeerFault):
                await self.client.tell(peer, "/charter", self.trust.charter.towards(report.epoch))

    # -------------------------------------------------------------------------------------------- strangers

    async def _greet(self, stranger: UnpairedNode) -> None:
        """Find out whether a stranger is a member that we have not met, and prove to it that we are one."""
        self.directory.postpone_greeting(stranger, time.monotonic())  # unless it turns out otherwise
        for place in stranger.addresses[:MOST_GREETED_PLACES]:
            with contextlib.suppress(PeerFault, PairingFailed, ValueError):
                if await self._introduced(place):
                    self.directory.unpaired.pop(stranger.id, None)
                    return

    async def _introduced(self, place: str) -> bool:
        certificate = await self.client.certificate_at(place)
        theirs, mine, charter = fingerprint(certificate), self.mine.fingerprint, self.trust.charter
        if theirs == mine:
            return True  # it is ourselves, under an address that we did not know
        if theirs in charter.revoked:
            return False
        if known := self.trust.members.get(theirs):
            self.trust.admit(PairedMember(known.name, certificate, (place,)))
            self.directory.keep_members(self.trust.members.values())
            return True
        if self.trust.token:
            return await self._shared(place, certificate)
        hello = Hello(self.mine.certificate, charter.proof("hello", mine, theirs), self.name, self.port)
        welcome = await self.client.ask_unpaired(place, certificate, "/hello", hello, Welcome)
        if not charter.proves(welcome.proof, "welcome", theirs, mine):
            return False
        logger.info("Met %s at %s, which has the swarm's key.", welcome.name, place)
        return self.trust.admit(PairedMember(welcome.name, certificate, (place,)))

    async def _shared(self, place: str, certificate: str) -> bool:
        """Whether whoever is there has our token, after both sides have proved it without showing anything of it."""
        key = self.trust.charter.key
        newcomer = Newcomer(TOKEN, self.mine.certificate, fingerprint(certificate), key)
        charter, host = await self._exchanged(newcomer, place, certificate)
        logger.info("Met %s at %s, which has the swarm's token.", host.name, place)
        self.trust.adopt(charter)
        return self.trust.admit(host)

    # ---------------------------------------------------------------------------------------------- joining

    async def join(self, code: str, place: str | None, found: Callable[[str], list[str]]) -> PairedMember:
        """Become a member of the swarm that the code is from. `found` tells who announces an invitation of that number.

        Raises PairingFailed where nobody has it or the code is wrong.
        """
        number, _ = split(code)
        places = [place] if place else await inviters(lambda: found(number))
        if not places:
            raise PairingFailed(
                f"No machine on this network announces that invitation. Name it: {program_name()} join CODE --peer HOST:PORT"
            )
        said: PairingFailed | None = None
        refused: set[str] = set()  # one machine may announce several places, and each try costs it a guess
        for where in places[:MOST_GREETED_PLACES]:
            certificate = ""
            try:
                async with asyncio.timeout(JOIN_S):
                    certificate = await self.client.certificate_at(where)
                    if certificate not in refused:
                        return await self._join_at(code, where, certificate)
            except PairingFailed as problem:
                refused.add(certificate)
                said = problem  # an answer, which no silence elsewhere outweighs
            except (PeerFault, ValueError, TimeoutError) as problem:
                why = str(problem) or "it took too long"
                said = said or PairingFailed(f"{where} could not be asked to let us in: {why}")
        assert said  # of one place at least
        raise said

    async def _join_at(self, code: str, place: str, certificate: str) -> PairedMember:
        newcomer = Newcomer(code, self.mine.certificate, fingerprint(certificate))
        charter, host = await self._exchanged(newcomer, place, certificate)
        self.trust.join(charter, host)
        self.directory.keep_members(self.trust.members.values())
        return self.trust.members[host.fingerprint]

    async def _exchanged(self, newcomer: Newcomer, place: str, certificate: str) -> tuple[Charter, PairedMember]:
        """Both steps with whoever holds the certificate. Raises PairingFailed and PeerFault."""
        ask = self.client.ask_unpaired
        started = await ask(place, certificate, "/join/start", newcomer.start(), JoinStartReply)
        confirmation = await asyncio.to_thread(newcomer.confirm, started, self.name, self.port)
        finished = await ask(place, certificate, "/join/finish", confirmation.message, JoinFinishReply)
        return confirmation.charter_in(finished), PairedMember(finished.name, certificate, (place,))


def worse(known: PeerState, said: str) -> PeerState:
    """Of several places that were tried the most telling outcome: a refusal says more than silence, silence more than nobody."""
    order: tuple[PeerState, ...] = ("gone", "late", "refused")
    mapped: PeerState = "late" if said == "late" else "refused" if said in ("refused", "invalid") else "gone"
    return max(known, mapped, key=order.index)


async def inviters(found: Callable[[], list[str]]) -> list[str]:
    """Where the invitation is open, as soon as somebody has announced it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(INVITERS_S):
            while not (places := found()):  # noqa: ASYNC110  looked up, not told: announcements come by the second
                await asyncio.sleep(TICK_S)
            return places
    return []
