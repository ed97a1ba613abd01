"""A peer and a prompt in, its ballots out as they arrive, within bounds of size and time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
WHOLE_S = 5.0  # for a whole exchange that is no vote
CERTIFICATE_S = 3.0
LAST_BYTES_S = 0.1  # after the last ballot
BASE = "/v1/federation"
DECLINES = ("busy", "battery", "slow", "starting", "stopping", "context")

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """What one peer is asked. `body` is the encoded prompt. `alone`: no other node is asked."""

    body: bytes
    ballots: int
    deadline_s: float
    silence_s: float = SILENCE_S
    alone: bool = False


class Client:
    """All outgoing requests to other nodes.

    `port` is our own server's. Every request carries it, so that members learn our address without multicast."""

    def __init__(self, mine: Identity, port: int, session: aiohttp.ClientSession) -> None:
        self._mine, self._port, self._session = mine, port, session
        self._contexts: dict[str, ssl.SSLContext] = {}

    def forget(self, certificate: str) -> None:
        self._contexts.pop(certificate, None)

    # ---------------------------------------------------------------------------------------------- members

    async def report(self, peer: Peer, address: str) -> tuple[Report, float]:
        """Its report, and the seconds that took. Raises PeerFault."""
        began = time.monotonic()
        with translate_errors():
            found = decode_report(await self._exchange(address, "GET", "/health", None, self._context(peer)))
        return found, time.monotonic() - began

    async def tell(self, peer: Peer, path: str, value: object) -> None:
        """Send a value. Raises PeerFault."""
        with translate_errors():
            await self._exchange(known_address(peer), "POST", path, encode(value), self._context(peer))

    async def ballots(self, peer: Peer, request: PeerRequest) -> AsyncGenerator[Accepted | Candidate, None]:
        """Its answer to a prompt. Closing the iterator hangs up, so that the peer stops. Raises PeerFault."""
        url, context = url_of(known_address(peer), "/vote"), self._context(peer)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=request.silence_s)
        headers = {
            DEADLINE_HEADER: f"{request.deadline_s:.1f}",
            PORT_HEADER: str(self._port),
            "content-type": "application/json",
        }
        with translate_errors():
            async with self._session.post(
                url, data=request.body, headers=headers, ssl=context, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise refusal(response.status, await read_bounded(response))
                async for event in read_ballots(response, peer.name, request):
                    yield event
                with contextlib.suppress(TimeoutError, aiohttp.ClientError):
                    async with asyncio.timeout(LAST_BYTES_S):
                        await response.content.readany()  # the connection is used again only after the stream's end

    # ------------------------------------------------------------------------------------------ unpaired nodes

    async def certificate_at(self, address: str) -> str:
        """The certificate that the server there shows, as PEM text. It proves nothing yet. Raises PeerFault."""
        host, port = host_and_port(address, 0)
        with translate_errors():
            async with asyncio.timeout(CERTIFICATE_S):
                _, writer = await asyncio.open_connection(host, port, ssl=tls.for_reading_certificate())
                try:
                    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                finally:
                    writer.close()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()
        return ssl.DER_cert_to_PEM_cert(shown)

    async def ask_unpaired(self, address: str, certificate: str, path: str, value: object, kind: type[T]) -> T:
        """Send a value to the holder of the certificate without showing ours. Raises PairingFailed and PeerFault."""
        context = tls.for_peer(None, certificate)
        with translate_errors():
            return decode(kind, await self._exchange(address, "POST", path, encode(value), context))

    # ---------------------------------------------------------------------------------------------- both

    def _context(self, peer: Peer) -> ssl.SSLContext:
        if peer.certificate not in self._contexts:
            self._contexts[peer.certificate] = tls.for_peer(self._mine, peer.certificate)
        return self._contexts[peer.certificate]

    async def _exchange(
        self, address: str, method: str, path: str, body: bytes | None, context: ssl.SSLContext
    ) -> bytes:
        timeout = aiohttp.ClientTimeout(total=WHOLE_S, sock_connect=CONNECT_S, sock_read=SILENCE_S)
        headers = {PORT_HEADER: str(self._port)} | ({"content-type": "application/json"} if body else {})
        async with self._session.request(
            method,
            url_of(address, path),
            data=body,
            headers=headers,
            ssl=context,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            answer = await read_bounded(response)
            if response.status == 409:
                raise PairingFailed(message_in(answer))
            if response.status != 200:
                raise refusal(response.status, answer)
            return answer


@asynccontextmanager
async def open_client(mine: Identity, port: int) -> AsyncIterator[Client]:
    """A client for as long as the context lasts."""
    connector = aiohttp.TCPConnector(limit=128, limit_per_host=16, keepalive_timeout=30.0)
    async with aiohttp.ClientSession(
        connector=connector, trust_env=False, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield Client(mine, port, session)


async def read_ballots(
    response: aiohttp.ClientResponse, node: str, request: PeerRequest
) -> AsyncGenerator[Accepted | Candidate, None]:
    """The lines of an answer as events, at most as many ballots as requested. Raises PeerFault, Malformed."""
    lines, left = LineDecoder(), request.ballots
    async for chunk in response.content.iter_any():
        for data in lines.feed(chunk):
            line = decode(VoteMessage, data)
            await asyncio.sleep(0)  # a peer can send many lines at once
            if line.kind == "accepted":
                yield Accepted(max(0, line.prompt_tokens))
            elif line.kind == "ballot" and line.candidate and left > 0:
                left -= 1
                yield check_ballot(line.candidate, node, request.alone)
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
    """Turns every exception of the network into a PeerFault with its state."""
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
    message = message_in(body)
    return PeerFault(message, message if message in DECLINES else "refused" if status in (401, 403) else "failed")


def message_in(body: bytes) -> str:
    """The text of a refusal, fit for a terminal. Ours are one word or one sentence."""
    return "".join(letter for letter in body[:300].decode("utf-8", "replace") if letter.isprintable())


def known_address(peer: Peer) -> str:
    """Raises PeerFault."""
    if peer.address is None:
        raise PeerFault("No address of it is known.", "gone")
    return peer.address


def url_of(address: str, path: str) -> str:
    return f"https://{address}{BASE}{path}"
