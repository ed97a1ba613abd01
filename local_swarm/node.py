"""A `Config` in, a running node out. The one file that wires everything; it shuts down as it boots, backwards."""

from __future__ import annotations

import asyncio
import logging
import platform
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fastapi import FastAPI

from local_swarm.api.control import control
from local_swarm.api.key import CONTROL_FILE, base_url, demanded, page_token
from local_swarm.api.middleware import host_of, is_loopback
from local_swarm.api.server import Door, create_app, listen, serving
from local_swarm.api.status import EngineStatus, Status, WorkerStatus
from local_swarm.backends.llamacpp.backend import Description, LlamaCpp, resident_bytes
from local_swarm.backends.wire import Load
from local_swarm.config import Config, ServerConfig
from local_swarm.environment.venv import engine_for_graphics
from local_swarm.errors import DoesNotFit, WrongUse
from local_swarm.hardware import memory
from local_swarm.hardware.detector import detect
from local_swarm.hardware.profile import Hardware
from local_swarm.mcp_server.calls import at
from local_swarm.mcp_server.desk import Desk
from local_swarm.mcp_server.http import Place, mounted
from local_swarm.mcp_server.server import server
from local_swarm.models import starter
from local_swarm.models.advice import Advisor, advisor
from local_swarm.models.gguf import Header, read_header
from local_swarm.models.selector import SMALLEST_CONTEXT, Plan
from local_swarm.network.identity import keep
from local_swarm.network.presence import Presence
from local_swarm.places import checkout, home, offline
from local_swarm.sandbox.host import Sandbox
from local_swarm.swarm.jury import Jury
from local_swarm.swarm.manager import Habits, Swarm
from local_swarm.swarm.pressure import pressure
from local_swarm.swarm.reliability import Reliability
from local_swarm.swarm.similarity.embedding import Embedder
from local_swarm.swarm.vectors import Vectors
from local_swarm.swarm.worker import Worker
from local_swarm.types import Voice

ALL_LAYERS = 999
WATCH_S = 2.0  # between looks at the memory that is left
CARDS_S = 20.0  # between looks at graphics cards

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Node:
    """A swarm and what it runs on. `stopping` is told by `/health` while answers in the works finish."""

    hardware: Hardware
    plan: Plan
    swarm: Swarm
    backend: LlamaCpp
    vectors: Vectors
    presence: Presence | None = None
    url: str | None = None
    page: str | None = None
    stopping: bool = field(default=False)

    def status(self) -> Status:
        health = self.swarm.health
        facts = self.backend.facts
        return Status(
            "stopping" if self.stopping else health.status, health.healthy, health.total, self.plan.model,
            facts.context if facts else self.plan.context, starter.NOTE if self.plan.starter else None,
            facts.answer_tokens if facts else self.plan.answer_tokens, bool(facts and facts.thinks), (self._engine(),),
            tuple(self._worker(worker) for worker in self.swarm.workers),
            tuple(self.presence.peers()) if self.presence else (), self._machine(),
        )  # fmt: skip

    def _machine(self) -> dict[str, Any]:
        told = {"memory": asdict(memory.probe()), "accelerators": [asdict(one) for one in self.hardware.accelerators]}
        return {"line": self.hardware.line, **told}

    def _engine(self) -> EngineStatus:
        facts, beat = self.backend.facts, self.backend.beat
        name = facts.engine if facts else "llamacpp"
        made = EngineStatus(name, self.plan.model, self.backend.state, cells=self.plan.cells)
        if facts:
            made = replace(
                made, context=facts.context, answer_tokens=facts.answer_tokens, parameters=facts.parameters,
                memory_bytes=resident_bytes(self.backend.pid),
            )  # fmt: skip
        if beat:
            per_step = beat.written / beat.steps if beat.steps else None
            made = replace(made, steps=beat.steps, requests=beat.jobs, cells_used=beat.cells_used, batch_size=per_step)
        return made

    def _worker(self, worker: Worker) -> WorkerStatus:
        facts = self.backend.facts
        return WorkerStatus(
            worker.name, facts.engine if facts else "llamacpp", worker.healthy, worker.busy, worker.requests, worker.failures,
            worker.average_latency_s, worker.tokens_per_s, worker.tokens,
        )  # fmt: skip


def planned(config: Config, at_most: int | None = None) -> tuple[Hardware, Header, Plan]:
    """What would run: the machine, the model, the plan. Loads nothing. Raises WrongUse."""
    hardware = detect()
    what = advisor(config, hardware, at_most, engine_for_graphics(checkout())).what_runs(config.models.model)
    return hardware, read_header(what.path), what


def load_of(what: Plan, config: Config) -> Load:
    """What the engine's process is told of a plan."""
    layers = config.hardware.gpu_layers
    return Load(
        str(what.path), what.context, what.answer_tokens, what.cells, what.sequences, what.threads, kv_type=what.kv_type,
        gpu_layers=(ALL_LAYERS if layers is None else layers) if what.gpu else 0, main_gpu=config.hardware.main_gpu,
        tensor_split=split(config.hardware.tensor_split), shelf_bytes=what.shelf_bytes, workers=what.workers,
        tuning=str(home() / "tuning.json"),
    )  # fmt: skip


