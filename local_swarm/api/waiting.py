"""What all endpoints that answer prompts share: which model is meant, who asks, and waiting for an election."""

from __future__ import annotations

import asyncio
import secrets
import string
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import Response

from local_swarm.api.status import Status
from local_swarm.errors import ModelNotFound
from local_swarm.events import cancel
from local_swarm.limits import LONGEST_NAME
from local_swarm.types import Accepted, Election, Event, Prompt, Voice

VOTE, FAST = "swarm", "swarm-fast"
SSE_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
SSE = "text/event-stream"
GONE = 499  # nobody is there to read it

Result = TypeVar("Result")


def model_names(now: Status) -> list[str]:
    return [VOTE, FAST, *([now.model] if now.model else [])]


def check_model(name: str, now: Status) -> None:
    if name not in model_names(now):
        raise ModelNotFound(
            f"The model {name[:LONGEST_NAME]!r} does not exist here. There are: {', '.join(model_names(now))}.",
            param="model",
        )


def session(request: Request) -> str | None:
    """Whose turn it is: a client's own name for its conversation, where it tells one."""
    named = request.headers.get("x-session-id") or request.headers.get("x-session-affinity")
    return named[:LONGEST_NAME] if named else None


def identifier() -> str:
    """Letters only: some clients take digits like those of a status code, wherever they stand, for a passing failure."""
    return "".join(secrets.choice(string.ascii_letters) for _ in range(24))


async def begin_answer(voice: Voice, prompt: Prompt) -> AsyncGenerator[Event, None]:
    """The events of an answer after `Accepted`; an error comes while there is still time for a status code."""
    events = voice.answer(prompt)
    try:
        first = await anext(events)
        assert isinstance(first, Accepted)
    except BaseException:
        await events.aclose()
        raise
    return events


async def unless_gone(work: Coroutine[Any, Any, Result], request: Request) -> Result | None:
    """The result of `work`, or None, with the work cancelled, once the client has hung up."""
    working = asyncio.create_task(work, name="answer")
    watching = asyncio.create_task(hung_up(request), name="hang-up")
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        await cancel(working, watching)


async def hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def vote_headers(election: Election) -> dict[str, str]:
    return {
        "x-swarm-agreement": f"{election.agreement:.4f}",
        "x-swarm-candidates": str(len(election.candidates)),
    }


def client_gone() -> Response:
    return Response(status_code=GONE)
