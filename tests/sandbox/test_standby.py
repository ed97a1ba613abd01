"""Processes that wait for a program: taken while they live, and ended with the pool."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process

import pytest

from local_swarm.sandbox.standby import STANDBY, StandbyPool, end_process

pytestmark = pytest.mark.anyio


class Started:
    """Starts `cat`, which waits for what it is told."""

    def __init__(self) -> None:
        self.all: list[Process] = []
        self.enough = asyncio.Event()

    async def __call__(self) -> Process:
        pipe = asyncio.subprocess.PIPE
        made = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe, start_new_session=True)
        self.all.append(made)
        if len(self.all) == STANDBY:
            self.enough.set()
        return made


async def test_where_none_is_ready_one_is_started() -> None:
    start = Started()
    taken = await StandbyPool(start).take()
    assert start.all == [taken]
    await end_process(taken)
    assert taken.returncode is not None


async def test_after_a_vote_some_are_ready_and_all_end_with_the_pool() -> None:
    start = Started()
    pool = StandbyPool(start)
    pool.refill()
    await asyncio.wait_for(start.enough.wait(), 10)
    taken = await pool.take()
    assert taken in start.all and len(start.all) == STANDBY
    await end_process(taken)
    await pool.close()
    assert all(one.returncode is not None for one in start.all)


async def test_one_that_died_while_it_waited_is_not_given_out() -> None:
    start = Started()
    pool = StandbyPool(start)
    pool.refill()
    await asyncio.wait_for(start.enough.wait(), 10)
    for one in start.all:
        one.kill()
        await one.wait()
    taken = await pool.take()
    assert taken not in start.all[:STANDBY] and taken.returncode is None
    await end_process(taken)
    await pool.close()
