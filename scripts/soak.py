"""Many requests of mixed length at once against a real swarm, with clients that leave and an engine that is killed.

Everybody must get an answer or a clear refusal, nothing may leak. Run on demand: python scripts/soak.py [--requests 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp
import psutil

from local_swarm.config import load
from local_swarm.models import starter
from local_swarm.node import Node, run_node

CONCURRENCY = 32
KILLS = 3
LEAVE_SHARE = 0.15
ANSWER_S = 120.0
TRIES = 30  # a client that is told to come back does
QUESTION = "Write a Python function solve(numbers) that returns {}."
WANTED = (
    "the sum of the even numbers",
    "the largest of the squares",
    "a list of the odd numbers",
    "how many are negative",
)


@dataclass
class Tally:
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def body(number: int) -> dict[str, object]:
    """A request, by its number: short and long prompts, streamed or not, one voice or many."""
    drawn = random.Random(number)
    text = QUESTION.format(drawn.choice(WANTED))
    if drawn.random() < 0.3:
        text = "word " * drawn.randint(50, 3000) + text
    return {
        "model": drawn.choice(("swarm", "swarm", "swarm-fast")),
        "messages": [{"role": "user", "content": text}],
        "max_tokens": drawn.choice((5, 60, 200)),
        "stream": drawn.random() < 0.5,
        "swarm": {"n": drawn.choice((1, 3, 5, 8))},
        "temperature": 0.9,
    }


async def one(http: aiohttp.ClientSession, url: str, number: int, tally: Tally) -> None:
    wish = body(number)
    leaves = random.Random(-number).random() < LEAVE_SHARE
    try:
        async with asyncio.timeout(random.Random(number).uniform(0.0, 0.3) if leaves else ANSWER_S):
            for _ in range(TRIES):
                found = await outcome(http, url, wish, tally)
                if not found.startswith("refused"):
                    break
                await asyncio.sleep(random.Random(number).uniform(0.5, 1.5))
            tally.outcomes[found] += 1
    except TimeoutError:
        tally.outcomes["left"] += leaves
        if not leaves:
            tally.wrong.append(f"request {number}: no answer within {ANSWER_S:.0f} s")
    except aiohttp.ClientError as problem:
        tally.wrong.append(f"request {number}: {problem!r}")


async def outcome(http: aiohttp.ClientSession, url: str, wish: dict[str, object], tally: Tally) -> str:
    async with http.post(f"{url}/v1/chat/completions", json=wish) as response:
        text = await response.text()
        if response.status != 200:
            error = json.loads(text)["error"]
            if response.status not in (429, 503) or "retry-after" not in response.headers:
                tally.wrong.append(f"status {response.status}: {error}")
            return f"refused {response.status} {error['code']}"
        if not wish["stream"]:
            return "answered" if json.loads(text)["choices"] else "empty"
        if text.endswith("data: [DONE]\n\n"):
            return "streamed"
        if '"error"' in text.strip().splitlines()[-1]:
            return "stream ended by an error event"
        tally.wrong.append("a stream ended without an end")
        return "cut"


async def everything(node: Node, requests: int) -> Tally:
    assert node.address.url
    tally, door = Tally(), asyncio.Semaphore(CONCURRENCY)
    done = 0
    kills = {requests * (n + 1) // (KILLS + 1) for n in range(KILLS)}

    async def limited(number: int) -> None:
        nonlocal done
        async with door:
            await one(http, str(node.address.url), number, tally)
            done += 1
            if done in kills and node.backend.pid:
                with contextlib.suppress(ProcessLookupError):  # it is dead already, and that is told below
                    os.kill(node.backend.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await asyncio.gather(*(limited(number) for number in range(requests)))
    return tally


async def at_rest(node: Node) -> bool:
    """Whether the engine comes to hold nothing once all that it remembers is forgotten."""
    for _ in range(20):
        node.backend.forget()
        await asyncio.sleep(1.0)
        beat = node.backend.beat
        if beat and beat.jobs == 0 and beat.cells_used == 0 and beat.sequences_unused == node.plan.sequences:
            return True
    return False


def resident(node: Node) -> list[int]:
    """MiB of the daemon and of the engine's process."""
    return [psutil.Process(pid).memory_info().rss >> 20 for pid in (os.getpid(), node.backend.pid or os.getpid())]


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    wishes = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    os.environ["LOCAL_SWARM_HOME"] = tempfile.mkdtemp()
    config = load(None, {"server.port": 0, "models.model": starter.NAME, "swarm.instances": 8})
    async with run_node(config) as node:
        await everything(node, 200)  # what grows only once grows here
        await node.backend.ready(30)
        before = resident(node)
        tally = await everything(node, wishes.requests)
        await node.backend.ready(30)
        rested, after = await at_rest(node), resident(node)
        print(
            json.dumps(
                {
                    "requests": wishes.requests,
                    "outcomes": dict(tally.outcomes.most_common()),
                    "wrong": tally.wrong[:10],
                    "at_rest": rested,
                    "mib_before": before,
                    "mib_after": after,
                },
                indent=1,
            )
        )
        grew = after[0] > 1.1 * before[0] + 16
        return 1 if tally.wrong or not rested or grew else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
