"""The peers' door: TLS connections in, answers of our own swarm out. Strangers may introduce themselves, and nothing more.

The swarm behind it is the local one, never the federation, so a question cannot go in circles. `aiohttp.web` serves it because an
ASGI application cannot see a client's certificate.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from local_swarm.errors import BadRequest, PairingFailed, SwarmError, Unavailable
from local_swarm.intake import PIECE, Intake, TooMuch
from local_swarm.network.protocol import (
    DEADLINE_HEADER,
    PORT_HEADER,
    PROMPT_BYTES,
    SMALL_BYTES,
    Hello,
    Malformed,
    Report,
    VoteMessage,
    Welcome,
    decode,
    decode_prompt,
    encode,
)
from local_swarm.network.trust.identity import Identity, fingerprint
from local_swarm.network.trust.pairing import JoinFinish, Invitations, JoinStart
from local_swarm.network.trust.store import Charter, PairedMember, TrustStore
from local_swarm.network.trust.tls_listener import TlsListener
from local_swarm.types import Accepted, Candidate, Election, Prompt, Voice

CHANGES, CHANGE_S = 4.0, 5.0  # charters of one member that are followed at once, and then one every so many seconds
BEAT_S = 1.0  # so often an answer in the works says that it is
LONGEST_S = 1800.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class PeerServer:
    """`swarm` answers, `report` says how we are, `declines` in one word why not to answer now. `met` is told of members that
    introduced themselves, `seen` where a member's own door is. `counts` is what strangers tried and what was done about it."""

    mine: Identity
    trust: TrustStore
    invitations: Invitations
    swarm: Voice
    report: Callable[[], Report]
    declines: Callable[[float], str | None]
    met: Callable[[], None]
    seen: Callable[[PairedMember, str], None]
    counts: Counter[str]
    asked: int = 0
    clock: Callable[[], float] = time.monotonic
    _changes: dict[str, tuple[float, float]] = field(default_factory=dict)
    _reading: dict[str, asyncio.Semaphore] = field(default_factory=dict)  # by fingerprint; members are few

    def application(self) -> web.Application:
        app = web.Application(client_max_size=PROMPT_BYTES, middlewares=[self._guard])
        app.add_routes(
            [
                web.post("/v1/federation/vote", self.vote),
                web.get("/v1/federation/health", self.health),
                web.get("/v1/federation/info", self.health),
                web.post("/v1/federation/charter", self.charter),
                web.post("/v1/federation/hello", self.hello),
                web.post("/v1/federation/join/start", self.join_start),
                web.post("/v1/federation/join/finish", self.join_finish),
            ]
        )
        return app

    # -------------------------------------------------------------------------------------------------- guard

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Members may ask; others may introduce themselves. Errors are one word or sentence, and say nothing about us."""
        open_to_all = request.path.rpartition("/federation/")[2] in ("hello", "join/start", "join/finish")
        member = self.member(request)
        if member is None and not open_to_all:
            self.counts["refused"] += 1
            return web.Response(status=403, text="not a member")
        small = request.method == "GET" or (request.content_length or SMALL_BYTES + 1) <= SMALL_BYTES
        if not small and (member is None or not request.path.endswith("/federation/vote")):
            self.counts["refused"] += 1
            return web.Response(status=413, text="too long")
        if member and request.headers.get(PORT_HEADER, "").isdecimal():
            self.seen(member, f"{remote_host(request)}:{request.headers[PORT_HEADER]}")
        try:
            return await handler(request)
        except Malformed as problem:
            self.counts["malformed"] += 1
            return web.Response(status=400, text=str(problem)[:200])
        except PairingFailed as problem:
            self.counts["wrong_codes"] += 1
            return web.Response(status=409, text=problem.message)

    def member(self, request: web.Request) -> PairedMember | None:
        """Whose certificate this connection has shown, if it is pinned now: a forgotten one is nobody from that moment on."""
        tls = request.transport and request.transport.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True) if tls else None
        return self.trust.members.get(fingerprint(shown)) if shown else None

    # ------------------------------------------------------------------------------------------------ members

    async def health(self, _request: web.Request) -> web.Response:
        return web.Response(body=encode(self.report()), content_type="application/json")

    async def charter(self, request: web.Request) -> web.Response:
        """Who belongs to us, as a member has it. One that changes it again and again could always be ahead of whoever sends
        it away, so it has to wait."""
        member, theirs = self.member(request), decode(Charter, await request.read())
        assert member
        now, (left, then) = self.clock(), self._changes.get(member.fingerprint, (CHANGES, 0.0))
        left = min(CHANGES, left + (now - then) / CHANGE_S)
        if left < 1.0:
            return web.Response(status=429, text="too often")
        if self.trust.adopt(theirs):
            self._changes = {print_: one for print_, one in self._changes.items() if print_ in self.trust.members}
            self._changes[member.fingerprint] = (left - 1.0, now)
            self.met()
        return web.Response(text="ok")

    async def vote(self, request: web.Request) -> web.StreamResponse:
        """Every ballot as soon as it is there. The asking node decides; it hangs up when it has heard enough."""
        deadline_s = seconds(request.headers.get(DEADLINE_HEADER))
        prompt: Prompt | None = None
        if not (why := self.declines(deadline_s)):
            prompt = await self._question(request)
            why = self.declines(deadline_s)
        if why or prompt is None:
            self.counts["declined"] += 1
            return web.Response(status=503, text=why or "busy")
        response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        response.enable_chunked_encoding()
        self.asked += 1
        try:
            await response.prepare(request)
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    async for lines in self._lines(prompt):
                        await response.write(b"".join(encode(line) + b"\n" for line in lines))
                    await response.write_eof()
        except ConnectionError:
            pass  # it has hung up: it has heard enough, or is gone
        finally:
            self.asked -= 1
        return response

    async def _question(self, request: web.Request) -> Prompt:
        """One at a time of each member: however many it sends at once, others have their turns between its pieces."""
        member = self.member(request)
        reading = self._reading.setdefault(member.fingerprint if member else "", asyncio.Semaphore(1))
        async with reading:
            return decode_prompt(await body_of(request), seen=True)

    async def _lines(self, prompt: Prompt) -> AsyncIterator[Sequence[VoteMessage]]:
        """The swarm's events as lines, and a beat whenever there was none for a while. Its own vote is not waited for."""
        events = self.swarm.answer(prompt)
        workers = self.report().workers
        left = min(prompt.voices or workers, workers)
        waiting: asyncio.Task[Any] | None = None
        async with aclosing(events):
            try:
                while True:
                    waiting = waiting or asyncio.create_task(anext(events), name="ballot")
                    done, _ = await asyncio.wait({waiting}, timeout=BEAT_S)
                    if not done:
                        yield [VoteMessage("beat")]
                        continue
                    finished, waiting = waiting, None
                    event = finished.result()
                    if isinstance(event, Accepted):
                        yield [VoteMessage("accepted", prompt_tokens=event.prompt_tokens)]
                    elif isinstance(event, Candidate):
                        left -= 1
                        yield [VoteMessage("ballot", candidate=event), *([] if left else [VoteMessage("end")])]
                    if isinstance(event, Election) or left <= 0:
                        break
                if left > 0:
                    yield [VoteMessage("end")]
            except SwarmError as problem:
                yield [failure(problem)]
            finally:
                if waiting:
                    waiting.cancel()
                    await asyncio.gather(waiting, return_exceptions=True)

    # ---------------------------------------------------------------------------------------------- strangers

    async def hello(self, request: web.Request) -> web.Response:
        """Somebody says that it is of our swarm. It is, if it knows the key; then we pin its certificate and prove the same."""
        wish = decode(Hello, await request.read())
        if self.trust.token:
            return web.Response(status=403, text="not a member")  # a proof would be something to try tokens out against
        if not 0 < wish.port < 65_536:
            raise Malformed("port: there is no such one")
        try:
            theirs = fingerprint(wish.certificate)
        except ValueError:
            raise Malformed("no certificate") from None
        mine = self.mine.fingerprint
        member = PairedMember(wish.name, wish.certificate, (f"{remote_host(request)}:{wish.port}",))
        if not self.trust.charter.proves(wish.proof, "hello", theirs, mine) or not self.trust.admit(member):
            self.counts["refused"] += 1
            return web.Response(status=403, text="not a member")
        self.met()
        said = Welcome(self.trust.charter.proof("welcome", mine, theirs), self.invitations.name)
        return web.Response(body=encode(said), content_type="application/json")

    async def join_start(self, request: web.Request) -> web.Response:
        wish = decode(JoinStart, await request.read())
        started = await asyncio.to_thread(self.invitations.start, wish)
        return web.Response(body=encode(started), content_type="application/json")

    async def join_finish(self, request: web.Request) -> web.Response:
        finished, member = self.invitations.finish(decode(JoinFinish, await request.read()), remote_host(request))
        logger.warning("%s has joined the swarm.", member.name)
        self.met()
        return web.Response(body=encode(finished), content_type="application/json")


