"""An engine that can be loaded in several ways in, a loaded one out: where memory runs out, it is tried with less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from local_swarm.backends.base import ModelFacts
from local_swarm.backends.process import messages
from local_swarm.errors import DoesNotFit

# What to load in place of what did not fit; raises the problem where there is nothing smaller.
Replan = Callable[[DoesNotFit], messages.Load]


class Loadable(Protocol):
    async def load(self) -> ModelFacts:
        """Raises DoesNotFit where memory runs out."""
        ...

    def reload(self, options: messages.Load) -> None:
        """The next `load` is of this."""
        ...


def give_up(problem: DoesNotFit) -> messages.Load:
    """The plan of an engine for which nothing smaller is planned."""
    raise problem


async def load_what_fits(engine: Loadable, replan: Replan) -> ModelFacts:
    """Raises DoesNotFit where not even the smallest plan fits."""
    while True:
        try:
            return await engine.load()
        except DoesNotFit as problem:
            engine.reload(replan(problem))
