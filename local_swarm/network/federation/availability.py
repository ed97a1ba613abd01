"""How this machine is, and whether it can answer for others just now. A no is said at once, so that nobody waits for it."""

from __future__ import annotations

import contextlib
import time
from typing import Protocol

import psutil

from local_swarm.config import FederationConfig
from local_swarm.network.protocol import NodeState
from local_swarm.swarm.manager import Swarm

BATTERY_S = 10.0  # between looks at it


class LoadGauge(Protocol):
    """What knows how many requests of our own users are in the works."""

    @property
    def load(self) -> int: ...


class Availability:
    def __init__(self, swarm: Swarm, own: LoadGauge, rules: FederationConfig) -> None:
        self._swarm, self._own, self._rules = swarm, own, rules
        self._battery: tuple[float, bool] | None = None
        self.stopping = False

    @property
    def latency_s(self) -> float | None:
        """What one answer has taken on average."""
        known = [worker.average_latency_s for worker in self._swarm.workers if worker.average_latency_s is not None]
        return sum(known) / len(known) if known else None

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

    def refusal(self, asked: int, deadline_s: float) -> str | None:
        """Why not to answer a peer now, in one word; None to answer."""
        state = self.state()
        if state not in ("ok", "degraded"):
            return state
        if asked + self._own.load >= self._rules.max_asked:
            return "busy"
        if (self.latency_s or 0.0) > deadline_s:
            return "slow"
        return None

    def _on_battery(self) -> bool:
        now = time.monotonic()
        if self._battery is None or now - self._battery[0] > BATTERY_S:
            self._battery = (now, on_battery())
        return self._battery[1]


def on_battery() -> bool:
    """Whether the machine runs on battery; where that cannot be told it does not."""
    with contextlib.suppress(OSError, AttributeError, NotImplementedError, ValueError, RuntimeError):
        battery = psutil.sensors_battery()
        return battery is not None and battery.power_plugged is False
    return False
