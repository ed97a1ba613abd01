"""The users' door: OpenAI's endpoints over one Voice. Knows no workers, engines or models beyond what it is told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from local_swarm import __version__
from local_swarm.api.bodies import SafeJsonResponse, StrictRoute
from local_swarm.api.completions import Completion, CompletionRequest, all_last, begin_answers
from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.embeddings import EmbeddingsRequest, Embeds
from local_swarm.api.metrics import Metrics
from local_swarm.api.replies import Reply
from local_swarm.api.responses import ResponsesAnswer, ResponsesRequest
from local_swarm.api.schemas import ChatRequest, Mode, SampledRequest
from local_swarm.api.sse import stream
from local_swarm.api.status import Status
from local_swarm.api.waiting import (
    FAST,
    SSE,
    SSE_HEADERS,
    begin_answer,
    check_model,
    client_gone,
    identifier,
    model_names,
    session,
    unless_gone,
    vote_headers,
)
from local_swarm.events import election_of


def telling(journal: LoggedVoice, metrics: Metrics, status: Callable[[], Status]) -> APIRouter:
    """What the door tells about itself."""
    router = APIRouter(route_class=StrictRoute)
    born = int(time.time())

    @router.get("/health")
    async def health() -> SafeJsonResponse:
        """Whether answers can be given: 200 while they can, 503 while it starts or stops. Needs no key."""
        now = status()
        body = {
            "status": now.health,
            "workers": {"healthy": now.healthy, "total": now.total},
            "model": now.model,
            "version": __version__,
        }
        return SafeJsonResponse(body, 200 if now.health in ("ok", "degraded") else 503)

    @router.get("/metrics")
    async def measures() -> Response:
        """For Prometheus: requests, tokens, cache hits, queue, batch size, agreement, workers."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @router.get("/v1/models")
    async def models() -> dict[str, Any]:
        """`swarm` (the vote), `swarm-fast` (one worker) and the real model's name, with their `context_length`."""
        now = status()
        return {"object": "list", "data": [entry(name, now, born) for name in model_names(now)]}

    @router.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        """One of them."""
        now = status()
        check_model(name, now)
        return entry(name, now, born)

    @router.get("/v1/swarm")
    async def swarm() -> dict[str, Any]:
        """Node, engines, workers, peers, the last votes; no word of what was asked."""
        return told(journal, status())

    return router


def answering(journal: LoggedVoice, embeds: Embeds, status: Callable[[], Status]) -> APIRouter:
    """What the door is there for."""
    router = APIRouter(route_class=StrictRoute)

    def reply_to(model: str, now: Status) -> Reply:
        return Reply(identifier(), int(time.time()), model, journal.name, now.note)

    @router.post("/v1/chat/completions")
    async def chat(wish: ChatRequest, request: Request) -> Response:
        """Chat, with tools, schemas, thoughts, log-probabilities; streamed or not."""
        now = status()
        check_model(wish.model, now)
        mode = mode_of(wish)
        events = await begin_answer(journal, wish.prompt(mode == "fastest", session(request)))
        reply = reply_to(wish.model, now)
        if wish.stream:
            return streamed(stream(events, reply, wish, mode))
        election = await unless_gone(election_of(events), request)
        if election is None:
            return client_gone()
        return SafeJsonResponse(reply.completion(election, wish.choices, wish.ballots), headers=vote_headers(election))

    @router.post("/v1/completions")
    async def completions(wish: CompletionRequest, request: Request) -> Response:
        """Continues texts; `echo`, `logprobs`, several texts at once; `suffix` for models that learned to fill a gap."""
        now = status()
        check_model(wish.model, now)
        mode = mode_of(wish)
        prompts = wish.prompts(mode == "fastest", session(request))
        answers = await begin_answers(journal, prompts)
        made = Completion(reply_to(wish.model, now), wish, prompts)
        if wish.stream:
            return streamed(made.stream(answers, mode == "fastest"))
        elections = await unless_gone(all_last(answers), request)
        return (
            SafeJsonResponse(made.body(elections), headers=vote_headers(elections[0])) if elections else client_gone()
        )

    @router.post("/v1/responses")
    async def responses(wish: ResponsesRequest, request: Request) -> Response:
        """OpenAI's newer API without memory: send the whole conversation as `input`; streamed or not."""
        now = status()
        check_model(wish.model, now)
        older = wish.chat()
        mode = mode_of(older)
        events = await begin_answer(journal, older.prompt(mode == "fastest", session(request)))
        answer = ResponsesAnswer(reply_to(wish.model, now), wish)
        if wish.stream:
            return streamed(answer.stream(events, mode))
        election = await unless_gone(election_of(events), request)
        return SafeJsonResponse(answer.whole(election), headers=vote_headers(election)) if election else client_gone()

    @router.post("/v1/embeddings")
    async def embeddings(wish: EmbeddingsRequest, request: Request) -> Response:
        """Vectors of length 1, as numbers or base64."""
        made = await unless_gone(embeds(wish.texts()), request)
        return SafeJsonResponse(wish.body(made)) if made else client_gone()

    return router


def mode_of(wish: SampledRequest) -> Mode:
    """What is streamed, and with that whether one worker is asked."""
    return "fastest" if wish.model == FAST else wish.mode


def streamed(body: AsyncIterator[bytes]) -> StreamingResponse:
    return StreamingResponse(body, media_type=SSE, headers=SSE_HEADERS)


def entry(name: str, now: Status, born: int) -> dict[str, Any]:
    made: dict[str, Any] = {"id": name, "object": "model", "created": born, "owned_by": "local-swarm"}
    if now.context:
        made |= {"context_length": now.context, "max_model_len": now.context}
    if now.answer_tokens:
        made["max_output_tokens"] = now.answer_tokens
    if now.note:
        made["description"] = now.note
    return made


def told(journal: LoggedVoice, now: Status) -> dict[str, Any]:
    """The node, its engines, workers and peers, and the last elections."""
    return {
        "node": journal.name,
        "version": __version__,
        "status": now.health,
        "model": now.model,
        "context": now.context,
        "answer_tokens": now.answer_tokens,
        "thinks": now.thinks,
        "note": now.note,
        "engines": [asdict(engine) for engine in now.engines],
        "workers": [asdict(worker) for worker in now.workers],
        "peers": list(now.peers),
        "machine": now.machine,
        "tokens": dict(journal.tokens),
        "elections": list(journal.elections),
    }
