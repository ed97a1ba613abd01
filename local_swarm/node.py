"""A `Config` in, a running node out. The one file that wires everything; it shuts down as it boots, backwards."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter

from local_swarm.api.control import control_router
from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.key import base_url, page_token, required_key
from local_swarm.api.metrics import Metrics
from local_swarm.api.middleware import host_of, is_loopback
from local_swarm.api.providers import providers_router
from local_swarm.api.server import AccessPolicy, create_app, listen, serve_app
from local_swarm.backends.base import Backend
from local_swarm.config import Config, ServerConfig
from local_swarm.confined.process import ConfinedPool
from local_swarm.daemon import note_running
from local_swarm.engines.fallback import FallbackServer, make_chain, make_servers
from local_swarm.engines.members import Crew, make_crew
from local_swarm.errors import SwarmError, UsageError
from local_swarm.events import cancel
from local_swarm.fallback.ledger import Ledger
from local_swarm.hardware.profile import Hardware
from local_swarm.launch import Launch, make_launch
from local_swarm.mcp_server.http import McpMount, mount_mcp
from local_swarm.mcp_server.local_caller import local_caller
from local_swarm.mcp_server.server import create_mcp_server
from local_swarm.mcp_server.tool_handlers import ToolHandlers
from local_swarm.memory_watch import MemoryWatch
from local_swarm.models import starter
from local_swarm.models.advice import Advisor
from local_swarm.models.planner import Plan
from local_swarm.network.service import FederationService, NoFederation, open_federation
from local_swarm.paths import home, make_folder, offline, tighten
from local_swarm.sandbox.host import Sandbox, sandbox_of
from local_swarm.status import Lifecycle, NodeStatus
from local_swarm.survey import Survey
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.vectors import Vectors
from local_swarm.swarm.worker import Worker
from local_swarm.types import Voice
from local_swarm.voting.jury import Jury
from local_swarm.voting.reliability import VoterReliability
from local_swarm.voting.settings import VoteSettings
from local_swarm.voting.similarity.embedding import Embedder

logger = logging.getLogger(__name__)


# ------------------------------------------------------------------------------------------------- parts


@dataclass(frozen=True, slots=True)
class VotingParts:
    """What all votes of a node share. `confined` works on foreign text."""

    settings: VoteSettings
    sandbox: Sandbox
    embedder: Embedder
    reliability: VoterReliability
    confined: ConfinedPool

    def own_swarm(self, name: str, workers: Sequence[Worker]) -> Swarm:
        return Swarm(
            name,
            workers,
            self.embedder,
            settings=self.settings,
            sandbox=self.sandbox,
            reliability=self.reliability,
            confined=self.confined,
        )

    def server_swarm(self, name: str, workers: Sequence[Worker]) -> Swarm:
        """One of somebody else's: no programs are run, and nothing is learned of its voters."""
        return Swarm(name, workers, self.embedder, settings=self.settings, confined=self.confined)

    async def close(self) -> None:
        self.reliability.save()
        self.embedder.close()
        await self.sandbox.close()


@dataclass(frozen=True, slots=True)
class LocalSwarm:
    """The swarm of this machine with its engines, and the servers that a fallback chain may ask."""

    launch: Launch
    crew: Crew
    swarm: Swarm
    servers: tuple[FallbackServer, ...]
    voting: VotingParts
    vectors: Vectors

    @property
    def engines(self) -> tuple[Backend, ...]:
        """All that are to be started."""
        return (*self.crew.backends, *(server.backend for server in self.servers))


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """`page` opens the page with the words of votes; None where only others could reach it."""

    url: str | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where the API is: a socket that is bound, who may call, and the token of this user's own commands."""

    socket: socket.socket
    policy: AccessPolicy
    token: str
    address: NodeAddress


