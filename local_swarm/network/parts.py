"""Settings and a swarm in, the parts of a federation out, each made from those before it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_swarm.config import Config
from local_swarm.network.discovery.announcement import Announcement
from local_swarm.network.discovery.announcer import Announcer, OwnAnnouncement
from local_swarm.network.discovery.broadcast import Broadcast
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.doctor import Doctor
from local_swarm.network.discovery.lan import LanInterfaces, absent
from local_swarm.network.discovery.mdns import Discovery
from local_swarm.network.federation.availability import Reporter
from local_swarm.network.federation.client import Client, open_client
from local_swarm.network.federation.federation import Federation, WaitPolicy
from local_swarm.network.federation.peer_reliability import PeerReliabilities, voter_key
from local_swarm.network.federation.peer_server import PeerServer, open_peer_server
from local_swarm.network.membership import Membership
from local_swarm.network.protocol import plain
from local_swarm.network.server_sockets import ServerSockets
from local_swarm.network.trust.identity import Identity, load_identity
from local_swarm.network.trust.introductions import Introductions
from local_swarm.network.trust.pairing import Invitations
from local_swarm.network.trust.store import TrustStore, open_trust
from local_swarm.network.trust.tls import ServerContexts
from local_swarm.swarm.manager import Swarm

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalFacts:
    """What a federation is told of this node: its model, a line about its hardware, and its folder."""

    model: str | None
    hardware: str
    folder: Path


@dataclass(frozen=True, slots=True)
class SharedParts:
    """What the other parts share.

    `sockets` are those of our server, bound. `changed` is set when members or invitations change."""

    name: str
    mine: Identity
    trust: TrustStore
    invitations: Invitations
    directory: Directory
    client: Client
    interfaces: LanInterfaces
    sockets: ServerSockets
    changed: asyncio.Event

    @property
    def port(self) -> int:
        return self.sockets.port


async def open_shared_parts(stack: AsyncExitStack, config: Config, name: str, folder: Path) -> SharedParts:
    """Raises UsageError."""
    network, mine = config.network, load_identity(folder)
    trust = open_trust(folder, network.auth_token, network.insecure_lan, mine.fingerprint)
    interfaces = await open_interfaces(network.interfaces or ())
    sockets = stack.enter_context(ServerSockets(network.federation_port, interfaces.listening))
    return SharedParts(
        name=name,
        mine=mine,
        trust=trust,
        invitations=Invitations(trust, mine.fingerprint, name),
        directory=Directory(mine.id, name, run=secrets.token_hex(4)),
        client=await stack.enter_async_context(open_client(mine, sockets.port)),
        interfaces=interfaces,
        sockets=sockets,
        changed=asyncio.Event(),
    )


async def open_interfaces(wanted: tuple[str, ...]) -> LanInterfaces:
    """The interfaces as they are now; of those that are wanted and not here the user is told."""
    interfaces = LanInterfaces(wanted)
    found = await interfaces.refresh()
    if missing := absent(found, wanted):
        here = ", ".join(one.name for one in found)
        logger.warning(
            "network.interfaces names what is not here: %s. Here are: %s. Other machines can use it once it appears.",
            ", ".join(missing),
            here,
        )
    return interfaces


def make_federation(
    stack: AsyncExitStack, config: Config, swarm: Swarm, shared: SharedParts, facts: LocalFacts
) -> Federation:
    key = partial(voter_key, shared.directory, facts.model)
    reliabilities = PeerReliabilities(key, facts.folder / "merits.json")
    stack.callback(reliabilities.save)
    return Federation(
        own=swarm,
        jury=swarm.jury,
        settings=swarm.settings,
        healthy=lambda: swarm.health.healthy,
        directory=shared.directory,
        client=shared.client,
        reliabilities=reliabilities,
        policy=wait_policy_of(config),
        model=facts.model,
    )


async def start_server(
    stack: AsyncExitStack, shared: SharedParts, swarm: Swarm, reporter: Reporter, refused: Counter[str]
) -> None:
    server = PeerServer(
        mine=shared.mine,
        trust=shared.trust,
        invitations=shared.invitations,
        directory=shared.directory,
        voice=swarm,
        availability=reporter.availability,
        reporter=reporter,
        changed=shared.changed,
        counts=refused,
    )
    contexts = ServerContexts(shared.mine, shared.trust)
    await stack.enter_async_context(open_peer_server(server, shared.sockets, contexts.current))


async def start_discovery(
    stack: AsyncExitStack,
    config: Config,
    shared: SharedParts,
    announcement: OwnAnnouncement,
    refused: Mapping[str, int],
) -> Doctor:
    """The doctor sees what discovery sees."""
    network, method = config.network, config.federation.discovery.method
    mdns = await stack.enter_async_context(Discovery(shared.directory, time.monotonic))
    beacon = Broadcast(
        shared.directory, network.discovery_port, time.monotonic, lambda: announcement.current().beacon()
    )
    broadcast = await stack.enter_async_context(beacon)
    announcer = Announcer(
        announcement=announcement,
        interfaces=shared.interfaces,
        sockets=shared.sockets,
        directory=shared.directory,
        mdns=mdns,
        broadcast=broadcast,
        method=method,
        broadcast_s=network.advertise_interval_s,
        changed=shared.changed,
    )
    await stack.enter_async_context(announcer.run())
    return Doctor(
        network=network,
        method=method,
        sockets=shared.sockets,
        interfaces=shared.interfaces,
        mdns=mdns,
        broadcast=broadcast,
        trust=shared.trust,
        directory=shared.directory,
        counts=refused,
    )


def own_announcement(shared: SharedParts, workers: int, facts: LocalFacts) -> OwnAnnouncement:
    fixed = Announcement(
        id=shared.mine.id,
        name=plain(shared.name, 40),
        port=shared.port,
        addresses=(),
        swarm="",
        run=shared.directory.run,
        workers=workers,
        model=plain(facts.model or "", 40),
        hardware=facts.hardware,
    )
    return OwnAnnouncement(fixed, shared.trust, shared.invitations, shared.interfaces)


def membership_of(shared: SharedParts, introductions: Introductions, usual_port: int) -> Membership:
    return Membership(
        trust=shared.trust,
        invitations=shared.invitations,
        directory=shared.directory,
        client=shared.client,
        introductions=introductions,
        interfaces=shared.interfaces,
        port=shared.port,
        usual_port=usual_port,
        changed=shared.changed,
    )


def wait_policy_of(config: Config) -> WaitPolicy:
    federation, times = config.federation, config.federation.communication
    return WaitPolicy(
        across=federation.consensus.strategy,
        route=federation.route,
        fewest_peers=federation.consensus.min_peers,
        most_peers=config.network.max_peers if federation.enabled else 0,
        silence_s=times.silence_s,
        grace_s=times.grace_s,
        timeout_s=times.deadline_s,
    )
