"""Calls of our own functions on foreign text in, results out; each runs in a child process that is killed at its limits.

What is not linear in its input belongs here: a model file's template, a JSON schema, Python's own parser. The daemon only writes
and reads lines, so no text can stop it. Knows no templates and no schemas.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import sys
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import psutil

from local_swarm.confined.child import NO_MEMORY, write_line
from local_swarm.errors import Busy, Overrun

CHILD = "local_swarm.confined.child"
RESULT_BYTES = 32 << 20  # of one result
CALL_ATTEMPTS = 3
OUT_OF_CPU = -24  # SIGXCPU
KILLED = (-9, -15, -2)  # SIGKILL, SIGTERM, SIGINT
WALLS = 3.0  # seconds by the clock for each of processor time: others compute too
MOST_WAIT_S = 20.0  # for a child
MOST_WAITING = 256  # calls of one task
RESULTS_REMEMBERED = 256  # calls that went beyond their limits, and are not tried again so soon
FORGOTTEN_S = 300.0
CHILD_IDLE_S = 300.0  # after which a child without work ends
LOOK_S = 0.05  # between looks at a child's memory, where the system does not bound it
# Libraries of arithmetic reserve memory for every thread that they might start, beyond what the child may have.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
BOUNDED = sys.platform not in ("win32", "darwin")  # elsewhere RLIMIT_AS is missing or not enforced

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Of one call: seconds of processor time, seconds by the clock beside those, which the child may need to start, and bytes
    beyond what the idle child has mapped."""

    cpu_s: float = 1.0
    wall_s: float = 6.0
    memory_bytes: int = 512 << 20


class Confined(Protocol):
    """Runs `module:function` of ours on arguments that are JSON, and gives its result, which is JSON.

    `cpu_s`: processor time, where that is not the usual one. `lane`: calls of different lanes take turns; a task is one, and its
    costly calls may be another. `blame`: what goes beyond the limits whatever else is asked with it; all of it by default.
    """

    async def call(
        self, task: str, *arguments: Any, cpu_s: float | None = None, lane: str | None = None, blame: str | None = None
    ) -> Any:
        """Raises Overrun for a call beyond its limits and Busy when too many wait, or this one has waited too long."""
        ...

    async def close(self) -> None: ...


class ConfinedPool:
    """See `Confined`. At most `width` children, started when they are needed; tasks of different names take turns, and none takes
    all children while there are two or more."""

    def __init__(self, width: int | None = None, limits: CallLimits | None = None) -> None:
        self.width, self.limits = width or max(2, min(4, os.cpu_count() or 1)), limits or CallLimits()
        self._idle: list[ConfinedChild] = []
        self._at_work: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._fatal: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._children: set[ConfinedChild] = set()
        self._closed = False

    async def call(
        self, task: str, *arguments: Any, cpu_s: float | None = None, lane: str | None = None, blame: str | None = None
    ) -> Any:
        cpu_s = cpu_s or self.limits.cpu_s
        order = encode_order([task, arguments, cpu_s]) + b"\n"
        key = hashlib.sha256(order if blame is None else f"{task} {blame}".encode("utf-8", "replace")).digest()
        why, until = self._fatal.get(key, ("", 0.0))
        if time.monotonic() < until:
            raise Overrun(why, lasting=True)
        async with self._turn(lane or task):
            try:
                said = await self._answer(order, self.limits.wall_s + WALLS * cpu_s)
            except Overrun as problem:
                self._remember(key, problem)
                logger.info("A call of %s %s.", task, problem.why)
                raise
        if "failed" in said:
            raise Overrun(f"made {task} fail ({said['failed']})")
        return said["value"]

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*(child.end() for child in list(self._children)))
        self._children.clear()

    def _remember(self, key: bytes, problem: Overrun) -> None:
        if problem.lasting:
            self._fatal[key] = problem.why, time.monotonic() + FORGOTTEN_S
        while len(self._fatal) > RESULTS_REMEMBERED:
            self._fatal.popitem(last=False)

    async def _answer(self, order: bytes, wall_s: float) -> dict[str, Any]:
        """Whoever ends or stops a child from outside loses nothing by it: the call is made again. One that ends every child is to
        blame."""
        ends: list[ChildLost] = []
        for _ in range(CALL_ATTEMPTS):
            try:
                return await self._ask(order, wall_s)
            except ChildLost as end:
                ends.append(end)
        raise Overrun(f"{ends[-1]} each time", lasting=all(end.own for end in ends))

    async def _ask(self, order: bytes, wall_s: float) -> dict[str, Any]:
        """By an idle child or a new one, which is idle again afterwards, unless anything went wrong."""
        child = self._idle.pop() if self._idle else ConfinedChild(self.limits)
        self._children.add(child)
        whole = False
        try:
            said = await child.ask(order, wall_s)
            whole = said.get("overrun") != NO_MEMORY
            if "overrun" in said:
                raise Overrun(said["overrun"], lasting=True)
            return said
        finally:
            if whole and not self._closed:
                child.rest(asyncio.get_running_loop(), self._dismiss)
                self._idle.append(child)
            else:
                self._children.discard(child)
                await asyncio.shield(asyncio.ensure_future(child.end()))

    def _dismiss(self, child: ConfinedChild) -> None:
        """An idle child has been idle for too long."""
        if child in self._idle:
            self._idle.remove(child)
            self._children.discard(child)
            child.kill()

    @contextlib.asynccontextmanager
    async def _turn(self, task: str) -> AsyncIterator[None]:
        """Raises Busy."""
        if self._may_begin(task) and not self._waiting.get(task):
            self._at_work[task] += 1
        else:
            queue = self._waiting.setdefault(task, deque())
            if len(queue) >= MOST_WAITING:
                raise Busy("Too many requests wait to be read. Try again in a moment.")
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            queue.append(place)
            try:
                async with asyncio.timeout(MOST_WAIT_S):
                    await place
            except (asyncio.CancelledError, TimeoutError) as problem:
                if place in queue:
                    queue.remove(place)
                elif not place.cancelled():
                    self._leave(task)
                if isinstance(problem, TimeoutError):
                    raise Busy("Too many requests wait to be read. Try again in a moment.") from None
                raise
        try:
            yield
        finally:
            self._leave(task)

    def _leave(self, task: str) -> None:
        self._at_work[task] -= 1
        for name in list(self._waiting):
            queue = self._waiting[name]
            if queue and self._may_begin(name):
                self._waiting.move_to_end(name)
                place = queue.popleft()
                if not place.done():
                    self._at_work[name] += 1
                    place.set_result(None)
            if not queue:
                del self._waiting[name]

    def _may_begin(self, task: str) -> bool:
        return self._at_work.total() < self.width and self._at_work[task] < max(1, self.width - 1)


