"""Which requests are asked again after an engine's death: all but the one that ended it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from local_swarm.backends.process.suspects import Suspects
from local_swarm.errors import EndsEngine

pytestmark = pytest.mark.anyio


async def test_who_was_alone_when_it_crashed_is_not_asked_again() -> None:
    suspects = Suspects()
    async with suspects.turn("a"):
        assert suspects.note_crash(["a"])
    with pytest.raises(EndsEngine):
        async with suspects.turn("a"):
            pass
    async with suspects.turn("b"):
        pass


async def test_of_several_each_is_asked_again_with_the_engine_to_itself() -> None:
    suspects = Suspects()
    assert not suspects.note_crash(["a", "b"])
    order = []

    async def ask(name: str) -> None:
        async with suspects.turn(name):
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

    await asyncio.gather(*map(ask, ("a", "b", "new")))
    assert sorted(order[::2]) == ["a begins", "b begins", "new begins"]
    assert [line.split()[0] for line in order[::2]] == [line.split()[0] for line in order[1::2]]


async def test_who_came_to_an_end_is_cleared_and_works_beside_others() -> None:
    suspects = Suspects()
    suspects.note_crash(["a", "b"])
    async with suspects.turn("a"):
        pass
    async with asyncio.timeout(1), AsyncExitStack() as stack:
        for name in ("a", "c", "a"):
            await stack.enter_async_context(suspects.turn(name))


async def test_the_second_crash_tells_which_it_was() -> None:
    suspects = Suspects()
    suspects.note_crash(["a", "b"])
    with pytest.raises(RuntimeError):
        async with suspects.turn("a"):
            assert suspects.note_crash(["a"])
            raise RuntimeError("the engine is lost")
    async with asyncio.timeout(1), suspects.turn("b"):
        pass
    with pytest.raises(EndsEngine):
        async with suspects.turn("a"):
            pass


async def test_suspects_go_first_so_that_traffic_cannot_keep_them_out() -> None:
    suspects = Suspects()
    order: list[str] = []

    async def ask(name: str) -> None:
        async with suspects.turn(name):
            order.append(name)
            await asyncio.sleep(0)

    async with suspects.turn("running"):
        suspects.note_crash(["a", "b"])
        tasks = [asyncio.create_task(ask(name)) for name in ("a", "new", "b", "newer")]
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await asyncio.gather(*tasks)
    assert set(order[:2]) == {"a", "b"}


async def test_who_waits_and_gives_up_blocks_nobody() -> None:
    suspects = Suspects()
    suspects.note_crash(["a", "b"])
    async with suspects.turn("a"):
        waiting = asyncio.create_task(suspects.turn("b").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(1), suspects.turn("new"):
        pass


async def test_a_request_that_hung_gets_one_more_try_by_itself() -> None:
    suspects = Suspects()
    assert not suspects.note_crash(["a"], hung=True)
    async with suspects.turn("a"):
        assert suspects.note_crash(["a"], hung=True)
    with pytest.raises(EndsEngine):
        async with suspects.turn("a"):
            pass
