"""A real engine's process, killed, stopped and starved: requests end with a reason, and the engine comes back by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from local_swarm.backends.base import Seat
from local_swarm.backends.process.backend import ProcessBackend
from local_swarm.backends.process.lifecycle import Description, RestartPolicy
from local_swarm.backends.process.messages import Load
from local_swarm.errors import DoesNotFit, EndsEngine, EngineLost, Starting, SwarmError
from local_swarm.models import starter
from local_swarm.models.gguf import read_header
from local_swarm.testing.scripted_swarm import scripted_swarm
from local_swarm.types import Accepted, Candidate, Election, Message, Prompt

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send"),
]
PROMPT = Prompt((Message("user", "Write a Python function solve(numbers) that returns the sum of the even numbers."),))
BOUND_S = 20.0


async def engine(care: RestartPolicy) -> ProcessBackend:
    header = read_header(starter.PATH)
    load = Load(str(starter.PATH), context=1024, answer_tokens=128, cells=2048, sequences=8, threads=1)
    made = ProcessBackend(
        load, Description(starter.NAME, header.architecture, header.chat_template, starter=True), care
    )
    await made.start()
    return made


@pytest.fixture
async def mortal() -> AsyncIterator[ProcessBackend]:
    """An engine that is brought back almost at once, and counts as failed after its third death."""
    made = await engine(RestartPolicy(first_pause_s=0.05, longest_pause_s=0.2, most_deaths=2, silence_s=1.0))
    yield made
    await made.close()


async def answers(made: ProcessBackend, prompt: Prompt = PROMPT) -> list[Candidate]:
    seats = [Seat("w1", 0.0, 1), Seat("w2", 0.8, 2)]
    async with asyncio.timeout(BOUND_S), aclosing(made.generate(prompt, seats)) as events:
        return [event async for event in events if isinstance(event, Candidate)]


async def listen_to(made: ProcessBackend, prompt: Prompt) -> None:
    async with asyncio.timeout(BOUND_S), aclosing(made.generate(prompt, [Seat("w1", 0.0, 1)])) as events:
        async for _ in events:
            pass


async def killed_at_work(made: ProcessBackend, number: int, prompt: Prompt = PROMPT) -> None:
    """Send a signal to the engine while it answers; the request ends with a reason."""
    async with asyncio.timeout(BOUND_S), aclosing(made.generate(prompt, [Seat("w1", 0.0, 1)])) as events:
        await anext(events)
        assert made.pid
        os.kill(made.pid, number)
        with pytest.raises(EngineLost):
            async for _ in events:
                pass


async def test_an_engine_that_keeps_dying_counts_as_failed_and_still_comes_back(mortal: ProcessBackend) -> None:
    for _ in range(3):
        assert await mortal.ready(BOUND_S)
        await killed_at_work(mortal, signal.SIGKILL)
    assert mortal.state == "failed"
    with pytest.raises(EngineLost, match="keeps ending"):
        await answers(mortal)
    assert await mortal.ready(BOUND_S) and len(await answers(mortal)) == 2


async def test_an_engine_that_hangs_is_ended_and_replaced(mortal: ProcessBackend) -> None:
    stopped = mortal.pid
    await killed_at_work(mortal, signal.SIGSTOP)
    assert await mortal.ready(BOUND_S) and mortal.pid != stopped
    assert len(await answers(mortal)) == 2


async def test_what_is_remembered_can_be_let_go(mortal: ProcessBackend) -> None:
    long = Prompt((Message("user", "word " * 300),))
    assert [(await answers(mortal, long))[0].usage.cached_tokens > 0 for _ in range(2)] == [False, True]
    mortal.forget()
    assert (await answers(mortal, long))[0].usage.cached_tokens == 0


async def test_a_request_that_crashed_the_engine_is_not_asked_again_and_others_are_answered(
    mortal: ProcessBackend,
) -> None:
    await killed_at_work(mortal, signal.SIGSEGV)
    assert await mortal.ready(BOUND_S)
    with pytest.raises(EndsEngine):
        await listen_to(mortal, PROMPT)
    assert len(await answers(mortal)) == 2 and mortal.state == "ready"


async def test_crashes_that_requests_are_to_blame_for_do_not_make_the_engine_count_as_failed(
    mortal: ProcessBackend,
) -> None:
    for number in range(4):
        asked = Prompt((Message("user", f"Count to {number}."),))
        assert await mortal.ready(BOUND_S)
        await killed_at_work(mortal, signal.SIGABRT, asked)
        assert mortal.state != "failed"
    assert await mortal.ready(BOUND_S) and len(await answers(mortal)) == 2


async def test_of_several_requests_at_a_crash_all_that_can_be_answered_are(mortal: ProcessBackend) -> None:
    swarm = scripted_swarm(mortal, 2)
    asked = [Prompt((Message("user", f"Count from {number} to one hundred."),)) for number in range(3)]

    async def one(prompt: Prompt, begun: asyncio.Semaphore) -> Election:
        async with aclosing(swarm.answer(prompt)) as events:
            async for event in events:
                if isinstance(event, Accepted):
                    begun.release()
                if isinstance(event, Election):
                    return event
        raise AssertionError("an answer ends with an election")

    begun = asyncio.Semaphore(0)
    async with asyncio.timeout(3 * BOUND_S):
        working = [asyncio.create_task(one(prompt, begun)) for prompt in asked]
        for _ in asked:
            await begun.acquire()
        assert mortal.pid
        os.kill(mortal.pid, signal.SIGSEGV)
        elections = await asyncio.gather(*working)
    assert [len(election.candidates) for election in elections] == [2, 2, 2]


async def test_a_request_that_ends_the_engine_each_time_holds_up_nobody_else(mortal: ProcessBackend) -> None:
    swarm = scripted_swarm(mortal, 2)

    async def outcome(name: str) -> str:
        asked = Prompt((Message("user", f"Write a Python function {name}(numbers) that returns the sum."),))
        try:
            async with aclosing(swarm.answer(asked)) as events:
                return [type(event).__name__ async for event in events][-1]
        except SwarmError as problem:
            return type(problem).__name__

    async def open_requests(most: int) -> set[str]:
        while len(mortal.engine.open) < most:  # noqa: ASYNC110
            await asyncio.sleep(0)
        return {one.fingerprint for one in mortal.engine.open.values()}

    async with asyncio.timeout(4 * BOUND_S):
        killer = asyncio.create_task(outcome("killer"))
        [deadly] = await open_requests(1)
        honest = asyncio.create_task(outcome("honest"))
        await open_requests(2)
        while not killer.done():
            if (
                mortal.state == "ready"
                and deadly in {one.fingerprint for one in mortal.engine.open.values()}
                and mortal.pid
            ):
                os.kill(mortal.pid, signal.SIGSEGV)
                while mortal.state == "ready" and not killer.done():  # noqa: ASYNC110
                    await asyncio.sleep(0)
            await asyncio.sleep(0)
        bystander = asyncio.create_task(outcome("bystander"))
        assert [await one for one in (killer, honest, bystander)] == ["EndsEngine", "Election", "Election"]


async def test_an_engine_that_outgrows_its_plan_is_ended() -> None:
    header = read_header(starter.PATH)
    load = Load(
        str(starter.PATH), context=1024, answer_tokens=128, cells=2048, sequences=8, threads=1, memory_bytes=8 << 20
    )
    about = Description(starter.NAME, header.architecture, header.chat_template, starter=True)
    made = ProcessBackend(load, about, RestartPolicy(first_pause_s=0.05))
    try:  # on a busy machine it is ended while it still loads
        async with asyncio.timeout(BOUND_S):
            with pytest.raises((EngineLost, EndsEngine, Starting, DoesNotFit)):
                await made.start()
                while True:
                    await listen_to(made, PROMPT)
    finally:
        await made.close()


def test_a_process_whose_daemon_is_gone_ends_soon_whatever_it_does() -> None:
    script = (
        "import queue, sys, threading, time\n"
        "from local_swarm.backends.process.child import listen\n"
        "threading.Thread(target=listen, args=(sys.stdin.buffer, queue.SimpleQueue()), daemon=True).start()\n"
        "print('up', flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin and child.stdout and child.stdout.readline() == b"up\n"
        child.stdin.close()
        assert child.wait(timeout=4) == 0
