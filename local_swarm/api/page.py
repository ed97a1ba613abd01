"""The dashboard: the state and the elections of a swarm in, a page, a stream of events and the texts of votes out.

The page asks nothing of any other server. Everybody on this machine who may use the API sees how the workers voted. Prompts and
answers are for the user who runs the daemon: the page's address, printed at start, has the token that shows them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
import time
from collections.abc import AsyncGenerator
from functools import lru_cache
from html import escape
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from local_swarm.api.bodies import SafeJsonResponse
from local_swarm.api.context import ApiContext
from local_swarm.api.election_log import ElectionTexts, LoggedVoice
from local_swarm.api.middleware import host_of, is_loopback
from local_swarm.api.sse import EventStreamResponse, sse_event
from local_swarm.api.swarm_state import swarm_state
from local_swarm.commands import command
from local_swarm.errors import Busy, Forbidden, ModelNotFound
from local_swarm.terminal import json_text

TOKEN = "x-swarm-page"  # the header
EVERY_S = 1.0  # between two looks at workers and engines


@lru_cache(maxsize=1)
def page_html() -> tuple[bytes, str]:
    """The page and the policy under which a browser runs it: its own script and style, and nothing from elsewhere."""
    html = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
    html = html.replace("$PROGRAM key", escape(command("key")))
    html = html.replace("$PROGRAM invite", json_text(command("invite"))[1:-1].replace("<", "\\u003c"))

    def digests(tag: str) -> str:
        parts = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        hashes = (base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts)
        return " ".join(f"'sha256-{one}'" for one in hashes)

    policy = (
        f"default-src 'none'; script-src {digests('script')}; style-src {digests('style')}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html.encode(), policy


def page_router(context: ApiContext, token: str | None) -> APIRouter:
    """`token` shows the texts of votes; with None nobody sees them."""
    router = APIRouter()
    log, snapshot = context.voice, StateSnapshot(context)

    @router.get("/", include_in_schema=False)
    async def dashboard(request: Request) -> Response:
        return page_response(request.headers.get("host", ""))

    @router.get("/v1/swarm/events")
    async def events() -> Response:
        """Events of the swarm, as server-sent events, and its state every second."""
        if log.crowded:
            raise Busy("Too many pages watch this swarm. Close some.", retry_after_s=10)
        return EventStreamResponse(stream_events(log, snapshot))

    @router.get("/v1/swarm/elections/{number}", response_model=ElectionTexts)
    async def election(number: int, request: Request) -> Response:
        """The texts of one of the last votes, for callers with the page's token."""
        check_page_token(request.headers.get(TOKEN, ""), token)
        if number not in log.texts:
            raise ModelNotFound(f"There is no vote {number}, or it is too long ago.")
        return SafeJsonResponse(log.texts[number])

    return router


def page_response(host: str) -> Response:
    """`host`: the Host header. Raises Forbidden for any but this machine's."""
    if not is_loopback(host_of(host) or ""):
        raise Forbidden("The page is for this machine alone: open it as http://127.0.0.1.")
    html, policy = page_html()
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return Response(html, media_type="text/html; charset=utf-8", headers=headers)


def check_page_token(shown: str, token: str | None) -> None:
    """Raises Forbidden."""
    if not token or not secrets.compare_digest(shown.encode(), token.encode()):
        raise Forbidden("The words of a vote are for whoever started the swarm: open the address that it printed.")


class StateSnapshot:
    """What `/v1/swarm` says, as one event, made anew at most twice a second for all who watch."""

    def __init__(self, context: ApiContext) -> None:
        self.context, self.at, self.event, self.ending = context, 0.0, b"", False

    def __call__(self) -> bytes:
        now = time.monotonic()
        if now - self.at > EVERY_S / 2:
            state = swarm_state(self.context.voice, self.context.status())
            self.at, self.ending = now, state.status == "stopping"
            self.event = sse_event({"type": "swarm", **state.json_value()})
        return self.event


async def stream_events(log: LoggedVoice, snapshot: StateSnapshot) -> AsyncGenerator[bytes, None]:
    """Events as they happen and the state every second, until the swarm stops."""
    with log.subscribe() as events:
        due = 0.0
        while not snapshot.ending:
            now = time.monotonic()
            if now >= due:
                yield snapshot()
                due = now + EVERY_S
            try:
                async with asyncio.timeout(due - now):
                    yield sse_event(await events.get())
            except TimeoutError:
                continue
