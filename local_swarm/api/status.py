"""What the users' door may tell about the node. Values only; `node` fills them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """`steps` decoded so far, requests in the works, cells of its cache in use of all `cells`, tokens written per step; None
    where an engine does not tell."""

    name: str
    model: str
    state: str
    context: int | None = None
    answer_tokens: int | None = None
    parameters: int | None = None
    memory_bytes: int | None = None
    steps: int | None = None
    requests: int | None = None
    cells_used: int | None = None
    cells: int | None = None
    batch_size: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One voice and its record; averages are None before its first answer."""

    id: str
    engine: str
    healthy: bool
    busy: int
    requests: int
    failures: int
    average_latency_s: float | None
    tokens_per_s: float | None
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """`health` is ok or degraded where answers can be given, else starting, busy, failed or stopping. `answer_tokens`: what every
    answer is sure to get. `machine`: its `line` for people, its `memory` and `accelerators` as `detect --json` has them."""

    health: str
    healthy: int
    total: int
    model: str | None
    context: int | None
    note: str | None = None
    answer_tokens: int | None = None
    thinks: bool = False
    engines: tuple[EngineStatus, ...] = ()
    workers: tuple[WorkerStatus, ...] = ()
    peers: tuple[dict[str, Any], ...] = ()
    machine: dict[str, Any] = field(default_factory=dict)
