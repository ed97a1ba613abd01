"""Events of an answer in, server-sent events out. Comments keep the line alive while the workers think."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from local_swarm.api.replies import Reply, Sent, error_body
from local_swarm.api.schemas import ChatRequest, Mode
from local_swarm.errors import SwarmError
from local_swarm.events import with_pauses
from local_swarm.intake import encoded
from local_swarm.types import Delta, Election, Event

KEEP_ALIVE_S = 10.0
COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


def sse_event(data: Mapping[str, Any]) -> bytes:
    return b"data: " + encoded(data) + b"\n\n"


async def stream(
    events: AsyncGenerator[Event, None], reply: Reply, request: ChatRequest, mode: Mode, pause_s: float = KEEP_ALIVE_S
) -> AsyncGenerator[bytes, None]:
    """One whole event stream: the text of a single worker as it is written (`fastest`), or the elected one after the vote, with
    what one worker writes shown as thoughts meanwhile (`draft`).

    A failure becomes an error event without an end mark: clients must not take a cut answer for a whole one.
    """
    sent = Sent()
    async with aclosing(with_pauses(events, pause_s)) as paced:
        yield sse_event(reply.chunk({"role": "assistant", "content": ""}))
        try:
            async for event in paced:
                if event is None:
                    yield COMMENT
                elif isinstance(event, Delta) and mode != "vote" and request.choices == 1:
                    yield sse_event(reply.chunk(shown(event, mode, sent)))
                elif isinstance(event, Election):
                    rest = reply.chunks(event, request.choices, request.ballots, request.include_usage, sent)
                    for data in rest:
                        yield sse_event(data)
                    yield DONE
        except SwarmError as problem:
            yield sse_event(error_body(problem))


def shown(delta: Delta, mode: Mode, sent: Sent) -> dict[str, str]:
    """A piece as the client sees it, counted. A draft is no answer, so it counts for nothing."""
    if mode == "draft":
        return {"reasoning_content": delta.text}
    if delta.thought:
        sent.thoughts += len(delta.text)
        return {"reasoning_content": delta.text}
    sent.words += len(delta.text)
    return {"content": delta.text}
