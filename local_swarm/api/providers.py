"""The report of a fallback chain in, `GET /v1/providers` out: who is asked after whom, and what each has cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field

from local_swarm.api.bodies import SafeJsonResponse
from local_swarm.api.swarm_info import Body


class ProviderList(Body):
    object: Annotated[str, Field(description="Always `list`.")]
    data: Annotated[list[dict[str, Any]], Field(description="The providers, in the order in which they are asked.")]


def providers_router(report: Callable[[], Sequence[dict[str, Any]]]) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/providers", response_model=ProviderList)
    async def providers() -> Response:
        """With a fallback chain: the providers in order, and what is left of their limits."""
        return SafeJsonResponse(ProviderList(object="list", data=list(report())).json_value())

    return router
