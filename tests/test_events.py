"""The toolkit for event streams: what comes out, in which order, and that nothing is left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from local_swarm.events import Merged, accepted_once, cancel, election_of, merge, with_pauses
from local_swarm.types import Accepted, Candidate, Delta, Election, Event, Usage

pytestmark = pytest.mark.anyio

BOUND_S = 5.0
ANSWER = Candidate("yes", "w1", "stop", Usage(1, 1), 0.0)
OUTCOME = Election((ANSWER,), 0, ((0,),), 1.0, "exact")


class Stream:
    """Yields what it has been given and remembers how far it came; with `endless` it then waits for ever."""

    def __init__(self, *events: object, problem: Exception | None = None, endless: bool = False) -> None:
        self.events, self.problem, self.endless = events, problem, endless
        self.yielded, self.closed = 0, False

    async def run(self) -> AsyncGenerator[object, None]:
        try:
            for event in self.events:
                self.yielded += 1
                yield event
            if self.endless:
                await asyncio.Event().wait()
            if self.problem:
                raise self.problem
        finally:
            self.closed = True


@pytest.fixture(autouse=True)
async def nothing_left_running() -> AsyncIterator[None]:
    async with asyncio.timeout(BOUND_S):
        yield
    assert "merged-stream" not in {task.get_name() for task in asyncio.all_tasks()}


async def answer(*events: Event) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event


async def test_events_of_one_stream_keep_their_order_among_those_of_others() -> None:
    async with aclosing(merge([Stream(1, 2, 3).run(), Stream("a", "b").run()])) as merged:
        heard = [event async for event in merged]
    assert [event for event in heard if isinstance(event, int)] == [1, 2, 3]
    assert [event for event in heard if isinstance(event, str)] == ["a", "b"]


async def test_no_stream_at_all_ends_at_once() -> None:
    nothing: Merged[object] = merge([])
    async with aclosing(nothing) as merged:
        assert [event async for event in merged] == []


async def test_a_silent_stream_does_not_hold_up_the_others() -> None:
    async with aclosing(merge([Stream(endless=True).run(), Stream("heard").run()])) as merged:
        assert await anext(merged) == "heard"


async def test_a_listener_that_stops_early_closes_all_streams() -> None:
    streams = [Stream(1, endless=True), Stream(endless=True), Stream(2, 3)]
    async with aclosing(merge([one.run() for one in streams])) as merged:
        await anext(merged)
    assert all(one.closed for one in streams)
    with pytest.raises(StopAsyncIteration):
        await anext(merged)


async def test_a_stream_that_others_began_is_closed_even_if_nobody_ever_listened() -> None:
    stream = Stream("first", endless=True)
    begun = stream.run()
    await anext(begun)
    async with aclosing(merge([begun])):
        pass
    assert stream.closed


async def test_an_exception_in_one_stream_waits_for_what_the_others_have_to_say() -> None:
    heard: list[object] = []
    streams = [Stream(problem=OSError("lost")), Stream("still here"), Stream(problem=ValueError("later in the row"))]
    with pytest.raises(OSError, match="lost"):
        async with aclosing(merge([one.run() for one in streams])) as merged:
            heard += [await anext(merged)]
            await anext(merged)
    assert heard == ["still here"]
    assert all(one.closed for one in streams)


async def test_cancelling_a_listener_closes_all_streams() -> None:
    streams = [Stream(1, endless=True), Stream(2, endless=True)]
    listening = asyncio.Event()

    async def listen() -> None:
        async with aclosing(merge([one.run() for one in streams])) as merged:
            async for event in merged:
                if event == 2:
                    listening.set()

    task = asyncio.create_task(listen())
    await listening.wait()
    await cancel(task)
    assert task.cancelled() and all(one.closed for one in streams)


async def test_a_time_limit_on_one_event_loses_none() -> None:
    speak = asyncio.Event()

    async def late() -> AsyncGenerator[str, None]:
        await speak.wait()
        yield "first"
        yield "second"

    async with aclosing(merge([late()])) as merged:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await anext(merged)
        speak.set()
        assert [event async for event in merged] == ["first", "second"]


async def test_streams_wait_for_a_slow_listener() -> None:
    stream = Stream(*range(100))
    async with aclosing(merge([stream.run()], ahead=10)) as merged:
        heard = [await anext(merged)]
        for _ in range(50):
            await asyncio.sleep(0)
        assert stream.yielded == 11  # ten ahead of the one that was heard
        heard += [event async for event in merged]
    assert heard == list(range(100))


async def test_a_stream_that_may_not_run_ahead_rests_while_its_listener_is_busy() -> None:
    stream = Stream(1, 2, 3)
    async with aclosing(with_pauses(stream.run(), BOUND_S, ahead=0)) as events:
        async for event in events:
            for _ in range(10):
                await asyncio.sleep(0)
            assert stream.yielded == event
    assert stream.yielded == 3


async def test_a_silent_stream_takes_no_room_from_the_others() -> None:
    async with aclosing(merge([Stream(endless=True).run(), Stream(1, 2, 3).run()], ahead=0)) as merged:
        assert [await anext(merged) for _ in range(3)] == [1, 2, 3]


async def test_a_pause_is_told_and_closing_closes_the_events() -> None:
    stream = Stream("a", endless=True)
    async with aclosing(with_pauses(stream.run(), 0.001)) as paced:
        assert [await anext(paced), await anext(paced), await anext(paced)] == ["a", None, None]
    assert stream.closed


async def test_a_time_limit_of_the_events_own_is_no_pause() -> None:
    with pytest.raises(TimeoutError, match="theirs"):
        async with aclosing(with_pauses(Stream(problem=TimeoutError("theirs")).run(), BOUND_S)) as paced:
            await anext(paced)


async def test_events_with_pauses_end_as_the_events_do() -> None:
    async with aclosing(with_pauses(Stream("a", "b").run(), BOUND_S)) as paced:
        assert [event async for event in paced] == ["a", "b"]


async def test_only_the_first_acceptance_is_handed_on() -> None:
    events = answer(Accepted(3), Delta("w1", "y"), Accepted(4), ANSWER, Accepted(5), OUTCOME)
    assert [event async for event in accepted_once(events)] == [Accepted(3), Delta("w1", "y"), ANSWER, OUTCOME]


async def test_who_stops_before_the_second_acceptance_closes_the_events() -> None:
    closed = False

    async def endless() -> AsyncGenerator[Event, None]:
        nonlocal closed
        try:
            while True:
                yield Accepted(1)
        finally:
            closed = True

    async with aclosing(accepted_once(endless())) as events:
        await anext(events)
    assert closed


async def test_an_election_is_taken_from_its_answer_which_is_then_closed() -> None:
    events = answer(Accepted(1), ANSWER, OUTCOME, Delta("w1", "never heard"))
    assert await election_of(events) is OUTCOME
    with pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_an_answer_without_an_election_is_a_defect() -> None:
    with pytest.raises(AssertionError, match="ends with an election"):
        await election_of(answer(Accepted(1), ANSWER))


async def test_cancelled_tasks_have_ended_whatever_they_do_about_it() -> None:
    ended = []

    async def tidy_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("tidied")
            raise OSError("while tidying up")

    async def done() -> str:
        return "done before"

    tasks = [asyncio.create_task(tidy_up()), asyncio.create_task(done())]
    await asyncio.sleep(0)
    await cancel(*tasks, None)
    assert ended == ["tidied"] and all(task.done() for task in tasks)


async def test_nothing_to_cancel_is_no_trouble() -> None:
    assert await cancel(None) is None  # type: ignore[func-returns-value]
