"""Real engines of different kinds in one swarm: they vote together, and one that is lost leaves the others their vote."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
pytest.importorskip("mlx_lm", reason="mlx-lm is not installed; on Linux it is mlx-lm[cpu]")

from local_swarm.backends.process.backend import ProcessBackend
from local_swarm.config import Config, load
from local_swarm.launch import make_launch
from local_swarm.node import Node, assemble, run_node
from local_swarm.types import Candidate, Election, Message, Prompt
from tests.backends.engines import llama_server, own_daemon, starter_folder

pytestmark = pytest.mark.anyio

PROMPT = Prompt(
    (Message("user", "Write a Python function solve(numbers) that returns the sum of the even numbers."),), early=False
)
BOUND_S = 60.0


def configured(folder: Path, members: str, fallback: str = "") -> Config:
    file = folder / "roster.yaml"
    file.write_text(f"members:\n{members}\n{fallback}", encoding="utf-8")
    return load(None, {"swarm.roster": str(file), "models.model": "starter"}, environment={})


async def vote(node: Node) -> tuple[Election, list[str]]:
    async with asyncio.timeout(BOUND_S), aclosing(node.voice.answer(PROMPT)) as events:
        heard = [event async for event in events]
    assert isinstance(heard[-1], Election)
    return heard[-1], [event.voter for event in heard if isinstance(event, Candidate)]


async def test_three_engines_vote_together_and_outlive_one_of_them(tmp_path: Path) -> None:
    folder = starter_folder(tmp_path)
    async with own_daemon(tmp_path) as server:
        url = server.server.url  # type: ignore[attr-defined]
        config = configured(
            tmp_path,
            f"""
  - {{name: gguf, model: local-swarm-starter, workers: 2}}
  - {{name: mlx, engine: mlx, model: {json.dumps(str(folder))}, workers: 2, context: 2048, weight: 0.7}}
  - {{name: server, url: {url!r}, workers: 2}}
""",
        )
        async with run_node(config, serve=False) as node:
            election, voters = await vote(node)
            assert sorted(voters) == ["gguf-1", "gguf-2", "mlx-1", "mlx-2", "server-1", "server-2"]
            assert "def solve" in election.elected.text
            assert {one.weight for one in election.candidates if one.voter.startswith("mlx")} == {0.7}
            mlx = next(
                backend
                for backend in node.backends
                if isinstance(backend, ProcessBackend) and backend.about.engine == "mlx"
            )
            assert mlx.facts and mlx.facts.note and mlx.pid
            os.kill(mlx.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
            election, voters = await vote(node)
            assert {"gguf-1", "server-1"} <= set(voters)


async def test_a_server_that_is_not_there_is_said_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = configured(
        tmp_path,
        """
  - {name: gguf, model: local-swarm-starter, workers: 2}
  - {name: server, url: "http://127.0.0.1:9/v1"}
""",
    )
    async with run_node(config, serve=False) as node:
        _, voters = await vote(node)
    assert sorted(voters) == ["gguf-1", "gguf-2"]
    assert "go on without it" in caplog.text


async def test_the_chain_asks_a_real_server_when_the_swarm_doubts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    async with llama_server(tmp_path) as server:
        url = server.server.url  # type: ignore[attr-defined]
        config = configured(
            tmp_path,
            "  - {model: local-swarm-starter, workers: 2}",
            f"""
fallback:
  escalate_below: 2.0
  providers:
    - {{name: here, swarm: true}}
    - {{name: big, url: {url!r}, priority: 1, tokens_per_day: 100000}}
""",
        )
        async with run_node(config, serve=False) as node:
            election, _ = await vote(node)
        assert election.provider == "big" and election.tried[0][0] == "here"
        assert json.loads((tmp_path / "spending.json").read_text())["big"]["tokens_today"] > 0


def test_nothing_is_loaded_while_parts_are_put_in_their_places(tmp_path: Path) -> None:
    config = configured(
        tmp_path, "  - {model: local-swarm-starter, workers: 2}\n  - {model: local-swarm-starter, workers: 1}"
    )
    node = assemble(make_launch(config))
    assert [worker.name for worker in node.swarm.workers] == ["m1-1", "m1-2", "m2-1"]
    assert {backend.state for backend in node.crew.backends} == {"starting"} and node.crew.plan.workers == 3
