"""What every engine promises, checked on each that can run here. A skipped one says why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from local_swarm.backends.base import Backend, Seat
from local_swarm.errors import ContextExceeded, EngineLost, Starting
from local_swarm.types import Accepted, Candidate, Delta, Event, Message, Prompt, Sampling
from tests.backends.engines import ENGINES

pytestmark = pytest.mark.anyio

QUESTION = "Write a Python function solve(numbers) that returns the sum of the even numbers."
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="module", params=list(ENGINES))
async def backend(request: pytest.FixtureRequest, scratch: Path) -> AsyncIterator[Backend]:
    async with ENGINES[request.param](scratch) as made:
        await made.start()
        yield made
        await made.close()


def prompt(text: str = QUESTION, **sampling: object) -> Prompt:
    return Prompt((Message("user", text),), sampling=Sampling(**sampling))  # type: ignore[arg-type]


def seats(count: int, temperature: float = 0.8) -> list[Seat]:
    return [Seat(f"w{n}", 0.0 if n == 1 else temperature, 100 + n) for n in range(1, count + 1)]


async def collect(backend: Backend, asked: Prompt, count: int) -> list[Event]:
    async with asyncio.timeout(LIMIT_S), aclosing(backend.generate(asked, seats(count))) as events:
        return [event async for event in events]


def candidates(events: list[Event]) -> dict[str, Candidate]:
    return {event.voter: event for event in events if isinstance(event, Candidate)}


async def test_tells_what_it_is_once_started(backend: Backend) -> None:
    assert backend.state == "ready"
    facts = backend.facts
    assert facts and facts.context > facts.answer_tokens > 0


async def test_accepts_first_and_gives_every_seat_one_candidate(backend: Backend) -> None:
    events = await collect(backend, prompt(), 5)
    assert isinstance(events[0], Accepted) and events[0].prompt_tokens > 0
    assert sum(isinstance(event, Accepted) for event in events) == 1
    assert sorted(candidates(events)) == ["w1", "w2", "w3", "w4", "w5"]
    assert [one.voter for one in candidates(events).values() if one.anchor] == ["w1"]


async def test_a_candidate_is_the_sum_of_its_deltas(backend: Backend) -> None:
    events = await collect(backend, prompt(), 3)
    for voter, candidate in candidates(events).items():
        assert "".join(e.text for e in events if isinstance(e, Delta) and e.voter == voter) == candidate.text
        assert candidate.usage.completion_tokens > 0 and candidate.seconds >= 0


def steady(request: pytest.FixtureRequest) -> None:
    """Skip for engines of others that round differently with what else they have in their batch, or in their memory."""
    if request.node.callspec.params.get("backend") == "llama-server":
        pytest.skip("llama-server's rounding depends on its other requests, and the starter's first tokens nearly tie")


async def test_the_same_seeds_give_the_same_answers(backend: Backend, request: pytest.FixtureRequest) -> None:
    steady(request)
    one, other = await collect(backend, prompt(), 4), await collect(backend, prompt(), 4)
    assert {v: c.text for v, c in candidates(one).items()} == {v: c.text for v, c in candidates(other).items()}


async def test_greedy_answers_do_not_depend_on_company(backend: Backend, request: pytest.FixtureRequest) -> None:
    steady(request)
    alone, among = await collect(backend, prompt(), 1), await collect(backend, prompt(), 6)
    assert candidates(alone)["w1"].text == candidates(among)["w1"].text


async def test_stops_at_the_limit_of_tokens_and_says_so(backend: Backend) -> None:
    for candidate in candidates(await collect(backend, prompt(max_tokens=4), 3)).values():
        assert candidate.finish_reason == "length"
        assert candidate.usage.completion_tokens == 4


async def test_ends_before_a_stop_string(backend: Backend) -> None:
    free = candidates(await collect(backend, prompt(), 1))["w1"].text
    word = free.split()[len(free.split()) // 2]
    stopped = candidates(await collect(backend, prompt(stop=(word,)), 1))["w1"]
    assert stopped.text == free.split(word)[0].rstrip(" ") or stopped.text == free.split(word)[0]
    assert stopped.finish_reason == "stop"


async def test_writes_json_that_obeys_a_schema(backend: Backend) -> None:
    if backend.facts and backend.facts.engine == "fake":
        pytest.skip("scripts write what they like")
    schema = {
        "type": "object",
        "properties": {"sum": {"type": "integer"}},
        "required": ["sum"],
        "additionalProperties": False,
    }
    asked = replace(prompt(max_tokens=200), schema=schema)
    for candidate in candidates(await collect(backend, asked, 3)).values():
        if candidate.finish_reason == "stop":
            found = json.loads(candidate.text)
            assert list(found) == ["sum"] and isinstance(found["sum"], int)
        else:  # a number may go on for as long as the answer
            assert candidate.text.lstrip().startswith("{")


async def test_tells_how_likely_its_tokens_were(backend: Backend) -> None:
    if backend.facts and backend.facts.engine == "fake":
        pytest.skip("scripts are as likely as they like")
    for candidate in candidates(await collect(backend, prompt(max_tokens=6, logprobs=2), 2)).values():
        assert "".join(one.text for one in candidate.logprobs).startswith(candidate.text[:1])
        assert all(one.logprob is not None and one.logprob <= 0 and len(one.top) == 2 for one in candidate.logprobs)
        assert candidate.mean_logprob is not None and candidate.mean_logprob <= 0


async def test_refuses_a_prompt_longer_than_the_context_with_numbers(backend: Backend) -> None:
    facts = backend.facts
    assert facts
    with pytest.raises(ContextExceeded) as caught:
        await collect(backend, prompt("word " * (facts.context + 10)), 2)
    assert caught.value.context == facts.context and caught.value.prompt_tokens > facts.context


async def test_many_requests_at_once_are_all_answered(backend: Backend) -> None:
    asked = [prompt(f"{QUESTION} Name it f{n}.") for n in range(12)]
    done = await asyncio.gather(*(collect(backend, one, 3) for one in asked))
    assert all(len(candidates(events)) == 3 for events in done)


async def test_requests_at_the_same_moment_do_not_mix(backend: Backend, request: pytest.FixtureRequest) -> None:
    steady(request)
    asked = [
        prompt(f"Write a Python function that returns the {what} of a list.")
        for what in ("sum", "largest", "length", "mean")
    ]
    alone = [candidates(await collect(backend, one, 1))["w1"].text for one in asked]
    among = await asyncio.gather(*(collect(backend, one, 1) for one in asked))
    assert [candidates(events)["w1"].text for events in among] == alone
    assert len(set(alone)) == len(asked)


async def test_a_request_given_up_leaves_room_for_the_next(backend: Backend) -> None:
    for _ in range(40):
        async with aclosing(backend.generate(prompt(), seats(6))) as events:
            await anext(events)
    assert len(candidates(await collect(backend, prompt(), 6))) == 6


async def test_a_text_is_continued_as_it_stands(backend: Backend) -> None:
    if backend.facts and backend.facts.engine == "openai_compatible":
        pytest.skip("servers do not tell how likely a prompt's own tokens are")
    asked = Prompt((), text="def solve(numbers):\n    return", sampling=Sampling(max_tokens=6, logprobs=1), scored=True)
    [answer] = candidates(await collect(backend, asked, 1)).values()
    assert answer.text and "```" not in answer.text
    assert answer.prompt_logprobs and len(answer.logprobs) == answer.usage.completion_tokens
    assert all(one.logprob is not None and one.logprob <= 0 for one in answer.prompt_logprobs[1:])


async def test_every_text_gets_a_vector_and_like_texts_like_ones(backend: Backend) -> None:
    made = await backend.embed(["the sum of the even numbers", "the sum of the odd numbers", "What is the weather?"])
    one, near, far = (list(vector) for vector in made.vectors)
    assert len(one) == len(near) == len(far) > 1 and (made.tokens or 0) > 3
    assert all(abs(sum(x * x for x in vector) - 1) < 1e-3 for vector in (one, near, far))

    def cosine(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert cosine(one, near) > cosine(one, far)


@pytest.mark.parametrize("name", list(ENGINES))
async def test_says_nothing_before_it_is_started(name: str, scratch: Path) -> None:
    async with ENGINES[name](scratch) as made:
        with pytest.raises(Starting):
            await collect(made, prompt(), 1)
        await made.close()


async def test_at_last_says_nothing_after_it_is_closed(backend: Backend) -> None:
    """The last of all, since the engine is shared and takes seconds to start."""
    await backend.close()
    assert backend.state == "closed"
    with pytest.raises((Starting, EngineLost)):
        await collect(backend, prompt(), 1)
