"""A server's address in, a `Backend` out: every seat a request of its own, or one for all where the server can do that.

If a request fails, only its seat is lost; the other answers are still voted on.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import math
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from local_swarm.backends.base import ModelFacts, Seat, State
from local_swarm.backends.openai_compatible.answer import AnswerSoFar, objects
from local_swarm.backends.openai_compatible.find import find_server
from local_swarm.backends.openai_compatible.messages import (
    error_in,
    error_of,
    estimated_tokens,
    request_body,
    without_refused,
)
from local_swarm.backends.openai_compatible.probe import ServerModel, probe_server, read_body, request_json
from local_swarm.backends.process import messages
from local_swarm.errors import BadRequest, ContextExceeded, EngineLost, Forbidden, Starting, SwarmError, UsageError
from local_swarm.events import accepted_once, cancel, merge, with_pauses
from local_swarm.models.planner import answer_tokens
from local_swarm.paths import offline
from local_swarm.types import Accepted, Candidate, Embedded, Event, Prompt

FIND_SERVER = "auto"  # instead of an address: the first server that is found on this machine
USUAL_CONTEXT = 8192  # where neither the server nor the user tells
ERROR_BYTES = 1 << 16

# Names with these ends exist on a local network only.
NEAR = (".local", ".localhost", ".lan", ".home", ".internal", ".home.arpa", ".fritz.box")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerTarget:
    """Where a server is and what is wanted of it. `url` ends where OpenAI's does, in /v1. `several`: whether one
    request may ask for many answers; None finds out. `at_once`: most requests that are open there at a time."""

    url: str
    model: str | None = None
    key: str | None = field(default=None, repr=False)
    context: int | None = None
    several: bool | None = None
    at_once: int = 32


@dataclass(frozen=True, slots=True)
class ServerCare:
    """How a server is looked after. `probe_s`: how long a probe may take, `probe_every_s`: between those of a healthy
    server. `silence_s`: without a byte for so long, a request is given up. `accept_s`: one that is silent for so long
    counts as accepted. `pause_s`: how long what may follow the end of an answer is waited for. Pauses between probes
    of one that is down grow from the first to the longest."""

    probe_s: float = 5.0
    probe_every_s: float = 15.0
    silence_s: float = 120.0
    accept_s: float = 20.0
    pause_s: float = 1.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0


class OpenAICompatible:
    """A `Backend`. The server's process and its steps are its own business."""

    pid: int | None = None
    beat: messages.Beat | None = None

    def __init__(self, server: ServerTarget, care: ServerCare | None = None) -> None:
        self.server, self.care = server, care or ServerCare()
        self._state: State = "starting"
        self._found: ServerModel | None = None
        self._several = server.several
        self._up, self._doubt = asyncio.Event(), asyncio.Event()
        self._room = asyncio.Semaphore(server.at_once)
        self._http: aiohttp.ClientSession | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def target_url(self) -> str | None:
        """The server's address; None where the server is one of ours."""
        return self.server.url

    @property
    def where(self) -> str:
        return f"The server at {self.server.url}"

    @property
    def facts(self) -> ModelFacts | None:
        found = self._found
        if not found:
            return None
        context = self.server.context or found.context or USUAL_CONTEXT
        known = self.server.context or found.context
        note = None if known else f"{self.where} does not tell its context; {context} tokens are assumed"
        return ModelFacts(found.model, "openai_compatible", context, answer_tokens(context), found.kind, note=note)

    # -- life

    async def start(self) -> ModelFacts:
        """Probe the server. Raises Forbidden where it is outside and nothing may go there, UsageError where it lacks the
        model, EngineLost where it does not answer: probes go on then."""
        if self.server.url == FIND_SERVER:
            self.server = replace(self.server, url=await find_server(self.server.model))
        if offline() and not await is_near(self.server.url):
            raise Forbidden(f"{self.where} is not on this network, and LOCAL_SWARM_OFFLINE forbids to ask it.")
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self.care.probe_s, sock_read=self.care.silence_s)
        headers = {"Authorization": f"Bearer {self.server.key}"} if self.server.key else {}
        self._http = aiohttp.ClientSession(timeout=limits, headers=headers, read_bufsize=1 << 20)
        try:
            self._mark_ready(await self._probe())
        except EngineLost:
            self._state = "restarting"
            raise
        finally:
            self._keeper = asyncio.create_task(self._keep(), name="server-keeper")
        assert self.facts
        return self.facts

    async def ready(self, within_s: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._up.wait(), within_s)
        return self._state == "ready"

    def forget(self) -> None:
        """Nothing is remembered here."""

    async def close(self) -> None:
        self._state = "closed"
        await cancel(self._keeper)
        if self._http:
            await self._http.close()

    async def _probe(self) -> ServerModel:
        assert self._http
        return await probe_server(self._http, self.server.url, self.server.model, self.care.probe_s)

    def _mark_ready(self, found: ServerModel) -> None:
        if self._found and found.model != self._found.model:
            logger.warning("%s now has the model %s, no longer %s.", self.where, found.model, self._found.model)
        self._found, self._state = found, "ready"
        if self._several is None:
            self._several = found.several
        self._up.set()

    def _mark_down(self, state: State, problem: SwarmError) -> None:
        if self._state == "closed":
            return
        if self._state != state:
            logger.warning("%s", problem.message)
        self._state = state
        self._up.clear()

    async def _keep(self) -> None:
        """Look at the server now and then, and at once when a request could not reach it."""
        pause = self.care.probe_every_s if self._state == "ready" else self.care.first_pause_s
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._doubt.wait(), pause)
            self._doubt.clear()
            try:
                self._mark_ready(await self._probe())
                pause = self.care.probe_every_s
            except SwarmError as problem:
                was_ready = self._state == "ready"
                self._mark_down("failed" if isinstance(problem, UsageError) else "restarting", problem)
                pause = self.care.first_pause_s if was_ready else min(2 * pause, self.care.longest_pause_s)

    # -- requests

    async def generate(self, prompt: Prompt, seats: Sequence[Seat]) -> AsyncGenerator[Event, None]:
        """See `Backend`. `Accepted` tells an estimate of the prompt's tokens, for a server counts only as it answers.

        Raises ContextExceeded, BadRequest, Busy, Starting, EngineLost; where some seats have answered, after them.
        """
        self._must_be_up()
        if prompt.scored:
            raise BadRequest("Servers do not tell how likely a prompt's own tokens are.", param="echo")
        parties = parties_of(seats, bool(self._several))
        answers = merge(self._request_party(prompt, party) for party in parties)
        async with aclosing(accepted_once(answers)) as events:
            async for event in events:
                yield event

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See `Backend`. Raises BadRequest where the server's model makes no vectors."""
        self._must_be_up()
        assert self._http and self._found
        body = {"model": self._found.model, "input": list(texts)}
        told = await request_json(
            self._http, "POST", f"{self.server.url}/embeddings", self.care.silence_s, self.where, body=body
        )
        try:
            vectors = [list(map(float, one["embedding"])) for one in told["data"]]
        except (KeyError, TypeError, ValueError, OverflowError) as problem:
            raise EngineLost(f"{self.where} answered what nobody understands.") from problem
        if len(vectors) != len(texts):
            raise EngineLost(f"{self.where} made {len(vectors)} vectors of {len(texts)} texts.")
        units = [[x / max(math.hypot(*vector), 1e-12) for x in vector] for vector in vectors]
        usage = told.get("usage")
        tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        return Embedded(units, self._found.model, tokens if isinstance(tokens, int) else None)

    def _must_be_up(self) -> None:
        if self._state == "closed":
            raise EngineLost("The swarm is shutting down.")
        if self._state == "starting":
            raise Starting("The engine is starting. Try again in a moment.")
        if self._state != "ready":
            raise EngineLost(f"{self.where} does not answer.", retry_after_s=5)

    async def _request_party(self, prompt: Prompt, party: Sequence[Seat]) -> AsyncGenerator[Event, None]:
        """Every seat's answer, in one request where the server can do that. Raises SwarmErrors."""
        try:
            async with self._room, aclosing(self._all_answers(prompt, party)) as events:
                async for event in events:
                    yield event
        except TimeoutError as late:
            raise EngineLost(f"{self.where} was silent for too long.") from late
        except aiohttp.ClientConnectionError as lost:
            self._mark_down("restarting", EngineLost(f"{self.where} cannot be reached any more."))
            self._doubt.set()
            raise EngineLost(f"{self.where} was lost while it answered: {lost}.") from lost
        except (aiohttp.ClientError, ValueError, TypeError, LookupError, AttributeError) as nonsense:
            raise EngineLost(f"{self.where} answered what nobody understands ({nonsense}).") from nonsense

    async def _all_answers(self, prompt: Prompt, party: Sequence[Seat]) -> AsyncGenerator[Event, None]:
        """One request, and single ones for the seats that it left without an answer."""
        answered: set[str] = set()
        async with aclosing(self._ask(prompt, party)) as events:
            async for event in events:
                if isinstance(event, Candidate):
                    answered.add(event.voter)
                yield event
        missing = [seat for seat in party if seat.voter not in answered]
        if missing:
            self._several = False  # it ignores `n`
        for seat in missing:
            async with aclosing(self._ask(prompt, [seat])) as events:
                async for event in events:
                    yield event

    async def _ask(self, prompt: Prompt, party: Sequence[Seat]) -> AsyncGenerator[Event, None]:
        """`Accepted`, then every choice's words as they come, then the candidates of those seats that got an answer."""
        answer, problem = AnswerSoFar(prompt, party, estimated_tokens(prompt)), None
        try:
            async with aclosing(self._deltas(answer)) as events:
                async for event in events:
                    yield event
        except (aiohttp.ClientError, SwarmError, TimeoutError, ValueError) as lost:
            if not any(one.ended for one in answer.said.values()):
                raise
            problem = None if answer.ended else lost
        if not answer.said:
            raise self._silence(answer.estimate)
        for event in answer.close():
            yield event
        if not answer.ended:
            raise problem or EngineLost(f"{self.where} broke off.")

    async def _deltas(self, answer: AnswerSoFar) -> AsyncGenerator[Event, None]:
        """Most servers refuse before they say anything and a few just after, so what they say first means that they
        accept. So does long silence, for clients that wait must be told something."""
        waits, accepted = self.care.accept_s, False
        async with aclosing(with_pauses(self._chunks(answer), self.care.pause_s)) as told:
            async for chunk in told:
                waits -= self.care.pause_s if chunk is None else waits
                if waits <= 0 and not accepted:
                    accepted = True
                    yield Accepted(answer.estimate)
                for delta in answer.take(chunk or {}):
                    yield delta
                if answer.stopped or (chunk is None and answer.ended):
                    break

    def _silence(self, estimate: int) -> SwarmError:
        """Why an answer may have been empty: some servers say nothing of a prompt that is too long."""
        assert self.facts
        if estimate > self.facts.context:
            return ContextExceeded(estimate, self.facts.context)
        return EngineLost(f"{self.where} answered nothing.")

    def _body(self, answer: AnswerSoFar) -> dict[str, Any]:
        assert self._found
        body = request_body(answer.prompt, answer.party, self._found.model)
        if answer.prompt.sampling.logprobs is not None and self._found.kind == "local-swarm":
            for name in ("stream", "stream_options"):  # what a swarm streams word by word has no log-probabilities
                del body[name]
        return body

    async def _chunks(self, answer: AnswerSoFar) -> AsyncGenerator[dict[str, Any], None]:
        """The objects of one answer. A wish that the server refuses is left out. Raises SwarmErrors for the server's errors."""
        assert self._http and self.facts
        body, context = self._body(answer), self.facts.context
        url = f"{self.server.url}/{'chat/completions' if answer.prompt.text is None else 'completions'}"
        while True:
            async with self._http.post(url, json=body, allow_redirects=False) as response:
                if response.status == 200:
                    async with aclosing(objects(response)) as found:
                        async for chunk in found:
                            if failure := error_in(chunk, self.where, answer.estimate, context):
                                raise failure
                            yield chunk
                    return
                text = (await read_body(response, ERROR_BYTES)).decode("utf-8", "replace")
                after = response.headers.get("Retry-After")
                problem = error_of(
                    response.status, text, after, where=self.where, estimate=answer.estimate, context=context
                )
                left = without_refused(body, response.status, text)
                if left is None:
                    raise problem
                body = left


def parties_of(seats: Sequence[Seat], several: bool) -> list[list[Seat]]:
    """Who is asked together: those who sample equally warm, since one request has one temperature."""
    if not several:
        return [[seat] for seat in seats]
    parties: dict[float, list[Seat]] = {}
    for seat in seats:
        parties.setdefault(seat.temperature, []).append(seat)
    return list(parties.values())


def normalize_url(url: str) -> str:
    """An address as people write it, complete: with a scheme and OpenAI's /v1. Raises UsageError for what is none."""
    full = url if "://" in url else f"http://{url}"
    parts = urlsplit(full)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UsageError(
            f"{url!r} is no address of a server. Write it like http://127.0.0.1:8080/v1; keys do not belong in it."
        )
    path = parts.path.rstrip("/") or "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


async def is_near(url: str) -> bool:
    """Whether an address is on this machine or this network. Nobody is asked where a name of the world is: that goes
    out, too."""
    host = urlsplit(url).hostname or ""
    if "." in host and host.rpartition(".")[2].isalpha() and not host.endswith(NEAR):
        return False
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    near = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return bool(near) and all(one.is_private or one.is_loopback or one.is_link_local for one in near)
