"""What the API may tell of the node: its engines, workers and peers. Values only; the node fills them in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One engine of the swarm. `name` is its kind, `member` its name in the roster, which no other engine has.

    `steps` are decode steps so far, `cells_used` the KV cells in use, `batch_size` tokens generated per step. A number is
    None where an engine does not tell it.
    """

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
    member: str = ""


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
