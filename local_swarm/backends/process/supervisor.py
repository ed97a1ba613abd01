"""A command line in, a supervised child process out: lines to it, lines from it, and news of its end. Knows no models.

The child is expected to end by itself when its input closes, so that nothing outlives the daemon, and to print
`messages` or nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence

from local_swarm.backends.process import messages
from local_swarm.events import cancel
from local_swarm.paths import SILENT

LINE_LIMIT = 1 << 24  # bytes of one report: a long delta is some kilobytes
CHILD_CLOSE_S = 3.0  # how long a child may take to end when its input closes
ILLEGAL_INSTRUCTION = (-4, 0xC000001D)  # SIGILL; what Windows says instead
# The threads of an engine wait for each other after each of a step's several hundred operations. Threads that sleep at
# once make a step 7 to 9 % slower. Threads that spin until all are there make it many times longer beside one busy
# process. So they spin for about 20 microseconds, which GNU's OpenMP counts in pauses of a processor, and then sleep.
# Other OpenMPs sleep.
WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "500"}

# CUDA_VISIBLE_DEVICES=1 then is the card that nvidia-smi calls 1, as the plan counts it; CUDA itself begins with the fastest.
ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

PLAIN = {"PYTHONUNBUFFERED": "1", "GGML_NO_BACKTRACE": "1"}  # a backtrace of ggml's would hide why it ended

ENDED_BY_OTHERS = (0, -9, -15, -2, -1)  # SIGKILL, also sent when memory runs out, SIGTERM, SIGINT, SIGHUP
WINDOWS_FAULT = 0xC0000000  # exit codes from here on tell faults of a program; one ended from outside leaves code 1

logger = logging.getLogger(__name__)


def with_wait_policy(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which threads wait well, unless it already tells how they shall."""
    return {**environment} if any(key in environment for key in WAITING) else {**environment, **WAITING}


class Supervisor:
    """One child process. Start it, iterate over `reports` until it ends, close it."""

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.command = [sys.executable, "-m", module, *arguments]
        self.environment = {**ORDER, **with_wait_policy(os.environ), **SILENT, **PLAIN, **(environment or {})}
        self.last_words: deque[str] = deque(maxlen=20)
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._killed_by_us = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        # A session of its own: signals for the daemon's group are the daemon's to act on. Its end closes the pipe, which ends
        # the child.
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=self.environment,
            limit=LINE_LIMIT,
            start_new_session=True,
        )
        self._listener = asyncio.create_task(self._listen(self._process), name="engine-stderr")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr
        while line := await process.stderr.readline():
            text = line.decode("utf-8", "replace").rstrip()
            self.last_words.append(text)
            logger.debug("engine: %s", text)

    def send(self, command: messages.Command) -> None:
        """Write a command; the pipe's buffer is the queue. A child that has just died gets nothing and no error is
        raised: its end shows in `reports`."""
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            with contextlib.suppress(ConnectionError, RuntimeError):
                self._process.stdin.write(messages.encode(command))

    async def reports(self) -> AsyncIterator[messages.Report]:
        """Reports until the child closes its output, which is until it ends."""
        assert self._process and self._process.stdout
        while line := await self._process.stdout.readline():
            yield messages.decode_report(line)

    async def wait_for_end(self) -> str:
        """Wait for the end; how it came, as words."""
        assert self._process and self._listener
        code = await self._process.wait()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._listener), 1.0)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if code:
            logger.info("The engine's last words:\n%s", "\n".join(self.last_words))
        said = next((line for line in reversed(self.last_words) if explains_death(line)), "")
        return f"{how} ({said})" if said else how

    @property
    def killed(self) -> bool:
        """Whether somebody else ended the child at once: on Linux the system does so when memory runs out."""
        return self._process is not None and self._process.returncode == -9

    @property
    def crashed(self) -> bool:
        """Whether the child ended by its own work: by a fault, an exception, or as it hung or grew beyond its bounds.
        One that somebody else ended did not."""
        code = self._process.returncode if self._process else None
        if code is None or code in ENDED_BY_OTHERS:
            return self._killed_by_us
        return code < 0 or code >= WINDOWS_FAULT or (code == 1 and sys.platform != "win32")

    def kill_faulty(self) -> None:
        """End a child that does not do as it should."""
        self._killed_by_us = True
        self.kill()

    @property
    def unfit(self) -> bool:
        """Whether the child ended because it was built for another processor."""
        return self._process is not None and self._process.returncode in ILLEGAL_INSTRUCTION

    def kill(self) -> None:
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def close(self) -> None:
        """Ask the child to end, and make it end if it does not."""
        if not self._process:
            return
        if self._process.stdin:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), CHILD_CLOSE_S)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await cancel(self._listener)


def explains_death(line: str) -> bool:
    """Whether a line says why a process died; what Python adds about where it stood does not."""
    return bool(line.strip()) and not line.startswith(
        (" ", "[Inferior ", "Fatal Python error", "Current thread", "Thread 0x", "Extension modules")
    )
