"""An engine that can be loaded in several ways in, a loaded one out: with less where memory runs out, or by another engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from local_swarm.backends.base import ModelFacts
from local_swarm.backends.process import messages
from local_swarm.errors import DoesNotFit, SwarmError

# What to load in place of what did not fit; raises the problem where there is nothing smaller.
Replan = Callable[[DoesNotFit], messages.Load]
# The engine that does the work of one that failed; raises the problem where there is none.
StandIn = Callable[[SwarmError], str]


class Loadable(Protocol):
    async def load(self) -> ModelFacts:
        """Raises DoesNotFit where memory runs out."""
        ...

    def reload(self, options: messages.Load) -> None:
        """The next `load` is of this."""
        ...

    def stand_in(self, engine: str) -> None:
        """The next `load` is by this engine."""
        ...


def give_up(problem: DoesNotFit) -> messages.Load:
    """The plan of an engine for which nothing smaller is planned."""
    raise problem


def nobody(problem: SwarmError) -> str:
    """What stands in for an engine that no other can."""
    raise problem


async def load_by_any(engine: Loadable, replan: Replan, stand_in: StandIn) -> ModelFacts:
    """Raises what befell the engine, or the one that stood in for it."""
    try:
        return await load_what_fits(engine, replan)
    except SwarmError as problem:
        engine.stand_in(stand_in(problem))
    return await load_what_fits(engine, replan)


async def load_what_fits(engine: Loadable, replan: Replan) -> ModelFacts:
    """Raises DoesNotFit where not even the smallest plan fits."""
    while True:
        try:
            return await engine.load()
        except DoesNotFit as problem:
            engine.reload(replan(problem))
