"""The fallback chain: who is asked, when the next one is, what it may cost, and that a limit is never crossed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from local_swarm.errors import BadRequest, Busy, EngineLost, SwarmError, Unavailable
from local_swarm.fallback.chain import Chain, Step
from local_swarm.fallback.ledger import FIRST_REST_S, Account, Ledger, SpendingLimits
from local_swarm.types import (
    Accepted,
    Candidate,
    Delta,
    Election,
    Event,
    Message,
    Prompt,
    Sampling,
    Usage,
)

pytestmark = pytest.mark.anyio

PROMPT = Prompt((Message("user", "Why?"),))


@dataclass
class Clock:
    now: float = 1000.0
    day: str = "2026-03-01"

    def __call__(self) -> float:
        return self.now

    def today(self) -> str:
        return self.day


@dataclass
class Speaker:
    """A voice that says its name, or fails, or waits, or speaks before it fails."""

    name: str
    agreement: float = 1.0
    problem: SwarmError | None = None
    first: tuple[Event, ...] = ()
    wait: bool = False
    asked: list[Prompt] = field(default_factory=list)

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        self.asked.append(prompt)
        yield Accepted(3)
        for event in self.first:
            yield event
        if self.wait:
            await asyncio.sleep(60)
        if self.problem:
            raise self.problem
        candidate = Candidate(self.name, "v1", "stop", Usage(100, 50), 0.1)
        yield candidate
        yield Election((candidate,), 0, ((0,),), self.agreement, "exact")


@dataclass
class Setting:
    chain: Chain
    clock: Clock
    accounts: list[Account]


def chain(
    folder: Path, *speakers: Speaker, below: float | None = None, limits: SpendingLimits | None = None, **step: Any
) -> Setting:
    """The speakers in their order; the limits are the first one's."""
    clock, ledger = Clock(), Ledger(folder / "spending.json")
    accounts = [
        ledger.account(one.name, (limits or SpendingLimits()) if place == 0 else SpendingLimits(), clock, clock.today)
        for place, one in enumerate(speakers)
    ]
    steps = [
        Step(one, account, place, **step) for place, (one, account) in enumerate(zip(speakers, accounts, strict=True))
    ]
    return Setting(Chain("chain", steps, ledger, below, clock), clock, accounts)


async def ask(made: Setting, prompt: Prompt = PROMPT) -> tuple[Election, list[Event]]:
    async with asyncio.timeout(5), aclosing(made.chain.answer(prompt)) as events:
        heard = [event async for event in events]
    assert isinstance(heard[-1], Election)
    assert sum(isinstance(event, Accepted) for event in heard) == 1
    return heard[-1], heard


async def test_the_first_answers_while_it_can(tmp_path: Path) -> None:
    first, second = Speaker("a"), Speaker("b")
    election, _ = await ask(chain(tmp_path, first, second))
    assert (election.provider, election.tried, second.asked) == ("a", (), [])


@pytest.mark.parametrize("problem", [EngineLost("gone"), Busy("full"), BadRequest("no tools here")])
async def test_a_failure_asks_the_next_and_is_told(tmp_path: Path, problem: SwarmError) -> None:
    election, _ = await ask(chain(tmp_path, Speaker("a", problem=problem), Speaker("b")))
    assert election.provider == "b" and election.tried[0][0] == "a"


async def test_one_that_takes_too_long_is_left(tmp_path: Path) -> None:
    election, _ = await ask(chain(tmp_path, Speaker("a", wait=True), Speaker("b"), patience_s=0.05))
    assert election.provider == "b" and "within 0.05 seconds" in election.tried[0][1]


async def test_voices_that_agree_too_little_ask_the_bigger_model(tmp_path: Path) -> None:
    made = chain(tmp_path, Speaker("a", agreement=0.4), Speaker("b"), below=0.5)
    election, heard = await ask(made)
    assert election.provider == "b" and "agreed too little" in election.tried[0][1]
    assert [event.text for event in heard if isinstance(event, Candidate)] == ["b"]
    sure = chain(tmp_path, Speaker("a", agreement=0.5), Speaker("b"), below=0.5)
    assert (await ask(sure))[0].provider == "a"


async def test_a_doubtful_answer_is_better_than_none(tmp_path: Path) -> None:
    made = chain(tmp_path, Speaker("a", agreement=0.2), Speaker("b", problem=EngineLost("gone")), below=0.5)
    election, _ = await ask(made)
    assert election.provider == "a" and [name for name, _ in election.tried] == ["a", "b"]


async def test_words_that_were_heard_bind(tmp_path: Path) -> None:
    made = chain(tmp_path, Speaker("a", problem=EngineLost("gone"), first=(Delta("v1", "Well"),)), Speaker("b"))
    with pytest.raises(EngineLost):
        await ask(made)


async def test_what_nobody_can_answer_ends_with_the_last_reason(tmp_path: Path) -> None:
    made = chain(tmp_path, Speaker("a", problem=EngineLost("one")), Speaker("b", problem=Busy("two")))
    with pytest.raises(Busy, match="two"):
        await ask(made)


