"""What the providers of a fallback chain were asked and what it cost, as JSON. Knows no chain beyond its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter


def providers_router(report: Callable[[], Sequence[dict[str, Any]]]) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/providers")
    async def every() -> dict[str, Any]:
        return {"object": "list", "data": list(report())}

    return router
