"""Requests for children in, sealed children out: the process that all programs' processes are forked from. It never sees a job.

Standard library alone, and the scientific libraries where it is told so. All that a program may want is loaded before anything is
sealed, since afterwards no file can be opened. Run by `server`, which sends these modules as text, so that not even the path of
this package is known in here. It hears `f`, a number and an open socket: fork a child for that socket; and `s`, `c` or `k` and a
number: stop that child, let it go on, end it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from local_swarm.sandbox import calls, canonical, macos, scientific
from local_swarm.sandbox.messages import CPU_S, LENGTH, LONGEST_OUTCOME, REQUEST

if sys.platform == "linux":
    from local_swarm.sandbox import system

# What programs import; all else of the standard library is out of their reach.
FAMILIAR = (
    "abc",
    "array",
    "ast",
    "asyncio",
    "base64",
    "binascii",
    "bisect",
    "calendar",
    "cmath",
    "collections",
    "collections.abc",
    "colorsys",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "hmac",
    "html",
    "inspect",
    "io",
    "itertools",
    "json",
    "keyword",
    "locale",
    "logging",
    "math",
    "numbers",
    "operator",
    "os",
    "pathlib",
    "pprint",
    "queue",
    "random",
    "re",
    "secrets",
    "statistics",
    "string",
    "struct",
    "sys",
    "textwrap",
    "threading",
    "time",
    "timeit",
    "traceback",
    "types",
    "typing",
    "unicodedata",
    "unittest",
    "urllib.parse",
    "uuid",
    "warnings",
    "weakref",
    "zlib",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_16",
    "encodings.utf_32",
    "encodings.unicode_escape",
    "stringprep",
)
MEMORY_BYTES = 256 << 20  # on top of what the template has mapped itself
LONGEST_PROGRAM = 8 << 20  # bytes of a program or a call
SIGNALS = {b"s": signal.SIGSTOP, b"c": signal.SIGCONT, b"k": signal.SIGKILL}
CONTROL, OWN = 0, 3  # descriptors: the template's only one, and a child's
REAP_S = 0.05
FOLDER = tempfile.gettempdir()
LEAKY, NO_TIER = 3, 4  # exit codes


def main(told: dict[str, Any]) -> None:
    """`told`: the tier, and where there are any, the scientific libraries and the folders that they are in."""
    load(told["libraries"], told["places"], told["first_uses"])
    if (threads := threads_here()) > 1:  # a process with threads must not be forked
        say({"problem": f"the libraries started {threads - 1} threads", "lasting": True})
        sys.exit(NO_TIER)
    mapped = system.address_space() if sys.platform == "linux" else 0
    try:
        enclose(told["tier"])
    except OSError as problem:
        say({"problem": str(problem), "lasting": True})
        sys.exit(NO_TIER)
    leaks = escapes(mapped)
    say({"problem": f"not tight: {', '.join(leaks)}", "lasting": True} if leaks else {"tier": told["tier"]})
    if leaks:
        sys.exit(LEAKY)
    told.clear()
    serve(socket.socket(fileno=CONTROL), mapped)


def say(told: dict[str, Any]) -> None:
    os.write(CONTROL, json.dumps(told).encode() + b"\n")


# ------------------------------------------------------------------------------------------------ set-up, once


def load(libraries: list[str], places: list[str], first_uses: list[str]) -> None:
    """What programs import, into memory, with what it loads at its first use."""
    for name in FAMILIAR:
        with suppress(ImportError):
            importlib.import_module(name)
    "".encode("idna")
    time.strptime("2000", "%Y")  # loads what it needs at its first use
    sys.path += places
    for name in libraries:
        with suppress(Exception):  # a library that does not load is missing in here
            importlib.import_module(name)
    space: dict[str, Any] = {}
    for statement in first_uses:
        with suppress(Exception):
            exec(statement, space)
    canonical.learn(scientific.writers())
    gc.collect()
    gc.freeze()  # children share these pages for as long as nobody counts their references


def threads_here() -> int:
    """Threads of this process; 1 where that cannot be known."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208  pathlib is not needed for one number
    except OSError:
        return 1


