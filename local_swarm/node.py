"""A `Config` in, a running node out. The one file that wires everything; it shuts down as it boots, backwards."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from local_swarm.api.routes import Status
from local_swarm.api.server import create_app, listen, serving
from local_swarm.backends.base import Backend
from local_swarm.backends.llamacpp.backend import Description, LlamaCpp
from local_swarm.backends.wire import Load
from local_swarm.config import Config
from local_swarm.hardware.detector import detect
from local_swarm.hardware.profile import Hardware
from local_swarm.models import starter
from local_swarm.models.gguf import Header
from local_swarm.models.registry import find
from local_swarm.models.selector import Plan, Rules, Wishes, plan
from local_swarm.places import offline
from local_swarm.swarm.manager import Habits, Swarm
from local_swarm.swarm.similarity.embedding import Embedder
from local_swarm.swarm.worker import Worker


@dataclass(slots=True)
class Node:
    """A swarm and what it runs on. `stopping` is told by `/health` while answers in the works finish."""

    hardware: Hardware
    plan: Plan
    swarm: Swarm
    backend: Backend
    url: str | None = None
    stopping: bool = field(default=False)

    def status(self) -> Status:
        health = self.swarm.health
        facts = self.backend.facts
        return Status(
            "stopping" if self.stopping else health.status, health.healthy, health.total, self.plan.model,
            facts.context if facts else self.plan.context, starter.NOTE if self.plan.starter else None,
        )  # fmt: skip


def planned(config: Config) -> tuple[Hardware, Header, Plan]:
    """What would run: the machine, the model, the plan. Loads nothing. Raises WrongUse."""
    hardware = detect()
    header = find(config.models.model, config.models_folder)
    rules = Rules(
        config.hardware.ram_fraction,
        config.hardware.gpu_memory_fraction,
        config.swarm.min_instances,
        config.swarm.max_instances,
    )
    return hardware, header, plan(hardware, header, Wishes(config.swarm.instances, config.models.context), rules)


def assembled(config: Config) -> Node:
    """Every part in its place, nothing started."""
    hardware, header, what = planned(config)
    load = Load(
        str(what.path),
        what.context,
        what.answer_tokens,
        what.cells,
        what.sequences,
        what.threads,
        gpu_layers=999 if what.gpu else 0,
    )
    description = Description(
        what.model, what.architecture, header.chat_template, header.metadata.get("general.description"), what.starter
    )
    backend = LlamaCpp(load, description)
    workers = [Worker(f"w{number}", number, backend) for number in range(1, what.workers + 1)]
    vote = config.swarm
    habits = Habits(vote.consensus_strategy, vote.coolest, vote.warmest, vote.timeout)
    swarm = Swarm(platform.node() or "this machine", workers, Embedder(config.models.embedding, offline()), habits)
    return Node(hardware, what, swarm, backend)


@asynccontextmanager
async def running(config: Config, serve: bool = True) -> AsyncIterator[Node]:
    """A node that answers, on HTTP too if `serve`. The port is taken first and `/health` tells of the start.

    Raises WrongUse for a port, model or wish that cannot be had, other SwarmErrors when the engine does not come up.
    """
    async with AsyncExitStack() as stack:
        made = listen(config.server.host, config.server.port) if serve else None
        if made:
            stack.callback(made.close)
        node = assembled(config)
        stack.push_async_callback(node.backend.close)
        if made:
            host, port = made.getsockname()[:2]
            node.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            await stack.enter_async_context(serving(create_app(node.swarm, node.status), made))
        await node.backend.start()
        try:
            yield node
        finally:
            node.stopping = True
