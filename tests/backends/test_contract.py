"""What every engine promises, checked on each that can run here. A skipped one says why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from local_swarm.backends.base import Backend, Seat
from local_swarm.backends.fake import Fake
from local_swarm.errors import ContextExceeded, EngineLost, Starting
from local_swarm.types import Accepted, Candidate, Delta, Event, Message, Prompt, Sampling

pytestmark = pytest.mark.anyio

QUESTION = "Write a Python function solve(numbers) that returns the sum of the even numbers."
LIMIT_S = 30.0


def fake() -> Backend:
    return Fake(pace_s=0.001)


def llamacpp() -> Backend:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from local_swarm.backends.llamacpp.backend import Description, LlamaCpp
    from local_swarm.backends.wire import Load
    from local_swarm.models import starter
    from local_swarm.models.gguf import read_header

    header = read_header(starter.PATH)
    load = Load(str(starter.PATH), context=2048, answer_tokens=256, cells=2048 + 7 * 256, sequences=16, threads=1)
    return LlamaCpp(load, Description(starter.NAME, header.architecture, header.chat_template, starter=True))


@pytest.fixture(scope="module", params=[fake, llamacpp], ids=["fake", "llamacpp"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    make: Callable[[], Backend] = request.param
    made = make()
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


async def test_the_same_seeds_give_the_same_answers(backend: Backend) -> None:
    one, other = await collect(backend, prompt(), 4), await collect(backend, prompt(), 4)
    assert {v: c.text for v, c in candidates(one).items()} == {v: c.text for v, c in candidates(other).items()}


async def test_greedy_answers_do_not_depend_on_company(backend: Backend) -> None:
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


async def test_a_request_given_up_leaves_room_for_the_next(backend: Backend) -> None:
    for _ in range(40):
        async with aclosing(backend.generate(prompt(), seats(6))) as events:
            await anext(events)
    assert len(candidates(await collect(backend, prompt(), 6))) == 6


async def test_a_text_is_continued_as_it_stands(backend: Backend) -> None:
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


async def test_says_nothing_before_it_is_started_and_after_it_is_closed() -> None:
    for make in (fake, llamacpp):
        made = make()
        with pytest.raises(Starting):
            await collect(made, prompt(), 1)
        await made.start()
        await made.close()
        assert made.state == "closed"
        with pytest.raises((Starting, EngineLost)):
            await collect(made, prompt(), 1)
