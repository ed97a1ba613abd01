"""Nothing in, an application with every route of the API out, for its description. It answers nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

from fastapi import FastAPI

from local_swarm.api.control import control_router
from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.metrics import Metrics
from local_swarm.api.providers import providers_router
from local_swarm.api.server import create_app
from local_swarm.api.status import Status
from local_swarm.errors import Unavailable
from local_swarm.types import Embedded, Event, Prompt


class NoVoice:
    """See `Voice`. It refuses every prompt."""

    name = "nobody"

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        raise Unavailable("This application only documents routes.")
        yield  # type: ignore[unreachable]


def no_status() -> Status:
    return Status("stopping", 0, 0, None, None)


async def no_vectors(texts: Sequence[str]) -> Embedded:
    raise Unavailable("This application only documents routes.")


def create_documented_app() -> FastAPI:
    """With the routes that only some swarms have too: of fallback providers and of the federation."""
    nobody = cast(Any, None)  # a route's description is made without calling it
    routers = (providers_router(list), control_router(nobody, ""))
    return create_app(LoggedVoice(NoVoice(), Metrics(no_status)), no_status, no_vectors, routers=routers)
