"""Every command in the documents, run for real against a swarm of the starter model, but for those that say here why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from local_swarm.cli.main import app
from tests.test_docs import DOCUMENTS, program_calls, text_of
from tests.test_main_job import Daemon, daemon_of, program

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

ELSEWHERE = {
    "start": "starts a daemon: tests/test_main_job.py does so in all ways",
    "setup": "makes an environment: tests/environment",
    "download": "fetches from a hub: tests/models/test_downloader.py",
    "join": "takes another machine: tests/network",
    "forget": "takes another machine: tests/network",
    "bench": "takes minutes: tests/bench",
    "vote": "takes a file of the reader's own: tests/cli/test_vote.py",
    "models": "`models add` takes a file of the reader's own; `models` alone is run",
}
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def documented() -> list[tuple[str, ...]]:
    calls = (tuple(call) for document in DOCUMENTS for call in program_calls(text_of(document)))
    return sorted({call for call in calls if call and not call[0].startswith("-") and runs_here(call)})


def runs_here(call: tuple[str, ...]) -> bool:
    return call[0] not in ELSEWHERE or call == ("models",)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon_of(tmp_path_factory.mktemp("home"), "--instances", "2") as made:
        yield made


@pytest.mark.parametrize("call", documented(), ids=" ".join)
def test_a_documented_command_does_what_it_is_there_for(daemon: Daemon, tmp_path: Path, call: tuple[str, ...]) -> None:
    words = [str(tmp_path / word) if word.endswith(".json") else word for word in call]
    if "FILE" in words:  # another machine, as it describes itself
        machine = tmp_path / "machine.json"
        machine.write_text(program("detect", "--json", home=daemon.home).stdout, encoding="utf-8")
        words = [str(machine) if word == "FILE" else word for word in words]
    known = {option for parameter in COMMANDS[call[0]].params for option in parameter.opts}
    if "--port" in known:
        words = [*(word for word in words if word not in ("--port", "8001")), "--port", str(daemon.port)]
    done = program(*words, home=daemon.home, OPENCODE_CONFIG=str(tmp_path / "opencode.json"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() or "opencode.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_not_run_here_exists() -> None:
    assert set(ELSEWHERE) <= set(COMMANDS)
    assert {"ask", "status", "mcp", "invite", "doctor", "plan"} <= {call[0] for call in documented()}
