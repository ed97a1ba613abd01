"""A path and a body in, what the daemon on this machine says out: for commands and the MCP proxy, which must start at once."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local_swarm.api.key import CONTROL, RUNNING, base_url, control_file, control_token, key_headers, key_to_send
from local_swarm.api.middleware import MCP_PATH
from local_swarm.commands import command
from local_swarm.config import ServerConfig
from local_swarm.errors import DaemonAbsent, DaemonRefused
from local_swarm.paths import PRIVATE, home, keep

CONTROLS = "/v1/swarm/control/"
HEALTH = "/health"
SWARM = "/v1/swarm"
KNOCK_S = 1.0
WAIT_S = 5.0
PORT, LARGEST_PORT = re.compile(r"[1-9][0-9]{0,4}"), 65_535


@dataclass(frozen=True, slots=True)
class DaemonClient:
    """Whatever runs at the address that `server` says, if anything does."""

    server: ServerConfig

    @property
    def url(self) -> str:
        return base_url(self.server)

    def credentials(self, path: str) -> dict[str, str]:
        """The headers that let a request for this path in. Health checks send no API key; only control requests and MCP carry the
        control token."""
        if path == HEALTH:
            return {}
        controls = path.startswith((CONTROLS, MCP_PATH))
        return {
            **key_headers(key_to_send(self.server)),
            **({CONTROL: control_token(self.server.port) or ""} if controls else {}),
        }

    def runs(self) -> bool:
        """Whether a swarm answers there, or one that is starting. Any other server is none."""
        try:
            return "workers" in self.ask(HEALTH, wait_s=KNOCK_S)
        except DaemonRefused as problem:
            return problem.answered == 503
        except (DaemonAbsent, TypeError):
            return False

    def state(self) -> str | None:
        """The word that its health goes by, such as `starting`; None where nobody answers or it says none."""
        try:
            return str(self.ask(HEALTH, wait_s=KNOCK_S)["status"])
        except DaemonRefused as problem:
            return problem.state
        except (DaemonAbsent, KeyError, TypeError):
            return None

    def health_code(self, wait_s: float = KNOCK_S) -> int | None:
        """The HTTP status of its health: 200 where it can answer, 503 while it starts or stops; None where nobody answers."""
        try:
            self.ask(HEALTH, wait_s=wait_s)
        except DaemonRefused as problem:
            return problem.answered
        except DaemonAbsent:
            return None
        return 200

    def ask(self, path: str, body: Any = None, wait_s: float = WAIT_S) -> Any:
        """Its answer, as JSON: to a POST of `body`, or without one to a GET. Raises DaemonAbsent and DaemonRefused."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **self.credentials(path)}
        # This machine is never behind the proxy that a user may have for the world.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(urllib.request.Request(self.url + path, data, headers), timeout=wait_s) as response:
                return json.load(response)
        except urllib.error.HTTPError as problem:
            with problem:
                raise self._refusal_in(problem) from problem
        except (OSError, ValueError, http.client.HTTPException) as problem:
            raise DaemonAbsent(self._absence_after(problem)) from problem

    def _refusal_in(self, problem: urllib.error.HTTPError) -> DaemonRefused:
        said = f"What runs on port {self.server.port} answers with status {problem.code}."
        body = None
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            body = json.load(problem)
        fault, state = (body.get("error"), body.get("status")) if isinstance(body, dict) else (None, None)
        message = str(fault["message"]) if isinstance(fault, dict) and "message" in fault else said
        return DaemonRefused(message, problem.code, state if isinstance(state, str) else None)

    def _absence_after(self, problem: Exception) -> str:
        reason = problem.reason if isinstance(problem, urllib.error.URLError) else problem
        if isinstance(reason, ConnectionRefusedError):
            return f"No swarm runs on port {self.server.port}. {self.elsewhere() or f'Start one: {command()}'}"
        if not isinstance(reason, OSError):
            return f"What runs on port {self.server.port} is no swarm. Name another port with --port."
        return f"The swarm on port {self.server.port} does not answer: {reason or type(reason).__name__}."

    def elsewhere(self) -> str:
        """Where else a swarm of this home runs, in a sentence; empty where none does."""
        found = [one for one in noted_servers(self.server) if DaemonClient(one).runs()]
        near = {base_url(replace(self.server, port=one.port)) for one in found}
        ways = [f"--port {one.port}" + ("" if base_url(one) in near else f" --host {one.host}") for one in found]
        return f"One runs elsewhere: add {', or '.join(ways)}" if ways else ""


@contextlib.contextmanager
def note_running(host: str, port: int, token: str) -> Iterator[None]:
    """While the context lasts, this user's commands find the token for this port, and those that look for a swarm on another
    port learn of the one on this."""
    path = home() / RUNNING / f"{port}.txt"
    keep(control_file(port), token, PRIVATE)
    with contextlib.suppress(OSError):  # it is a hint, and no more than that
        keep(path, host)
    try:
        yield
    finally:
        for one in (path, control_file(port)):
            with contextlib.suppress(OSError):
                one.unlink()


def noted_servers(but: ServerConfig) -> list[ServerConfig]:
    """Where swarms of this home have said that they serve, in the order of their ports; not all may have told their end."""
    ports = [int(path.stem) for path in (home() / RUNNING).glob("*.txt") if PORT.fullmatch(path.stem)]
    found = {port: host_in(home() / RUNNING / f"{port}.txt") for port in sorted(ports) if port != but.port}
    return [replace(but, host=host, port=port) for port, host in found.items() if host and port <= LARGEST_PORT]


def host_in(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")[:200].strip()
    except (OSError, UnicodeError):
        return ""
