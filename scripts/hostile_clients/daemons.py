"""Options in, a running daemon out, and its processes: which there are, what they hold, and which died."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from local_swarm.api.key import CONTROL, control_token

ROOT = Path(__file__).resolve().parents[2]
START_S = 90.0
STOP_S = 10.0
LOOK_S = 0.5
ENGINE = re.compile(r"local_swarm\.backends\.[\w.]*\.?(llamacpp|mlx|transformers|vllm)\.child")
OURS = re.compile(r"local_swarm\.[\w.]+")
TROUBLE = re.compile(
    r"^\s*[\w.]+(Error|Exception|Interrupt|Exit|Group)(:|$)|never (retrieved|awaited)|Fatal Python error|keeps ending"
)


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class DidNotStart(Exception):
    """`code`: that of its exit, None where it did not end."""

    def __init__(self, message: str, code: int | None) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Daemon:
    """The program as people start it. `log` is what it wrote to standard error."""

    url: str
    process: psutil.Process
    home: Path
    log: Path
    popen: subprocess.Popen[bytes] | None = None

    def troubles(self) -> list[str]:
        """How the tracebacks in its log ended and what else no daemon should write, each once, with how often."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        found = Counter(line.strip()[:200] for line in lines if TROUBLE.search(line))
        return [f"{times} times: {line}" for line, times in found.most_common(20)]

    def command(self, path: str, wish: Any = None) -> Any:
        """What it answers to a command of its user; the error's body where it refuses."""
        headers = {
            "content-type": "application/json",
            CONTROL: control_token(urlsplit(self.url).port or 0, self.home) or "",
        }
        data = None if wish is None else json.dumps(wish).encode()
        request = urllib.request.Request(f"{self.url}/v1/swarm/control/{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            with problem:
                return json.load(problem)

    def peers_port(self) -> int:
        """Where its door for other machines is."""
        users = int(self.url.rpartition(":")[2])
        ports = {one.laddr.port for one in self.process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
        [port] = ports - {users}
        return int(port)

    def stop(self) -> tuple[float, list[str]]:
        """Seconds that it took to end by SIGTERM, and the processes that were left. Kills what does not end."""
        children = self.process.children(recursive=True)
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except psutil.TimeoutExpired:
            self.process.kill()
        took = time.monotonic() - began
        _, left = psutil.wait_procs(children, timeout=2.0)
        names = [role(one) for one in left]
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        if self.popen:
            self.popen.wait(STOP_S)
        return took, names


def started(
    port: int, home: Path, log: Path, options: Sequence[str], settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(home), "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **settings}
    command = [sys.executable, "-m", "local_swarm", *options, "--port", str(port), "--yes"]
    with log.open("wb") as file:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file)


@asynccontextmanager
async def daemon(home: Path, *options: str, **settings: str) -> AsyncIterator[Daemon]:
    """A daemon that is ready. Whatever happens meanwhile, it and its children are gone afterwards. Raises DidNotStart."""
    port, log = free_port(), home / "stderr.txt"
    popen = started(port, home, log, options, settings)
    made = Daemon(f"http://127.0.0.1:{port}", psutil.Process(popen.pid), home, log, popen)
    try:
        await up(made)
        yield made
    finally:
        if popen.poll() is None:
            await asyncio.to_thread(made.stop)


async def up(one: Daemon) -> None:
    until = time.monotonic() + START_S
    while not await asyncio.to_thread(healthy, one.url):
        if (one.popen and one.popen.poll() is not None) or time.monotonic() > until:
            said = one.log.read_text(encoding="utf-8", errors="replace")[-2_000:]
            raise DidNotStart(f"The daemon did not start:\n{said}", one.popen.poll() if one.popen else None)
        await asyncio.sleep(0.2)


def healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def listening(url: str) -> psutil.Process:
    """The process that serves an address on this machine. Raises RuntimeError."""
    port = int(url.rpartition(":")[2])
    for one in psutil.net_connections("tcp"):
        if one.laddr and one.laddr.port == port and one.status == psutil.CONN_LISTEN and one.pid:
            return psutil.Process(one.pid)
    raise RuntimeError(f"Nobody that may be looked at listens on port {port}.")


def role(process: psutil.Process) -> str:
    """What a child is: `engine`, or the module that it runs."""
    with contextlib.suppress(psutil.Error):
        words = " ".join(process.cmdline())
        if ENGINE.search(words):
            return "engine"
        found = OURS.search(words)
        return found[0].removeprefix("local_swarm.") if found else process.name()
    return "gone"


@dataclass
class Held:
    """Resident memory of one role, in MiB: the largest process of it at the beginning, ever, and at the end; and all together."""

    first: int = 0
    peak: int = 0
    last: int = 0
    together: int = 0


@dataclass
class Watch:
    """Looks at a daemon's processes twice a second. `deaths` are the times at which its engine was found dead, or another one."""

    daemon: Daemon
    held: dict[str, Held] = field(default_factory=dict)
    deaths: list[float] = field(default_factory=list)
    most_children: int = 0
    _engines: set[int] = field(default_factory=set)

    async def run(self) -> None:
        while True:
            with contextlib.suppress(psutil.NoSuchProcess):
                await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        found: dict[str, list[int]] = {"daemon": [self.daemon.process.memory_info().rss >> 20]}
        children = self.daemon.process.children(recursive=True)
        self.most_children = max(self.most_children, len(children))
        engines = set()
        for child in children:
            name = role(child)
            with contextlib.suppress(psutil.Error):
                resident = child.memory_info().rss >> 20
                found.setdefault(name, []).append(resident)
            if name == "engine":
                engines.add(child.pid)
        self.deaths += [time.time()] * len(self._engines - engines)
        self._engines = engines
        for name, sizes in found.items():
            held = self.held.setdefault(name, Held(first=max(sizes)))
            held.peak, held.last = max(held.peak, *sizes), max(sizes)
            held.together = max(held.together, sum(sizes))
