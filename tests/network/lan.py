"""A real network on one machine: a bridge, and a network namespace for each host, with real processes in them.
Linux, as root."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local_swarm.api.key import CONTROL, control_token

ROOT = Path(__file__).parents[2]
CLONE_NEWNET = 0x40000000
START_S, WAIT_S = 60.0, 40.0


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


def unavailable() -> str | None:
    """Why there can be no namespaces here; None where there can."""
    if sys.platform != "linux" or not shutil.which("ip"):
        return "network namespaces need Linux and the program ip"
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"lsprobe{os.getpid()}"
    try:
        ip("netns", "add", probe)
        ip("netns", "del", probe)
    except (subprocess.SubprocessError, OSError) as problem:
        return f"network namespaces cannot be made here: {problem}"
    return None


def wait_for(true: Callable[[], bool], within_s: float = WAIT_S, every_s: float = 0.05) -> float:
    """Seconds until it became so. Fails after `within_s`."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within_s, "it did not happen in time"
        time.sleep(every_s)
    return time.monotonic() - began


@dataclass
class Host:
    """One machine: a namespace with one wire to the switch."""

    name: str
    space: str
    wire: str
    address: str
    home: Path
    caller: ThreadPoolExecutor = field(init=False)
    process: subprocess.Popen[str] | None = None
    url: str = ""
    port: int = 0

    def __post_init__(self) -> None:
        self.caller = ThreadPoolExecutor(1, initializer=self._enter)

    def _enter(self) -> None:
        """From here on this thread's sockets are in the host's namespace."""
        with Path(f"/var/run/netns/{self.space}").open() as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def inside(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return self.caller.submit(work, *arguments).result(WAIT_S)

    # ---------------------------------------------------------------------------------------------- processes

    def run(self, *command: str, **settings: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "LOCAL_SWARM_HOME": str(self.home), **settings}
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.space, sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self.process

    def begin(self, pace_s: float = 0.05, workers: int = 3, **settings: Any) -> None:
        """A node over a scripted engine, not waited for."""
        self.run(
            "local_swarm.testing.scripted_node",
            self.name,
            "--home",
            str(self.home.parent),
            "--workers",
            str(workers),
            "--pace-s",
            str(pace_s),
            "--settings",
            json.dumps({"federation_port": 8766, **settings}),
        )

    def ready(self) -> None:
        assert self.process and self.process.stdout
        line = json.loads(self.process.stdout.readline())
        self.url, self.port = line["url"], line["port"]

    def start(self, **settings: Any) -> None:
        self.begin(**settings)
        self.ready()

    def command(self, *words: str) -> str:
        """What a command of the program prints, run on the host."""
        environment = {**os.environ, "LOCAL_SWARM_HOME": str(self.home)}
        done = subprocess.run(
            ["ip", "netns", "exec", self.space, sys.executable, "-m", "local_swarm", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def up(self) -> bool:
        """Whether its API says that it can answer."""
        try:
            return bool(self.call("/health")["status"] == "ok")
        except OSError:
            return False

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(10)
            for pipe in (self.process.stdin, self.process.stdout):
                with contextlib.suppress(OSError):
                    if pipe:
                        pipe.close()
            self.process = None

    def signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    # --------------------------------------------------------------------------------------------------- HTTP

    def call(self, path: str, body: Any = None) -> Any:
        """JSON from its API, asked on the host itself; the error's body where it refuses."""

        def fetch() -> Any:
            headers = {
                "content-type": "application/json",
                CONTROL: control_token(urlsplit(self.url).port or 0, self.home) or "",
            }
            data = None if body is None else json.dumps(body).encode()
            try:
                with urllib.request.urlopen(
                    urllib.request.Request(self.url + path, data, headers), timeout=30
                ) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as problem:
                with problem:
                    return json.load(problem)

        return self.inside(fetch)

    def control(self, path: str, body: Any = None) -> Any:
        return self.call(f"/v1/swarm/control/{path}", body)

    def states(self) -> dict[str, str]:
        return {one["name"]: one["state"] for one in self.control("peers")}

    def sees(self, *names: str) -> bool:
        """Whether exactly these are healthy peers."""
        return {name for name, state in self.states().items() if state == "ok"} == set(names)

    def ask(self, question: str = "A question.", **options: Any) -> tuple[dict[str, Any], float]:
        """The vote's account of itself, and the seconds that it took."""
        body = {"messages": [{"role": "user", "content": question}], "swarm": {"early": False, **options}}
        began = time.monotonic()
        answer = self.call("/v1/chat/completions", body)
        assert "swarm" in answer, answer
        return answer["swarm"], time.monotonic() - began

    # ---------------------------------------------------------------------------------------------- the wire

    def unplug(self, switch: str) -> None:
        ip("-n", switch, "link", "set", self.wire, "down")

    def plug(self, switch: str) -> None:
        ip("-n", switch, "link", "set", self.wire, "up")

    def readdress(self, address: str) -> None:
        """Its only address becomes another one; the link-local one goes, too."""
        ip("-n", self.space, "addr", "flush", "dev", "eth0")
        ip("-n", self.space, "addr", "add", f"{address}/24", "brd", "+", "dev", "eth0")
        self.address = address


@dataclass
class Lan:
    hosts: list[Host]
    switch: str

    def start(self, **settings: Any) -> None:
        """All at once."""
        for host in self.hosts:
            host.begin(**settings)
        for host in self.hosts:
            host.ready()

    def worsen(self, *how: str) -> str | None:
        """Make all wires slow or lossy; the reason where that cannot be done."""
        for host in self.hosts:
            command = ["tc", "-n", host.space, "qdisc", "add", "dev", "eth0", "root", "netem", *how]
            try:
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)
            except OSError as problem:
                return str(problem)
            except subprocess.CalledProcessError as problem:
                return str(problem.stderr).strip()
        return None

    def met(self) -> bool:
        names = {host.name for host in self.hosts}
        return all(host.sees(*(names - {host.name})) for host in self.hosts)


@contextmanager
def lan(folder: Path, *names: str) -> Iterator[Lan]:
    """Hosts without any route to elsewhere, on one switch."""
    mark = f"s{os.getpid() % 100000}"
    with ExitStack() as stack:

        def space(name: str) -> str:
            ip("netns", "add", name)
            stack.callback(ip, "netns", "del", name)
            return name

        switch = space(f"{mark}x")
        ip("-n", switch, "link", "add", "br0", "type", "bridge")
        ip("-n", switch, "link", "set", "br0", "up")
        made = Lan([], switch)
        for number, name in enumerate(names, 1):
            host = Host(name, space(f"{mark}n{number}"), f"p{number}", f"10.66.0.{number}", folder / name)
            ip("link", "add", "eth0", "netns", host.space, "type", "veth", "peer", "name", host.wire, "netns", switch)
            ip("-n", switch, "link", "set", host.wire, "master", "br0", "up")
            ip("-n", host.space, "addr", "add", f"{host.address}/24", "brd", "+", "dev", "eth0")
            for link in ("eth0", "lo"):
                ip("-n", host.space, "link", "set", link, "up")
            stack.callback(host.caller.shutdown)
            stack.callback(host.kill)
            made.hosts.append(host)
        yield made
