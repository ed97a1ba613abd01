"""JSON in, server-sent events out, and what all event streams share, such as comments that keep a connection alive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.responses import StreamingResponse

from local_swarm.intake import encode_json

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


def sse_response(body: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(body, media_type=SSE, headers=SSE_HEADERS)


def slices(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
