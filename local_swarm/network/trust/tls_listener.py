"""TCP connections in, TLS connections for the server behind out. Unauthenticated ones are bounded and counted."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from typing import cast

MOST_CONNECTIONS = 256
MOST_OF_ONE = 32  # connections from one address
HANDSHAKES_PER_S, BURST = 10.0, 40.0  # of one address
MOST_ADDRESSES = 1024  # remembered
HANDSHAKE_S = 3.0
UNPAIRED_S = 15.0  # the life of a connection without a client certificate; introducing oneself takes less

logger = logging.getLogger(__name__)
ProtocolFactory = Callable[[], asyncio.Protocol]


class TlsListener:
    """A protocol factory for `loop.create_server`.

    `make_protocol` makes the protocol that gets the decrypted connection. `context` is asked for every connection.
    `counts` counts what was refused."""

    def __init__(
        self,
        make_protocol: ProtocolFactory,
        context: Callable[[], ssl.SSLContext],
        counts: Counter[str],
        clock: Callable[[], float],
    ) -> None:
        self.make_protocol, self.context, self.counts, self._clock = make_protocol, context, counts, clock
        self.open: dict[TlsHandshake, str] = {}
        self._allowance: dict[str, tuple[float, float]] = {}

    def __call__(self) -> TlsHandshake:
        return TlsHandshake(self)

    def admits(self, address: str) -> bool:
        """Whether one more connection from this address may start: a token bucket each, and a bound on open ones."""
        held = list(self.open.values())
        if len(held) >= MOST_CONNECTIONS or held.count(address) >= MOST_OF_ONE:
            return False
        now = self._clock()
        if address not in self._allowance and len(self._allowance) >= MOST_ADDRESSES:
            del self._allowance[next(iter(self._allowance))]
        left, then = self._allowance.pop(address, (BURST, now))
        left = min(BURST, left + (now - then) * HANDSHAKES_PER_S)
        self._allowance[address] = (max(0.0, left - 1.0), now)
        return left >= 1.0

    def close(self) -> None:
        for handshake in list(self.open):
            handshake.abort()


class TlsHandshake(asyncio.Protocol):
    """One connection until its handshake has ended."""

    def __init__(self, listener: TlsListener) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._secured: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        address = str((transport.get_extra_info("peername") or ("?",))[0])
        if not self._listener.admits(address):
            self._listener.counts["flooded"] += 1
            transport.abort()
            return
        transport.pause_reading()  # what comes now belongs to the handshake
        self._listener.open[self] = address
        self._task = asyncio.create_task(self._secure(transport), name="handshake")

    async def _secure(self, transport: asyncio.Transport) -> None:
        protocol = WatchedProtocol(self._listener.make_protocol(), self)
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport, protocol, self._listener.context(), server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, TimeoutError) as problem:  # ssl.SSLError is an OSError
            self._listener.counts["handshakes_failed"] += 1
            logger.debug("A handshake failed: %s", problem)
            self.release()
            transport.abort()
            return
        assert secured
        self._secured = secured
        if secured.get_extra_info("ssl_object").getpeercert(binary_form=True) is None:
            self._listener.counts["strangers"] += 1
            loop.call_later(UNPAIRED_S, secured.abort)
        protocol.connection_made(secured)

    def connection_lost(self, problem: Exception | None) -> None:
        self.release()

    def release(self) -> None:
        self._listener.open.pop(self, None)

    def abort(self) -> None:
        if self._task:
            self._task.cancel()
        for transport in (self._secured, self._transport):
            if transport:
                transport.abort()
        self.release()


class WatchedProtocol(asyncio.Protocol):
    """Passes everything on to the server's protocol, and releases the handshake when the connection ends."""

    def __init__(self, protocol: asyncio.Protocol, handshake: TlsHandshake) -> None:
        self._protocol, self._handshake = protocol, handshake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, problem: Exception | None) -> None:
        self._handshake.release()
        self._protocol.connection_lost(problem)
