"""Bodies of requests in, values out, and values in, bodies of answers out. No text and no number makes either fail.

What comes in has been through `Bounds`, so it is small enough to be read at once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from local_swarm.intake import encoded, parsed


class StrictRequest(Request):
    """A request whose body is JSON as the standard has it: UTF-8, and numbers that there are."""

    async def json(self) -> Any:
        """Raises JSONDecodeError."""
        return parsed(await self.body())


class StrictRoute(APIRoute):
    """Reads bodies as `Strict` does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strict


class SafeJsonResponse(JSONResponse):
    def render(self, content: Any) -> bytes:
        return encoded(content)
