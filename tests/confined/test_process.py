"""Calls on foreign text run in children that end at their limits, and whose end is that call's alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from local_swarm.confined.process import CallLimits, ConfinedPool, Unconfined
from local_swarm.errors import Busy, Overrun

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these limits nor these signals"),
]
RENDER = "local_swarm.chat.rendering:render"
CHECK = "local_swarm.chat.schemas:violations"
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
BOUND_S = 10.0


def asking(source: str) -> tuple[str, Any, Any, Any, Any, bool]:
    return source, {}, [], [], {}, False


@pytest.fixture
async def pool() -> AsyncIterator[ConfinedPool]:
    made = ConfinedPool(2, CallLimits(cpu_s=0.4, memory_bytes=128 << 20))
    yield made
    await made.close()


async def hello(pool: ConfinedPool, word: str = "hello") -> str:
    async with asyncio.timeout(BOUND_S):
        return str((await pool.call(RENDER, *asking(word)))["text"])


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "local_swarm.confined.child" in one.cmdline()]


async def test_a_call_gives_what_the_function_gives(pool: ConfinedPool) -> None:
    assert await hello(pool) == "hello"
    assert (await Unconfined().call(RENDER, *asking("hello")))["text"] == "hello"


async def test_time_is_bounded_and_the_next_call_is_served(pool: ConfinedPool) -> None:
    await hello(pool)
    began = time.monotonic()
    with pytest.raises(Overrun, match=r"more than 0\.4 seconds of processor time"):
        await pool.call(RENDER, *asking(ENDLESS))
    assert time.monotonic() - began < 3.0
    assert await hello(pool) == "hello"


async def test_memory_is_bounded(pool: ConfinedPool) -> None:
    with pytest.raises(Overrun, match="too much memory"):
        await pool.call(RENDER, *asking("{{ 'a' * 1000000000 }}"))
    assert await hello(pool) == "hello"


async def test_what_took_too_long_costs_no_child_and_is_not_tried_again(pool: ConfinedPool) -> None:
    await hello(pool)
    before = {one.pid for one in children()}
    for _ in range(2):
        with pytest.raises(Overrun, match="processor time"):
            await pool.call(RENDER, *asking(ENDLESS))
    assert {one.pid for one in children()} == before


async def test_what_is_to_blame_is_not_tried_with_anything_else(pool: ConfinedPool) -> None:
    slow = {"type": "string", "pattern": "^(a+)+$"}
    for tail in ("!", "?"):
        with pytest.raises(Overrun, match="processor time"):
            await pool.call(CHECK, [[slow, "a" * 40 + tail]], blame=str(slow))
    assert await pool.call(CHECK, [[{"type": "string"}, "a"]], blame="another") == [None]


async def test_what_cannot_be_interrupted_ends_with_its_process(pool: ConfinedPool) -> None:
    await hello(pool)
    before = {one.pid for one in children()}
    with pytest.raises(Overrun):  # one long piece of work within the interpreter itself
        await pool.call(RENDER, *asking("{{ 7 ** 4000000 % 10 }}{{ 3 ** 9000000 % 10 }}"))
    assert {one.pid for one in children()} != before or await hello(pool) == "hello"


async def test_what_others_do_to_a_child_is_not_held_against_the_call() -> None:
    pool = ConfinedPool(1, CallLimits(cpu_s=0.1, wall_s=2.0))
    try:
        assert await hello(pool) == "hello"
        [child] = children()
        os.kill(child.pid, signal.SIGSTOP)
        assert await hello(pool, "again") == "again"  # by another one
        assert not child.is_running()
    finally:
        await pool.close()


async def test_an_exception_is_that_calls_alone_and_costs_no_child(pool: ConfinedPool) -> None:
    await hello(pool)
    before = {one.pid for one in children()}
    with pytest.raises(Overrun, match="TypeError"):
        await pool.call(RENDER, "too few")
    with pytest.raises(Overrun, match="no task of ours"):
        await pool.call("os:system", "true")
    assert {one.pid for one in children()} == before


async def test_what_cannot_even_be_sent_is_that_calls_alone(pool: ConfinedPool) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Overrun, match="nests too deeply"):
        await pool.call(RENDER, deep)
    assert await hello(pool) == "hello"


async def test_one_kind_of_call_cannot_keep_another_waiting(pool: ConfinedPool) -> None:
    hostile = [asyncio.create_task(pool.call(RENDER, *asking(f"{ENDLESS}{number}"))) for number in range(8)]
    await asyncio.sleep(0)
    async with asyncio.timeout(BOUND_S):
        assert await pool.call("local_swarm.chat.schemas:violations", [[{"type": "string"}, "a"]]) == [None]
    assert not all(task.done() for task in hostile)
    for task in hostile:
        task.cancel()
    await asyncio.gather(*hostile, return_exceptions=True)
    assert await hello(pool) == "hello"


async def test_who_gives_up_leaves_no_answer_for_the_next(pool: ConfinedPool) -> None:
    await hello(pool)
    given_up = asyncio.create_task(pool.call(RENDER, *asking(ENDLESS)))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    assert [await hello(pool, word) for word in ("one", "two", "three")] == ["one", "two", "three"]


async def test_whoever_kills_a_child_loses_no_call_by_it(pool: ConfinedPool) -> None:
    await hello(pool)
    [idle] = children()
    os.kill(idle.pid, signal.SIGKILL)
    assert await hello(pool) == "hello"
    busy = asyncio.create_task(pool.call(RENDER, *asking("{% for i in range(90000) %}{{ i }}{% endfor %}")))
    await asyncio.sleep(0)
    for child in children():
        os.kill(child.pid, signal.SIGKILL)
    async with asyncio.timeout(BOUND_S):
        assert (await busy)["text"].endswith("89999")


async def test_too_many_waiting_calls_are_told_to_come_back() -> None:
    pool = ConfinedPool(1, CallLimits(cpu_s=0.4))
    tasks = [asyncio.create_task(pool.call(RENDER, *asking(f"{ENDLESS}{number}"))) for number in range(300)]
    try:
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await pool.call(RENDER, *asking("x"))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pool.close()


async def test_nothing_is_left_after_closing(pool: ConfinedPool) -> None:
    await asyncio.gather(hello(pool, "a"), pool.call("local_swarm.chat.schemas:violations", []))
    await pool.close()
    assert children() == []
