"""A `Config` in, a running node out. The one file that wires everything; it shuts down as it boots, backwards."""

from __future__ import annotations

import asyncio
import logging
import platform
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from typing import Any

from fastapi import APIRouter

from local_swarm.api.control import control
from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.key import CONTROL_FILE, base_url, page_token, required_key
from local_swarm.api.metrics import Metrics
from local_swarm.api.middleware import host_of, is_loopback
from local_swarm.api.providers import providers_router
from local_swarm.api.server import AccessPolicy, create_app, listen, serve_app
from local_swarm.api.status import EngineStatus, Status, WorkerStatus
from local_swarm.backends.base import Backend
from local_swarm.backends.openai_compatible.backend import OpenAICompatible
from local_swarm.backends.openai_compatible.managed_server import PROGRAM, ManagedLlamaServer
from local_swarm.backends.process.backend import ProcessBackend
from local_swarm.backends.process.lifecycle import Description
from local_swarm.backends.process.messages import Load
from local_swarm.backends.process.process_status import resident_bytes
from local_swarm.config import Config, ServerConfig
from local_swarm.confined.process import Confined, ConfinedPool
from local_swarm.engines import adapters_of, chain_of, crew, installed, most_memory, roster_of
from local_swarm.environment.venv import engine_for_graphics
from local_swarm.errors import DoesNotFit, SwarmError, WrongUse
from local_swarm.events import cancel
from local_swarm.fallback.chain import Chain
from local_swarm.fallback.ledger import Ledger
from local_swarm.hardware import memory
from local_swarm.hardware.detector import detect
from local_swarm.hardware.profile import Hardware
from local_swarm.mcp_server.http import McpMount, mount_mcp
from local_swarm.mcp_server.local_caller import local_caller
from local_swarm.mcp_server.server import create_mcp_server
from local_swarm.mcp_server.tool_handlers import ToolHandlers
from local_swarm.models import starter
from local_swarm.models.advice import Advisor, advisor
from local_swarm.models.gguf import Header, read_header
from local_swarm.models.planner import SMALLEST_CONTEXT, Plan
from local_swarm.network.service import FederationService, open_federation
from local_swarm.paths import PRIVATE, checkout, home, keep, make_folder, offline, tighten
from local_swarm.roster import Member
from local_swarm.sandbox.host import sandbox_of
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.pressure import pressure
from local_swarm.swarm.vectors import Vectors
from local_swarm.swarm.worker import Worker
from local_swarm.types import Voice
from local_swarm.voting.jury import Jury
from local_swarm.voting.reliability import VoterReliability
from local_swarm.voting.settings import VoteSettings
from local_swarm.voting.similarity.embedding import Embedder

ALL_LAYERS = 999
WATCH_S = 2.0  # between looks at the memory that is left
CARDS_S = 20.0  # between looks at graphics cards

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Node:
    """A swarm and what it runs on. `voice` is what users ask: the swarm, the federation, or a fallback chain over one of them and
    `servers`. `mixed`: made from a roster. `stopping` is told by `/health` while answers in the works finish."""

    hardware: Hardware
    plan: Plan
    swarm: Swarm
    backend: ProcessBackend | OpenAICompatible
    vectors: Vectors
    voice: Voice
    servers: tuple[Backend, ...] = ()
    mixed: bool = False
    presence: FederationService | None = None
    url: str | None = None
    page: str | None = None
    stopping: bool = field(default=False)

    @property
    def backends(self) -> tuple[Backend, ...]:
        """Every engine of the swarm, the first one first."""
        return tuple(dict.fromkeys(worker.backend for worker in self.swarm.workers))

    def status(self) -> Status:
        health = self.swarm.health
        facts = self.backend.facts
        return Status(
            self._health(health.status),
            health.healthy,
            health.total,
            self.plan.model,
            facts.context if facts else self.plan.context,
            starter.NOTE if self.plan.starter else None,
            facts.answer_tokens if facts else self.plan.answer_tokens,
            bool(facts and facts.thinks),
            tuple(engine_status(one, self.plan.cells) for one in self.backends),
            tuple(map(worker_status, self.swarm.workers)),
            tuple(self.presence.peers()) if self.presence else (),
            self._machine(),
        )

    def _health(self, own: str) -> str:
        """That of the own swarm, unless it cannot answer and others would."""
        if self.stopping:
            return "stopping"
        others = bool(self.presence and self.presence.directory.askable(1)) or any(
            one.state == "ready" for one in self.servers
        )
        return "degraded" if own in ("failed", "busy") and others else own

    def _machine(self) -> dict[str, Any]:
        told = {"memory": asdict(memory.probe()), "accelerators": [asdict(one) for one in self.hardware.accelerators]}
        return {"line": self.hardware.line, **told}


