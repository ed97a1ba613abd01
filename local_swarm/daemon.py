"""A path and a wish in, what the daemon that runs on this machine says out: for commands, which must start at once."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from local_swarm.api.key import CONTROL, base_url, control_token, key_headers, key_to_send
from local_swarm.config import ServerConfig
from local_swarm.errors import DaemonAbsent, DaemonRefused

CONTROLS = "/v1/swarm/control/"
HEALTH = "/health"
KNOCK_S = 1.0
WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class DaemonClient:
    """What runs at the address that `server` tells, if anything does."""

    server: ServerConfig

    @property
    def url(self) -> str:
        return base_url(self.server)

    def runs(self) -> bool:
        """Whether a swarm answers there, or one that is starting; any other server is none."""
        try:
            return "workers" in self.ask(HEALTH, wait_s=KNOCK_S)
        except DaemonRefused as problem:
            return problem.answered == 503
        except (DaemonAbsent, TypeError):
            return False

    def ask(self, path: str, wish: Any = None, wait_s: float = WAIT_S) -> Any:
        """The daemon's JSON answer: a `wish` is posted, None reads the path. Health checks send no API key; only control requests
        carry the control token. Raises DaemonAbsent and DaemonRefused."""
        key = {} if path == HEALTH else key_headers(key_to_send(self.server))
        token = {CONTROL: control_token() or ""} if path.startswith(CONTROLS) else {}
        sent = {"content-type": "application/json", **key, **token}
        body = None if wish is None else json.dumps(wish).encode()
        # This machine is never behind the proxy that a user may have for the world.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(urllib.request.Request(self.url + path, body, sent), timeout=wait_s) as response:
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
            return f"No swarm runs on port {self.server.port}. Start one: local-swarm"
        if not isinstance(reason, OSError):
            return f"What runs on port {self.server.port} is no swarm. Name another port with --port."
        return f"The swarm on port {self.server.port} does not answer: {reason or type(reason).__name__}."
