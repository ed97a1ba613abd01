"""Requests to a server whose workers answer at once in, the overhead of HTTP and the vote out: times and rates."""

from __future__ import annotations

import asyncio
import json
import math
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from local_swarm.errors import SwarmError

RATE = 300.0  # requests a second at which the first byte of streams is timed
PATIENCE_S = 30.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ApiBenchOptions:
    workers: int = 5
    clients: int = 32
    requests: int = 2000


class RawConnection:
    """A client connection that costs as little CPU as can be, since the server is what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.reader, self.writer = reader, writer
        self.head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        )

    async def ask(self, body: bytes) -> float:
        """Sends a request and reads its whole answer. Returns the seconds until the first byte of the body."""
        began = time.perf_counter()
        self.writer.write(f"{self.head}content-length: {len(body)}\r\n\r\n".encode() + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SwarmError(f"The server answered {head[:40].decode('latin-1')!r}.")
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
        if length is not None:
            await self.reader.readexactly(int(length.split(b":")[1]))
            return time.perf_counter() - began
        first = 0.0
        while True:
            size = int(await self.reader.readline(), 16)
            first = first or time.perf_counter() - began
            await self.reader.readexactly(size + 2)
            if size == 0:
                return first


@asynccontextmanager
async def server(workers: int) -> AsyncIterator[int]:
    """The port of a server in a process of its own."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "local_swarm_benchmarks.api_server", str(workers), stdin=pipe, stdout=pipe
    )
    assert child.stdout and child.stdin
    try:
        yield int(await asyncio.wait_for(child.stdout.readline(), PATIENCE_S))
    finally:
        child.stdin.close()
        await child.wait()


async def connect(port: int) -> RawConnection:
    return RawConnection(*await asyncio.open_connection("127.0.0.1", port), port)


def body(stream: bool = False) -> bytes:
    question = "Say in a few words what a swarm of models that vote is good for."
    return json.dumps(
        {"model": "swarm", "messages": [{"role": "user", "content": question}], "stream": stream}
    ).encode()


async def alone(port: int, count: int) -> list[float]:
    line = await connect(port)
    return [await line.ask(body()) for _ in range(count)]


async def crowd(port: int, options: ApiBenchOptions) -> float:
    """Requests a second of so many clients, each of which asks again as soon as it has its answer."""
    lines = [await connect(port) for _ in range(options.clients)]

    async def client(line: RawConnection) -> None:
        for _ in range(options.requests // options.clients):
            await line.ask(body())

    began = time.perf_counter()
    await asyncio.gather(*map(client, lines))
    return options.requests // options.clients * options.clients / (time.perf_counter() - began)


async def streams(port: int, options: ApiBenchOptions) -> list[float]:
    """How long streams take to say something, at a steady rate of requests."""
    lines = [await connect(port) for _ in range(options.clients)]
    pause, times = options.clients / RATE, list[float]()

    async def client(place: int, line: RawConnection) -> None:
        due = time.perf_counter() + place * pause / options.clients
        for _ in range(options.requests // options.clients):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            times.append(await line.ask(body(stream=True)))
            due += pause

    await asyncio.gather(*(client(place, line) for place, line in enumerate(lines)))
    return times


async def measure_server(options: ApiBenchOptions, tell: Callable[[str], object]) -> dict[str, float]:
    async with server(options.workers) as port:
        await alone(port, 100)  # warm
        tell("One client ...")
        one = await within_limit(alone(port, 300))
        tell(f"{options.clients} clients ...")
        rate = await within_limit(crowd(port, options))
        tell(f"Streams, {RATE:.0f} requests a second ...")
        first = sorted(await within_limit(streams(port, options)))
    return {
        "overhead_ms_median": statistics.median(one) * 1000,
        "requests_per_s": rate,
        "first_keepalive_ms_p99": first[math.ceil(len(first) * 0.99) - 1] * 1000,
    }


async def within_limit(work: Awaitable[Result]) -> Result:
    return await asyncio.wait_for(work, 10 * PATIENCE_S)


def measure(options: ApiBenchOptions, tell: Callable[[str], object]) -> dict[str, float]:
    """Raises SwarmError."""
    return asyncio.run(measure_server(options, tell))
