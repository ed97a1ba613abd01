"""`GET /health`: what the node says of itself in, whether it can answer out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from local_swarm import __version__
from local_swarm.api.status import Status
from local_swarm.api.swarm_info import Body, ModelText

ANSWERING = ("ok", "degraded")


class WorkerCount(Body):
    healthy: int
    total: int


class HealthInfo(Body):
    status: Annotated[str, Field(description="`ok`, `degraded`, `starting`, `busy`, `failed` or `stopping`.")]
    workers: WorkerCount
    model: Annotated[ModelText | None, Field(description="The real model's name.")]
    version: str


def health_info(now: Status) -> HealthInfo:
    workers = WorkerCount(healthy=now.healthy, total=now.total)
    return HealthInfo(status=now.health, workers=workers, model=now.model, version=__version__)


def health_code(now: Status) -> int:
    """The HTTP status: 200 while a request would be answered."""
    return 200 if now.health in ANSWERING else 503
