"""A path and a body in, what the daemon on this machine says out: for commands and the MCP proxy, which must start at once."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from local_swarm.api.key import CONTROL, base_url, control_token, key_headers, key_to_send
from local_swarm.api.middleware import MCP_PATH
from local_swarm.config import ServerConfig
from local_swarm.errors import DaemonAbsent, DaemonRefused
from local_swarm.paths import program_name

CONTROLS = "/v1/swarm/control/"
HEALTH = "/health"
KNOCK_S = 1.0
WAIT_S = 5.0


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
        return {**key_headers(key_to_send(self.server)), **({CONTROL: control_token() or ""} if controls else {})}

    def runs(self) -> bool:
        """Whether a swarm answers there, or one that is starting. Any other server is none."""
        try:
            return "workers" in self.ask(HEALTH, wait_s=KNOCK_S)
        except DaemonRefused as problem:
            return problem.answered == 503
        except (DaemonAbsent, TypeError):
            return False

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
                raise DaemonRefused(self._refusal_in(problem), problem.code) from problem
        except (OSError, ValueError, http.client.HTTPException) as problem:
            raise DaemonAbsent(self._absence_after(problem)) from problem

    def _refusal_in(self, problem: urllib.error.HTTPError) -> str:
        try:
            return str(json.load(problem)["error"]["message"])
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            return f"What runs on port {self.server.port} answers with status {problem.code}."

    def _absence_after(self, problem: Exception) -> str:
        reason = problem.reason if isinstance(problem, urllib.error.URLError) else problem
        if isinstance(reason, ConnectionRefusedError):
            return f"No swarm runs on port {self.server.port}. Start one: {program_name()}"
        if not isinstance(reason, OSError):
            return f"What runs on port {self.server.port} is no swarm. Name another port with --port."
        return f"The swarm on port {self.server.port} does not answer: {reason or type(reason).__name__}."
