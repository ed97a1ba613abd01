"""Programs and calls in, outcomes out: the daemon's end of the sandbox. Starts, watches and restarts the server process.

Tiers, the best first; each must prove itself before it is used, and where none holds the sandbox stays off and says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from local_swarm.sandbox.job import Job, Outcomes, Tier
from local_swarm.sandbox.node import Node, ended

TIERS: tuple[Tier, ...] = ("bubblewrap", "namespaces", "landlock", "seatbelt")

START_S = 10.0
JOBS_S = 20.0  # all jobs of one vote, waiting for their turn included
MOST_CALLS = 40
LONGEST_PROGRAM = 200_000  # characters
LONGEST_ANSWER = 1 << 20  # bytes
REST_S = 60.0  # after the server died so often there is a pause
MOST_DEATHS = 3
PACKAGE = Path(__file__).parents[1]

logger = logging.getLogger(__name__)


def sandbox_of(wish: str) -> Sandbox:
    """As the setting `swarm.sandbox` says: `auto` or `never`."""
    return Sandbox() if wish == "auto" else Sandbox(())


class Sandbox:
    """Runs programs that nobody trusts. `tiers`: what may be tried, in order; none: it is off.

    `tier` is what holds, None while it is off or has not started; `reason` says why it is off.
    """

    def __init__(self, tiers: Sequence[Tier] = TIERS, width: int | None = None) -> None:
        self.tiers = tuple(tiers)
        self.width = width or max(1, min(4, os.cpu_count() or 1))
        self.tier: Tier | None = None
        self.reason: str | None = None if tiers else "the sandbox is switched off"
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._numbers = count()
        self._open: dict[int, asyncio.Future[Outcomes]] = {}
        self._deaths: list[float] = []
        self._node = Node(self.width)

    async def start(self) -> bool:
        """Bring the server up if it is not; whether it is. Tiers that do not hold are not tried again."""
        async with self._starting:
            if self._process and self._process.returncode is None:
                return True
            self._deaths = [when for when in self._deaths if time.monotonic() - when < REST_S]
            if len(self._deaths) >= MOST_DEATHS:
                self.reason = "the sandbox's process keeps dying"
                return False
            await self._stop()
            while self.tiers:
                problem = await self._try(self.tiers[0])
                if problem is None:
                    self.tier, self.reason = self.tiers[0], None
                    return True
                logger.info("Sandbox tier %s: %s", self.tiers[0], problem)
                self.reason = f"no sandbox holds on this system ({self.tiers[0]}: {problem})"
                self.tiers = self.tiers[1:]
            return False

    async def run(self, jobs: Sequence[Job]) -> list[Outcomes] | None:
        """The outcomes of every job, in order, or None where nothing can be run or the server died; then see `reason`.

        All jobs are of one language.
        """
        if not await self.start():
            return None
        if jobs and jobs[0].language != "python":
            found = await self._node.run(jobs)
            self.reason = self._node.reason
            return found
        assert self._process and self._process.stdin
        waiting = []
        for job in jobs:
            number = next(self._numbers)
            data = {"id": number, "program": job.program[:LONGEST_PROGRAM], "calls": job.calls[:MOST_CALLS]}
            future: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
            self._open[number] = future
            waiting.append(future)
            self._process.stdin.write(json.dumps(data).encode() + b"\n")
        try:
            async with asyncio.timeout(JOBS_S):
                await self._process.stdin.drain()
                return list(await asyncio.gather(*waiting))
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError) as problem:
            self._deaths.append(time.monotonic())
            self.reason = (
                "the sandbox's process died" if not isinstance(problem, TimeoutError) else "the sandbox was too slow"
            )
            await self._stop()
            return None
        finally:
            for future in waiting:
                future.cancel()
            self._open = {number: future for number, future in self._open.items() if not future.done()}

    async def close(self) -> None:
        async with self._starting:
            await self._stop()
            self.tiers, self.tier, self.reason = (), None, "the sandbox is closed"

    async def _try(self, tier: Tier) -> str | None:
        """Start the server behind these walls; None where they hold, else why not."""
        command = command_for(tier, self.width)
        if isinstance(command, str):
            return command
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                env={"PYTHONHASHSEED": "0"}, start_new_session=True, limit=LONGEST_ANSWER,
            )  # fmt: skip
            assert self._process.stdout
            async with asyncio.timeout(START_S):
                said = json.loads(await self._process.stdout.readline() or b"{}")
        except (OSError, TimeoutError, ValueError) as problem:
            await self._stop()
            return str(problem) or "no answer in time"
        if said.get("tier") != tier:
            await self._stop()
            return str(said.get("problem", "it ended at once"))
        self._reader = asyncio.create_task(self._read(self._process.stdout), name="sandbox-reader")
        return None

    async def _read(self, answers: asyncio.StreamReader) -> None:
        """Hand out outcomes until the server ends, then fail what is still open."""
        with contextlib.suppress(
            ValueError, KeyError, TypeError
        ):  # the server never says such things; if it does, it is done for
            while line := await answers.readline():
                said = json.loads(line)
                future = self._open.pop(said["id"], None)
                if future and not future.done():
                    future.set_result(tuple(map(str, said["outcomes"])))
        for future in self._open.values():
            if not future.done():
                future.set_exception(ConnectionResetError("the sandbox ended"))

    async def _stop(self) -> None:
        process, self._process = self._process, None
        reader, self._reader = self._reader, None
        if reader:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        if process:
            await ended(process)


def command_for(
    tier: Tier, width: int, platform: str = sys.platform, environment: Mapping[str, str] = os.environ
) -> list[str] | str:
    """What to start for a tier, or why it cannot be had here."""
    interpreter = getattr(sys, "_base_executable", "") or sys.executable
    script = (
        f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); from local_swarm.sandbox.server import main; main()"
    )
    command = [interpreter, "-s", "-S", "-B", "-P", "-c", script, tier, str(width)]
    phone = hasattr(sys, "getandroidapilevel") or "TERMUX_VERSION" in environment
    if phone or platform not in ("linux", "darwin"):
        return "there is no isolation of processes on this system"
    if (tier == "seatbelt") != (platform == "darwin"):
        return f"not on {platform}"
    if tier != "bubblewrap":
        return command
    program = shutil.which("bwrap")
    return [*bubblewrap(program, interpreter), *command] if program else "bubblewrap is not installed"


def bubblewrap(program: str, interpreter: str) -> list[str]:
    """Bubblewrap's own walls: nothing of the system but, to be read, the interpreter with its libraries and this package."""
    made = [
        program,
        "--unshare-all",
        "--unshare-user",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--clearenv",
    ]
    made += ["--setenv", "PYTHONHASHSEED", "0", "--uid", "65534", "--gid", "65534"]
    places = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", sys.base_prefix]
    places += [str(Path(interpreter).resolve()), interpreter, str(PACKAGE)]
    for place in dict.fromkeys(places):
        made += ["--ro-bind-try", place, place]
    return [*made, "--chdir", "/", "--"]