async def body_of(request: web.Request) -> bytes:
    """A prompt, looked at piece by piece as it arrives: a long one holds nobody else up. Raises Malformed."""
    intake, pieces, size = Intake(), list[bytes](), 0
    try:
        async for piece in request.content.iter_chunked(PIECE):
            size += len(piece)
            if size > PROMPT_BYTES:
                raise Malformed("it is too long")
            pieces.append(intake.feed(piece))
            await asyncio.sleep(0)  # what has arrived already would else be read in one go
        return b"".join([*pieces, intake.end()])
    except TooMuch as problem:
        raise Malformed(str(problem)) from None


def failure(problem: SwarmError) -> VoteMessage:
    state = "busy" if isinstance(problem, Unavailable) else "context" if isinstance(problem, BadRequest) else "failed"
    return VoteMessage("failed", message=problem.message[:200], state=state)


def seconds(said: str | None) -> float:
    """Of a deadline; the longest one where none or nonsense is said."""
    with suppress(TypeError, ValueError):
        return min(LONGEST_S, max(0.1, float(said or "")))
    return LONGEST_S


def remote_host(request: web.Request) -> str:
    """The other side's address, as it stands in a URL."""
    name: tuple[Any, ...] = (request.transport and request.transport.get_extra_info("peername")) or ("",)
    host = str(name[0]).removeprefix("::ffff:")
    if ":" not in host:
        return host
    zone = (
        f"%{name[3]}" if len(name) > 3 and name[3] and "%" not in host else ""
    )  # without it a link-local one leads nowhere
    return f"[{host}{zone}]"


@asynccontextmanager
async def open_peer_server(
    door: PeerServer, sockets: list[Any], context: Callable[[], ssl.SSLContext]
) -> AsyncIterator[TlsListener]:
    """The door is open while the context lasts. `context` is asked anew for every connection."""
    runner = web.AppRunner(door.application(), handler_cancellation=True, access_log=None, keepalive_timeout=60.0)
    await runner.setup()
    assert runner.server
    gate = TlsListener(runner.server, context, door.counts, time.monotonic)
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(gate, sock=made) for made in sockets]
    try:
        yield gate
    finally:
        for server in servers:
            server.close()
        gate.close()
        await runner.cleanup()