def engine_status(backend: Backend, cells: int) -> EngineStatus:
    """`cells`: what the plan gives an engine that counts them."""
    facts, beat = backend.facts, backend.beat
    if not facts:
        return EngineStatus("unknown", "unknown", backend.state)
    made = EngineStatus(
        facts.engine,
        facts.model,
        backend.state,
        cells=cells if beat else None,
        context=facts.context,
        answer_tokens=facts.answer_tokens,
        parameters=facts.parameters,
        memory_bytes=resident_bytes(backend.pid),
    )
    if beat:
        per_step = beat.generated / beat.steps if beat.steps else None
        made = replace(made, steps=beat.steps, requests=beat.jobs, cells_used=beat.cells_used, batch_size=per_step)
    return made


def worker_status(worker: Worker) -> WorkerStatus:
    facts = worker.backend.facts
    return WorkerStatus(
        worker.name,
        facts.engine if facts else "unknown",
        worker.healthy,
        worker.busy,
        worker.requests,
        worker.failures,
        worker.average_latency_s,
        worker.tokens_per_s,
        worker.tokens,
    )


def planned(config: Config, at_most: int | None = None) -> tuple[Hardware, Header, Plan]:
    """What would run: the machine, the model, the plan. Loads nothing. Raises WrongUse."""
    hardware = detect()
    what = advisor(config, hardware, at_most, engine_for_graphics(checkout())).what_runs(config.models.model)
    return hardware, read_header(what.path), what


def load_of(what: Plan, config: Config) -> Load:
    """What the engine's process is told of a plan."""
    layers = config.hardware.gpu_layers
    return Load(
        str(what.path),
        what.context,
        what.answer_tokens,
        what.cells,
        what.sequences,
        what.threads,
        kv_type=what.kv_type,
        gpu_layers=(ALL_LAYERS if layers is None else layers) if what.gpu else 0,
        main_gpu=config.hardware.main_gpu,
        tensor_split=split(config.hardware.tensor_split),
        host_cache_bytes=what.shelf_bytes,
        workers=what.workers,
        tuning=str(home() / "tuning.json"),
        memory_bytes=most_memory(what.memory, what.shelf_bytes),
    )


def split(shares: str | None) -> list[float]:
    """Raises WrongUse."""
    try:
        return [float(share) for share in shares.split(",")] if shares else []
    except ValueError as problem:
        raise WrongUse(f"hardware.tensor_split must be numbers like '3,1', not {shares!r}.") from problem


def gguf_engine(
    config: Config, confined: Confined, member: Member | None = None, at_most: int | None = None
) -> tuple[ProcessBackend | ManagedLlamaServer, Plan]:
    """A llama.cpp engine for the configured model and its plan, with a member's adapters. Raises WrongUse."""
    _, header, what = planned(config, at_most)
    if program := own_server(config.models.engine):
        if member and member.adapters:
            raise WrongUse(f"Adapters need llama-cpp-python, which is not used here: {PROGRAM} runs {what.model}.")
        return ManagedLlamaServer(program, load_of(what, config), what.model), replace(what, engine=PROGRAM)
    description = Description(
        what.model, what.architecture, header.chat_template, header.metadata.get("general.description"), what.starter
    )
    load = replace(load_of(what, config), adapters=adapters_of(member) if member else [])
    return ProcessBackend(load, description, confined=confined), what


