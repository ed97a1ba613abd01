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
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_swarm.sandbox.job import SPARE, Job, Outcomes, Tier
from local_swarm.sandbox.messages import DEFINED, DIED, LATE, LONGEST_OUTCOME, MOST_LATE, TOO_MUCH
from local_swarm.sandbox.standby import StandbyPool, end_process

START_S = 5.0  # for Node itself, which is no program's doing
WALL_S = 1.0  # of one program with all its calls
VOTE_S = 1.2  # of all programs of one vote, times the width, Node's starts included
LEAST_S = 0.1  # of one program, however many there are
MOST_OUTPUT = 100_000  # bytes from one program
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


class JavaScriptRunner:
    """`tier` is what holds, None while it is off or has not been tried; `reason` says why it is off."""

    def __init__(self, width: int) -> None:
        self.tier: Tier | None = None
        self.reason: str | None = None
        self._places = Places(width)
        self._proving = asyncio.Lock()
        self._program: str | None = None
        self._libraries: list[str] = []
        self._script = ""
        self._standby = StandbyPool(lambda: self._start(self.tier or "landlock"))

    async def run(self, jobs: Sequence[Job]) -> list[Outcomes] | None:
        """None where no JavaScript can be run. Votes take fair turns, a program each; programs share the time of their vote."""
        async with self._proving:
            if self.tier is None and self.reason is None:
                await self._prove()
        tier = self.tier
        vote = VoteBudget(VOTE_S * self._places.width, len(jobs))
        if tier is None:
            return None
        try:
            return list(await asyncio.gather(*(self._one(job, tier, vote) for job in jobs)))
        finally:
            self._standby.refill()

    async def _prove(self) -> None:
        """Find Node and the best walls that hold."""
        found = shutil.which("node")
        if sys.platform != "linux" or not found:
            self.reason = "Node is not installed" if sys.platform == "linux" else "JavaScript is run on Linux only"
            return
        self._program, self._script = await asyncio.to_thread(
            lambda: (str(Path(found).resolve()), SCRIPT.read_text("utf-8"))
        )
        self._libraries = await linked_libraries(self._program or "")
        tiers: tuple[Tier, ...] = ("namespaces", "landlock")
        for tier in tiers:
            computed, *forbidden = await self._one(PROBE, tier, VoteBudget(WALL_S, 1))
            if computed == "=2" and all(outcome.startswith("!") for outcome in forbidden):
                self.tier = tier
                return
        self.reason = "no sandbox for JavaScript holds on this system"

    async def close(self) -> None:
        await self._standby.close()

    async def _one(self, job: Job, tier: Tier, vote: VoteBudget) -> Outcomes:
        async with self._places.taken_for(vote):
            process = await (self._standby.take() if self.tier else self._start(tier))
            try:
                return await Guest(process, job).outcomes(vote)
            finally:
                await end_process(process)

    async def _start(self, tier: Tier) -> asyncio.subprocess.Process:
        package = Path(__file__).parents[2]
        start = f"import sys; sys.path.insert(0, {str(package)!r}); from local_swarm.sandbox.launch import main; main()"
        interpreter = getattr(sys, "_base_executable", "") or sys.executable
        libraries = os.pathsep.join(self._libraries)
        return await asyncio.create_subprocess_exec(
            *(interpreter, "-s", "-S", "-B", "-P", "-c", start, tier, self._program or "", libraries, self._script),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            start_new_session=True,
            limit=MOST_OUTPUT,
        )


@dataclass(slots=True, eq=False)
class VoteBudget:
    """What a vote has of time, and how many of its programs have not been run."""

    left_s: float
    programs: int

    def of_one(self, started_s: float) -> float:
        """What a program has for which Node took so long to start."""
        return min(WALL_S, max(LEAST_S, self.left_s / self.programs - started_s))

    def spend(self, seconds: float) -> None:
        self.left_s -= seconds
        self.programs -= 1


class Places:
    """So many programs at once. Whoever waits gets a place by what its vote has left: the most first."""

    def __init__(self, width: int) -> None:
        self.width = self._free = width
        self._waiting: list[tuple[VoteBudget, asyncio.Future[None]]] = []

    @contextlib.asynccontextmanager
    async def taken_for(self, vote: VoteBudget) -> AsyncIterator[None]:
        self._free -= 1
        if self._free < 0:
            waiting = (vote, asyncio.get_running_loop().create_future())
            self._waiting.append(waiting)
            try:
                await waiting[1]
            except asyncio.CancelledError:
                if waiting in self._waiting:
                    self._waiting.remove(waiting)
                    self._free += 1
                else:
                    self._give_back()
                raise
        try:
            yield
        finally:
            self._give_back()

    def _give_back(self) -> None:
        self._free += 1
        if present := [one for one in self._waiting if not one[1].done()]:
            following = max(present, key=lambda one: one[0].left_s)  # of equals the first that came
            self._waiting.remove(following)
            following[1].set_result(None)


class Guest:
    """A program in a Node of its own, which is sent one call at a time."""

    def __init__(self, process: asyncio.subprocess.Process, job: Job) -> None:
        self.process, self.job = process, job
        self.told: list[str] = []
        self.said = 0  # bytes

    async def outcomes(self, vote: VoteBudget) -> Outcomes:
        """One for each call. The time begins once Node is there."""
        ending, asked = DIED, time.monotonic()
        try:
            async with asyncio.timeout(START_S):
                await self._hear()
            async with asyncio.timeout(vote.of_one(time.monotonic() - asked)):
                ending = await self._ask_all()
        except TimeoutError:
            ending = LATE
        except (ConnectionError, asyncio.IncompleteReadError):
            ending = DIED
        except asyncio.LimitOverrunError:
            ending = TOO_MUCH
        finally:
            vote.spend(time.monotonic() - asked)
        return (*self.told, *[ending] * (len(self.job.calls) - len(self.told)))

    async def _ask_all(self) -> str:
        """What the calls that are left without an outcome have come to."""
        program, _, whole = [*self.job.program.split(SPARE), "", ""][:3]
        defined = await self._ask({"program": program, "whole": whole, "language": self.job.language})
        if defined != DEFINED:
            return defined
        for call in self.job.calls:
            self.told.append(await self._ask(call))
            if self.told.count(LATE) >= MOST_LATE:
                break
        return LATE

    async def _ask(self, what: object) -> str:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(what).encode() + b"\n")
        await self.process.stdin.drain()
        return await self._hear()

    async def _hear(self) -> str:
        assert self.process.stdout
        line = await self.process.stdout.readuntil(b"\n")
        self.said += len(line)
        if self.said > MOST_OUTPUT:
            raise asyncio.LimitOverrunError("it says too much", self.said)
        return line[:LONGEST_OUTCOME].decode("utf-8", "replace").rstrip("\n")


async def linked_libraries(program: str) -> list[str]:
    """The libraries that a program is linked with, as the loader itself finds them; none where it does not tell."""
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env={"LD_TRACE_LOADED_OBJECTS": "1"},
            start_new_session=True,
        )
    except OSError:
        return []
    try:
        async with asyncio.timeout(START_S):  # a wrapper or a static program pays no heed and runs
            said, _ = await process.communicate()
    except TimeoutError:
        return []
    finally:
        await end_process(process)
    return LIBRARY.findall(said.decode("utf-8", "replace"))
