"""Bodies of requests in, values out, and values in, bodies of answers out. No text and no number makes either fail.

What comes in has been through `Bounds`, so it is small enough to be read at once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from local_swarm.intake import parsed


class Strict(Request):
    """A request whose body is JSON as the standard has it: UTF-8, and numbers that there are."""

    async def json(self) -> Any:
        """Raises JSONDecodeError."""
        return parsed(await self.body())


class Route(APIRoute):
    """Reads bodies as `Strict` does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(Strict(request.scope, request.receive))

        return strict


class Body(JSONResponse):
    def render(self, content: Any) -> bytes:
        return encoded(content)


def encoded(content: Any) -> bytes:
    """JSON in UTF-8. Half characters become question marks and numbers that JSON does not have become null."""
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(with_nulls(content), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def with_nulls(value: Any) -> Any:
    """The same with null for infinite numbers and those that are none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: with_nulls(one) for key, one in value.items()}
    return [with_nulls(one) for one in value] if isinstance(value, (list, tuple)) else value