def enclose(tier: str) -> None:
    """What the template itself gives up, once. With namespaces it goes on as the init of its own. Raises OSError."""
    if sys.platform != "linux":
        return
    if tier == "namespaces":
        system.unshare()
        if child := os.fork():
            os.close(CONTROL)
            signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
        system.empty_root("/tmp" if os.path.isdir("/tmp") else "/proc")  # noqa: PTH112
    if tier == "landlock" and not system.landlock_version():
        raise OSError("Landlock: not in this kernel")  # seccomp alone would be one wall only
    system.drop_privileges()
    system.die_with_parent()
    system.no_new_privileges()
    os.closerange(CONTROL + 1, 1024)


def seal(mapped: int) -> None:
    """What a child gives up before it meets a program: everything but computing. Raises OSError."""
    if sys.platform == "darwin":
        macos.seal(CPU_S)
        return
    system.die_with_parent()
    system.limits(mapped + MEMORY_BYTES, CPU_S, files=8)
    with suppress(OSError):  # one more wall where the kernel has it; the next one stands alone too
        system.no_files()
    system.only(system.COMPUTING)


def escapes(mapped: int) -> list[str]:
    """What a sealed child can still do and must not; the names of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            os.dup2(writing, OWN)
            seal(mapped)
            os.write(OWN, " ".join(possible()).encode() + b".")
        except BaseException as problem:
            os.write(OWN, type(problem).__name__.encode())
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
    if sys.platform == "linux":  # elsewhere the clock outside is the only one
        attempts["handlers"] = lambda: signal.signal(signal.SIGPROF, signal.SIG_IGN)
        attempts["masks"] = lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])
        attempts["timers"] = lambda: signal.setitimer(signal.ITIMER_PROF, 0)
    found = []
    for name, attempt in attempts.items():
        with suppress(OSError):
            attempt()
            found.append(name)
    return found


def fork_once() -> None:
    if not os.fork():
        os._exit(0)


# ------------------------------------------------------------------------------------- forking, and in a child


def serve(control: socket.socket, mapped: int) -> None:
    """Fork and end children as asked, until nobody asks any more; then the children end too."""
    alive: dict[int, int] = {}
    while True:
        if not alive or select.select([control], [], [], REAP_S)[0]:
            data, handed, *_ = socket.recv_fds(control, REQUEST.size, 1)
            if not data:
                break
            order, number = REQUEST.unpack(data)
            if order == b"f" and handed:
                fork(number, handed[0], alive, mapped)
            elif order in SIGNALS and number in alive:
                with suppress(ProcessLookupError):
                    os.kill(alive[number], SIGNALS[order])
        reap(alive)
    for process in alive.values():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def fork(number: int, own: int, alive: dict[int, int], mapped: int) -> None:
    try:
        process = os.fork()
    except OSError:  # no memory, or no process left: the socket closes, and the server asks again
        os.close(own)
        return
    if not process:
        work(own, mapped)
    alive[number] = process
    os.close(own)


def reap(alive: dict[int, int]) -> None:
    """Forget the children that have ended; only then may the kernel give their numbers away."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)[0]) > 0:
            for number in [one for one, process in alive.items() if process == ended]:
                del alive[number]


def work(own: int, mapped: int) -> NoReturn:
    """In a child: keep one socket, give up the rest, run what comes. Never returns."""
    try:
        os.dup2(own, OWN)
        os.closerange(OWN + 1, 1024)
        os.closerange(0, OWN)
        watch = calls.Watch()
        watch.wind()
        seal(mapped)
        send("")
        calls.answer(receive, send, watch)
    finally:
        os._exit(0)


def receive() -> str | None:
    """The program, or the next call; None at the end."""
    length = exactly(LENGTH.size)
    text = exactly(min(LENGTH.unpack(length)[0], LONGEST_PROGRAM)) if length else None
    return text.decode("utf-8", "surrogatepass") if text is not None else None


def exactly(size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        if not (more := os.read(OWN, size - len(data))):
            return None
        data += more
    return bytes(data)


def send(line: str) -> None:
    data = line.encode("utf-8", "replace").replace(b"\n", b" ")[:LONGEST_OUTCOME] + b"\n"
    while data:
        data = data[os.write(OWN, data) :]
