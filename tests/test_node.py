"""Wiring: what happens when the plan meets a machine that has less memory than it said."""

from __future__ import annotations

from typing import Any

import pytest

from local_swarm.backends.process.messages import Load
from local_swarm.config import Config, load
from local_swarm.errors import DoesNotFit
from local_swarm.models import starter
from local_swarm.node import Node, assembled, load_of, split, start

pytestmark = pytest.mark.anyio


class Cramped:
    """An engine that can be loaded with a context of at most so many tokens."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.wishes: list[Load] = []

    def reload(self, wish: Load) -> None:
        self.wishes.append(wish)

    async def start(self) -> None:
        if not self.wishes or self.wishes[-1].context > self.room:
            raise DoesNotFit("Not enough memory.")


def node(config: Config, room: int) -> tuple[Node, Cramped]:
    made, engine = assembled(config), Cramped(room)
    made.backend = engine  # type: ignore[assignment]
    return made, engine


def config(**flags: Any) -> Config:
    return load(None, {"models.model": starter.NAME, **flags}, environment={})


async def test_where_memory_runs_out_a_smaller_context_is_tried_and_told() -> None:
    made, engine = node(config(), room=9000)
    await start(made, config())
    assert [wish.context for wish in engine.wishes] == [16_384, 8_192]
    assert made.plan.context == 8_192 and "memory ran out" in made.plan.why[-1]


async def test_a_context_that_was_wished_for_is_not_changed() -> None:
    wished = config(**{"models.context": 16_384})
    made, engine = node(wished, room=9000)
    with pytest.raises(DoesNotFit):
        await start(made, wished)
    assert engine.wishes == []


async def test_a_machine_without_any_room_is_told_so() -> None:
    made, _ = node(config(), room=10)
    with pytest.raises(DoesNotFit):
        await start(made, config())


def test_what_the_engine_is_told_is_the_plan() -> None:
    asked = config(**{"swarm.instances": 3, "models.kv_type": "q8_0", "hardware.tensor_split": "3,1"})
    made = assembled(asked)
    load = load_of(made.plan, asked)
    assert (load.workers, load.kv_type, load.tensor_split) == (3, "q8_0", [3.0, 1.0])
    assert load.cells == made.plan.cells and load.tuning and load.host_cache_bytes > 0


def test_a_split_that_is_no_numbers_is_a_sentence() -> None:
    with pytest.raises(Exception, match="tensor_split"):
        split("much,less")
