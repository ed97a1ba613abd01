"""A prompt in, its election out, for one client: who asks, whether the prompt is accepted, and what if the client hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from anyio import move_on_after
from fastapi import Request
from fastapi.responses import Response

from local_swarm.api.bodies import SafeJsonResponse
from local_swarm.api.swarm_info import Body
from local_swarm.events import cancel
from local_swarm.limits import LONGEST_NAME
from local_swarm.types import Accepted, Election, Event, Prompt, Voice

GONE = 499  # nobody is there to read it
CLOSE_ALL_S = 10.0

Result = TypeVar("Result")


def session_of(request: Request) -> str | None:
    """A client's own name for its conversation, where it sends one: its prompts take turns."""
    named = request.headers.get("x-session-id") or request.headers.get("x-session-affinity")
    return named[:LONGEST_NAME] if named else None


async def begin_answer(voice: Voice, prompt: Prompt) -> AsyncGenerator[Event, None]:
    """The events of an answer after `Accepted`. An error is raised while there is still time for a status code."""
    events = voice.answer(prompt)
    try:
        first = await anext(events)
        assert isinstance(first, Accepted)
    except BaseException:
        await events.aclose()
        raise
    return events


async def close_all(*streams: AsyncGenerator[Any, None]) -> None:
    """Closes every stream, one after the other. While a client is gone its server cancels again and again; that waits here."""
    with move_on_after(CLOSE_ALL_S, shield=True):
        async with AsyncExitStack() as stack:
            for stream in reversed(streams):
                stack.push_async_callback(stream.aclose)


async def unless_gone(work: Coroutine[Any, Any, Result], request: Request) -> Result | None:
    """The result of `work`; None, with the work cancelled, once the client has hung up."""
    working = asyncio.create_task(work, name="answer")
    watching = asyncio.create_task(wait_for_hang_up(request), name="hang-up")
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await cancel(working, watching)


async def wait_for_hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def elected_response(body: Body, election: Election) -> SafeJsonResponse:
    """An answer that is not streamed, with its vote in the headers too."""
    headers = {
        "x-swarm-agreement": f"{election.agreement:.4f}",
        "x-swarm-candidates": str(len(election.candidates)),
    }
    return SafeJsonResponse(body.json_value(), headers=headers)


def client_gone() -> Response:
    return Response(status_code=GONE)