async def test_one_that_failed_rests_longer_each_time(tmp_path: Path) -> None:
    first = Speaker("a", problem=EngineLost("gone"))
    made = chain(tmp_path, first, Speaker("b"))
    await ask(made)
    election, _ = await ask(made)
    assert len(first.asked) == 1 and "rests" in election.tried[0][1]
    made.clock.now += FIRST_REST_S
    await ask(made)
    made.clock.now += FIRST_REST_S
    await ask(made)
    assert len(first.asked) == 2


async def test_requests_a_minute_are_counted_over_a_minute(tmp_path: Path) -> None:
    made = chain(tmp_path, Speaker("a"), Speaker("b"), limits=SpendingLimits(requests_per_minute=2))
    assert [(await ask(made))[0].provider for _ in range(3)] == ["a", "a", "b"]
    made.clock.now += 61
    assert (await ask(made))[0].provider == "a"


async def test_a_budget_is_never_crossed(tmp_path: Path) -> None:
    """Each answer costs 0.15 dollars and might have cost more: so much is kept back before it is asked."""
    limits = SpendingLimits(budget=1.0, price_in=1000.0, price_out=1000.0)
    made = chain(tmp_path, Speaker("a"), Speaker("b"), limits=limits, longest_answer=100)
    providers = [(await ask(made))[0].provider for _ in range(12)]
    assert providers[0] == "a" and providers[-1] == "b"
    assert made.accounts[0].spent <= 1.0
    assert made.accounts[0].spent == pytest.approx(0.15 * providers.count("a"))


async def test_requests_at_the_same_moment_do_not_cross_it_together(tmp_path: Path) -> None:
    limits = SpendingLimits(budget=0.4, price_in=1000.0, price_out=1000.0)
    made = chain(tmp_path, Speaker("a"), Speaker("b"), limits=limits, longest_answer=100)
    done = await asyncio.gather(*(ask(made) for _ in range(8)))
    assert sum(election.provider == "a" for election, _ in done) <= 2
    assert made.accounts[0].spent <= 0.4


async def test_an_answer_that_costs_has_an_end(tmp_path: Path) -> None:
    first = Speaker("a")
    made = chain(tmp_path, first, limits=SpendingLimits(tokens_per_day=10_000), longest_answer=77)
    await ask(made)
    await ask(made, replace(PROMPT, sampling=Sampling(max_tokens=5)))
    assert [one.sampling.max_tokens for one in first.asked] == [77, 5]


async def test_a_new_day_has_its_tokens_and_a_new_month_its_budget(tmp_path: Path) -> None:
    made = chain(tmp_path, Speaker("a"), Speaker("b"), limits=SpendingLimits(tokens_per_day=300), longest_answer=100)
    assert [(await ask(made))[0].provider for _ in range(2)] == ["a", "b"]
    made.clock.day = "2026-03-02"
    assert (await ask(made))[0].provider == "a"


async def test_what_was_spent_outlives_the_program(tmp_path: Path) -> None:
    limits = SpendingLimits(budget=0.4, price_in=1000.0, price_out=1000.0)
    await ask(chain(tmp_path, Speaker("a"), Speaker("b"), limits=limits, longest_answer=100))
    again = chain(tmp_path, Speaker("a"), Speaker("b"), limits=limits, longest_answer=200)
    assert (await ask(again))[0].provider == "b"
    assert json.loads((tmp_path / "spending.json").read_text())["a"]["spent"] == pytest.approx(0.15)


async def test_an_answer_that_was_given_up_is_booked_in_full(tmp_path: Path) -> None:
    limits = SpendingLimits(budget=1.0, price_in=1000.0, price_out=1000.0)
    made = chain(tmp_path, Speaker("a", wait=True), limits=limits, longest_answer=100)
    async with aclosing(made.chain.answer(PROMPT)) as events:
        await anext(events)
    assert made.accounts[0].spent > 0.15 and made.accounts[0].held_cost == 0


async def test_what_never_began_costs_nothing(tmp_path: Path) -> None:
    limits = SpendingLimits(budget=1.0, price_in=1000.0, price_out=1000.0)
    made = chain(tmp_path, Speaker("a", problem=Busy("full")), Speaker("b"), limits=limits, longest_answer=100)
    await ask(made)
    assert (made.accounts[0].spent, made.accounts[0].held_cost, made.accounts[0].errors) == (0.0, 0.0, 1)


async def test_when_no_one_may_be_asked_it_says_why(tmp_path: Path) -> None:
    made = chain(tmp_path, Speaker("a"), limits=SpendingLimits(requests_per_minute=0))
    with pytest.raises(Unavailable, match="a: its 0 requests a minute are used"):
        await ask(made)


async def test_the_report_tells_what_each_took(tmp_path: Path) -> None:
    made = chain(tmp_path, Speaker("a", problem=EngineLost("gone")), Speaker("b"))
    await ask(made)
    one, other = made.chain.report()
    assert (one["errors"], one["fallbacks"], one["healthy"]) == (1, 1, False)
    assert (other["requests"], other["tokens"], other["latency_s_p50"]) == (1, 150, 0.0)
