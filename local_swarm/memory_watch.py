"""The memory that is left in, what the swarm does without out, looked at again and again while a node runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from local_swarm.backends.base import Backend
from local_swarm.hardware import memory
from local_swarm.hardware.profile import Hardware, Memory
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.pressure import pressure

WATCH_S = 2.0  # between looks at the memory that is left
CARDS_S = 20.0  # between looks at graphics cards

logger = logging.getLogger(__name__)


class MemoryWatch:
    """Gives up what can be given up while the machine runs short of memory, and takes it back afterwards. `hardware` is the last
    look at the machine: where it has graphics cards, `probe` looks again now and then, so that what is told of their memory is
    true."""

    def __init__(
        self, hardware: Hardware, probe: Callable[[], Hardware], swarm: Swarm, backends: Sequence[Backend]
    ) -> None:
        self.hardware = hardware
        self._probe, self._swarm, self._backends = probe, swarm, backends

    async def run(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + CARDS_S
        while True:
            await asyncio.sleep(WATCH_S)
            if self.hardware.accelerators and loop.time() > due:
                self.hardware = await asyncio.to_thread(self._probe)
                due = loop.time() + CARDS_S
            self.apply(memory.probe())

    def apply(self, now: Memory) -> None:
        """What this much memory means for the swarm."""
        level = pressure(now.usable_bytes, now.available_bytes)
        if level != self._swarm.pressure:
            logger.warning("Memory: %s MiB are left; given up: %s.", (now.available_bytes or 0) >> 20, level)
        if level != "none":
            for backend in self._backends:
                backend.forget()
        self._swarm.pressure = level
