"""Streams of events in, one merged stream or one election out; and tasks that have ended. Knows no worker or peer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar

from local_swarm.types import Accepted, Election, Event

AHEAD = 1024  # events of one stream that wait for whoever listens; then the stream waits

Heard = TypeVar("Heard")
Told = TypeVar("Told", covariant=True)


class Stream(Protocol[Told]):
    """An iterator that is closed when nobody listens any more, as async generators are."""

    def __aiter__(self) -> AsyncIterator[Told]: ...

    def __anext__(self) -> Coroutine[Any, Any, Told]: ...

    def aclose(self) -> Coroutine[Any, Any, None]: ...


class Merged(Generic[Heard]):
    """Several streams as one iterator, each event as it comes, the events of one stream in their order.

    Every stream runs in a task of its own, from the first `anext` on. A time limit may cancel an `anext`: no event is
    lost by it. An exception in one stream does not end the others. Once all have ended, the first stream's exception is
    raised. `ahead`: how many events a stream may run ahead of the listener. With 0 it runs only while the listener
    waits.
    """

    def __init__(self, streams: Iterable[Stream[Heard]], ahead: int = AHEAD) -> None:
        self._streams, self._ahead = tuple(streams), ahead
        self._heard: asyncio.Queue[tuple[Heard, asyncio.Semaphore] | None] = asyncio.Queue()  # None: a stream has ended
        self._in_hand: asyncio.Semaphore | None = None  # the room of the stream whose event the listener has
        self._open = len(self._streams)
        self._tasks: list[asyncio.Task[None]] = []

    def __aiter__(self) -> Merged[Heard]:
        return self

    async def __anext__(self) -> Heard:
        if self._open and not self._tasks:
            self._tasks = [asyncio.create_task(self._pump(one), name="merged-stream") for one in self._streams]
        if self._in_hand:
            self._in_hand.release()
            self._in_hand = None
        while self._open:
            heard = await self._heard.get()
            if heard is not None:
                event, self._in_hand = heard
                return event
            self._open -= 1
        tasks, self._tasks = self._tasks, []
        for problem in await asyncio.gather(*tasks, return_exceptions=True):
            if problem:
                raise problem
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends every stream and waits until all have ended."""
        self._open = 0
        tasks, self._tasks = self._tasks, []
        try:
            await cancel(*tasks)
        finally:
            for stream in self._streams:  # a task that was cancelled before it began has not closed its stream
                await stream.aclose()

    async def _pump(self, stream: Stream[Heard]) -> None:
        room = asyncio.Semaphore(self._ahead)
        try:
            async with aclosing(stream):
                async for event in stream:
                    self._heard.put_nowait((event, room))
                    await room.acquire()
        finally:
            self._heard.put_nowait(None)


def merge(streams: Iterable[Stream[Heard]], ahead: int = AHEAD) -> Merged[Heard]:
    """One iterator over many streams; see `Merged`. Use it within `aclosing`: closing it closes all of them."""
    return Merged(streams, ahead)


async def with_pauses(events: Stream[Heard], pause_s: float, ahead: int = AHEAD) -> AsyncGenerator[Heard | None, None]:
    """The events, and None whenever `pause_s` passes without one. Closing it closes them. `ahead`: see `Merged`."""
    async with aclosing(merge([events], ahead)) as merged:
        while True:
            try:
                async with asyncio.timeout(pause_s) as limit:
                    event: Heard | None = await anext(merged)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not limit.expired():  # the stream's own
                    raise
                event = None
            yield event


async def each_within(events: Stream[Heard], limit_s: float) -> AsyncGenerator[Heard, None]:
    """The events, each of which must come within `limit_s` of being waited for. Raises TimeoutError, after closing them.

    It runs no task, unlike `with_pauses`: an answer that nobody closes can then be closed wherever it waits."""
    async with aclosing(events):
        while True:
            try:
                async with asyncio.timeout(limit_s):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            yield event


async def accepted_once(events: Stream[Event]) -> AsyncGenerator[Event, None]:
    """The events without any `Accepted` after the first."""
    accepted = False
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Accepted):
                if accepted:
                    continue
                accepted = True
            yield event


async def election_of(events: Stream[Event]) -> Election:
    """The election that an answer ends with. The events are closed after it."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Election):
                return event
    raise AssertionError("an answer ends with an election")


async def cancel(*tasks: asyncio.Future[Any] | None) -> None:
    """Cancels the tasks and waits until all have ended. What they returned or raised is dropped, as are absent ones."""
    present = [task for task in tasks if task is not None]
    for task in present:
        task.cancel()
    await asyncio.gather(*present, return_exceptions=True)
