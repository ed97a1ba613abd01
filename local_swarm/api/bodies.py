"""Bodies of requests in, values out, and values in, bodies of answers out. No text and no number makes either fail.

What comes in has been through `BoundsMiddleware`, so it is small enough to be read at once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from local_swarm.intake import encode_json, parse_json


class StrictRequest(Request):
    """A request whose body is JSON as RFC 8259 has it: UTF-8, without `NaN` and `Infinity`."""

    async def json(self) -> Any:
        """Raises JSONDecodeError."""
        return parse_json(await self.body())


class StrictRoute(APIRoute):
    """A route whose handlers read bodies as `StrictRequest` does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strict


class SafeJsonResponse(JSONResponse):
    """JSON of whatever there is: half characters and numbers that JSON lacks are replaced, as `encode_json` does."""

    def render(self, content: Any) -> bytes:
        return encode_json(content)
