"""Options in, the cost of voting with other machines out. They are processes with scripted engines and real servers."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from local_swarm.errors import SwarmError
from local_swarm.events import election_of
from local_swarm.testing.scripted_node import ScriptedNode, ScriptedPace, node
from local_swarm.types import Election, Message, Prompt

MEET_S = 30.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FederationBenchOptions:
    """Times: `nodes` with `workers` each, whose answers take `pace_s`.

    Processor time and memory: `many` nodes with `ballots` ballots of `characters` each."""

    nodes: int = 5
    workers: int = 5
    pace_s: float = 0.5
    many: int = 10
    ballots: int = 8
    characters: int = 4000
    repeats: int = 5


def measure(options: FederationBenchOptions, say: Say) -> dict[str, Any]:
    """Everything, as `bench federation --json` prints it. Times are medians."""
    return asyncio.run(run(options, say))


async def run(options: FederationBenchOptions, say: Say) -> dict[str, Any]:
    say("starting nodes ...")
    pace = ScriptedPace(options.workers, options.pace_s)
    async with open_nodes([options.nodes - 2, 1], pace) as (asking, groups):
        say("one vote over all of them ...")
        alone = [await timed_vote(asking, federate=False) for _ in range(options.repeats)]
        together = [await timed_vote(asking) for _ in range(options.repeats)]
        expected = options.nodes * options.workers
        ballots = min(len(election.candidates) for _, election in together)
        say("with one of them frozen ...")
        groups[-1].suspend()
        frozen_s, election = await timed_vote(asking)
        next_s, _ = await timed_vote(asking)
        groups[-1].resume()
    one_s, all_s = median(s for s, _ in alone), median(s for s, _ in together)
    found = {
        "nodes": options.nodes,
        "workers": expected,
        "ballots": ballots,
        "one_s": one_s,
        "all_s": all_s,
        "ratio": all_s / one_s,
        "added_ms": (all_s - one_s) * 1000,
        "frozen_peer_added_s": frozen_s - all_s,
        "after_frozen_added_s": next_s - all_s,
        "frozen_peer_state": next((one.state for one in election.nodes if one.ballots == 0), "none"),
    }
    say("processor time and memory with many large ballots ...")
    return found | await costs(options)


async def costs(options: FederationBenchOptions) -> dict[str, Any]:
    """What a request costs the asking node beside the vote: time of its network thread, growth of the process."""
    async with open_nodes([options.many - 1], ScriptedPace(options.ballots, 0.1, options.characters)) as (asking, _):
        await timed_vote(asking)
        process = psutil.Process()
        before = process.memory_info().rss
        spent = []
        for _ in range(options.repeats):
            local = time.thread_time()
            await timed_vote(asking, federate=False)
            began = time.thread_time()
            await timed_vote(asking)
            spent.append((time.thread_time() - began) - (began - local))
        return {
            "many_nodes": options.many,
            "cpu_ms": median(spent) * 1000,
            "rss_mb": max(0, process.memory_info().rss - before) / 1e6,
        }


async def timed_vote(asking: ScriptedNode, federate: bool = True) -> tuple[float, Election]:
    prompt = Prompt((Message("user", "A question."),), early=False, federate=federate, strategy="exact")
    began = time.monotonic()
    election = await election_of(asking.service.federation.answer(prompt))
    return time.monotonic() - began, election


@asynccontextmanager
async def open_nodes(
    sizes: Sequence[int], pace: ScriptedPace
) -> AsyncIterator[tuple[ScriptedNode, list[psutil.Process]]]:
    """A node here and processes with so many more nodes each, which have met. Raises SwarmError if they do not."""
    token = secrets.token_hex(16)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        names = [[f"n{number}-{index}" for index in range(size)] for number, size in enumerate(sizes)]
        settings = {"auth_token": token, "discovery": "static"}
        groups = [stack.enter_context(node_process(some, folder, pace, settings)) for some in names]
        heard = [ports(group, len(some)) for group, some in zip(groups, names, strict=True)]
        addresses = [f"127.0.0.1:{port}" for some in heard for port in some]
        made = node(
            "asking",
            folder / "asking",
            pace,
            auth_token=token,
            discovery="static",
            federation_port=0,
            peers=",".join(addresses),
        )
        asking = await stack.enter_async_context(made)
        await wait_until_met(asking, sum(sizes))
        yield asking, [psutil.Process(group.pid) for group in groups]


async def wait_until_met(asking: ScriptedNode, peers: int) -> None:
    deadline = time.monotonic() + MEET_S
    while len(asking.service.directory.askable(peers)) < peers:
        if time.monotonic() > deadline:
            raise SwarmError(f"The nodes did not find each other within {MEET_S:.0f} seconds.")
        await asyncio.sleep(0.05)


@contextmanager
def node_process(
    names: Sequence[str], folder: Path, pace: ScriptedPace, settings: dict[str, Any]
) -> Iterator[subprocess.Popen[str]]:
    """One process with several nodes."""
    command = [
        sys.executable,
        "-m",
        "local_swarm.testing.scripted_node",
        *names,
        "--home",
        str(folder),
        "--workers",
        str(pace.workers),
        "--pace-s",
        str(pace.pace_s),
        "--characters",
        str(pace.characters),
        "--settings",
        json.dumps(settings),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ports(process: subprocess.Popen[str], nodes: int) -> list[int]:
    """Where the nodes of a process can be asked, once they can. Raises SwarmError."""
    assert process.stdout
    lines = [json.loads(process.stdout.readline() or "null") for _ in range(nodes)]
    if None in lines:
        raise SwarmError("A node for measuring did not start.")
    return [line["port"] for line in lines]
