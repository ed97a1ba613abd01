"""A first start in a real terminal: asked once, and running even where nothing can be fetched."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_swarm.backends.openai_compatible.managed_server import free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 40


class Terminal:
    """A program in a terminal: what it showed, and keys for it."""

    def __init__(self, home: Path, *words: str, **variables: str) -> None:
        self.screen, inside = os.openpty()
        environment = {
            **os.environ,
            "LOCAL_SWARM_HOME": str(home),
            "HOME": str(home),
            "COLUMNS": "160",
            "TERM": "xterm",
            **variables,
        }
        command = [sys.executable, "-m", "local_swarm", *words]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=inside, stdout=inside, stderr=inside, close_fds=True
        )
        os.close(inside)
        self.shown = ""

    def until(self, words: str) -> str:
        """Everything shown up to these words."""
        deadline = time.monotonic() + PATIENCE_S
        while words not in self.shown:
            ready, _, _ = select.select([self.screen], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{words!r} did not come: {self.shown}"
            self.shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(self.screen, 65_536).decode("utf-8", "replace"))
        return self.shown

    def type(self, line: str) -> None:
        os.write(self.screen, f"{line}\n".encode())


@contextlib.contextmanager
def terminal(home: Path, *words: str, **variables: str) -> Iterator[Terminal]:
    one = Terminal(home, *words, **variables)
    try:
        yield one
    finally:
        one.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.process.wait(5)
        one.process.kill()
        one.process.wait(5)
        os.close(one.screen)


def test_the_recommended_model_is_offered_and_without_the_hub_the_starter_runs(tmp_path: Path) -> None:
    with terminal(tmp_path, "--port", "0", HF_ENDPOINT=f"http://127.0.0.1:{free_port()}", HF_HUB_OFFLINE="") as one:
        offered = one.until("Number (1-5)")
        assert "Recommended: " in offered and "processor" in offered
        one.type("1")
        one.until("cannot be reached")
        assert "Until then the starter model runs" in one.until("address")
        assert "python -m local_swarm download" in one.shown
    assert not (tmp_path / "config.yaml").exists()


def test_who_chose_the_starter_is_not_asked_again(tmp_path: Path) -> None:
    with terminal(tmp_path, "--port", "0") as one:
        one.until("Number (1-5)")
        one.type("4")
        one.until("address")
    assert "local-swarm-starter" in (tmp_path / "config.yaml").read_text(encoding="utf-8")
    with terminal(tmp_path, "--port", "0") as one:
        assert "How shall the swarm run?" not in one.until("address")


@pytest.mark.parametrize(("words", "variables"), [(("--yes",), {}), ((), {"LOCAL_SWARM_OFFLINE": "1"})])
def test_who_wants_no_questions_gets_none(tmp_path: Path, words: tuple[str, ...], variables: dict[str, str]) -> None:
    with terminal(tmp_path, "--port", "0", *words, **variables) as one:
        assert "How shall the swarm run?" not in one.until("address")


def test_a_menu_answers_keys_that_are_no_numbers_and_can_be_left(tmp_path: Path) -> None:
    with terminal(tmp_path, "--port", "0") as one:
        one.until("Number (1-5)")
        one.type("\x1b[B\x1b[A")
        one.until("Arrow keys do nothing here")
        one.type("q")
        one.until("Nothing was started.")
        assert one.process.wait(20) == 0
    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_for_the_whole_group_ends_it_in_quiet(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "local_swarm", "--starter", "--port", "0"]
    said = tmp_path / "said"
    with said.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "LOCAL_SWARM_HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE_S
        while "address" not in said.read_text() and time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        os.killpg(process.pid, number)
        assert process.wait(20) == 0
    words = said.read_text()
    assert "Stopping" in words and "ended by signal" not in words and "error" not in words
