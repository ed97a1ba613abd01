"""Requests of peers over TLS in, answers of our own swarm out. Unpaired nodes may only introduce themselves.

The swarm that answers is the local one, never the federation, so a request cannot go in circles. `aiohttp.web`
serves it because an ASGI application cannot see a client's certificate.
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
from local_swarm.events import with_pauses
from local_swarm.intake import PIECE, Intake, TooMuch
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.federation.availability import Availability, Reporter
from local_swarm.network.protocol import (
    DEADLINE_HEADER,
    PORT_HEADER,
    PROMPT_BYTES,
    SMALL_BYTES,
    Hello,
    Malformed,
    VoteMessage,
    Welcome,
    decode,
    decode_prompt,
    encode,
)
from local_swarm.network.server_sockets import ServerSockets
from local_swarm.network.trust.identity import Identity, fingerprint
from local_swarm.network.trust.pairing import Invitations, JoinFinish, JoinStart
from local_swarm.network.trust.store import Charter, PairedMember, TrustStore
from local_swarm.network.trust.tls_listener import TlsListener
from local_swarm.types import Accepted, Candidate, Election, Prompt, Voice

CHANGES, CHANGE_S = 4.0, 5.0  # charters of one member that we adopt at once, then one per so many seconds
VOTE_BEAT_S = 1.0  # between signs of life while no ballot is ready
LONGEST_VOTE_S = 1800.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class PeerServer:
    """The server for other nodes.

    `voice` answers. `changed` is set when a member came or the charter changed. `counts` counts what was refused."""

    mine: Identity
    trust: TrustStore
    invitations: Invitations
    directory: Directory
    voice: Voice
    availability: Availability
    reporter: Reporter
    changed: asyncio.Event
    counts: Counter[str]
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
        """Members may ask. Others may introduce themselves. Errors are one word or sentence that reveals nothing."""
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
            address = f"{remote_host(request)}:{request.headers[PORT_HEADER]}"
            self.directory.hear_contact(member.id, address, self.clock())
        try:
            return await handler(request)
        except Malformed as problem:
            self.counts["malformed"] += 1
            return web.Response(status=400, text=str(problem)[:200])
        except PairingFailed as problem:
            self.counts["wrong_codes"] += 1
            return web.Response(status=409, text=problem.message)

    def member(self, request: web.Request) -> PairedMember | None:
        """The member whose certificate this connection has shown. A forgotten one is no member from that moment on."""
        tls = request.transport and request.transport.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True) if tls else None
        return self.trust.members.get(fingerprint(shown)) if shown else None

    def fingerprint_of(self, request: web.Request) -> str:
        """Of the member that has sent the request. Empty where it was forgotten meanwhile."""
        member = self.member(request)
        return member.fingerprint if member else ""

    # ------------------------------------------------------------------------------------------------ members

    async def health(self, _request: web.Request) -> web.Response:
        return web.Response(body=encode(self.reporter.report()), content_type="application/json")

    async def charter(self, request: web.Request) -> web.Response:
        """A member's charter. The rate is bounded: a member could else stay ahead of the one that forgets it."""
        sender, theirs = self.fingerprint_of(request), decode(Charter, await request.read())
        now, (left, then) = self.clock(), self._changes.get(sender, (CHANGES, 0.0))
        left = min(CHANGES, left + (now - then) / CHANGE_S)
        if left < 1.0:
            return web.Response(status=429, text="too often")
        if self.trust.adopt(theirs):
            self._changes = {print_: one for print_, one in self._changes.items() if print_ in self.trust.members}
            self._changes[sender] = (left - 1.0, now)
            self.changed.set()
        return web.Response(text="ok")

    async def vote(self, request: web.Request) -> web.StreamResponse:
        """Every ballot as soon as it is ready. The asking node decides, and hangs up when it has enough."""
        deadline_s = seconds_in(request.headers.get(DEADLINE_HEADER))
        prompt: Prompt | None = None
        if not (why := self.availability.refusal(deadline_s)):
            prompt = await self._prompt_in(request)
            why = self.availability.refusal(deadline_s)
        if why or prompt is None:
            self.counts["declined"] += 1
            return web.Response(status=503, text=why or "busy")
        with self.availability.counted_request():
            return await self._stream(request, prompt, deadline_s)

    async def _stream(self, request: web.Request, prompt: Prompt, deadline_s: float) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        response.enable_chunked_encoding()
        with suppress(ConnectionError):  # the asking node has enough, or is gone
            await response.prepare(request)
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    async for lines in self._lines(prompt):
                        await response.write(b"".join(encode(line) + b"\n" for line in lines))
                    await response.write_eof()
        return response

    async def _prompt_in(self, request: web.Request) -> Prompt:
        """One at a time of each member, so that a member with many requests does not hold up the others."""
        async with self._reading.setdefault(self.fingerprint_of(request), asyncio.Semaphore(1)):
            return decode_prompt(await read_body(request), seen=True)

    async def _lines(self, prompt: Prompt) -> AsyncIterator[Sequence[VoteMessage]]:
        """The swarm's events as lines, and a beat after `BEAT_S` without one. The swarm's own vote is not awaited."""
        workers = self.availability.healthy_workers
        left = min(prompt.voices or workers, workers)
        async with aclosing(with_pauses(self.voice.answer(prompt), VOTE_BEAT_S, ahead=0)) as events:
            try:
                async for event in events:
                    if event is None:
                        yield [VoteMessage("beat")]
                    elif isinstance(event, Accepted):
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

    # ------------------------------------------------------------------------------------------ unpaired nodes

    async def hello(self, request: web.Request) -> web.Response:
        """A node claims to be of our swarm. If it knows the key, we pin its certificate and prove the same."""
        message = decode(Hello, await request.read())
        if self.trust.token:
            return web.Response(status=403, text="not a member")  # guesses at the token could be tested against a proof
        if not 0 < message.port < 65_536:
            raise Malformed("port: there is no such one")
        try:
            theirs = fingerprint(message.certificate)
        except ValueError:
            raise Malformed("no certificate") from None
        mine = self.mine.fingerprint
        member = PairedMember(message.name, message.certificate, (f"{remote_host(request)}:{message.port}",))
        if not self.trust.charter.proves(message.proof, "hello", theirs, mine) or not self.trust.admit(member):
            self.counts["refused"] += 1
            return web.Response(status=403, text="not a member")
        self.changed.set()
        welcome = Welcome(self.trust.charter.proof("welcome", mine, theirs), self.invitations.name)
        return web.Response(body=encode(welcome), content_type="application/json")

    async def join_start(self, request: web.Request) -> web.Response:
        message = decode(JoinStart, await request.read())
        reply = await asyncio.to_thread(self.invitations.start, message)
        return web.Response(body=encode(reply), content_type="application/json")

    async def join_finish(self, request: web.Request) -> web.Response:
        reply, member = self.invitations.finish(decode(JoinFinish, await request.read()), remote_host(request))
        logger.warning("%s has joined the swarm.", member.name)
        self.changed.set()
        return web.Response(body=encode(reply), content_type="application/json")


