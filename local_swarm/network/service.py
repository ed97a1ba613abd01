"""A swarm and the configuration in, its place among other machines out: found, trusted, asked, and asking."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import platform
import secrets
import socket
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from local_swarm.config import Config
from local_swarm.errors import PairingFailed, WrongUse
from local_swarm.events import cancel
from local_swarm.network.discovery import lan
from local_swarm.network.discovery.announcement import ID_CHARACTERS, Announcement
from local_swarm.network.discovery.broadcast import Broadcast
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.doctor import Finding, NetworkFacts, diagnosis
from local_swarm.network.discovery.lan import Interface
from local_swarm.network.discovery.mdns import Discovery
from local_swarm.network.discovery.peer_prober import PeerProber
from local_swarm.network.federation import peer_server
from local_swarm.network.federation.availability import Availability
from local_swarm.network.federation.client import Client
from local_swarm.network.federation.federation import Federation, WaitPolicy
from local_swarm.network.federation.peer_reliability import PeerReliabilities
from local_swarm.network.protocol import Report, plain
from local_swarm.network.trust import tls
from local_swarm.network.trust.identity import load_identity
from local_swarm.network.trust.pairing import LIFE_S, Invitations
from local_swarm.network.trust.store import PairedMember, open_trust
from local_swarm.swarm.manager import Swarm
from local_swarm.types import Voice

FOLLOW_S = 2.0  # between looks at the interfaces
EAGER = 3  # looks after the start in which we broadcast each time
SLEPT_S = 5.0  # a jump of the clock by more than this means that the machine slept
BACKLOG = 64
INSECURE = "--insecure-lan: ANY machine on this network that has it too becomes a member and reads what is asked. For labs only."

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_federation(
    config: Config, swarm: Swarm, model: str | None, hardware: str, folder: Path
) -> AsyncIterator[FederationService | NoFederation]:
    """The node's part that talks to other machines, at work while the context lasts.

    Enter it before the API and the engine start: peers are then told `starting`. What it yields is complete.
    `config.network.enabled` false yields a `NoFederation`. `folder` keeps the identity, the members and what is learned of
    them. Raises WrongUse for a port, token or address that cannot be used."""
    if not config.network.enabled:
        yield NoFederation(swarm)
        return
    async with FederationService(config, swarm, model, hardware, folder).started() as service:
        yield service


class NoFederation:
    """In place of a `FederationService` on a node that runs alone: it does nothing and knows nobody."""

    enabled: Literal[False] = False

    def __init__(self, voice: Voice) -> None:
        """`voice` is the node's own swarm."""
        self.voice = voice

    def peers(self) -> list[dict[str, Any]]:
        return []

    @property
    def can_answer(self) -> bool:
        return False

    def stop_answering(self) -> None:
        pass


