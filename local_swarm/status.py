"""A node's parts in, what `/health`, `/v1/swarm` and the page say of it out, as it is at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from local_swarm.api.status import EngineStatus, Status, WorkerStatus
from local_swarm.backends.base import Backend
from local_swarm.backends.process.process_status import resident_bytes
from local_swarm.engines.members import Crew
from local_swarm.hardware import memory
from local_swarm.memory_watch import MemoryWatch
from local_swarm.network.service import FederationService, NoFederation
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.worker import Worker


@dataclass(slots=True)
class Lifecycle:
    """What of a node changes while it runs. `stopping`: answers in the works finish, new ones are not begun."""

    stopping: bool = False


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """Call it for the status. `servers`: engines that answer where the swarm cannot."""

    crew: Crew
    swarm: Swarm
    servers: Sequence[Backend]
    federation: FederationService | NoFederation
    watch: MemoryWatch
    lifecycle: Lifecycle

    def __call__(self) -> Status:
        health, plan, facts = self.swarm.health, self.crew.plan, self.crew.backends[0].facts
        return Status(
            health=self._state(health.status),
            healthy=health.healthy,
            total=health.total,
            model=plan.model,
            context=facts.context if facts else plan.context,
            note=plan.note,
            answer_tokens=facts.answer_tokens if facts else plan.answer_tokens,
            thinks=bool(facts and facts.thinks),
            engines=self._engines(),
            workers=tuple(map(worker_status, self.swarm.workers)),
            peers=tuple(self.federation.peers()),
            machine=self._machine(),
        )

    def _engines(self) -> tuple[EngineStatus, ...]:
        members = {worker.backend: worker.member for worker in self.crew.workers}
        plans = self.crew.plans.items()
        return tuple(replace(engine_status(one, plan.plan.cells), member=members[one]) for one, plan in plans)

    def _state(self, own: str) -> str:
        """That of the own swarm, unless it cannot answer and others would."""
        if self.lifecycle.stopping:
            return "stopping"
        others = self.federation.can_answer or any(server.state == "ready" for server in self.servers)
        return "degraded" if own in ("failed", "busy") and others else own

    def _machine(self) -> dict[str, Any]:
        hardware = self.watch.hardware
        accelerators = [asdict(chip) for chip in hardware.accelerators]
        return {"line": hardware.line, "memory": asdict(memory.probe()), "accelerators": accelerators}


def engine_status(backend: Backend, cells: int) -> EngineStatus:
    """`cells`: what the plan gives an engine that counts them."""
    facts, beat = backend.facts, backend.beat
    if not facts:
        return EngineStatus("unknown", "unknown", backend.state)
    status = EngineStatus(
        name=facts.engine,
        model=facts.model,
        state=backend.state,
        cells=cells if beat else None,
        context=facts.context,
        answer_tokens=facts.answer_tokens,
        parameters=facts.parameters,
        memory_bytes=resident_bytes(backend.pid),
    )
    if not beat:
        return status
    per_step = beat.generated / beat.steps if beat.steps else None
    return replace(status, steps=beat.steps, requests=beat.jobs, cells_used=beat.cells_used, batch_size=per_step)


def worker_status(worker: Worker) -> WorkerStatus:
    facts = worker.backend.facts
    return WorkerStatus(
        id=worker.name,
        engine=facts.engine if facts else "unknown",
        healthy=worker.healthy,
        busy=worker.busy,
        requests=worker.requests,
        failures=worker.failures,
        average_latency_s=worker.average_latency_s,
        tokens_per_s=worker.tokens_per_s,
        tokens=worker.tokens,
    )
