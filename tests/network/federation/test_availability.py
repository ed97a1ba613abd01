"""When a node answers peers, and in which word it declines."""

from __future__ import annotations

from typing import Any

import pytest

from local_swarm.config import load
from local_swarm.network.federation.availability import Availability
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm
from local_swarm.types import Candidate, Usage

pytestmark = pytest.mark.anyio


class Own:
    load = 0


async def availability(up: bool = True, **settings: Any) -> Availability:
    rules = load(None, {f"federation.{key}": value for key, value in settings.items()}, {}).federation
    backend = FakeBackend()
    if up:
        await backend.start()
    return Availability(scripted_swarm(backend, 2), Own(), rules)


async def test_a_node_says_at_once_that_it_cannot() -> None:
    assert (await availability()).refusal(60.0) is None
    assert (await availability(up=False)).refusal(60.0) == "starting"
    assert (await availability(enabled=False)).refusal(60.0) == "busy"


async def test_only_so_many_requests_are_answered_at_once() -> None:
    one = await availability(max_asked=2)
    with one.counted_request():
        assert one.refusal(60.0) is None
        with one.counted_request():
            assert one.refusal(60.0) == "busy"
    assert one.peer_requests == 0 and one.refusal(60.0) is None
    one._own.load = 2  # type: ignore[misc]
    assert one.refusal(60.0) == "busy"
    one.stopping = True
    assert one.refusal(60.0) == one.state == "stopping"


async def test_short_of_memory_or_on_battery_it_is_not_asked() -> None:
    on_battery, short, allowed = await availability(), await availability(), await availability(on_battery=True)
    short._swarm.pressure = "voices"
    for one in (on_battery, short, allowed):
        one._battery = (float("inf"), True)
    assert [one.state for one in (on_battery, short, allowed)] == ["battery", "busy", "ok"]


async def test_who_cannot_be_done_in_time_declines() -> None:
    one = await availability()
    for worker in one._swarm.workers:
        worker.record(Candidate("x", worker.name, "stop", Usage(1, 1), 30.0))
    assert one.latency_s == 30.0
    assert one.refusal(60.0) is None and one.refusal(20.0) == "slow"