class FederationService:
    """Everything about other machines, in one place. `federation` is the voice that asks them along."""

    enabled: Literal[True] = True

    @property
    def voice(self) -> Voice:
        """What users ask: our own swarm together with its peers."""
        return self.federation

    @property
    def can_answer(self) -> bool:
        """Whether a peer could answer now, even if our own swarm cannot."""
        return bool(self.directory.askable(1))

    def stop_answering(self) -> None:
        """Tell peers `stopping` from now on."""
        self.condition.stopping = True

    def __init__(self, config: Config, swarm: Swarm, model: str | None, hardware: str, folder: Path) -> None:
        network = config.network
        self._config, self._swarm, self._hardware = config, swarm, plain(hardware, 40)
        self._insecure = network.insecure_lan
        self.name = swarm.name
        self.run = secrets.token_hex(4)
        self.mine = load_identity(folder)
        self.trust = open_trust(folder, network.auth_token, self._insecure, self.mine.fingerprint)
        self.directory = Directory(self.mine.id, self.name, run=self.run)
        self.invitations = Invitations(self.trust, self.mine.fingerprint, self.name)
        self.client = Client(self.mine)
        self.merits = PeerReliabilities(self._remembered_as, folder / "merits.json")
        self.federation = Federation(
            own=swarm,
            jury=swarm.jury,
            settings=swarm.settings,
            healthy=lambda: swarm.health.healthy,
            directory=self.directory,
            client=self.client,
            merits=self.merits,
            rules=rules_of(config),
            model=model,
        )
        self.condition = Availability(swarm, self.federation, config.federation)
        self.counts: Counter[str] = Counter()
        self.model = model
        self.port = config.network.federation_port
        self.interfaces: list[Interface] = []
        self._context: tuple[int, ssl.SSLContext] | None = None
        self._changed = asyncio.Event()
        self._neighbours: PeerProber | None = None
        self._discovery: Discovery | None = None
        self._broadcast: Broadcast | None = None

    def _remembered_as(self, name: str) -> str:
        peer = next((peer for peer in self.directory.peers.values() if peer.name == name), None)
        if peer is None:
            return f"{self.mine.id} {self.model}"
        return f"{peer.id} {peer.report.model if peer.report else None}"

    # ------------------------------------------------------------------------------------------------- start

    @asynccontextmanager
    async def started(self) -> AsyncIterator[FederationService]:
        """The door is open and others are looked for while the context lasts."""
        if self._insecure:
            logger.warning("%s", INSECURE)
        async with AsyncExitStack() as stack:
            sockets = self._listen()
            for made in sockets:
                stack.callback(made.close)
            self.client.port = self.port
            await stack.enter_async_context(self.client)
            self._open_door = peer_server.PeerServer(
                self.mine,
                self.trust,
                self.invitations,
                self._swarm,
                self.report,
                self._declines,
                self._changed.set,
                self._seen,
                self.counts,
            )
            await stack.enter_async_context(peer_server.open_peer_server(self._open_door, sockets, self._tls))
            self._neighbours = PeerProber(self.mine, self.trust, self.directory, self.client, self.name, self.port)
            self._discovery = await stack.enter_async_context(Discovery(self.directory, time.monotonic))
            self._broadcast = await stack.enter_async_context(self._broadcasting())
            for place in listed(self._config.network.peers):
                self.directory.add_static(place_of(place, self._config.network.federation_port))
            await stack.enter_async_context(self._neighbours.watched())
            following = asyncio.create_task(self._follow(), name="follow-interfaces")
            stack.push_async_callback(cancel, following)
            try:
                yield self
            finally:
                self.merits.save()

    def _seen(self, member: PairedMember, place: str) -> None:
        self.directory.hear_contact(member.id, place, time.monotonic())

    def _broadcasting(self) -> Broadcast:
        return Broadcast(
            self.directory, self._config.network.discovery_port, time.monotonic, lambda: self.announcement().beacon()
        )

    def _listen(self) -> list[socket.socket]:
        """IPv6 and IPv4 where there are both. Raises WrongUse where not even another port can be had."""
        try:
            made = listening(self.port)
        except OSError as problem:
            if problem.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise WrongUse(f"Port {self.port} for other machines cannot be used: {problem.strerror}.") from problem
            made = listening(0)
            logger.info("Port %d for other machines is in use; taking another one.", self.port)
        self.port = made.getsockname()[1]
        return [made]

    def _tls(self) -> ssl.SSLContext:
        """For the next connection: made anew when members came or went."""
        if self._context is None or self._context[0] != self.trust.changes:
            members = [member.certificate for member in self.trust.members.values()]
            self._context = (self.trust.changes, tls.for_server(self.mine, members))
        return self._context[1]

    async def _follow(self) -> None:
        """Be found on whatever network there is now."""
        network, method, looks, sent = self._config.network, self._config.federation.discovery.method, 0, 0.0
        apart = time.time() - time.monotonic()
        assert self._discovery and self._broadcast
        while True:
            woke = abs(time.time() - time.monotonic() - apart) > SLEPT_S
            apart = time.time() - time.monotonic()
            found = await asyncio.to_thread(lan.probe)
            self.interfaces = lan.select_interfaces(found, listed(network.interfaces))
            mine = self.announcement()
            if method in ("auto", "mdns"):
                await self._discovery.follow(lan.multicast_addresses(self.interfaces), mine, woke)
            now = time.monotonic()
            if method in ("auto", "broadcast") and (
                looks < EAGER or woke or now - sent >= network.advertise_interval_s
            ):
                sent = now
                self._broadcast.send(mine.beacon(), [b for one in self.interfaces for b in one.broadcasts])
            if woke:
                for peer in self.directory.peers.values():
                    peer.due = now
            looks += 1
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), FOLLOW_S)

    # -------------------------------------------------------------------------------------------------- told

    def announcement(self) -> Announcement:
        addresses = tuple(lan.announced_addresses(self.interfaces))
        return Announcement(
            self.mine.id,
            plain(self.name, 40),
            self.port,
            addresses,
            self.trust.tag,
            self.run,
            workers=len(self._swarm.workers),
            model=plain(self.model or "", 40),
            hardware=self._hardware,
            invitation=self.invitations.number,
        )

    def report(self) -> Report:
        now = self.condition.state()
        return Report(
            self.name,
            model=self.model,
            workers=self._swarm.health.healthy,
            state=now,
            requests=self._open_door.asked,
            latency_s=self.condition.latency_s,
            epoch=self.trust.charter.epoch,
            clock=time.time(),
            hints=self.directory.hints(),
        )

    def _declines(self, deadline_s: float) -> str | None:
        return self.condition.refusal(self._open_door.asked, deadline_s)

    # ------------------------------------------------------------------------------------------------ control

    def peers(self) -> list[dict[str, Any]]:
        """Members first, then machines that were seen and do not belong to this swarm."""
        members = [
            {
                "name": peer.name,
                "address": peer.address,
                "state": peer.state,
                "model": peer.report.model if peer.report else None,
                "workers": peer.workers if peer.report else None,
                "latency_ms": round(peer.latency_s * 1000, 1) if peer.latency_s is not None else None,
            }
            for peer in sorted(self.directory.peers.values(), key=lambda peer: peer.name)
        ]
        strangers = [
            {
                "name": one.name,
                "address": one.addresses[0],
                "state": "stranger",
                "model": None,
                "workers": None,
                "latency_ms": None,
            }
            for one in self.directory.unpaired.values()
            if not one.static and one.swarm != "hint"
        ]
        return members + strangers[:16]

    def invite(self) -> dict[str, Any]:
        if self.trust.fixed:
            raise WrongUse(
                "This swarm's key comes from the configuration: give the other machine the same, not a code."
            )
        made = self.invitations.invite()
        self._changed.set()
        places = [lan.address_of(address, self.port) for address in lan.announced_addresses(self.interfaces)[:1]]
        return {"code": made.code, "expires_in_s": int(LIFE_S), "peer": places[0] if places else None}

    async def join(self, code: str, place: str | None, sure: bool) -> dict[str, Any]:
        """Raises PairingFailed, and WrongUse where this would leave a swarm that has other members."""
        if self.trust.fixed:
            raise WrongUse(
                "This swarm's key comes from the configuration; joining another one takes removing it there."
            )
        others = [member.name for member in self.trust.members.values()]
        if others and not sure:
            raise WrongUse(
                f"This machine is in a swarm with {', '.join(others)}. To leave it for the other one, add --yes."
            )
        assert self._neighbours
        try:
            where = place_of(place, self._config.network.federation_port) if place else None
        except WrongUse as problem:
            raise PairingFailed(problem.message) from problem
        host = await self._neighbours.join(code, where, self._inviters)
        self._changed.set()
        return {"joined": host.name, "address": host.addresses[0] if host.addresses else None}

    def _inviters(self, number: str) -> list[str]:
        return [
            place for one in self.directory.unpaired.values() if one.invitation == number for place in one.addresses
        ]

    def forget(self, name: str) -> dict[str, Any]:
        """Send a member away, here and, by way of a new key, everywhere. Raises WrongUse for a name that nobody has."""
        known = {peer.name: peer.id for peer in self.directory.peers.values()}
        member = self.trust.by_id(known[name]) if name in known else self._by_words(name)
        if member is None:
            raise WrongUse(f"There is no member {name!r}. There are: {', '.join(sorted(known)) or 'none'}.")
        self.trust.forget(member)
        self.client.forget(member.certificate)
        self.directory.keep_members(self.trust.members.values())
        for peer in self.directory.peers.values():
            peer.due = time.monotonic()
        self._changed.set()
        return {"forgotten": member.name}

    def _by_words(self, name: str) -> PairedMember | None:
        """By a piece of the fingerprint, for members with the same name."""
        long_enough = len(name) >= 6 and all(letter in "0123456789abcdef" for letter in name)
        return self.trust.by_id(name[:ID_CHARACTERS]) if long_enough else None

    async def doctor(self) -> list[Finding]:
        found = await asyncio.to_thread(lan.probe)
        chosen = lan.select_interfaces(found, listed(self._config.network.interfaces))
        assert self._discovery and self._broadcast
        facts = NetworkFacts(
            self._config.network,
            self._config.federation.discovery.method,
            self._config.network.federation_port,
            self.port,
            tuple(found),
            tuple(chosen),
            platform.release(),
            self._discovery.problem,
            self._broadcast.problem,
            self.trust.tag,
            tuple(self.directory.peers.values()),
            tuple(self.directory.unpaired.values()),
            self.directory.duplicates,
            time.time(),
            dict(self.counts),
        )
        return diagnosis(facts)

    def metrics(self) -> dict[str, int]:
        """Counts since the start: what strangers tried, and what became of requests to peers."""
        return {
            **self.counts,
            **{f"federation_{name}": count for name, count in self.federation.counts.items()},
            "strangers_announced": self.directory.unpaired_seen,
            "announcements_left_out": self.directory.left_out,
            "peers_ok": sum(peer.state == "ok" for peer in self.directory.peers.values()),
        }


def rules_of(config: Config) -> WaitPolicy:
    federation, times = config.federation, config.federation.communication
    return WaitPolicy(
        across=federation.consensus.strategy,
        route=federation.route,
        fewest=federation.consensus.min_peers,
        most=config.network.max_peers if federation.enabled else 0,
        silence_s=times.silence_s,
        grace_s=times.grace_s,
        timeout_s=times.deadline_s,
    )


def listening(port: int) -> socket.socket:
    """Raises OSError."""
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return socket.create_server(("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
    return socket.create_server(("", port), backlog=BACKLOG)


def listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def place_of(text: str, port: int) -> str:
    """`host` or `host:port` as `host:port`. Raises WrongUse."""
    try:
        return lan.address_of(*lan.host_and_port(text, port))
    except ValueError as problem:
        raise WrongUse(
            f"{text!r} is no address of a machine. Write host:port, such as 192.168.1.20:{port}."
        ) from problem
