"""The sandbox's own process: jobs in as lines of JSON, outcomes out, each program in a sealed child of its own.

Standard library alone, and all of it that a program may want is loaded before anything is sealed, since afterwards no file can be
opened. Run as `python -c "... main()" TIER WIDTH` by `host`; not meant to be imported elsewhere.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from local_swarm.sandbox import calls, macos

if sys.platform == "linux":
    from local_swarm.sandbox import system

# What programs import; all else of the standard library is out of their reach.
FAMILIAR = (
    "abc", "array", "ast", "base64", "binascii", "bisect", "calendar", "cmath", "collections", "collections.abc",
    "colorsys", "contextlib",
    "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib",
    "heapq", "hmac", "html",
    "inspect", "io", "itertools", "json", "keyword", "locale", "logging", "math", "numbers", "operator", "os",
    "pathlib", "pprint", "queue",
    "random", "re", "secrets", "statistics", "string", "struct", "sys", "textwrap", "threading", "time", "timeit",
    "traceback", "types", "typing",
    "unicodedata", "unittest", "urllib.parse", "uuid", "warnings", "weakref", "zlib",
    "encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_16", "encodings.utf_32",
    "encodings.unicode_escape", "stringprep",
)  # fmt: skip
MEMORY_BYTES = 256 << 20  # on top of what the server has mapped itself
CPU_S = 3  # of one program with all its calls
WALL_S = 4.0
LONGEST_LINE = 1_000  # of an outcome
MOST_OUTPUT = 100_000  # bytes from one program
LONGEST_JOB = 4 << 20
CHUNK = 1 << 16

FOLDER = tempfile.gettempdir()
LEAKY, NO_TIER = 3, 4  # exit codes


def main() -> None:
    tier, width = sys.argv[1], int(sys.argv[2])
    load_familiar()
    try:
        enclose(tier)
    except OSError as problem:
        say({"problem": str(problem)})
        sys.exit(NO_TIER)
    leaks = escapes()
    say({"problem": f"not tight: {', '.join(leaks)}"} if leaks else {"tier": tier})
    if leaks:
        sys.exit(LEAKY)
    Server(width).serve()


def say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def load_familiar() -> None:
    for name in FAMILIAR:
        with suppress(ImportError):
            importlib.import_module(name)
    "".encode("idna")
    time.strptime("2000", "%Y")  # loads what it needs at its first use
    gc.collect()
    gc.freeze()  # children share these pages for as long as nobody counts their references


def enclose(tier: str) -> None:
    """What the server itself gives up, once. With namespaces it goes on as the init of its own. Raises OSError."""
    if sys.platform != "linux":
        return
    if tier == "namespaces":
        system.unshare()
        if child := os.fork():
            signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
        system.empty_root("/tmp" if os.path.isdir("/tmp") else "/proc")  # noqa: PTH112
    if tier == "landlock" and not system.landlock_version():
        raise OSError("Landlock: not in this kernel")  # seccomp alone would be one wall only
    system.become_nobody()
    system.die_with_parent()
    system.no_new_privileges()


def seal() -> None:
    """What a child gives up before it meets a program: everything but computing. Raises OSError."""
    if sys.platform == "darwin":
        macos.seal(CPU_S)
        return
    system.limits(system.address_space() + MEMORY_BYTES, CPU_S, files=8)
    with suppress(OSError):  # one more wall where the kernel has it; the next one stands alone too
        system.no_files()
    system.only(system.COMPUTING)


def escapes() -> list[str]:
    """What a sealed child can still do and must not; the names of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            os.dup2(writing, 3)
            seal()
            os.write(3, " ".join(possible()).encode() + b".")
        except BaseException as problem:
            os.write(3, type(problem).__name__.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        found = told.read(1000).decode()
    os.waitpid(child, 0)
    return found.rstrip(".").split() if found.endswith(".") else [found or "silence"]


def possible() -> list[str]:
    attempts: dict[str, Callable[[], object]] = {
        "read-file": lambda: os.close(os.open(sys.executable or "/bin/sh", os.O_RDONLY)),
        "list-folder": lambda: os.listdir("/"),  # noqa: PTH208
        "write-file": lambda: os.close(os.open(FOLDER + "/escape", os.O_CREAT | os.O_WRONLY)),
        "network": lambda: socket.socket().close(),
        "processes": fork_once,
        "programs": lambda: os.execv(sys.executable or "/bin/sh", ["sh"]),
        "signals": lambda: os.kill(os.getppid(), 0),
    }
    found = []
    for name, attempt in attempts.items():
        with suppress(OSError):
            attempt()
            found.append(name)
    return found


def fork_once() -> None:
    if not os.fork():
        os._exit(0)


@dataclass(slots=True)
class Child:
    """A program at work. `told` are its outcomes so far, `rest` the beginning of the next."""

    job: dict[str, Any]
    pid: int
    pipe: int
    deadline: float
    told: list[str] = field(default_factory=list)
    rest: bytes = b""
    received: int = 0

    def take(self, data: bytes) -> bool:
        """Note what came; False when it is more than any honest program has to say."""
        self.received += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        wanted = len(self.job["calls"])
        self.told += [line.decode("utf-8", "replace")[:LONGEST_LINE] for line in lines[: wanted - len(self.told)]]
        return self.received <= MOST_OUTPUT

    def answer(self, ending: str) -> dict[str, Any]:
        """All outcomes; those that are missing are `ending`."""
        missing = len(self.job["calls"]) - len(self.told)
        return {"id": self.job["id"], "outcomes": [*self.told, *[ending] * missing]}


class Server:
    """At most `width` programs at once, the others wait. Ends when its input does."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.waiting: deque[dict[str, Any]] = deque()
        self.children: dict[int, Child] = {}
        self.selector = selectors.DefaultSelector()
        self.unread = b""

    def serve(self) -> None:
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ)
        while True:
            soonest = min((child.deadline for child in self.children.values()), default=None)
            patience = None if soonest is None else max(0.0, soonest - time.monotonic())
            for key, _ in self.selector.select(patience):
                if key.fd == 0 and not self.read_jobs():
                    self.end()
                    return
                if key.fd in self.children:
                    self.hear(self.children[key.fd])
            now = time.monotonic()
            for child in [one for one in self.children.values() if one.deadline <= now]:
                self.finish(child, calls.LATE)
            while self.waiting and len(self.children) < self.width:
                self.begin(self.waiting.popleft())

    def read_jobs(self) -> bool:
        data = os.read(0, CHUNK)
        *lines, self.unread = (self.unread + data).split(b"\n")
        self.waiting.extend(json.loads(line) for line in lines)
        return bool(data) and len(self.unread) <= LONGEST_JOB

    def begin(self, job: dict[str, Any]) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            work(job, writing)
        os.close(writing)
        self.children[reading] = Child(job, pid, reading, time.monotonic() + WALL_S)
        self.selector.register(reading, selectors.EVENT_READ)

    def hear(self, child: Child) -> None:
        data = os.read(child.pipe, CHUNK)
        if not data:
            self.finish(child, "!Died")
        elif not child.take(data):
            self.finish(child, "!TooMuch")

    def finish(self, child: Child, ending: str) -> None:
        self.selector.unregister(child.pipe)
        del self.children[child.pipe]
        os.close(child.pipe)
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        say(child.answer(ending))

    def end(self) -> None:
        for child in self.children.values():
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)


def work(job: dict[str, Any], pipe: int) -> None:
    """In a child: keep one pipe, give up the rest, run the program. Never returns."""
    try:
        os.dup2(pipe, 3)
        os.closerange(4, 1024)
        for number in (0, 1, 2):
            os.close(number)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        seal()
        calls.outcomes(job["program"], job["calls"], lambda said: send(said.encode("utf-8", "replace")))
    finally:
        os._exit(0)


def send(line: bytes) -> None:
    line = line.replace(b"\n", b" ")[:LONGEST_LINE] + b"\n"
    while line:
        line = line[os.write(3, line) :]
