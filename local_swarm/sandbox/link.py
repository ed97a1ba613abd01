"""Jobs in, outcomes out, by one server process: the daemon's end of its pipes. Its death fails at once what is still open.

Says of jobs that have no outcomes whether they had begun, so that whoever asked can tell what may be asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from local_swarm.events import cancel
from local_swarm.sandbox.job import Job, Outcomes, Tier
from local_swarm.sandbox.standby import end_process

START_S = 10.0
LIBRARIES_START_S = 45.0  # all that is installed, on a slow disk
MOST_CALLS = 40
LONGEST_PROGRAM = 200_000  # characters
LONGEST_CALL = 20_000
LONGEST_ANSWER = 1 << 20  # bytes
PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class ServerSetting:
    """What a server is started with. `libraries`: modules that it loads, from `places`; `first_uses`: lines that it runs then."""

    tier: Tier
    width: int
    libraries: Sequence[str] = ()
    places: Sequence[str] = ()
    first_uses: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ServerProblem:
    """Why there is no server. A `lasting` one is the system's, and would come again; any other may be gone the next time."""

    words: str
    lasting: bool = False


@dataclass(slots=True, eq=False)
class OpenJob:
    """A job that has no outcomes yet."""

    outcomes: asyncio.Future[Outcomes | None]
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a job: its outcomes, or None where the server ended before; then whether it had begun."""

    outcomes: Outcomes | None
    begun: bool


@dataclass(slots=True, eq=False)
class Link:
    """One server process. `alive` until it ends; it is not started again."""

    setting: ServerSetting
    used: float = 0.0  # when it was last asked, by the clock of whoever keeps it
    votes: dict[int, dict[int, OpenJob]] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=count)
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None and self._reader is not None

    @property
    def process(self) -> asyncio.subprocess.Process | None:
        return self._process

    async def start(self) -> ServerProblem | None:
        """Start it; None where its walls hold, else why not."""
        command = command_for(self.setting)
        if isinstance(command, str):
            return ServerProblem(command, lasting=True)
        wait_s = LIBRARIES_START_S if self.setting.libraries else START_S
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PYTHONHASHSEED": "0"},
                start_new_session=True,
                limit=LONGEST_ANSWER,
                cwd="/",
            )
            assert self._process.stdout
            async with asyncio.timeout(wait_s):
                said = json.loads(await self._process.stdout.readline() or b"{}")
        except (OSError, TimeoutError, ValueError) as problem:
            await self.stop()
            return ServerProblem(str(problem) or "no answer in time")
        except BaseException:
            await self.stop()
            raise
        if said.get("tier") != self.setting.tier:
            await self.stop()
            return ServerProblem(str(said.get("problem", "it ended at once")), bool(said.get("lasting")))
        self._reader = asyncio.create_task(self._read(self._process.stdout), name="sandbox-reader")
        return None

    async def vote(self, jobs: Sequence[Job]) -> list[Fate]:
        """What became of these jobs, in order; they share the time of one vote."""
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        jobs_open = self.votes[number] = {place: OpenJob(loop.create_future()) for place in range(len(jobs))}
        try:
            for place, job in enumerate(jobs):
                await self._order({"vote": number, "job": place, **shorten(job)})
            if not self.alive:
                self._fail()
            await asyncio.gather(*(one.outcomes for one in jobs_open.values()))
            return [Fate(one.outcomes.result(), one.begun) for one in jobs_open.values()]
        finally:
            del self.votes[number]
            for one in jobs_open.values():
                one.outcomes.cancel()
            with contextlib.suppress(ConnectionError):
                self._say({"vote": number})

    async def stop(self) -> None:
        """End it, and what is open there."""
        process, self._process = self._process, None
        reader, self._reader = self._reader, None
        self._fail()
        await cancel(reader)
        if process:
            await end_process(process)

    async def _order(self, order: Mapping[str, Any]) -> None:
        self._say(order)
        if self._process and self._process.stdin:
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.drain()

    def _say(self, order: Mapping[str, Any]) -> None:
        if self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def _read(self, answers: asyncio.StreamReader) -> None:
        """Hand out outcomes until the server ends, then fail what is still open."""
        try:
            while line := await answers.readline():
                said = json.loads(line)
                job = self.votes.get(said["vote"], {}).get(said["job"])
                if job is None:
                    continue
                job.begun = True
                if "outcomes" in said and not job.outcomes.done():
                    job.outcomes.set_result(tuple(map(str, said["outcomes"])))
        except (ValueError, KeyError, TypeError):
            pass  # the server never says such things; if it does, it is done for
        finally:
            self._reader = None
            self._fail()

    def _fail(self) -> None:
        for jobs in self.votes.values():
            for one in jobs.values():
                if not one.outcomes.done():
                    one.outcomes.set_result(None)


def shorten(job: Job) -> dict[str, Any]:
    calls = [call[:LONGEST_CALL] for call in job.calls[:MOST_CALLS]]
    return {"program": job.program[:LONGEST_PROGRAM], "calls": calls}


def command_for(
    setting: ServerSetting, platform: str = sys.platform, environment: Mapping[str, str] = os.environ
) -> list[str] | str:
    """What to start for a tier, or why it cannot be had here."""
    tier = setting.tier
    interpreter = getattr(sys, "_base_executable", "") or sys.executable
    phone = hasattr(sys, "getandroidapilevel") or "TERMUX_VERSION" in environment
    if phone or platform not in ("linux", "darwin"):
        return "there is no isolation of processes on this system"
    if (tier == "seatbelt") != (platform == "darwin"):
        return f"not on {platform}"
    program = shutil.which("bwrap") if tier == "bubblewrap" else ""
    if program is None:
        return "bubblewrap is not installed"
    walls = bubblewrap(program, interpreter, setting.places) if program else []
    told = {
        "tier": tier,
        "width": setting.width,
        "libraries": [*setting.libraries],
        "places": [*setting.places],
        "first_uses": [*setting.first_uses],
        "walls": walls,
        "interpreter": interpreter,
    }
    script = (
        f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); from local_swarm.sandbox.server import main; main()"
    )
    return [interpreter, "-s", "-S", "-B", "-P", "-c", script, json.dumps(told)]


def bubblewrap(program: str, interpreter: str, libraries: Sequence[str]) -> list[str]:
    """Bubblewrap's own walls: nothing of the system but, to be read, the interpreter with its libraries."""
    made = [program, "--unshare-all", "--unshare-user", "--die-with-parent", "--cap-drop", "ALL"]
    made += ["--uid", "65534", "--gid", "65534", "--proc", "/proc"]
    places = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", sys.base_prefix]
    places += [str(Path(interpreter).resolve()), interpreter, *libraries]
    for place in dict.fromkeys(places):
        made += ["--ro-bind-try", place, place]
    return [*made, "--chdir", "/", "--"]
