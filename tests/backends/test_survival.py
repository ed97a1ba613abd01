"""A real engine's process, killed, stopped and starved: requests end with a reason, and the engine comes back by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from local_swarm.backends.base import Seat
from local_swarm.backends.llamacpp.backend import Care, Description, LlamaCpp
from local_swarm.backends.wire import Load
from local_swarm.errors import EngineLost
from local_swarm.models import starter
from local_swarm.models.gguf import read_header
from local_swarm.types import Candidate, Message, Prompt

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send"),
]
PROMPT = Prompt((Message("user", "Write a Python function solve(numbers) that returns the sum of the even numbers."),))
BOUND_S = 20.0


async def engine(care: Care) -> LlamaCpp:
    header = read_header(starter.PATH)
    load = Load(str(starter.PATH), context=1024, answer_tokens=128, cells=2048, sequences=8, threads=1)
    made = LlamaCpp(load, Description(starter.NAME, header.architecture, header.chat_template, starter=True), care)
    await made.start()
    return made


@pytest.fixture
async def mortal() -> AsyncIterator[LlamaCpp]:
    """An engine that is brought back almost at once, and counts as failed after its third death."""
    made = await engine(Care(first_pause_s=0.05, longest_pause_s=0.2, most_deaths=2, silence_s=1.0))
    yield made
    await made.close()


async def answers(made: LlamaCpp, prompt: Prompt = PROMPT) -> list[Candidate]:
    seats = [Seat("w1", 0.0, 1), Seat("w2", 0.8, 2)]
    async with asyncio.timeout(BOUND_S), aclosing(made.generate(prompt, seats)) as events:
        return [event async for event in events if isinstance(event, Candidate)]


async def killed_at_work(made: LlamaCpp, number: int) -> None:
    """Send a signal to the engine while it answers; the request ends with a reason."""
    async with asyncio.timeout(BOUND_S), aclosing(made.generate(PROMPT, [Seat("w1", 0.0, 1)])) as events:
        await anext(events)
        assert made.pid
        os.kill(made.pid, number)
        with pytest.raises(EngineLost):
            async for _ in events:
                pass


async def test_an_engine_that_keeps_dying_counts_as_failed_and_still_comes_back(mortal: LlamaCpp) -> None:
    for _ in range(3):
        assert await mortal.ready(BOUND_S)
        await killed_at_work(mortal, signal.SIGKILL)
    assert mortal.state == "failed"
    with pytest.raises(EngineLost, match="keeps ending"):
        await answers(mortal)
    assert await mortal.ready(BOUND_S) and len(await answers(mortal)) == 2


async def test_an_engine_that_hangs_is_ended_and_replaced(mortal: LlamaCpp) -> None:
    stopped = mortal.pid
    await killed_at_work(mortal, signal.SIGSTOP)
    assert await mortal.ready(BOUND_S) and mortal.pid != stopped
    assert len(await answers(mortal)) == 2


async def test_what_is_remembered_can_be_let_go(mortal: LlamaCpp) -> None:
    long = Prompt((Message("user", "word " * 300),))
    assert [(await answers(mortal, long))[0].usage.cached_tokens > 0 for _ in range(2)] == [False, True]
    mortal.forget()
    assert (await answers(mortal, long))[0].usage.cached_tokens == 0
