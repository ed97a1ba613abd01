"""The swarm's own model is asked whether two answers say the same, and how sure it is."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from local_swarm.backends.base import Seat
from local_swarm.swarm.same_meaning import MOST_PAIRS, WorkerMeaningJudge, yes_over_no
from local_swarm.swarm.worker import Worker
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm
from local_swarm.types import Election, Message, Prompt, TokenLogprob

pytestmark = pytest.mark.anyio

ASKED = "Do whatever"
ANSWERS = {
    "w1": "Water the ferns on Monday mornings.",
    "w2": "Ferns like a drink when the week begins.",
    "w3": "Throw the roses away after supper.",
}


def judge_of(backend: FakeBackend, within_s: float = 5.0) -> WorkerMeaningJudge:
    return WorkerMeaningJudge([Worker("w1", 1, backend)], within_s)


async def test_yes_and_no_are_read_from_the_first_token() -> None:
    yes, no = FakeBackend(lambda prompt, seat: "Yes"), FakeBackend(lambda prompt, seat: "No.")
    await yes.start()
    await no.start()
    assert await judge_of(yes).same(ASKED, [("a", "b")]) == {("a", "b"): 1.0}
    assert await judge_of(no).same(ASKED, [("a", "b")]) == {}  # `No.` is no token of ours


async def test_who_says_neither_yes_nor_no_is_not_asked_again() -> None:
    asked = []

    def script(prompt: Prompt, seat: Seat) -> str:
        asked.append(prompt)
        return "Perhaps"

    backend = FakeBackend(script)
    await backend.start()
    assert await judge_of(backend).same(ASKED, [("a", "b"), ("a", "c")]) == {}
    assert len(asked) == 1


async def test_no_more_than_some_pairs_are_asked() -> None:
    backend = FakeBackend(lambda prompt, seat: "Yes")
    await backend.start()
    assert len(await judge_of(backend).same(ASKED, [("a", str(at)) for at in range(50)])) == MOST_PAIRS


async def test_a_model_that_takes_too_long_tells_nothing_and_raises_nothing() -> None:
    backend = FakeBackend(lambda prompt, seat: "Yes", pace_s=60.0)
    await backend.start()
    assert await judge_of(backend, within_s=0.05).same(ASKED, [("a", "b")]) == {}


async def test_an_engine_that_is_lost_tells_nothing() -> None:
    backend = FakeBackend()
    assert await judge_of(backend).same(ASKED, [("a", "b")]) == {}


def test_yes_is_weighed_against_no_however_they_are_written() -> None:
    token = TokenLogprob("Yes", -0.7, (("Yes", -0.7), (" no", -0.7), ("Maybe", -3.0)))
    assert yes_over_no([token]) == pytest.approx(0.5)
    assert yes_over_no([]) is None


async def test_what_the_model_says_makes_answers_in_other_words_one() -> None:
    def script(prompt: Prompt, seat: Seat) -> str:
        said = prompt.messages[-1].content
        if not said.startswith("Question:"):
            return ANSWERS[seat.voter]
        return "Yes" if "roses" not in said else "No"

    backend = FakeBackend(script)
    await backend.start()
    swarm = scripted_swarm(backend, 3)
    async with asyncio.timeout(5), aclosing(swarm.answer(Prompt((Message("user", ASKED),)))) as events:
        election = [event async for event in events][-1]
    assert isinstance(election, Election)
    own = {election.candidates[at].voter for at in election.clusters[0]}
    assert own == {"w1", "w2"} and election.elected.voter in own
