"""Clients that hang up at any moment: nothing of what they asked goes on, whatever stands between the API and the workers."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local_swarm.events import merge
from local_swarm.fallback.chain import Chain, Step
from local_swarm.fallback.ledger import Ledger, SpendingLimits
from local_swarm.swarm.manager import Swarm
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.types import Event, Prompt, Voice

pytestmark = pytest.mark.anyio

HELLO = [{"role": "user", "content": "hello"}]
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("chat/completions", {"messages": HELLO}),
    ("chat/completions", {"messages": HELLO, "stream": True}),
    ("completions", {"prompt": ["a", "b", "c"]}),
    ("completions", {"prompt": ["a", "b", "c"], "stream": True}),
    ("responses", {"input": "hello", "stream": True}),
]


@dataclass
class Joined:
    """As a federation asks its own swarm: one of several streams."""

    own: Voice

    @property
    def name(self) -> str:
        return self.own.name

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        async with aclosing(merge([self.own.answer(prompt)])) as events:
            async for event in events:
                yield event


def in_a_chain(voice: Voice, folder: Path) -> Chain:
    ledger = Ledger(folder / "spending.json")
    account = ledger.account("own", SpendingLimits(), asyncio.get_running_loop().time)
    return Chain("chain", [Step(voice, account)], ledger)


WAYS: dict[str, Callable[[Swarm, Path], Voice]] = {
    "alone": lambda swarm, folder: swarm,
    "in a chain": in_a_chain,
    "in a federation": lambda swarm, folder: Joined(swarm),
    "in a federation in a chain": lambda swarm, folder: in_a_chain(Joined(swarm), folder),
}


async def hang_up(http: aiohttp.ClientSession, url: str, path: str, body: dict[str, Any], after_s: float) -> None:
    async def read() -> None:
        async with http.post(f"{url}/v1/{path}", json={"model": "swarm", **body}) as response:
            await response.read()

    try:
        async with asyncio.timeout(after_s):
            await read()
    except TimeoutError:
        return


async def open_prompts(door: Any) -> bool:
    async with door.http.get(f"{door.url}/metrics") as response:
        return "local_swarm_prompts_in_progress 0.0" not in await response.text()


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_left_of_requests_whose_clients_have_gone(way: str, tmp_path: Path, open_a_door: Any) -> None:
    problems: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(str(context.get("exception"))))
    dice = random.Random(5)
    async with open_a_door(FakeBackend(pace_s=0.03), voice=lambda swarm: WAYS[way](swarm, tmp_path)) as door:
        for _ in range(4):
            await asyncio.gather(
                *(hang_up(door.http, door.url, path, body, dice.uniform(0.0, 0.12)) for path, body in BODIES * 3)
            )
            gc.collect()
        async with asyncio.timeout(5):
            while any(worker.busy for worker in door.swarm.workers) or await open_prompts(door):
                gc.collect()
        async with door.http.post(
            f"{door.url}/v1/chat/completions", json={"model": "swarm", "messages": HELLO}
        ) as last:
            assert last.status == 200
    assert problems == []