def own_server(wish: str) -> str | None:
    """The path of llama.cpp's own server where that is to be used: as wished, or because the bindings are not installed.

    Raises WrongUse where neither is here, or not what is wished for."""
    if wish != PROGRAM and find_spec("llama_cpp"):
        return None
    path = shutil.which(PROGRAM)
    if path is None and wish == PROGRAM:
        raise WrongUse(f"There is no {PROGRAM} here. In Termux: pkg install llama-cpp")
    if path is None:
        installed("llamacpp")
    return path


def assembled(config: Config, at_most: int | None = None) -> Node:
    """Every part in its place, nothing started. `at_most` bounds the context where the config leaves it free."""
    roster, hardware, confined = roster_of(config), detect(), ConfinedPool()
    if roster and roster.members:
        made = crew(roster.members, config, hardware, gguf_engine, confined)
        workers, what = list(made.workers), made.plan
    else:
        backend, what = gguf_engine(config, confined, None, at_most)
        workers = [Worker(f"w{number}", number, backend) for number in range(1, what.workers + 1)]
    swarm = swarm_of(config, workers, confined)
    first = workers[0].backend
    assert isinstance(first, ProcessBackend | OpenAICompatible)
    vectors = Vectors(swarm.embedder.publishing(), first)
    node = Node(hardware, what, swarm, first, vectors, swarm, mixed=roster is not None)
    if roster and roster.fallback.providers:
        ledger = Ledger(home() / "spending.json")
        node.voice, servers = chain_of(roster, swarm, swarm.embedder, swarm.settings, ledger)
        node.servers = tuple(servers)
    return node


def swarm_of(config: Config, workers: list[Worker], confined: Confined) -> Swarm:
    vote = config.swarm
    habits = VoteSettings(vote.consensus_strategy, vote.coolest, vote.warmest, vote.patience_s)
    reliability = VoterReliability(home() / "reliability.json")
    reliability.load()
    embedder = Embedder(config.models.embedding, offline())
    name = config.network.name or platform.node() or "this machine"
    return Swarm(name, workers, embedder, habits, sandbox_of(vote.sandbox), reliability, confined)


def door(server: ServerConfig) -> AccessPolicy:
    """Who may call. Beyond this machine it goes by any name, and the key keeps strangers out. Raises WrongUse."""
    origins = tuple(origin.strip() for origin in (server.origins or "").split(",") if origin.strip())
    return AccessPolicy(required_key(server), origins, () if is_loopback(server.host) else None)


@asynccontextmanager
async def running(config: Config, serve: bool = True) -> AsyncIterator[Node]:
    """A node that answers, on HTTP too if `serve`. The port is taken first and `/health` tells of the start.

    Raises WrongUse for a port, model or wish that cannot be had, other SwarmErrors when the engine does not come up.
    """
    async with AsyncExitStack() as stack:
        make_folder(home())
        tighten()
        token = secrets.token_hex(32)
        entrance = replace(door(config.server), page=page_token(token))
        made = listen(config.server.host, config.server.port) if serve else None
        if made:
            stack.callback(made.close)
        node = assembled(config)
        stack.push_async_callback(node.swarm.jury.confined.close)
        for backend in (*node.backends, *node.servers):
            stack.push_async_callback(backend.close)
        stack.push_async_callback(node.swarm.jury.close)
        stack.callback(node.vectors.embedder.close)
        if made:
            opened = open_federation(config, node.swarm, node.plan.model, node.hardware.line, home() / "network")
            federation = await stack.enter_async_context(opened)
            node.presence = federation if federation.enabled else None
            host, port = made.getsockname()[:2]
            node.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            keep(home() / CONTROL_FILE, token, PRIVATE)
            address = base_url(replace(config.server, port=port))
            node.page = (
                f"{address}/#{entrance.page}" if is_loopback(host_of(address.partition("://")[2]) or "") else None
            )
            log = LoggedVoice(voice_of(node), Metrics(node.status))
            app = create_app(log, node.status, node.vectors, entrance, routers_of(node, token))
            await stack.enter_async_context(serve_app(app, made))
            await stack.enter_async_context(mount_mcp(app, tools(node, config, log, token)))
        warming = asyncio.create_task(node.swarm.jury.sandbox.start(), name="sandbox-start")
        stack.callback(warming.cancel)
        await start(node, config)
        watching = asyncio.create_task(watch_memory(node), name="memory-watch")
        try:
            yield node
        finally:
            node.stopping = True
            if node.presence:
                node.presence.stop_answering()
            await cancel(watching)