@dataclass(frozen=True, slots=True)
class Node:
    """A swarm and what it runs on. `voice` is what users ask: the swarm, the federation, or a fallback chain over one of them and
    servers. `routers`: what the API has for that beside its own endpoints."""

    local: LocalSwarm
    federation: FederationService | NoFederation
    voice: Voice
    routers: tuple[APIRouter, ...]
    watch: MemoryWatch
    lifecycle: Lifecycle
    status: NodeStatus
    address: NodeAddress

    @property
    def hardware(self) -> Hardware:
        """As it was when it was last looked at."""
        return self.watch.hardware

    @property
    def plan(self) -> Plan:
        return self.local.crew.plan

    @property
    def swarm(self) -> Swarm:
        return self.local.swarm

    @property
    def backends(self) -> tuple[Backend, ...]:
        """Every engine of the swarm, the first one first."""
        return self.local.crew.backends

    @property
    def backend(self) -> Backend:
        return self.backends[0]

    @property
    def engines(self) -> tuple[Backend, ...]:
        """Those of the swarm and of its fallbacks."""
        return self.local.engines


# ---------------------------------------------------------------------------------------------- assembly


def assemble(launch: Launch) -> LocalSwarm:
    """Every part of the local swarm, nothing started. Raises UsageError."""
    config, voting = launch.config, voting_parts(launch.config)
    crew = make_crew(launch.members, config, launch.survey, voting.confined)
    swarm = voting.own_swarm(config.network.name or platform.node() or "this machine", crew.workers)
    if all(one.plan.starter for one in crew.plans.values()):
        swarm.jury.practised = starter.PRACTISED
    servers = make_servers(launch.roster.fallback, voting.server_swarm)
    vectors = Vectors(voting.embedder.with_exact_vectors(), crew.backends[0])
    return LocalSwarm(launch=launch, crew=crew, swarm=swarm, servers=servers, voting=voting, vectors=vectors)


def voting_parts(config: Config) -> VotingParts:
    vote, reliability = config.swarm, VoterReliability(home() / "reliability.json")
    reliability.load()
    return VotingParts(
        settings=VoteSettings(
            strategy=vote.consensus_strategy, coolest=vote.coolest, warmest=vote.warmest, patience_s=vote.patience_s
        ),
        sandbox=sandbox_of(vote.sandbox),
        embedder=Embedder(config.models.embedding, offline()),
        reliability=reliability,
        confined=ConfinedPool(),
    )


def connect(local: LocalSwarm, federation: FederationService | NoFederation, entrance: Entrance | None = None) -> Node:
    """The node around a local swarm, complete; nothing started."""
    voice, routers = federation.voice, []
    if local.launch.roster.fallback.providers:
        ledger = Ledger(home() / "spending.json")
        voice = chain = make_chain(local.launch.roster.fallback, local.servers, federation.voice, ledger)
        routers.append(providers_router(chain.report))
    if federation.enabled and entrance:
        routers.append(control_router(federation, entrance.token))
    lifecycle, probe = Lifecycle(), local.launch.survey.readers.hardware
    watch = MemoryWatch(local.launch.hardware, probe, local.swarm, local.crew.backends)
    servers = [server.backend for server in local.servers]
    return Node(
        local=local,
        federation=federation,
        voice=voice,
        routers=tuple(routers),
        watch=watch,
        lifecycle=lifecycle,
        status=NodeStatus(
            crew=local.crew,
            swarm=local.swarm,
            servers=servers,
            federation=federation,
            watch=watch,
            lifecycle=lifecycle,
        ),
        address=entrance.address if entrance else NodeAddress(),
    )


# --------------------------------------------------------------------------------------------------- life


@asynccontextmanager
async def run_node(config: Config, launch: Launch | None = None, serve: bool = True) -> AsyncIterator[Node]:
    """A node that answers, on HTTP too if `serve`. The port is taken first and `/health` tells of the start. Without a `launch`
    it makes one.

    Raises UsageError for a port, model or wish that cannot be had, other SwarmErrors when the engine does not come up.
    """
    async with AsyncExitStack() as stack:
        make_folder(home())
        tighten()
        entrance = stack.enter_context(open_entrance(config.server)) if serve else None
        local = assemble(launch or make_launch(config))
        await stack.enter_async_context(closing(local))
        federation = await stack.enter_async_context(federate(local)) if serve else NoFederation(local.swarm)
        node = connect(local, federation, entrance)
        if entrance:
            await stack.enter_async_context(serve_api(node, entrance))
        await stack.enter_async_context(background(local.voting.sandbox.start(), "sandbox-start"))
        await start_engines(local.engines)
        await stack.enter_async_context(background(node.watch.run(), "memory-watch"))
        try:
            yield node
        finally:
            node.lifecycle.stopping = True
            federation.stop_answering()


