"""The state of this machine in, whether it answers peers now out. It declines at once, so no peer waits in vain."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import psutil

from local_swarm.config import FederationConfig
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.protocol import NodeState, Report
from local_swarm.network.trust.store import TrustStore
from local_swarm.swarm.manager import Swarm

BATTERY_S = 10.0  # between looks at it


class LoadGauge(Protocol):
    """Knows how many requests of our own users are being answered."""

    @property
    def load(self) -> int: ...


class Availability:
    """Whether peers may ask this machine now. `peer_requests` counts the requests of peers that it works on."""

    def __init__(self, swarm: Swarm, own: LoadGauge, rules: FederationConfig) -> None:
        self._swarm, self._own, self._rules = swarm, own, rules
        self._battery: tuple[float, bool] | None = None
        self.stopping = False
        self.peer_requests = 0

    @property
    def latency_s(self) -> float | None:
        """The mean time of one answer. None before the first one."""
        known = [worker.average_latency_s for worker in self._swarm.workers if worker.average_latency_s is not None]
        return sum(known) / len(known) if known else None

    @property
    def healthy_workers(self) -> int:
        return self._swarm.health.healthy

    @property
    def state(self) -> NodeState:
        if self.stopping:
            return "stopping"
        health = self._swarm.health
        if not health.healthy:
            return "starting"
        if self._swarm.pressure != "none" or not self._rules.enabled:
            return "busy"
        if not self._rules.on_battery and self._on_battery():
            return "battery"
        return "ok" if health.status == "ok" else "degraded"

    def refusal(self, deadline_s: float) -> str | None:
        """Why not to answer a peer now, in one word. None to answer."""
        state = self.state
        if state not in ("ok", "degraded"):
            return state
        if self.peer_requests + self._own.load >= self._rules.max_asked:
            return "busy"
        if (self.latency_s or 0.0) > deadline_s:
            return "slow"
        return None

    @contextlib.contextmanager
    def counted_request(self) -> Iterator[None]:
        """Counts one request of a peer while the context lasts."""
        self.peer_requests += 1
        try:
            yield
        finally:
            self.peer_requests -= 1

    def _on_battery(self) -> bool:
        now = time.monotonic()
        if self._battery is None or now - self._battery[0] > BATTERY_S:
            self._battery = (now, on_battery())
        return self._battery[1]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes the report that peers get of this node."""

    name: str
    model: str | None
    availability: Availability
    trust: TrustStore
    directory: Directory

    def report(self) -> Report:
        return Report(
            self.name,
            model=self.model,
            workers=self.availability.healthy_workers,
            state=self.availability.state,
            requests=self.availability.peer_requests,
            latency_s=self.availability.latency_s,
            epoch=self.trust.charter.epoch,
            clock=time.time(),
            hints=self.directory.hints(),
        )


def on_battery() -> bool:
    """Whether the machine runs on battery. False where the system does not tell."""
    with contextlib.suppress(OSError, AttributeError, NotImplementedError, ValueError, RuntimeError):
        battery = psutil.sensors_battery()
        return battery is not None and battery.power_plugged is False
    return False