def voice_of(node: Node) -> Voice:
    """Whom users ask: the swarm, or the federation where other machines may be asked."""
    if node.presence:
        if isinstance(node.voice, Chain):
            node.voice.instead(node.swarm, node.presence.federation)
        else:
            node.voice = node.presence.federation
    return node.voice


def routers_of(node: Node, token: str) -> list[APIRouter]:
    """What the API has beside its own endpoints: a fallback chain tells of its providers, a federation can be commanded."""
    routers = [providers_router(node.voice.report)] if isinstance(node.voice, Chain) else []
    return [*routers, control(node.presence, token)] if node.presence else routers


def tools(node: Node, config: Config, voice: Voice, token: str) -> McpMount:
    """The tools of assistants, which ask whom the API asks."""

    def counsel() -> Advisor:
        return advisor(config, detect(), graphics=engine_for_graphics(checkout()))

    jury = Jury(node.swarm.jury.sandbox, node.swarm.embedder, confined=node.swarm.jury.confined)
    desk = ToolHandlers(voice, node.status, node.vectors, jury, counsel)
    return McpMount(create_mcp_server(local_caller(desk)), config.server.mcp, token)


async def start(node: Node, config: Config) -> None:
    """Start the engine, with a smaller context each time that memory runs out though the plan said it would do, and say so.

    Raises DoesNotFit where the context was wished for or cannot be any smaller."""
    if node.mixed or isinstance(node.backend, OpenAICompatible):
        await start_all(node)
        return
    engine = node.backend
    while True:
        try:
            await engine.start()
            return
        except DoesNotFit:
            smaller = node.plan.context // 2
            if config.models.context is not None or smaller < SMALLEST_CONTEXT:
                raise
        said = f"memory ran out while loading with a context of {node.plan.context}"
        logger.warning("%s; trying %d.", said.capitalize(), smaller)
        _, _, what = planned(config, smaller)
        node.plan = replace(what, why=(*what.why, said))
        engine.engine.reload(load_of(what, config))


async def start_all(node: Node) -> None:
    """Start several engines; one that cannot be had now is said and waited for, as long as another answers.

    Raises WrongUse for what never will, and what befell the first where none comes up."""
    done = await asyncio.gather(*(one.start() for one in (*node.backends, *node.servers)), return_exceptions=True)
    problems = [one for one in done if isinstance(one, BaseException)]
    fatal = next((one for one in problems if not isinstance(one, SwarmError) or isinstance(one, WrongUse)), None)
    if fatal or not any(backend.state == "ready" for backend in (*node.backends, *node.servers)):
        raise fatal or problems[0]
    for problem in problems:
        logger.warning("%s The others go on without it.", problem)


async def watch_memory(node: Node) -> None:
    """Give up what can be given up while the machine runs short of memory, and take it back afterwards. Cards are looked at again
    now and then, so that what is told of their memory is true."""
    loop = asyncio.get_running_loop()
    due = loop.time() + CARDS_S
    while True:
        await asyncio.sleep(WATCH_S)
        if node.hardware.accelerators and loop.time() > due:
            node.hardware = await asyncio.to_thread(detect)
            due = loop.time() + CARDS_S
        now = memory.probe()
        level = pressure(now.usable_bytes, now.available_bytes)
        if level != node.swarm.pressure:
            logger.warning("Memory: %s MiB are left; given up: %s.", (now.available_bytes or 0) >> 20, level)
        if level != "none":
            for backend in node.backends:
                backend.forget()
        node.swarm.pressure = level