class ChildLost(Exception):
    """The child ended, or did not answer. `own`: not by somebody else's will, as far as can be seen."""

    def __init__(self, how: str, own: bool = False) -> None:
        super().__init__(how)
        self.own = own


def encode_order(value: Any) -> bytes:
    """Raises Overrun for what nests too deeply."""
    try:
        return write_line(value)
    except (RecursionError, ValueError) as problem:
        raise Overrun("nests too deeply") from problem


class ConfinedChild:
    """One child process, started at its first order."""

    def __init__(self, limits: CallLimits) -> None:
        self.limits = limits
        self._process: asyncio.subprocess.Process | None = None
        self._dismissal: asyncio.TimerHandle | None = None
        self._overgrown = False

    async def ask(self, order: bytes, wall_s: float) -> dict[str, Any]:
        """Raises Overrun, ChildLost."""
        if self._dismissal:
            self._dismissal.cancel()
        process = self._process = self._process or await self._start()
        assert process.stdin and process.stdout
        watch = None if BOUNDED else asyncio.create_task(self._watch(process.pid), name="confined-memory")
        try:
            async with asyncio.timeout(wall_s):
                process.stdin.write(order)
                await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError:
            raise ChildLost(f"takes more than {wall_s:g} seconds") from None
        except (ConnectionError, ValueError):
            line = b""
        finally:
            if watch:
                watch.cancel()
        if not line:
            raise await self._death(process)
        said: dict[str, Any] = json.loads(line)
        return said

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-B",
            "-m",
            CHILD,
            str(self.limits.memory_bytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=RESULT_BYTES,
            env={**os.environ, **ONE_THREAD},
            start_new_session=True,  # signals for the daemon's group are not for it
        )

    async def _death(self, process: asyncio.subprocess.Process) -> Exception:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                code = await process.wait()
                if self._overgrown:
                    return Overrun(NO_MEMORY, lasting=True)
                if code == OUT_OF_CPU:
                    return Overrun("takes too much processor time", lasting=True)
                return ChildLost(f"ended the process that read it (exit code {code})", own=code not in KILLED)
        return ChildLost("silenced the process that read it")

    async def _watch(self, pid: int) -> None:
        """Kill it when it has taken too much memory."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            most = process.memory_info().rss + self.limits.memory_bytes
            while True:
                await asyncio.sleep(LOOK_S)
                if process.memory_info().rss > most:
                    self._overgrown = True
                    process.kill()

    def rest(self, loop: asyncio.AbstractEventLoop, dismiss: Any) -> None:
        self._dismissal = loop.call_later(CHILD_IDLE_S, dismiss, self)

    def kill(self) -> None:
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def end(self) -> None:
        if self._dismissal:
            self._dismissal.cancel()
        self.kill()
        if self._process:
            if self._process.stdin:
                self._process.stdin.close()
            await self._process.wait()


class Unconfined:
    """See `Confined`: a fake that runs calls in this very process, for text that nobody hostile wrote."""

    async def call(
        self, task: str, *arguments: Any, cpu_s: float | None = None, lane: str | None = None, blame: str | None = None
    ) -> Any:
        from local_swarm.confined.child import function_of

        return json.loads(json.dumps(function_of(task)(*json.loads(encode_order(arguments)))))

    async def close(self) -> None:
        pass
