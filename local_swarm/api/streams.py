"""Events of an answer in, server-sent events out. Comments keep the line alive while the workers think."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from local_swarm.api.replies import Reply, error_body
from local_swarm.api.schemas import ChatRequest
from local_swarm.errors import SwarmError
from local_swarm.types import Delta, Election, Event

KEEP_ALIVE_S = 10.0
COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


def line(data: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


async def stream(
    events: AsyncGenerator[Event, None], reply: Reply, request: ChatRequest, live: bool
) -> AsyncIterator[bytes]:
    """One whole event stream. With `live` the text of a single worker goes out as it is written, else after the vote.

    A failure becomes an error event without an end mark: clients must not take a cut answer for a whole one.
    """
    async with aclosing(events):
        yield line(reply.chunk({"role": "assistant", "content": ""}))
        try:
            async for event in with_pauses(events, KEEP_ALIVE_S):
                if event is None:
                    yield COMMENT
                elif isinstance(event, Delta) and live:
                    yield line(reply.chunk({"content": event.text}))
                elif isinstance(event, Election):
                    for data in endings(event, reply, request, live):
                        yield line(data)
                    yield DONE
        except SwarmError as problem:
            yield line(error_body(problem))


def endings(election: Election, reply: Reply, request: ChatRequest, live: bool) -> list[dict[str, Any]]:
    chunks = list(reply.chunks(election, request.choices, request.ballots, request.include_usage))
    return [chunk for chunk in chunks if not (live and is_text(chunk))]


def is_text(chunk: Mapping[str, Any]) -> bool:
    return any("content" in choice["delta"] for choice in chunk["choices"])


async def with_pauses(events: AsyncGenerator[Event, None], pause_s: float) -> AsyncIterator[Event | None]:
    """The events, and None whenever `pause_s` passes without one."""
    waiting: asyncio.Task[Event] | None = None
    try:
        while True:
            if waiting is None:
                waiting = asyncio.create_task(anext(events))
            done, _ = await asyncio.wait({waiting}, timeout=pause_s)
            if not done:
                yield None
                continue
            finished, waiting = waiting, None
            try:
                yield finished.result()
            except StopAsyncIteration:
                return
    finally:
        if waiting:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
