"""Who hangs up is noticed on the other machines too: what they work on for him ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_node import ScriptedNode, ScriptedPace, node
from tests.network.conftest import BOUND_S, ask, states, until

pytestmark = pytest.mark.anyio
TOKEN = "a token that all machines of the test have"
LONG = ScriptedPace(2, pace_s=60.0)  # an answer that nobody waits for
SLOW = ScriptedPace(2, pace_s=0.5)


def engine(one: ScriptedNode) -> FakeBackend:
    return cast(FakeBackend, one.swarm.workers[0].backend)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("paces", [(LONG, LONG), (SLOW, LONG), (LONG, SLOW)], ids=["both", "the peer", "the own"])
async def test_a_client_that_hangs_up_ends_the_work_of_both_machines(
    stream: bool, paces: tuple[ScriptedPace, ScriptedPace], tmp_path: Path
) -> None:
    fixed = {"discovery": "static", "auth_token": TOKEN, "federation_port": 0}
    async with node("a", tmp_path / "a", paces[0], **fixed) as a:
        peer = {**fixed, "peers": f"127.0.0.1:{a.service.port}"}
        async with node("b", tmp_path / "b", paces[1], **peer) as b, aiohttp.ClientSession() as http:
            await until(lambda: len(a.service.directory.askable(9)) == 1)
            wish = {"messages": [{"role": "user", "content": "x"}], "stream": stream, "swarm": {"early": False}}
            asking = asyncio.create_task(http.post(f"{a.url}/v1/chat/completions", json=wish))
            async with asyncio.timeout(3 * BOUND_S):
                await engine(b).busy.wait()
                await engine(a).busy.wait()
                asking.cancel() if not asking.done() else asking.result().close()
                await asyncio.gather(asking, return_exceptions=True)
                await engine(a).idle.wait()
                await engine(b).idle.wait()


async def test_after_one_has_hung_up_the_next_is_answered_by_both(tmp_path: Path) -> None:
    fixed = {"discovery": "static", "auth_token": TOKEN, "federation_port": 0}
    async with node("a", tmp_path / "a", SLOW, **fixed) as a:
        peer = {**fixed, "peers": f"127.0.0.1:{a.service.port}"}
        async with node("b", tmp_path / "b", SLOW, **peer) as b:
            await until(lambda: len(a.service.directory.askable(9)) == 1)
            asking = asyncio.create_task(ask(a))
            await engine(b).busy.wait()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert states(await ask(a, early=False)) == {"a": (2, "ok"), "b": (2, "ok")}
