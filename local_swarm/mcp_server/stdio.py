"""This process's standard input in, an assistant's messages out, and MCP served to it on standard output.

A program that serves people as well looks first who is there: an assistant speaks at once, in one line of JSON.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from mcp.server.stdio import stdio_server

from local_swarm.intake import parse_json, sanitize_json, take_json
from local_swarm.mcp_server.server import Caller, create_mcp_server
from local_swarm.pipes import has_input, is_pipe

OPENINGS = ("initialize", "server/discover")  # the first message of either era of the protocol
OPENING_S = 2.0
LONGEST_OPENING = 256 << 10
AT_ONCE = 64 << 10
AHEAD = 64  # lines that are read before the server has taken them


def find_assistant(descriptor: int = 0, wait_s: float = OPENING_S) -> Lines | None:
    """The lines of an assistant at the other end of standard input; None where it is closed, no pipe, silent for `wait_s`, or
    says something else first. Nothing is read but what came in that time."""
    try:
        if not is_pipe(descriptor):
            return None
        said = first_bytes(descriptor, wait_s)
    except (OSError, ValueError):
        return None
    return Lines(descriptor, said) if is_opening(said.partition(b"\n")[0]) else None


def first_bytes(descriptor: int, wait_s: float) -> bytes:
    """What comes until the first line ends, the time is over, or more came than such a line has. Raises OSError."""
    said, end = b"", time.monotonic() + wait_s
    while b"\n" not in said and len(said) <= LONGEST_OPENING and has_input(descriptor, end - time.monotonic()):
        piece = os.read(descriptor, AT_ONCE)
        if not piece:
            break
        said += piece
    return said if b"\n" in said else b""


def is_opening(line: bytes) -> bool:
    """Whether a line is the request with which an assistant begins."""
    if len(line) > LONGEST_OPENING:
        return False
    try:
        told = parse_json(take_json(line))
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("jsonrpc") == "2.0" and "id" in told and told.get("method") in OPENINGS


class Lines:
    """The lines that an assistant sends, until it closes its end: first those `said` already. Half characters in them are mended,
    which the SDK would refuse without telling anybody. A thread reads, since a process must be able to end while it waits."""

    def __init__(self, descriptor: int = 0, said: bytes = b"") -> None:
        self.descriptor, self.said = descriptor, said

    async def __aiter__(self) -> AsyncIterator[str]:
        loop, heard = asyncio.get_running_loop(), asyncio.Queue[str | None](AHEAD)

        def read() -> None:
            try:
                for line in self.lines():
                    asyncio.run_coroutine_threadsafe(heard.put(mend_line(line)), loop).result()
                asyncio.run_coroutine_threadsafe(heard.put(None), loop).result()
            except (RuntimeError, asyncio.CancelledError):  # nobody listens any more
                return

        threading.Thread(target=read, name="assistant", daemon=True).start()
        while (line := await heard.get()) is not None:
            yield line

    def lines(self) -> Iterator[bytes]:
        rest = bytearray(self.said)
        while True:
            *whole, rest = rest.split(b"\n")
            yield from map(bytes, whole)
            try:
                piece = os.read(self.descriptor, AT_ONCE)
            except OSError:
                piece = b""
            if not piece:
                break
            rest += piece
        if rest:
            yield bytes(rest)


def mend_line(line: bytes) -> str:
    return sanitize_json(line).decode("utf-8", "replace") + "\n"


async def serve_assistant(caller: Caller, lines: Lines) -> None:
    """MCP on standard output until the assistant closes our input. Whatever else is printed there goes to standard error."""
    server = create_mcp_server(caller)
    async with stdio_server(stdin=cast(Any, lines)) as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
