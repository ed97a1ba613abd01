"""The process that works on foreign text: lines of JSON in, each a function of ours with its arguments, lines of JSON out.

It bounds its own memory at its start and its own time for each call. A call beyond its time is interrupted, or else the system
ends the process. What a function raises is told; what the end of memory leaves behind is not used again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

LONGEST_REASON = 300  # characters
NO_MEMORY = "takes too much memory"
LOADING_S = 5  # of processor time for loading a library
SPARE_S = 1  # of processor time after the interruption, before the system ends the process


class ChildOutOfTime(BaseException):
    """Beyond `Exception`, so that no library takes it for one of its own."""


def main() -> int:
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no result
    bound_memory(int(sys.argv[1]))
    if sys.platform != "win32":
        signal.signal(signal.SIGPROF, interrupt)
    for line in sys.stdin.buffer:
        said = answer(line)
        results.write(said + b"\n")
        results.flush()
        if said == write_line({"overrun": NO_MEMORY}):
            return 1
    return 0


def write_line(value: Any) -> bytes:
    """As a line of JSON. Raises TypeError, ValueError, RecursionError for what it cannot say."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def answer(line: bytes) -> bytes:
    """`{"value"}`, or `{"failed"}` or `{"overrun"}` with the reason. What is ours to load is not counted."""
    try:
        task, arguments, cpu_s = json.loads(line)
        function = function_of(task)
        try:
            with clock(cpu_s):
                value = function(*arguments)
        except ChildOutOfTime:
            return write_line({"overrun": f"takes more than {cpu_s:g} seconds of processor time"})
        return write_line({"value": value})
    except MemoryError:
        return write_line({"overrun": NO_MEMORY})
    except Exception as problem:  # the edge: told to the daemon, where it is that request's error
        reason = f"{type(problem).__name__}: {problem}".encode("utf-8", "replace").decode()
        return write_line({"failed": reason[:LONGEST_REASON]})


def function_of(task: str) -> Callable[..., Any]:
    """`local_swarm.package.module:function`. Raises ValueError for what is not ours."""
    module, _, name = task.partition(":")
    if not module.startswith("local_swarm."):
        raise ValueError(f"no task of ours: {task}")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def bound_memory(extra_bytes: int) -> None:
    """No more address space than now and so much, no core file. Where the system has no such limits the daemon watches us."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "darwin":  # takes the limit and does not enforce it
        return
    most = mapped_bytes() + extra_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def mapped_bytes() -> int:
    """Of this process; a generous guess where that is not told."""
    try:
        with open("/proc/self/statm", encoding="ascii") as told:  # noqa: PTH123  starts faster without pathlib
            return int(told.read().split()[0]) * os.sysconf("SC_PAGESIZE")
    except (OSError, ValueError):
        return 512 << 20


@contextlib.contextmanager
def clock(cpu_s: float) -> Iterator[None]:
    """Raises OutOfTime in the midst of whatever takes longer; what cannot be interrupted ends with the process a little later. A
    clock within another takes its place. Elsewhere than in such a process it does nothing.

    Python's own matching of patterns looks for signals, so most calls are interrupted. On Windows the daemon's clock is alone."""
    if sys.platform == "win32" or signal.getsignal(signal.SIGPROF) is not interrupt:
        yield
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = int(time.process_time() + cpu_s) + 1 + SPARE_S
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextlib.contextmanager
def without_clock() -> Iterator[None]:
    """Within a clock, time that is not counted: for what is ours to load, and would be left half loaded otherwise."""
    if sys.platform == "win32" or signal.getsignal(signal.SIGPROF) is not interrupt:
        yield
        return
    import resource

    left_s, _ = signal.setitimer(signal.ITIMER_PROF, 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = soft if soft == resource.RLIM_INFINITY else soft + LOADING_S
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, left_s)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise ChildOutOfTime


if __name__ == "__main__":
    this = importlib.import_module("local_swarm.confined.child")  # the one that the functions called here know
    sys.exit(this.main())
