"""A peer and a question in, its ballots out as they come. What the other side may take up is bounded here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import aiohttp

from local_swarm.errors import PairingFailed, PeerFault
from local_swarm.network.discovery.directory import Peer
from local_swarm.network.discovery.lan import host_and_port
from local_swarm.network.protocol import (
    DEADLINE_HEADER,
    PORT_HEADER,
    SMALL_BYTES,
    LineDecoder,
    Malformed,
    Report,
    VoteMessage,
    check_ballot,
    decode,
    decode_report,
    encode,
)
from local_swarm.network.trust import tls
from local_swarm.network.trust.identity import Identity
from local_swarm.types import Accepted, Candidate

CONNECT_S = 2.0
SILENCE_S = 3.0  # without a byte
WHOLE_S = 5.0  # for everything but a vote
FIRST_LOOK_S = 3.0
LAST_WORD_S = 0.1  # after the last ballot
BASE = "/v1/federation"
DECLINES = ("busy", "battery", "slow", "starting", "stopping", "context")

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """What a peer is asked: `body` is the prompt as bytes, made once for all peers. `alone`: nobody else is asked."""

    body: bytes
    ballots: int
    deadline_s: float
    silence_s: float = SILENCE_S
    alone: bool = False


class Client:
    """All outgoing talk with other nodes. `port` is where our own door is, which members are told each time: those whom no
    announcement reaches learn from it where we are."""

    def __init__(self, mine: Identity) -> None:
        self._mine = mine
        self.port = 0
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        connector = aiohttp.TCPConnector(limit=128, limit_per_host=16, keepalive_timeout=30.0)
        self._session = aiohttp.ClientSession(
            connector=connector, trust_env=False, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session
        await self._session.close()

    def forget(self, certificate: str) -> None:
        self._contexts.pop(certificate, None)

    # ---------------------------------------------------------------------------------------------- members

    async def report(self, peer: Peer, place: str) -> tuple[Report, float]:
        """How it is, and the seconds it took to say so. Raises PeerFault."""
        began = time.monotonic()
        with translate_errors():
            found = decode_report(await self._small(place, "GET", "/health", None, self._context(peer)))
        return found, time.monotonic() - began

    async def tell(self, peer: Peer, path: str, value: object) -> None:
        """Raises PeerFault."""
        assert peer.address
        with translate_errors():
            await self._small(peer.address, "POST", path, encode(value), self._context(peer))

    async def ballots(self, peer: Peer, wish: PeerRequest) -> AsyncGenerator[Accepted | Candidate, None]:
        """Its answer to a prompt. Closing the iterator closes the connection, so that the peer stops. Raises PeerFault."""
        assert self._session and peer.address
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=wish.silence_s)
        headers = {
            DEADLINE_HEADER: f"{wish.deadline_s:.1f}",
            PORT_HEADER: str(self.port),
            "content-type": "application/json",
        }
        with translate_errors():
            async with self._session.post(
                url_of(peer.address, "/vote"),
                data=wish.body,
                headers=headers,
                ssl=self._context(peer),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise refusal(response.status, await read_bounded(response))
                async for event in read_ballots(response, peer.name, wish):
                    yield event
                with contextlib.suppress(TimeoutError, aiohttp.ClientError):
                    async with asyncio.timeout(LAST_WORD_S):
                        await response.content.readany()  # the end of the stream: a connection read to it serves again

    # -------------------------------------------------------------------------------------------- strangers

    async def certificate_at(self, place: str) -> str:
        """What whoever listens there shows. Proves nothing yet. Raises PeerFault."""
        host, port = host_and_port(place, 0)
        with translate_errors():
            async with asyncio.timeout(FIRST_LOOK_S):
                _, writer = await asyncio.open_connection(host, port, ssl=tls.for_reading_certificate())
                try:
                    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                finally:
                    writer.close()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()
        return ssl.DER_cert_to_PEM_cert(shown)

    async def ask_unpaired(self, place: str, certificate: str, path: str, value: object, kind: type[T]) -> T:
        """Say something to the holder of the certificate, without showing ours. Raises PairingFailed and PeerFault."""
        context = tls.for_peer(None, certificate)
        with translate_errors():
            return decode(kind, await self._small(place, "POST", path, encode(value), context))

    # ---------------------------------------------------------------------------------------------- both

    def _context(self, peer: Peer) -> ssl.SSLContext:
        if peer.certificate not in self._contexts:
            self._contexts[peer.certificate] = tls.for_peer(self._mine, peer.certificate)
        return self._contexts[peer.certificate]

    async def _small(self, place: str, method: str, path: str, body: bytes | None, context: ssl.SSLContext) -> bytes:
        assert self._session
        timeout = aiohttp.ClientTimeout(total=WHOLE_S, sock_connect=CONNECT_S, sock_read=SILENCE_S)
        headers = {PORT_HEADER: str(self.port)} | ({"content-type": "application/json"} if body else {})
        async with self._session.request(
            method, url_of(place, path), data=body, headers=headers, ssl=context, timeout=timeout, allow_redirects=False
        ) as response:
            said = await read_bounded(response)
            if response.status == 409:
                raise PairingFailed(message_in(said))
            if response.status != 200:
                raise refusal(response.status, said)
            return said


async def read_ballots(
    response: aiohttp.ClientResponse, node: str, wish: PeerRequest
) -> AsyncGenerator[Accepted | Candidate, None]:
    """The lines of an answer as events, no more ballots than were asked for. Raises PeerFault, Malformed."""
    lines, left = LineDecoder(), wish.ballots
    async for chunk in response.content.iter_any():
        for data in lines.feed(chunk):
            line = decode(VoteMessage, data)
            await asyncio.sleep(0)  # a peer can send many lines at once
            if line.kind == "accepted":
                yield Accepted(max(0, line.prompt_tokens))
            elif line.kind == "ballot" and line.candidate and left > 0:
                left -= 1
                yield check_ballot(line.candidate, node, wish.alone)
            elif line.kind == "failed":
                raise PeerFault(line.message[:200], line.state if line.state in DECLINES else "failed")
            if line.kind == "end" or left == 0:
                return
    raise PeerFault("The answer broke off.", "gone")


async def read_bounded(response: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > SMALL_BYTES:
            raise Malformed("the answer is too long")
    return bytes(found)


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Whatever the network throws, as a PeerFault with the word for it."""
    try:
        yield
    except (PeerFault, PairingFailed):
        raise
    except (TimeoutError, aiohttp.ServerTimeoutError) as problem:
        raise PeerFault("It did not answer in time.", "late") from problem
    except (ssl.SSLError, aiohttp.ClientSSLError) as problem:
        raise PeerFault(
            "It shows another certificate than the pinned one, or does not accept ours.", "refused"
        ) from problem
    except (Malformed, aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as problem:
        raise PeerFault(f"It sent what it must not: {problem}.", "invalid") from problem
    except (OSError, aiohttp.ClientError, ValueError) as problem:
        raise PeerFault(
            f"It cannot be reached: {str(problem).rstrip('.') or type(problem).__name__}.", "gone"
        ) from problem


def refusal(status: int, body: bytes) -> PeerFault:
    said = message_in(body)
    return PeerFault(said, said if said in DECLINES else "refused" if status in (401, 403) else "failed")


def message_in(body: bytes) -> str:
    """What a refusal says; ours say one word or one sentence."""
    return "".join(letter for letter in body[:300].decode("utf-8", "replace") if letter.isprintable())


def url_of(place: str, path: str) -> str:
    return f"https://{place}{BASE}{path}"
