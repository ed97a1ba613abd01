"""Coroutines in, their results out, in a process that can wait for nothing: time goes on by itself. Standard library alone."""

from __future__ import annotations

import asyncio
from asyncio import events
from collections.abc import Coroutine
from typing import Any

MOST_WAITS = 10_000  # of one loop: a program that polls for ever ends


class DeadlockError(Exception):
    """Everybody waits, and nothing is left that could wake anybody; or it goes on for ever."""


class JumpingClock:
    """In place of a selector: there is nothing to hear of, so the time until the next timer is over at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits = 0

    def select(self, timeout: float | None) -> list[Any]:
        self.waits += 1
        if timeout is None or self.waits > MOST_WAITS:
            raise DeadlockError
        self.now += max(0.0, timeout)
        return []

    def close(self) -> None:
        pass


class SealedLoop(asyncio.BaseEventLoop):
    """An event loop without a system beneath it: timers, tasks, locks and queues, no sockets, processes or threads."""

    def __init__(self) -> None:
        self._selector = JumpingClock()
        super().__init__()

    def time(self) -> float:
        return self._selector.now

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def settle() -> None:
    """From now on every loop of this process is of this kind, those of programs that call `asyncio.run` too."""
    for module in (events, asyncio):
        setattr(module, "new_event_loop", SealedLoop)  # noqa: B010  a function there, a class here


def result_of(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it returns; raises what it raises."""
    loop = SealedLoop()
    try:
        events.set_event_loop(loop)
        return loop.run_until_complete(coroutine)
    finally:
        events.set_event_loop(None)
        loop.close()