async def read_body(request: web.Request) -> bytes:
    """A prompt, checked piece by piece as it arrives, so that a long one holds up nobody. Raises Malformed."""
    intake, pieces, size = Intake(), list[bytes](), 0
    try:
        async for piece in request.content.iter_chunked(PIECE):
            size += len(piece)
            if size > PROMPT_BYTES:
                raise Malformed("it is too long")
            pieces.append(intake.feed(piece))
            await asyncio.sleep(0)  # pieces that have already arrived would else be read without a pause
        return b"".join([*pieces, intake.end()])
    except TooMuch as problem:
        raise Malformed(str(problem)) from None


def failure(problem: SwarmError) -> VoteMessage:
    state = "busy" if isinstance(problem, Unavailable) else "context" if isinstance(problem, BadRequest) else "failed"
    return VoteMessage("failed", message=problem.message[:200], state=state)


def seconds_in(header: str | None) -> float:
    """Of a deadline. `LONGEST_S` where the header is absent or no number."""
    with suppress(TypeError, ValueError):
        return min(LONGEST_VOTE_S, max(0.1, float(header or "")))
    return LONGEST_VOTE_S


def remote_host(request: web.Request) -> str:
    """The other side's address, as it stands in a URL."""
    name: tuple[Any, ...] = (request.transport and request.transport.get_extra_info("peername")) or ("",)
    host = str(name[0]).removeprefix("::ffff:")
    if ":" not in host:
        return host
    zone = ""
    if len(name) > 3 and name[3] and "%" not in host:
        zone = f"%{name[3]}"  # nobody can connect to a link-local address without it
    return f"[{host}{zone}]"


@asynccontextmanager
async def open_peer_server(
    server: PeerServer, sockets: ServerSockets, context: Callable[[], ssl.SSLContext]
) -> AsyncIterator[None]:
    """Serves on the sockets while the context lasts, also on later ones. `context` is asked again for every connection."""
    runner = web.AppRunner(server.application(), handler_cancellation=True, access_log=None, keepalive_timeout=60.0)
    await runner.setup()
    assert runner.server
    listener = TlsListener(runner.server, context, server.counts, time.monotonic)
    await sockets.serve(listener)
    try:
        yield
    finally:
        sockets.close()
        listener.close()
        await runner.cleanup()
