"""The endpoints of the API, each with its path and its line in the reference. The work is done in a module of each.

To add an endpoint: write its request, its reply and its stream in a module of its own, as `chat.py` has them.
Then add its path below, to the router it belongs to; the function's docstring is its line in the reference.
Last run `python scripts/reference.py`. A route that only some nodes have goes to `create_app` as a router instead.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from local_swarm.api.bodies import SafeJsonResponse, StrictRoute
from local_swarm.api.chat import ChatCompletion, ChatRequest, answer_chat
from local_swarm.api.completions import CompletionRequest, TextCompletion, answer_completions
from local_swarm.api.context import ApiContext
from local_swarm.api.embeddings import EmbeddingsRequest, VectorList, answer_embeddings
from local_swarm.api.health import HealthInfo, health_code, health_info
from local_swarm.api.metrics import CONTENT_TYPE
from local_swarm.api.models import ModelInfo, ModelList, check_model, model_info, model_list
from local_swarm.api.responses import ResponseBody, ResponsesRequest, answer_responses
from local_swarm.api.swarm_state import SwarmState, swarm_state


def answer_router(context: ApiContext) -> APIRouter:
    """The endpoints that answer, in OpenAI's shapes."""
    router = APIRouter(route_class=StrictRoute)

    @router.post("/v1/chat/completions", response_model=ChatCompletion)
    async def chat_completions(request: ChatRequest, http: Request) -> Response:
        """Chat, with tools, schemas, reasoning, log-probabilities; streamed or not."""
        return await answer_chat(context, request, http)

    @router.post("/v1/completions", response_model=TextCompletion)
    async def completions(request: CompletionRequest, http: Request) -> Response:
        """Continues texts; `echo`, `logprobs`, several texts at once; `suffix` for models trained to fill in the middle."""
        return await answer_completions(context, request, http)

    @router.post("/v1/responses", response_model=ResponseBody)
    async def responses(request: ResponsesRequest, http: Request) -> Response:
        """OpenAI's newer API without memory: send the whole conversation as `input`; streamed or not."""
        return await answer_responses(context, request, http)

    @router.post("/v1/embeddings", response_model=VectorList)
    async def embeddings(request: EmbeddingsRequest, http: Request) -> Response:
        """Vectors of length 1, as numbers or base64."""
        return await answer_embeddings(context, request, http)

    return router


def state_router(context: ApiContext) -> APIRouter:
    """The endpoints that tell what runs here."""
    router = APIRouter(route_class=StrictRoute)

    @router.get("/health", response_model=HealthInfo)
    async def health() -> Response:
        """200 while requests can be answered, 503 while it starts or stops. Needs no key."""
        now = context.status()
        return SafeJsonResponse(health_info(now).json_value(), health_code(now))

    @router.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus: requests, tokens, cache hits, queue, batch size, agreement, workers."""
        return Response(context.voice.metrics.text(), media_type=CONTENT_TYPE)

    @router.get("/v1/models", response_model=ModelList)
    async def models() -> Response:
        """`swarm` (the vote), `swarm-fast` (one worker) and the real model's name, with their `context_length`."""
        return SafeJsonResponse(model_list(context.status(), context.started).json_value())

    @router.get("/v1/models/{name:path}", response_model=ModelInfo)
    async def model(name: str) -> Response:
        """One of these models."""
        now = context.status()
        check_model(name, now)
        return SafeJsonResponse(model_info(name, now, context.started).json_value())

    @router.get("/v1/swarm", response_model=SwarmState)
    async def swarm() -> Response:
        """Node, engines, workers, peers, the last votes; none of the texts."""
        return SafeJsonResponse(swarm_state(context.voice, context.status()).json_value())

    return router
