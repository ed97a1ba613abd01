"""The program as people and scripts meet it: one screen of help, completion, pipes and consoles of all kinds."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from local_swarm.cli.app import command_among
from local_swarm.cli.console import accept_every_character
from local_swarm.cli.main import app
from local_swarm.config import keys
from tests.test_main_job import program

ROOT = Path(__file__).parent.parent.parent
PROGRAM = "import sys; sys.argv[0] = 'local-swarm'; from local_swarm.cli.main import run; run()"


def test_help_fits_one_screen_and_names_every_command(tmp_path: Path) -> None:
    done = program("--help", home=tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) <= 24 and max(map(len, lines)) <= 80
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {line.split()[0] for line in lines[3:]} == set(commands)
    assert not any(line.endswith("...") for line in lines)


def test_help_waits_for_nothing_that_takes_long_to_import(tmp_path: Path) -> None:
    slow = {
        "fastapi",
        "pydantic",
        "numpy",
        "aiohttp",
        "jinja2",
        "jsonschema",
        "mcp",
        "zeroconf",
        "uvicorn",
        "cryptography",
    }
    watch = f"import atexit, sys; atexit.register(lambda: print(sorted({slow!r} & set(sys.modules)))); {PROGRAM}"
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", watch, "--help"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))  # type: ignore[attr-defined]
def test_every_command_explains_itself_and_its_options(command: str) -> None:
    made = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    for one in [made, *getattr(made, "commands", {}).values()]:
        assert one.help and one.help.strip().split("\n")[0].endswith(".")
        assert all(option.help for option in one.params if option.name != "help"), one.name


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("local-swarm st", ["start", "status"]),
        ("local-swarm bench e", ["engine"]),
        ("local-swarm ask --st", ["--starter", "--strategy"]),
    ],
)
def test_a_shell_can_complete_what_is_typed(words: str, expected: list[str]) -> None:
    asked = {"_LOCAL_SWARM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == expected


def test_piped_output_has_no_colours_and_a_reader_may_leave_early(tmp_path: Path) -> None:
    done = program("detect", home=tmp_path, TERM="xterm-256color")
    assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr
    command = [sys.executable, "-m", "local_swarm", "models", "--all", "--json"]
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        said = process.stderr.read()
        process.wait(30)
    assert b"Traceback" not in said


@pytest.mark.parametrize("encoding", ["cp437", "ascii"])
def test_no_character_is_too_strange_for_a_pipe(tmp_path: Path, encoding: str) -> None:
    line = {"id": "ü→水", "prompt": "Größe?", "candidates": [{"text": "→ 水"}]}
    path = tmp_path / "votes.jsonl"
    path.write_text(json.dumps(line), encoding="utf-8")
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(tmp_path), "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-m", "local_swarm", "vote", str(path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and json.loads(done.stdout.decode("utf-8"))["id"] == "ü→水"


def test_a_console_that_lacks_a_character_shows_another_one() -> None:
    class Console(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    inside = io.BytesIO()
    console = Console(inside, encoding="cp1252")
    accept_every_character(console)
    console.write("votes → 水")
    console.flush()
    assert inside.getvalue() == b"votes ? ?"


@pytest.mark.parametrize(
    ("args", "place"),
    [
        (["--config", "x", "plan"], 2),
        (["--starter", "status"], 1),
        (["--model", "ask"], None),
        (["--port", "8", "ask", "plan"], 2),
        (["--config=x", "plan"], 1),
    ],
)
def test_a_command_that_comes_after_options_is_found_but_not_among_their_values(
    args: list[str], place: int | None
) -> None:
    group: Any = typer.main.get_command(app)
    assert command_among(args, group.commands) == place


def test_every_option_is_a_setting_but_for_those_that_the_readme_names() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    named = re.search(r"The exceptions are ([^.]*)\.", readme)
    assert named
    excepted = set(re.findall(r"`(--[a-z-]+)`", named[1]))
    others = {"--federation": "enabled", "--peer": "peers"}
    start = typer.main.get_command(app).commands["start"]  # type: ignore[attr-defined]
    options = {one.opts[0] for one in start.params if one.opts[0].startswith("--") and one.name != "help"}
    words = {key.rpartition(".")[2].replace("_", "-") for key in keys()}
    unset = {one for one in options if others.get(one, one.removeprefix("--")) not in words}
    assert unset == excepted
