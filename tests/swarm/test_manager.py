"""A swarm of real workers over the scripted engine: fan out, vote, survive."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest

from local_swarm.backends.base import Seat, State
from local_swarm.errors import Busy, ContextExceeded, EngineLost, Starting, Unavailable
from local_swarm.sandbox.host import Sandbox
from local_swarm.swarm.manager import WAVE, Swarm, seats_for
from local_swarm.swarm.pressure import Level
from local_swarm.swarm.worker import Worker
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm
from local_swarm.types import Accepted, Candidate, Delta, Election, Event, Message, Prompt, Sampling
from local_swarm.voting.reliability import VoterReliability
from local_swarm.voting.settings import VoteSettings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fake() -> AsyncIterator[FakeBackend]:
    made = FakeBackend(pace_s=0.001)
    await made.start()
    yield made
    await made.close()


def prompt(text: str = "four words to repeat", voices: int | None = None, **sampling: object) -> Prompt:
    return Prompt((Message("user", text),), sampling=Sampling(**sampling), voices=voices)  # type: ignore[arg-type]


async def ask(swarm: Swarm, asked: Prompt) -> list[Event]:
    async with asyncio.timeout(5), aclosing(swarm.answer(asked)) as events:
        return [event async for event in events]


async def elected(swarm: Swarm, asked: Prompt) -> Election:
    last = (await ask(swarm, asked))[-1]
    assert isinstance(last, Election)
    return last


def dissent(wrong: int) -> Callable[[Prompt, Seat], str]:
    """The first `wrong` workers say something else."""
    return lambda _prompt, seat: "something quite different" if int(seat.voter[1:]) <= wrong else "the same answer here"


async def test_all_workers_answer_and_the_majority_is_elected() -> None:
    backend = FakeBackend(dissent(2))
    await backend.start()
    election = await elected(scripted_swarm(backend), prompt())
    assert election.elected.text == "the same answer here"
    assert (election.agreement, election.clusters) == (0.6, ((2, 3, 4), (0, 1)))
    assert election.decided_early is False


async def test_accepted_comes_first_the_election_last_and_of_many_workers_no_deltas(fake: FakeBackend) -> None:
    events = await ask(scripted_swarm(fake), prompt())
    assert isinstance(events[0], Accepted) and isinstance(events[-1], Election)
    assert sum(isinstance(event, Candidate) for event in events) == 5
    assert not any(isinstance(event, Delta) for event in events)


async def test_a_single_worker_streams(fake: FakeBackend) -> None:
    events = await ask(scripted_swarm(fake), prompt(voices=1))
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "four words to repeat"


async def test_temperature_zero_asks_one_worker_unless_more_are_wished(fake: FakeBackend) -> None:
    assert len((await elected(scripted_swarm(fake), prompt(temperature=0.0))).candidates) == 1
    assert len((await elected(scripted_swarm(fake), prompt(temperature=0.0, voices=3))).candidates) == 3


async def test_a_crash_before_any_answer_is_not_noticed_but_for_the_time() -> None:
    backend = FakeBackend(pace_s=0.05)
    await backend.start()
    swarm = scripted_swarm(backend)
    asyncio.get_running_loop().call_later(0.02, backend.crash)
    election = await elected(swarm, prompt())
    assert len(election.candidates) == 5
    assert all(worker.failures == 1 for worker in swarm.workers)


async def test_survivors_vote_when_the_engine_dies_later() -> None:
    backend = FakeBackend(
        lambda _prompt, seat: "quick" if seat.voter in ("w1", "w2") else "a much longer answer that never ends",
        pace_s=0.05,
    )
    await backend.start()
    asyncio.get_running_loop().call_later(0.12, backend.crash)
    election = await elected(scripted_swarm(backend), prompt())
    assert {one.voter for one in election.candidates} == {"w1", "w2"}
    assert election.asked == 5 and not election.decided_early  # three that failed could have changed it


@pytest.mark.skipif(sys.platform != "linux", reason="the clock outside is Linux's")
async def test_programs_that_sleep_are_waited_for_once_however_many_answer_so() -> None:
    honest = "```python\ndef solve(x):\n    return x + 1\n```"
    napping = "```python\nimport time\ndef solve(x):\n    time.sleep(100)\n    return {}\n```"
    backend = FakeBackend(lambda _prompt, seat: honest if seat.voter == "w1" else napping.format(seat.voter[1:]))
    await backend.start()
    sandbox = Sandbox()
    try:
        if not await sandbox.start():
            pytest.skip(f"no sandbox holds here: {sandbox.reason}")
        swarm = scripted_swarm(backend, 9, sandbox=sandbox)
        began = time.monotonic()
        election = await elected(swarm, prompt("Write a function solve(x). For example solve(1) == 2."))
        assert time.monotonic() - began < 4.5  # two and a half seconds, and what a busy machine adds
        assert "x + 1" in election.elected.text
    finally:
        await sandbox.close()


async def test_an_engine_that_dies_again_and_again_is_an_error() -> None:
    backend = FakeBackend(pace_s=0.05)
    await backend.start()
    for after in (0.02, 0.1, 0.2):
        asyncio.get_running_loop().call_later(after, backend.crash)
    with pytest.raises(EngineLost):
        await ask(scripted_swarm(backend), prompt("one two three four five six"))


@pytest.mark.parametrize(
    ("states", "pressure", "status"),
    [
        (["ready", "ready"], "none", "ok"),
        (["ready", "failed"], "none", "degraded"),
        (["restarting", "restarting"], "none", "degraded"),  # requests wait for it
        (["restarting", "failed"], "none", "degraded"),
        (["failed", "failed"], "none", "failed"),
        (["starting", "failed"], "none", "starting"),
        (["closed", "closed"], "none", "failed"),
        (["ready", "ready"], "voices", "ok"),
        (["ready", "ready"], "requests", "busy"),
    ],
)
async def test_health_is_good_where_whoever_asks_now_is_answered(
    states: list[State], pressure: Level, status: str
) -> None:
    engines = [FakeBackend() for _ in states]
    for engine, state in zip(engines, states, strict=True):
        await engine.start()
        engine._state = state
    swarm = scripted_swarm([Worker(f"w{n}", n, engine) for n, engine in enumerate(engines)])
    swarm.pressure = pressure
    assert swarm.health.status == status
    if status in ("busy", "failed"):
        with pytest.raises(Unavailable):
            await ask(swarm, prompt())


async def test_after_streamed_text_nothing_is_said_twice() -> None:
    backend = FakeBackend(pace_s=0.03)
    await backend.start()
    asyncio.get_running_loop().call_later(0.05, backend.crash)
    with pytest.raises(EngineLost):
        await ask(scripted_swarm(backend), prompt("one two three four five six", voices=1))


async def two_engines(first: FakeBackend, second: FakeBackend, habits: VoteSettings | None = None) -> Swarm:
    for engine in (first, second):
        await engine.start()
    workers = [Worker(f"w{n}", n, first if n <= 2 else second) for n in range(1, 5)]
    return scripted_swarm(workers, settings=habits)


async def test_workers_of_several_engines_vote_together() -> None:
    swarm = await two_engines(FakeBackend(pace_s=0.001), FakeBackend(pace_s=0.001))
    events = await ask(swarm, replace(prompt(), early=False))
    assert sum(isinstance(event, Accepted) for event in events) == 1
    election = events[-1]
    assert isinstance(election, Election) and {one.voter for one in election.candidates} == {"w1", "w2", "w3", "w4"}


async def test_an_engine_that_is_lost_for_good_leaves_the_vote_to_the_other() -> None:
    dying = FakeBackend(pace_s=0.05)
    swarm = await two_engines(dying, FakeBackend(pace_s=0.05), VoteSettings(patience_s=0.1))
    loop = asyncio.get_running_loop()
    loop.call_later(0.02, dying.crash, False)
    election = await elected(swarm, prompt("one two three"))
    assert {one.voter for one in election.candidates} == {"w3", "w4"}
    assert swarm.health.status == "degraded" and (swarm.health.healthy, swarm.health.total) == (2, 4)


async def test_a_request_waits_for_an_engine_that_comes_back() -> None:
    backend = FakeBackend(pace_s=0.02)
    await backend.start()
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, backend.crash, False)
    loop.call_later(0.15, backend.revive)
    assert (await elected(scripted_swarm(backend), prompt())).candidates


async def test_a_swarm_whose_engine_is_not_up_says_so() -> None:
    swarm = scripted_swarm(FakeBackend())
    assert (swarm.health.status, swarm.health.healthy, swarm.health.total) == ("starting", 0, 5)
    with pytest.raises(Starting):
        await ask(swarm, prompt())


async def test_errors_of_the_client_pass_through(fake: FakeBackend) -> None:
    with pytest.raises(ContextExceeded):
        await ask(scripted_swarm(fake), prompt("word " * 2000))


async def test_hanging_up_frees_the_engine(fake: FakeBackend) -> None:
    fake.pace_s = 10.0
    swarm = scripted_swarm(fake)
    async with aclosing(swarm.answer(prompt())) as events:
        await anext(events)
        assert fake.running == 1
    assert fake.running == 0
    assert all(worker.busy == 0 for worker in swarm.workers)


async def test_when_patience_ends_those_that_answered_decide() -> None:
    backend = FakeBackend(
        lambda _prompt, seat: "a short answer, and whole" if seat.voter != "w5" else "long " * 200, pace_s=0.02
    )
    await backend.start()
    election = await elected(scripted_swarm(backend, settings=VoteSettings(patience_s=0.3)), prompt())
    assert len(election.candidates) == 4 and election.asked == 5


async def test_with_no_answer_at_all_there_is_an_end_too() -> None:
    backend = FakeBackend(lambda _prompt, _seat: "long " * 200, pace_s=0.05)
    await backend.start()
    with pytest.raises(EngineLost):
        await ask(scripted_swarm(backend, settings=VoteSettings(patience_s=0.1, longest_s=0.2)), prompt())


async def test_once_nobody_can_change_the_outcome_the_rest_is_cancelled() -> None:
    code = "```python\ndef f(x):\n    return x\n```"
    backend = FakeBackend(
        lambda _prompt, seat: code if seat.voter != "w5" else f"{code} and much more " * 500, pace_s=0.001
    )
    await backend.start()
    election = await elected(scripted_swarm(backend), prompt())
    assert len(election.candidates) < 5 and election.decided_early and backend.running == 0
    late = await elected(
        scripted_swarm(backend, settings=VoteSettings(patience_s=0.05)), replace(prompt(), early=False)
    )
    assert len(late.candidates) == 4


CODE = "```python\ndef f(xs):\n    return {}\n```"


async def test_code_is_run_and_the_vote_ends_when_two_pass_the_examples_alike() -> None:
    right, same, wrong = CODE.format("sum(xs)"), CODE.format("0 + sum(xs)"), CODE.format("xs[0]")
    said = {"w1": wrong, "w2": right, "w3": same}
    backend = FakeBackend(lambda _prompt, seat: said.get(seat.voter, f"{right} " + "and more " * 500), pace_s=0.001)
    await backend.start()
    sandbox = Sandbox()
    if not await sandbox.start():
        pytest.skip(f"nothing can be run here: {sandbox.reason}")
    swarm = scripted_swarm(backend, 6, sandbox=sandbox)
    election = await elected(swarm, prompt("Write f(xs). f([1, 2]) -> 3"))
    assert (election.strategy, election.elected.text in (right, same)) == ("behaviour", True)
    assert (len(election.candidates), election.asked, election.decided_early) == (3, 6, True)
    await swarm.jury.close()


async def test_many_voices_are_asked_in_waves_and_the_later_ones_only_if_need_be() -> None:
    agreed = FakeBackend(lambda _prompt, _seat: "```rust\nfn f() {}\n```")
    divided = FakeBackend(lambda _prompt, seat: f"```rust\nfn f() {{ {seat.voter} }}\n```")
    for backend, least, most in ((agreed, 3, WAVE), (divided, 12, 12)):
        await backend.start()
        events = await ask(scripted_swarm(backend, workers=12), prompt())
        election = events[-1]
        assert isinstance(election, Election) and sum(isinstance(event, Accepted) for event in events) == 1
        assert least <= len(election.candidates) <= most and election.asked == 12


async def test_what_voters_are_worth_is_learned_from_their_votes() -> None:
    backend = FakeBackend(
        lambda _prompt, seat: "```rust\nfn f() { 2 }\n```" if seat.voter == "w3" else "```rust\nfn f() { 1 }\n```"
    )
    await backend.start()
    kept = VoterReliability()
    swarm = scripted_swarm(backend, 3, reliability=kept)
    for _ in range(5):
        await elected(swarm, replace(prompt(), early=False))
    first, third = kept.weight("w1"), kept.weight("w3")
    assert first and third and first > third


async def test_fastest_ends_with_the_first_answer() -> None:
    backend = FakeBackend(lambda _prompt, seat: "quick" if seat.voter == "w3" else "long " * 200, pace_s=0.01)
    await backend.start()
    asked = Prompt((Message("user", "x"),), strategy="fastest")
    election = await elected(scripted_swarm(backend), asked)
    assert election.elected.voter == "w3" and len(election.candidates) == 1
    assert backend.running == 0


async def test_short_of_memory_fewer_are_asked_and_then_nobody(fake: FakeBackend) -> None:
    swarm = scripted_swarm(fake)
    swarm.pressure = "voices"
    assert len((await elected(swarm, prompt())).candidates) == 2
    swarm.pressure = "requests"
    with pytest.raises(Busy):
        await ask(swarm, prompt())


async def test_workers_remember_what_they_did(fake: FakeBackend) -> None:
    swarm = scripted_swarm(fake)
    await elected(swarm, prompt())
    worker = swarm.workers[0]
    assert (worker.requests, worker.tokens, worker.failures) == (1, 4, 0)
    assert worker.average_latency_s and worker.tokens_per_s


def seats(count: int, **sampling: object) -> list[Seat]:
    workers = [Worker(f"w{n}", n, FakeBackend()) for n in range(1, count + 1)]
    return seats_for(workers, Sampling(**sampling), VoteSettings())  # type: ignore[arg-type]


def test_the_first_is_greedy_and_the_others_spread() -> None:
    assert [round(seat.temperature, 2) for seat in seats(5)] == [0.0, 0.6, 0.67, 0.73, 0.8]


def test_a_given_temperature_is_for_all_but_the_anchor() -> None:
    assert [seat.temperature for seat in seats(3, temperature=1.2)] == [0.0, 1.2, 1.2]
    assert [seat.temperature for seat in seats(1, temperature=1.2)] == [1.2]


def test_seeds_follow_the_workers_numbers() -> None:
    assert [seat.seed for seat in seats(3, seed=40)] == [41, 42, 43]
    assert len({seat.seed for seat in seats(8)}) == 8
