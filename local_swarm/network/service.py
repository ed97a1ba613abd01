"""A swarm and the configuration in, a running federation out: it starts the parts and stops them in reverse order."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from local_swarm.config import Config
from local_swarm.network.discovery.announcer import OwnAnnouncement
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.doctor import Doctor
from local_swarm.network.discovery.lan import peer_address
from local_swarm.network.discovery.peer_prober import PeerProber
from local_swarm.network.federation.availability import Availability, Reporter
from local_swarm.network.federation.federation import Federation
from local_swarm.network.membership import Membership
from local_swarm.network.metrics import FederationMetrics
from local_swarm.network.parts import (
    LocalFacts,
    make_federation,
    membership_of,
    open_shared_parts,
    own_announcement,
    start_discovery,
    start_server,
)
from local_swarm.network.protocol import plain
from local_swarm.network.trust.identity import Identity
from local_swarm.network.trust.introductions import Introductions
from local_swarm.network.trust.store import TrustStore
from local_swarm.swarm.manager import Swarm
from local_swarm.types import Voice

INSECURE = (
    "--insecure-lan: ANY machine on this network that has it too becomes a member and reads what is asked. "
    "For labs only."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FederationService:
    """The parts of a running federation."""

    enabled: ClassVar[Literal[True]] = True

    name: str
    port: int
    mine: Identity
    trust: TrustStore
    directory: Directory
    federation: Federation
    reporter: Reporter
    announcement: OwnAnnouncement
    membership: Membership
    doctor: Doctor
    metrics: FederationMetrics

    @property
    def voice(self) -> Voice:
        """What users ask: our own swarm together with its peers."""
        return self.federation

    @property
    def can_answer(self) -> bool:
        """Whether a peer could answer now, even if our own swarm cannot."""
        return bool(self.directory.askable(1))

    def peers(self) -> list[dict[str, Any]]:
        return self.membership.members()

    def stop_answering(self) -> None:
        """Tell peers `stopping` from now on."""
        self.reporter.availability.stopping = True


class NoFederation:
    """In place of a `FederationService` on a node that runs alone: it does nothing and knows nobody."""

    enabled: ClassVar[Literal[False]] = False

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


@asynccontextmanager
async def open_federation(
    config: Config, swarm: Swarm, model: str | None, hardware: str, folder: Path
) -> AsyncIterator[FederationService | NoFederation]:
    """The node's part that talks to other machines, at work while the context lasts.

    Enter it before the API and the engine start: peers are then told `starting`. What it yields is complete.
    `config.network.enabled` false yields a `NoFederation`. `folder` keeps the identity, the members and what is
    learned of them. Raises UsageError for a port, token or address that cannot be used."""
    if not config.network.enabled:
        yield NoFederation(swarm)
        return
    if config.network.insecure_lan:
        logger.warning("%s", INSECURE)
    async with AsyncExitStack() as stack:
        yield await start_federation(stack, config, swarm, LocalFacts(model, plain(hardware, 40), folder))


async def start_federation(stack: AsyncExitStack, config: Config, swarm: Swarm, facts: LocalFacts) -> FederationService:
    """Everything that must stop again is entered into `stack`."""
    shared = await open_shared_parts(stack, config, swarm.name, facts.folder)
    federation = make_federation(stack, config, swarm, shared, facts)
    reporter = Reporter(
        shared.name, facts.model, Availability(swarm, federation, config.federation), shared.trust, shared.directory
    )
    refused: Counter[str] = Counter()
    await start_server(stack, shared, swarm, reporter, refused)
    announcement = own_announcement(shared, len(swarm.workers), facts)
    introductions = Introductions(shared.mine, shared.trust, shared.client, name=shared.name, port=shared.port)
    doctor = await start_discovery(stack, config, shared, announcement, refused)
    for address in config.network.peers or ():
        shared.directory.add_static(peer_address(address, config.network.federation_port))
    prober = PeerProber(shared.trust, shared.directory, shared.client, introductions)
    await stack.enter_async_context(prober.run())
    return FederationService(
        name=shared.name,
        port=shared.port,
        mine=shared.mine,
        trust=shared.trust,
        directory=shared.directory,
        federation=federation,
        reporter=reporter,
        announcement=announcement,
        membership=membership_of(shared, introductions, config.network.federation_port),
        doctor=doctor,
        metrics=FederationMetrics(refused, federation, shared.directory),
    )
