"""JavaScript programs and calls in, outcomes out, by an installed Node that is sealed off, one process for each program.

On Linux alone, and only where Landlock keeps files away: Node has to be started behind the walls.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from local_swarm.sandbox.job import Job, Outcomes, Tier

WALL_S = 4.0
MOST_OUTPUT = 100_000  # bytes from one program
CHUNK = 1 << 16
END_S = 1.0  # for what is left in the pipes of a process that was ended
SCRIPT = Path(__file__).parent / "guest.js"
LIBRARY = re.compile(r"(/\S+) \(0x")

# Out of the context that the harness makes, as any hostile program can get, and then for what must not be possible.
PROBE = Job(
    "const p = this.constructor.constructor('return process')();\n"
    "const get = (name) => p.getBuiltinModule ? p.getBuiltinModule(name) : p.mainModule.require(name);",
    (
        "1 + 1",
        "get('fs').readFileSync('/etc/passwd', 'utf8')",
        "get('fs').writeFileSync('/tmp/escape', 'x')",
        "get('fs').readdirSync('/').length",
        "(() => { const r = get('child_process').spawnSync('/bin/true'); if (r.error) throw r.error; return 1; })()",
        "p.kill(p.ppid, 0)",
    ),
    "javascript",
)


class Node:
    """`tier` is what holds, None while it is off or has not been tried; `reason` says why it is off."""

    def __init__(self, width: int) -> None:
        self.tier: Tier | None = None
        self.reason: str | None = None
        self._width = asyncio.Semaphore(width)
        self._proving = asyncio.Lock()
        self._program: str | None = None
        self._libraries: list[str] = []
        self._script = ""

    async def run(self, jobs: Sequence[Job]) -> list[Outcomes] | None:
        """None where no JavaScript can be run."""
        async with self._proving:
            if self.tier is None and self.reason is None:
                await self._prove()
        tier = self.tier
        return list(await asyncio.gather(*(self._one(job, tier) for job in jobs))) if tier else None

    async def _prove(self) -> None:
        """Find Node and the best walls that hold."""
        found = shutil.which("node")
        if sys.platform != "linux" or not found:
            self.reason = "Node is not installed" if sys.platform == "linux" else "JavaScript is run on Linux only"
            return
        self._program, self._script = await asyncio.to_thread(
            lambda: (str(Path(found).resolve()), SCRIPT.read_text("utf-8"))
        )
        self._libraries = await linked(self._program or "")
        tiers: tuple[Tier, ...] = ("namespaces", "landlock")
        for tier in tiers:
            computed, *forbidden = await self._one(PROBE, tier)
            if computed == "=2" and all(outcome.startswith("!") for outcome in forbidden):
                self.tier = tier
                return
        self.reason = "no sandbox for JavaScript holds on this system"

    async def _one(self, job: Job, tier: Tier) -> Outcomes:
        package = Path(__file__).parents[2]
        start = f"import sys; sys.path.insert(0, {str(package)!r}); from local_swarm.sandbox.launch import main; main()"
        interpreter = getattr(sys, "_base_executable", "") or sys.executable
        command = [
            interpreter,
            "-s",
            "-S",
            "-B",
            "-P",
            "-c",
            start,
            tier,
            self._program or "",
            os.pathsep.join(self._libraries),
        ]
        data = json.dumps({"program": job.program, "calls": job.calls, "language": job.language}).encode()
        async with self._width:
            process = await asyncio.create_subprocess_exec(
                *command, self._script, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL, env={}, start_new_session=True,
            )  # fmt: skip
            try:
                said, ending = await heard(process, data)
            finally:
                await ended(process)
        told = [line.decode("utf-8", "replace") for line in said.split(b"\n")[:-1]][: len(job.calls)]
        return (*told, *[ending] * (len(job.calls) - len(told)))


async def heard(process: asyncio.subprocess.Process, data: bytes) -> tuple[bytes, str]:
    """What a process says to `data`, within the time and the length that it has, and what that makes of calls left unanswered."""
    assert process.stdin and process.stdout
    said = b""
    try:
        async with asyncio.timeout(WALL_S):
            process.stdin.write(data)
            process.stdin.close()
            while len(said) < MOST_OUTPUT and (chunk := await process.stdout.read(CHUNK)):
                said += chunk
    except TimeoutError:
        return said, "~"
    except ConnectionError:
        return said, "!Died"
    return said, "!Died" if len(said) < MOST_OUTPUT else "!TooMuch"


async def ended(process: asyncio.subprocess.Process) -> None:
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


async def linked(program: str) -> list[str]:
    """The libraries that a program is linked with, as the loader itself finds them; none where it does not tell."""
    try:
        process = await asyncio.create_subprocess_exec(
            program, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            env={"LD_TRACE_LOADED_OBJECTS": "1"}, start_new_session=True,
        )  # fmt: skip
    except OSError:
        return []
    try:
        async with asyncio.timeout(WALL_S):  # a wrapper or a static program pays no heed and runs
            said, _ = await process.communicate()
    except TimeoutError:
        return []
    finally:
        await ended(process)
    return LIBRARY.findall(said.decode("utf-8", "replace"))