@asynccontextmanager
async def closing(local: LocalSwarm) -> AsyncIterator[None]:
    """Closes whatever the engines and votes have open when the context ends."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(local.voting.confined.close)
        for backend in local.engines:
            stack.push_async_callback(backend.close)
        stack.push_async_callback(local.voting.close)
        yield


def federate(local: LocalSwarm) -> AbstractAsyncContextManager[FederationService | NoFederation]:
    launch = local.launch
    return open_federation(
        launch.config,
        local.swarm,
        model=local.crew.plan.model,
        hardware=launch.hardware.line,
        folder=home() / "network",
    )


@asynccontextmanager
async def background(work: Coroutine[Any, Any, object], name: str) -> AsyncIterator[None]:
    """The work goes on while the context lasts, at most."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        await cancel(task)


async def start_engines(engines: Sequence[Backend]) -> None:
    """One that cannot be had now is said and waited for, as long as another answers.

    Raises UsageError for what never will, and what befell the first where none comes up."""
    done = await asyncio.gather(*(engine.start() for engine in engines), return_exceptions=True)
    problems = [outcome for outcome in done if isinstance(outcome, BaseException)]
    fatal = next((one for one in problems if not isinstance(one, SwarmError) or isinstance(one, UsageError)), None)
    if fatal or not any(engine.state == "ready" for engine in engines):
        raise fatal or problems[0]
    for problem in problems:
        logger.warning("%s The others go on without it.", problem)


# ---------------------------------------------------------------------------------------------------- API


@contextmanager
def open_entrance(server: ServerConfig) -> Iterator[Entrance]:
    """The API's socket, bound, before anything slow begins. Raises UsageError."""
    token = secrets.token_hex(32)
    policy = replace(access_policy(server), page=page_token(token))
    with contextlib.closing(listen(server.host, server.port)) as made:
        host, port = made.getsockname()[:2]
        near = base_url(replace(server, port=port))
        page = f"{near}/#{policy.page}" if is_loopback(host_of(near.partition("://")[2]) or "") else None
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        yield Entrance(made, policy, token, NodeAddress(url, page))


def access_policy(server: ServerConfig) -> AccessPolicy:
    """Who may call. Beyond this machine it goes by any name, and the key keeps strangers out. Raises UsageError."""
    origins = tuple(origin.strip() for origin in (server.origins or "").split(",") if origin.strip())
    return AccessPolicy(required_key(server), origins, () if is_loopback(server.host) else None)


@asynccontextmanager
async def serve_api(node: Node, entrance: Entrance) -> AsyncIterator[None]:
    """The API answers, with the tools of assistants, which ask whom the API asks."""
    log = LoggedVoice(node.voice, Metrics(node.status))
    app = create_app(log, node.status, node.local.vectors, entrance.policy, node.routers)
    mcp = McpMount(
        create_mcp_server(local_caller(tool_handlers(node, log))),
        node.local.launch.config.server.mcp,
        entrance.token,
    )
    host, port = entrance.socket.getsockname()[:2]
    with note_running(host, port, entrance.token):
        async with serve_app(app, entrance.socket), mount_mcp(app, mcp):
            yield


def tool_handlers(node: Node, voice: Voice) -> ToolHandlers:
    """A jury of their own: what it is asked about teaches it nothing of our workers. Advice looks at the machine anew."""
    local = node.local

    def counsel() -> Advisor:
        return Survey(local.launch.survey.readers).advisor(local.launch.config)

    jury = Jury(local.voting.sandbox, local.voting.embedder, confined=local.voting.confined)
    return ToolHandlers(voice, node.status, local.vectors, jury, counsel)
