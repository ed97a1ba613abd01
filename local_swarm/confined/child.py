"""The process that works on foreign text: lines of JSON in, each a function of ours with its arguments, lines of JSON out.

It bounds its own memory at its start and its own time for each call; the system ends it where it goes beyond. What a function
raises is told, and what memory's end leaves behind is not used again.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

LONGEST_REASON = 300  # characters


def main() -> int:
    cpu_s, wall_s, memory_bytes = json.loads(sys.argv[1])
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no result
    bound_memory(int(memory_bytes))
    for line in sys.stdin.buffer:
        start_clocks(cpu_s, wall_s)
        said = answer(line)
        stop_clocks()
        results.write(said + b"\n")
        results.flush()
        if said.startswith(b'{"overrun"'):
            return 1
    return 0


def answer(line: bytes) -> bytes:
    try:
        task, arguments = json.loads(line)
        return json.dumps({"value": function_of(task)(*arguments)}, separators=(",", ":")).encode()
    except MemoryError:
        return b'{"overrun":"takes too much memory"}'
    except Exception as problem:  # the edge: told to the daemon, where it is that request's error
        reason = f"{type(problem).__name__}: {problem}"[:LONGEST_REASON]
        return json.dumps({"failed": reason}).encode("utf-8", "replace")


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


def start_clocks(cpu_s: float, wall_s: float) -> None:
    """The default action of both signals is the end of the process: nothing that runs here can be asked to stop."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        signal.setitimer(signal.ITIMER_REAL, wall_s)


def stop_clocks() -> None:
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    sys.exit(main())
