"""What starts a process in, processes that have started and wait for their program out, for as long as such are wanted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable

from local_swarm.events import cancel
from local_swarm.sandbox.messages import CHUNK

STANDBY = 5  # processes that wait: as many as a usual vote has programs
STANDBY_S = 60.0  # after the last vote, until they end
END_S = 1.0  # for what is left in the pipes of a process that was ended


class StandbyPool:
    """Nobody waits for a process to start where one is ready. They are started between votes, one after another."""

    def __init__(self, start: Callable[[], Awaitable[Process]]) -> None:
        self._start = start
        self._ready: list[Process] = []
        self._wanted = 0.0  # when last
        self._look = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def take(self) -> Process:
        """One that is ready and lives, else a new one."""
        while self._ready:
            process = self._ready.pop()
            if process.returncode is None and process.stdout and not process.stdout.at_eof():
                return process
            await end_process(process)
        return await self._start()

    def refill(self) -> None:
        """From now on, and for a while, some shall be ready."""
        self._wanted = time.monotonic()
        self._look.set()
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep(), name="sandbox-standby")

    async def close(self) -> None:
        await cancel(self._keeping)
        await self._end_ready()

    async def _keep(self) -> None:
        while (left_s := self._wanted + STANDBY_S - time.monotonic()) > 0:
            if len(self._ready) < STANDBY:
                self._ready.append(await self._start())
                continue
            self._look.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._look.wait()
        await self._end_ready()

    async def _end_ready(self) -> None:
        while self._ready:
            await end_process(self._ready.pop())


async def end_process(process: Process) -> None:
    """End a process and all it has started, and see its pipes closed."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdin:
        process.stdin.close()
    with contextlib.suppress(TimeoutError, ValueError):
        async with asyncio.timeout(END_S):
            while process.stdout and await process.stdout.read(CHUNK):
                pass
    await process.wait()
