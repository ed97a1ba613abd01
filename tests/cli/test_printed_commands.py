"""Every command that is printed works where it is pasted: it exists, is about the swarm that printed it, and is unbroken."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from local_swarm.backends.openai_compatible.managed_server import free_port
from local_swarm.cli.main import app
from local_swarm.commands import command, options_of_start, quote_word
from tests.test_daemon import serving

ROOT = Path(__file__).parent.parent.parent
NAME = "python -m local_swarm"
VALUES = {"HOST:PORT": "127.0.0.1:8766", "CODE": "1-a-b-c"}


@dataclass(frozen=True)
class Running:
    home: Path
    port: int
    said: str  # until it said how to stop


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """In a narrow window, where whatever can be broken is."""
    home, port = tmp_path_factory.mktemp("home"), free_port()
    own = ["--starter", "--instances", "1", "--federation", "--port", str(port)]
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(home), "COLUMNS": "40", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "local_swarm", *own],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stderr
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        yield Running(home, port, "".join(lines))
        process.terminate()
        process.stderr.read()


def run(home: Path, *words: str, **variables: str) -> str:
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(home), "COLUMNS": "40", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "local_swarm", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout + done.stderr


def commands_in(said: str) -> list[list[str]]:
    """The words of each command that a text tells, which always ends its sentence or its line."""
    found = re.findall(rf"{NAME}((?: [^\s,;&(]\S*| \"[^\"\n]*\")*)", said)
    return [shlex.split(one.rstrip(".`")) for one in found]


def check(words: list[str], port: int) -> None:
    """Whether the program itself would take these words, and whom they are about."""
    words = [VALUES.get(word, word) for word in words]
    group = typer.main.get_command(app)
    first = words[0] if words and not words[0].startswith("-") else "start"
    made = group.commands[first]  # type: ignore[attr-defined]
    given = words[1:] if words and words[0] == first else words
    context = made.make_context(first, list(given), resilient_parsing=False)
    if "port" in context.params:
        assert context.params["port"] == port, words


def test_the_frame_of_a_start_tells_whole_commands_for_its_own_port(daemon: Running) -> None:
    found = commands_in(daemon.said)
    assert {words[0] for words in found} >= {"ask", "status", "opencode", "mcp", "key", "download"}
    for words in found:
        check(words, daemon.port)
    lines = [line for line in daemon.said.splitlines() if NAME in line]
    assert not any("│" in line for line in lines) and "Ctrl-C" in daemon.said


@pytest.mark.parametrize(
    "words",
    [("invite",), ("peers",), ("doctor",), ("status", "--once"), ("join", "1-no-such-code")],
    ids=lambda words: words[0],
)
def test_what_a_running_swarm_says_is_about_itself(daemon: Running, words: tuple[str, ...]) -> None:
    said = run(daemon.home, *words, "--port", str(daemon.port))
    for found in commands_in(said):
        if found[0] != "join" or words[0] != "invite":  # that one is for the other machine
            check(found, daemon.port)
    assert "│" not in said


def test_a_swarm_on_another_port_is_named_and_no_other_one_loaded(daemon: Running, tmp_path: Path) -> None:
    for words in (("ask", "hello"), ("status",), ("peers",), ("opencode", "--write")):
        said = run(daemon.home, *words, "--port", "9")
        assert f"--port {daemon.port}" in said and "started for" not in said, words
    assert not list(tmp_path.rglob("opencode.json*"))


def test_nothing_is_written_for_a_swarm_that_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "opencode.json"
    said = run(tmp_path, "opencode", "--into", str(path), "--port", "9")
    assert "Nothing was written" in said and not path.exists()
    assert said.rstrip().endswith(f"Start one: {NAME} --port 9")
    run(tmp_path, "opencode", "--into", str(path), "--port", "9", "--anyway")
    assert "http://127.0.0.1:9/v1" in path.read_text(encoding="utf-8")


def test_settings_for_assistants_start_what_asks_the_same_swarm(tmp_path: Path) -> None:
    said = run(tmp_path, "mcp", "--setup", "--port", "18123", "--host", "::1")
    assert said.count("18123") == said.count("::1") > 3


@pytest.mark.parametrize(
    ("words", "variables", "port", "expected"),
    [
        ([], {}, None, {}),
        (["--port", "18510"], {}, None, {"port": "18510"}),
        (["start", "--port=18510"], {}, None, {"port": "18510"}),
        ([], {"LOCAL_SWARM_SERVER_PORT": "9001"}, None, {"port": "9001"}),
        (["--port", "1"], {"LOCAL_SWARM_SERVER_PORT": "9001"}, None, {"port": "1"}),
        (["--port", "0"], {}, 40123, {"port": "40123"}),
        ([], {}, 8000, {}),
        (["--port", "8000"], {}, 8000, {"port": "8000"}),
        ([], {}, 8001, {"port": "8001"}),
        (["--host", "0.0.0.0"], {}, None, {}),
        (["--host", "192.168.1.5"], {}, None, {"host": "192.168.1.5"}),
        (["--config", "/a/my file.yaml"], {}, None, {"config": "/a/my file.yaml"}),
        (["--port"], {}, None, {}),
    ],
)
def test_a_command_repeats_what_another_terminal_does_not_know(
    words: list[str], variables: dict[str, str], port: int | None, expected: dict[str, str]
) -> None:
    assert options_of_start(words, variables, port) == expected


@pytest.mark.parametrize(
    "text", ["plain", "two words", "", "it's", 'a "b"', "$HOME `x`", "a\\b", "!x", "ü→", "a;b|c&d"]
)
def test_a_quoted_word_is_one_word_of_a_shell(text: str) -> None:
    assert shlex.split(quote_word(text, windows=False)) == [text]


def test_windows_gets_double_quotes_and_paths_as_they_are() -> None:
    assert quote_word(r"C:\Users\me\a.yaml", windows=True) == r"C:\Users\me\a.yaml"
    assert quote_word(r"C:\My Files\a.yaml", windows=True) == '"C:\\My Files\\a.yaml"'


def test_commands_about_no_swarm_carry_no_port() -> None:
    assert command("download", "a:b", port=9).endswith("download a:b")
    assert command("ask", "a b", port=9).endswith('ask "a b" --port 9')


def test_an_answer_of_the_port_is_waited_for_while_it_starts(tmp_path: Path) -> None:
    with serving({"/health": (503, {"status": "starting", "workers": {}})}) as (daemon, _):
        assert daemon.state() == "starting" and daemon.runs()
