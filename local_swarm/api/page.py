"""The dashboard: one page, the stream of events that it lives on, and the words of votes for whoever has the page's token.

The page asks nothing of any other server. Everybody on this machine who may use the API sees who voted how; what was asked and
answered is for the user who runs the daemon, who gets the page's address, token included, when it starts.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.middleware import host_of, is_loopback
from local_swarm.api.sse import sse_event
from local_swarm.api.waiting import SSE, SSE_HEADERS
from local_swarm.errors import Busy, Forbidden, ModelNotFound
from local_swarm.paths import program_name

TOKEN = "x-swarm-page"  # the header
EVERY_S = 1.0  # between two looks at workers and engines


@lru_cache(maxsize=1)
def page_html() -> tuple[bytes, str]:
    """The page and the policy under which a browser runs it: its own script and style, and nothing from elsewhere."""
    html = (Path(__file__).parent / "page.html").read_text(encoding="utf-8").replace("$PROGRAM", program_name())

    def digests(tag: str) -> str:
        parts = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        hashes = (base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts)
        return " ".join(f"'sha256-{one}'" for one in hashes)

    policy = (
        f"default-src 'none'; script-src {digests('script')}; style-src {digests('style')}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html.encode(), policy


def page_router(journal: LoggedVoice, told: Callable[[], dict[str, Any]], token: str | None) -> APIRouter:
    router = APIRouter()
    glance = StateSnapshot(told)

    @router.get("/", include_in_schema=False)
    async def dashboard(request: Request) -> Response:
        if not is_loopback(host_of(request.headers.get("host", "")) or ""):
            raise Forbidden("The page is for this machine alone: open it as http://127.0.0.1.")
        html, policy = page_html()
        headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
        }
        return Response(html, media_type="text/html; charset=utf-8", headers={**headers, "cache-control": "no-cache"})

    @router.get("/v1/swarm/events")
    async def events() -> Response:
        """What happens, as server-sent events, and the state every second."""
        if journal.crowded:
            raise Busy("Too many pages watch this swarm. Close some.", retry_after_s=10)
        return StreamingResponse(stream_events(journal, glance), media_type=SSE, headers=SSE_HEADERS)

    @router.get("/v1/swarm/elections/{number}")
    async def election(number: int, request: Request) -> dict[str, Any]:
        """The words of one of the last votes, for who has the page's token."""
        shown = request.headers.get(TOKEN, "")
        if not token or not secrets.compare_digest(shown.encode(), token.encode()):
            raise Forbidden("The words of a vote are for whoever started the swarm: open the address that it printed.")
        if number not in journal.texts:
            raise ModelNotFound(f"There is no vote {number}, or it is too long ago.")
        return journal.texts[number]

    return router


class StateSnapshot:
    """What `/v1/swarm` tells, as one event, looked up once for all who ask within half a period."""

    def __init__(self, told: Callable[[], dict[str, Any]]) -> None:
        self.told, self.at, self.line, self.ending = told, 0.0, b"", False

    def __call__(self) -> bytes:
        now = time.monotonic()
        if now - self.at > EVERY_S / 2:
            found = self.told()
            self.at, self.line, self.ending = now, sse_event({"type": "swarm", **found}), found["status"] == "stopping"
        return self.line


async def stream_events(journal: LoggedVoice, glance: StateSnapshot) -> AsyncGenerator[bytes, None]:
    """Events as they happen and the state every second, until the swarm stops."""
    with journal.subscribe() as heard:
        due = 0.0
        while not glance.ending:
            now = time.monotonic()
            if now >= due:
                yield glance()
                due = now + EVERY_S
            try:
                async with asyncio.timeout(due - now):
                    yield sse_event(await heard.get())
            except TimeoutError:
                continue
