"""The users' door: OpenAI's endpoints over one Voice. Knows no workers, engines or models beyond what it is told."""

from __future__ import annotations

import asyncio
import secrets
import string
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from local_swarm import __version__
from local_swarm.api.replies import Reply
from local_swarm.api.schemas import ChatRequest
from local_swarm.api.streams import stream
from local_swarm.errors import ModelNotFound
from local_swarm.types import Election, Event, Voice

VOTE, FAST = "swarm", "swarm-fast"
SSE_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


@dataclass(frozen=True, slots=True)
class Status:
    """What the door may tell about the node. `health` is starting, ok, degraded or stopping."""

    health: str
    healthy: int
    total: int
    model: str | None
    context: int | None
    note: str | None = None


def routes(voice: Voice, status: Callable[[], Status]) -> APIRouter:
    router = APIRouter()
    born = int(time.time())

    @router.get("/health")
    async def health() -> JSONResponse:
        now = status()
        body = {
            "status": now.health,
            "workers": {"healthy": now.healthy, "total": now.total},
            "model": now.model,
            "version": __version__,
        }
        return JSONResponse(body, 200 if now.health in ("ok", "degraded") else 503)

    @router.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [entry(name, status(), born) for name in model_names(status())]}

    @router.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        check(name, status())
        return entry(name, status(), born)

    @router.post("/v1/chat/completions")
    async def chat(wish: ChatRequest, request: Request) -> Response:
        now = status()
        check(wish.model, now)
        fast = wish.model == FAST
        events = voice.answer(wish.prompt(fast, request.headers.get("x-session-id")))
        await anext(events)  # Accepted, or an error while there is still time for a status code
        reply = Reply("chatcmpl-" + identifier(), int(time.time()), wish.model, voice.name, now.note)
        if wish.stream:
            live = fast and wish.choices == 1 and not wish.tools
            return StreamingResponse(
                stream(events, reply, wish, live), media_type="text/event-stream", headers=SSE_HEADERS
            )
        election = await unless_gone(last(events), request)
        if election is None:
            return Response(status_code=499)  # nobody is there to read it
        headers = {
            "x-swarm-agreement": f"{election.agreement:.4f}",
            "x-swarm-candidates": str(len(election.candidates)),
        }
        return JSONResponse(reply.completion(election, wish.choices, wish.ballots), headers=headers)

    return router


def model_names(now: Status) -> list[str]:
    return [VOTE, FAST, *([now.model] if now.model else [])]


def check(name: str, now: Status) -> None:
    if name not in model_names(now):
        raise ModelNotFound(
            f"The model {name!r} does not exist here. There are: {', '.join(model_names(now))}.", param="model"
        )


def entry(name: str, now: Status, born: int) -> dict[str, Any]:
    made: dict[str, Any] = {"id": name, "object": "model", "created": born, "owned_by": "local-swarm"}
    if now.context:
        made |= {"context_length": now.context, "max_model_len": now.context}
    if now.note:
        made["description"] = now.note
    return made


def identifier() -> str:
    """Letters only: some clients take digits like those of a status code, wherever they stand, for a passing failure."""
    return "".join(secrets.choice(string.ascii_letters) for _ in range(24))


async def last(events: AsyncGenerator[Event, None]) -> Election:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Election):
                return event
    raise AssertionError("an answer ends with an election")


async def unless_gone(work: Coroutine[Any, Any, Election], request: Request) -> Election | None:
    """The result of `work`, or None, with the work cancelled, once the client has hung up."""
    working = asyncio.create_task(work, name="answer")
    watching = asyncio.create_task(hung_up(request), name="hang-up")
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
