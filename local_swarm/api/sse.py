"""JSON in, server-sent events out, and what all event streams share, such as comments that keep a connection alive."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from local_swarm.api.waiting import close_all
from local_swarm.intake import encode_json
from local_swarm.types import Event

SSE = "text/event-stream"
SSE_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
KEEP_ALIVE_S = 10.0
COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"
SLICE = 48  # characters of one streamed piece of an answer that is known whole
LONG_SLICE = 1024  # of a call's arguments, which no person watches grow


@dataclass(slots=True)
class Sent:
    """How many characters of an answer and of its thoughts a client has been sent before the vote."""

    words: int = 0
    thoughts: int = 0


def sse_event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + encode_json(data) + b"\n\n"


class EventStreamResponse(StreamingResponse):
    """Closes its body at its end, and the `answers` that this is made of: they must not go on when their client hangs up."""

    def __init__(self, body: AsyncGenerator[bytes, None], *answers: AsyncGenerator[Event, None]) -> None:
        super().__init__(body, media_type=SSE, headers=SSE_HEADERS)
        self.streams = (body, *answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await close_all(*self.streams)


def slices(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
