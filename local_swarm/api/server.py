"""A logged voice in, a listening HTTP server out: the application, its error bodies, uvicorn without its signal handlers."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from local_swarm import __version__
from local_swarm.api.bodies import SafeJsonResponse
from local_swarm.api.connection import ImpatientProtocol
from local_swarm.api.context import ApiContext, Embeds
from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.error_body import error_body
from local_swarm.api.middleware import AuthMiddleware, BoundsMiddleware, CountingMiddleware
from local_swarm.api.page import page_router
from local_swarm.api.routes import answer_router, state_router
from local_swarm.api.schemas import complaint, mistake, parameter_path
from local_swarm.api.status import Status
from local_swarm.errors import BadRequest, SwarmError, Unavailable, UsageError

MOST_CONNECTIONS = 1000  # beyond it clients are told to come back
GRACE_S = 5  # for answers in the works when the server stops

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who may call. `key`: what every caller must send, if not None. `origins`: web pages that may call, beside those of this
    machine. `hosts`: names beside the loopback ones under which this machine may be called, None for any. `page`: the token that
    shows the texts of votes; with None nobody sees them."""

    key: str | None = None
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] | None = ()
    page: str | None = None


def create_app(
    voice: LoggedVoice,
    status: Callable[[], Status],
    embeds: Embeds,
    policy: AccessPolicy | None = None,
    routers: Iterable[APIRouter] = (),
) -> FastAPI:
    """The application over one voice, with `routers` beside its own endpoints. It tells of the elections that `voice` logs."""
    policy = policy or AccessPolicy()
    app = FastAPI(
        title="Local Swarm",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        strict_content_type=False,
        default_response_class=SafeJsonResponse,
    )
    context = ApiContext(voice, status, embeds, int(time.time()))
    for router in (state_router(context), answer_router(context), page_router(context, policy.page), *routers):
        app.include_router(router)
    if policy.origins:
        app.add_middleware(CORSMiddleware, allow_origins=policy.origins, allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(BoundsMiddleware)
    app.add_middleware(AuthMiddleware, hosts=policy.hosts, origins=policy.origins, key=policy.key)
    app.add_middleware(CountingMiddleware, saw=voice.metrics.saw_request)
    app.add_exception_handler(SwarmError, on_swarm_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_surprise)
    return app


async def on_swarm_error(_request: Request, problem: Exception) -> SafeJsonResponse:
    assert isinstance(problem, SwarmError)
    headers = {"retry-after": str(problem.retry_after_s)} if isinstance(problem, Unavailable) else None
    return SafeJsonResponse(error_body(problem), problem.status, headers=headers)


async def on_invalid(request: Request, problem: Exception) -> SafeJsonResponse:
    """The first mistake in a request, with the field it is in."""
    assert isinstance(problem, RequestValidationError)
    error = mistake(problem.errors())
    if error["type"] == "json_invalid":
        return SafeJsonResponse(
            error_body(
                BadRequest(f"The request body is no valid JSON: {error.get('ctx', {}).get('error', error['msg'])}.")
            ),
            400,
        )
    if len(error["loc"]) == 1 and "json" not in request.headers.get("content-type", "json"):
        return SafeJsonResponse(
            error_body(BadRequest("The request body must be sent as JSON, with content-type: application/json.")), 400
        )
    field = parameter_path(error["loc"])
    return SafeJsonResponse(
        error_body(BadRequest(f"{field or 'The request body'}: {complaint(error)}.", param=field or None)), 400
    )


async def on_http_error(request: Request, problem: Exception) -> SafeJsonResponse:
    assert isinstance(problem, HTTPException)
    if isinstance(problem.__cause__, SwarmError):  # raised while the body was read, and wrapped on its way
        return await on_swarm_error(request, problem.__cause__)
    body = {"message": str(problem.detail), "type": "invalid_request_error", "param": None, "code": None}
    return SafeJsonResponse({"error": body}, problem.status_code, headers=problem.headers)


async def on_surprise(_request: Request, problem: Exception) -> SafeJsonResponse:
    """The edge: an unexpected exception is logged with its traceback and answered with one sentence."""
    logger.error("A request failed unexpectedly.", exc_info=problem)
    return SafeJsonResponse(error_body(SwarmError("The swarm failed on this request; its log says why.")), 500)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, before anything slow begins. Raises UsageError for a host or port that cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off; without, the second part of every answer comes 40 ms late.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":  # there it would let two programs have the same port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as problem:
        listener.close()
        if getattr(problem, "errno", None) == errno.EADDRINUSE:
            raise UsageError(
                f"Port {port} is in use, perhaps by a swarm that already runs. Choose another one with --port."
            ) from problem
        raise UsageError(
            f"Port {port} on {host} cannot be used: {getattr(problem, 'strerror', None) or problem}."
        ) from problem
    return listener


class UvicornServer(uvicorn.Server):
    """uvicorn, but the node decides when to stop: two servers in one process would fight over signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.asynccontextmanager
async def serve_app(
    app: FastAPI, listener: socket.socket, connection: type[ImpatientProtocol] = ImpatientProtocol
) -> Any:
    """The application answers on the socket while the context lasts, and closes it then."""
    config = uvicorn.Config(
        app,
        http=connection,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
    )
    server = UvicornServer(config)
    task = asyncio.create_task(server.serve([listener]), name="http-server")
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listener.close()