def split(shares: str | None) -> list[float]:
    """Raises WrongUse."""
    try:
        return [float(share) for share in shares.split(",")] if shares else []
    except ValueError as problem:
        raise WrongUse(f"hardware.tensor_split must be numbers like '3,1', not {shares!r}.") from problem


def assembled(config: Config, at_most: int | None = None) -> Node:
    """Every part in its place, nothing started. `at_most` bounds the context where the config leaves it free."""
    hardware, header, what = planned(config, at_most)
    description = Description(
        what.model, what.architecture, header.chat_template, header.metadata.get("general.description"), what.starter
    )
    backend = LlamaCpp(load_of(what, config), description)
    workers = [Worker(f"w{number}", number, backend) for number in range(1, what.workers + 1)]
    vote = config.swarm
    habits = Habits(vote.consensus_strategy, vote.coolest, vote.warmest, vote.timeout)
    reliability = Reliability(home() / "reliability.json")
    reliability.load()
    sandbox = Sandbox() if vote.sandbox == "auto" else Sandbox(())
    embedder = Embedder(config.models.embedding, offline())
    swarm = Swarm(
        config.network.name or platform.node() or "this machine", workers, embedder, habits, sandbox, reliability
    )
    return Node(hardware, what, swarm, backend, Vectors(embedder, backend))


def door(server: ServerConfig) -> Door:
    """Who may call. Beyond this machine it goes by any name, and the key keeps strangers out. Raises WrongUse."""
    origins = tuple(origin.strip() for origin in (server.origins or "").split(",") if origin.strip())
    return Door(demanded(server), origins, () if is_loopback(server.host) else None)


@asynccontextmanager
async def running(config: Config, serve: bool = True) -> AsyncIterator[Node]:
    """A node that answers, on HTTP too if `serve`. The port is taken first and `/health` tells of the start.

    Raises WrongUse for a port, model or wish that cannot be had, other SwarmErrors when the engine does not come up.
    """
    async with AsyncExitStack() as stack:
        token = secrets.token_hex(32)
        entrance = replace(door(config.server), page=page_token(token))
        made = listen(config.server.host, config.server.port) if serve else None
        if made:
            stack.callback(made.close)
        node = assembled(config)
        stack.push_async_callback(node.backend.close)
        stack.push_async_callback(node.swarm.jury.close)
        if made:
            host, port = made.getsockname()[:2]
            node.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            keep(home() / CONTROL_FILE, token)
            address = base_url(replace(config.server, port=port))
            node.page = f"{address}/#{entrance.page}" if is_loopback(host_of(address) or "") else None
            app = doors(node, config, entrance, token)
            await stack.enter_async_context(serving(app, made))
            await stack.enter_async_context(mounted(app, tools(node, config, app.state.journal, token)))
        warming = asyncio.create_task(node.swarm.jury.sandbox.start(), name="sandbox-start")
        stack.callback(warming.cancel)
        if node.presence:
            await stack.enter_async_context(node.presence.started())
        await start(node, config)
        watching = asyncio.create_task(watch_memory(node), name="memory-watch")
        try:
            yield node
        finally:
            node.stopping = True
            if node.presence:
                node.presence.condition.stopping = True
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def doors(node: Node, config: Config, entrance: Door, token: str) -> FastAPI:
    """The users' door: on the swarm, or on the federation where other machines may be asked, which can then be commanded."""
    if not config.network.enabled:
        return create_app(node.swarm, node.status, node.vectors, entrance)
    node.presence = Presence(config, node.swarm, node.plan.model, node.hardware.line, home() / "network")
    app = create_app(node.presence.federation, node.status, node.vectors, entrance)
    app.include_router(control(node.presence, token))
    return app


def tools(node: Node, config: Config, voice: Voice, token: str) -> Place:
    """The tools of assistants, which ask whom the API asks."""

    def counsel() -> Advisor:
        return advisor(config, detect(), graphics=engine_for_graphics(checkout()))

    jury = Jury(node.swarm.jury.sandbox, node.swarm.embedder)
    desk = Desk(voice, node.status, node.vectors, jury, counsel)
    return Place(server(at(desk)), config.server.mcp, token)


async def start(node: Node, config: Config) -> None:
    """Start the engine, with a smaller context each time that memory runs out though the plan said it would do, and say so.

    Raises DoesNotFit where the context was wished for or cannot be any smaller."""
    while True:
        try:
            await node.backend.start()
            return
        except DoesNotFit:
            smaller = node.plan.context // 2
            if config.models.context is not None or smaller < SMALLEST_CONTEXT:
                raise
        said = f"memory ran out while loading with a context of {node.plan.context}"
        logger.warning("%s; trying %d.", said.capitalize(), smaller)
        _, _, what = planned(config, smaller)
        node.plan = replace(what, why=(*what.why, said))
        node.backend.reload(load_of(what, config))


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
            node.backend.forget()
        node.swarm.pressure = level
