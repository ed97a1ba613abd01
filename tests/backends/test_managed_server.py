"""llama.cpp's own server as our child: it answers, comes back when it is killed, and never outlives us."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from local_swarm.backends.base import Seat
from local_swarm.backends.openai_compatible.managed_server import REAPER, ManagedLlamaServer, arguments
from local_swarm.backends.process.messages import Load
from local_swarm.errors import BadModelFile, SwarmError
from local_swarm.models import starter
from local_swarm.types import Candidate, Message, Prompt, Sampling
from tests.backends.engines import server_program

PROGRAM = server_program()
needs_server = pytest.mark.skipif(PROGRAM is None, reason="there is no llama-server: scripts/build_llama_server.py")
LOAD = Load(str(starter.PATH), context=2048, answer_tokens=256, cells=4096, sequences=8, threads=1, workers=3)
PROMPT = Prompt(
    (Message("user", "Write a Python function solve(numbers) that returns the sum of the even numbers."),),
    sampling=Sampling(max_tokens=60),
)
SEATS = [Seat("w1", 0.0, 1), Seat("w2", 0.8, 2), Seat("w3", 0.8, 3)]


def test_attention_is_fused_on_graphics_cards_alone() -> None:
    """Fused, a processor takes twice as long for eight answers; a cache of fewer bits cannot be read in another way."""
    plain = arguments(replace(LOAD, gpu_layers=0), 1, "m")
    assert plain[plain.index("-fa") + 1] == "off"
    assert "-fa" not in arguments(LOAD, 1, "m") and "-fa" not in arguments(
        replace(LOAD, gpu_layers=0, kv_type="q8_0"), 1, "m"
    )


@pytest.fixture
async def server() -> AsyncIterator[ManagedLlamaServer]:
    assert PROGRAM
    made = ManagedLlamaServer(PROGRAM, LOAD, "starter")
    await made.start()
    yield made
    await made.close()


async def candidates(server: ManagedLlamaServer) -> list[Candidate]:
    return [event async for event in server.generate(PROMPT, SEATS) if isinstance(event, Candidate)]


@pytest.mark.anyio
@needs_server
async def test_it_answers_as_often_as_it_is_asked(server: ManagedLlamaServer) -> None:
    found = await candidates(server)
    assert sorted(one.voter for one in found) == ["w1", "w2", "w3"]
    assert all("def solve" in one.text for one in found) and server.facts and server.facts.model == "starter"
    assert server.server.key and server.server.key not in " ".join(psutil.Process(server.pid).cmdline())


@pytest.mark.anyio
@needs_server
async def test_a_killed_server_comes_back(server: ManagedLlamaServer) -> None:
    victim = psutil.Process(server.pid)
    victim.kill()
    victim.wait(5)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            found = await candidates(server)
        except SwarmError:
            await server.ready(1.0)
            continue
        assert len(found) == 3
        assert psutil.Process(server.pid).name() == "llama-server"  # the one that runs now
        return
    pytest.fail("it did not come back")


@pytest.mark.anyio
@needs_server
async def test_a_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    assert PROGRAM
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(starter.PATH.read_bytes()[:20_000])
    made = ManagedLlamaServer(PROGRAM, Load(str(damaged), 2048, 256, 4096, 8, 1), "damaged")
    with pytest.raises(BadModelFile, match="llama-server cannot load damaged"):
        await made.start()
    await made.close()


def test_a_program_ends_with_whoever_started_it() -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    guard = subprocess.Popen([sys.executable, "-m", REAPER, ".", *sleeper], stdin=subprocess.PIPE, env={**os.environ})
    until = time.monotonic() + 20
    while not (children := psutil.Process(guard.pid).children()) and time.monotonic() < until:
        time.sleep(0.02)
    assert guard.stdin and children
    guard.stdin.close()  # as happens when the daemon is killed
    assert psutil.wait_procs(children, timeout=10)[1] == []
    guard.wait(10)
