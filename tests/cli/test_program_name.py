"""Messages tell commands that work as they stand: the program goes by the name that it was started by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_swarm.errors import ExtraMissing
from local_swarm.paths import SET_UP, extra_command, name_of_start, program_name

ROOT = Path(__file__).parent.parent.parent
MODULE = ("-m", "local_swarm")


def started_as(file: str) -> tuple[str, ...]:
    """What Python runs when this file starts the program."""
    return ("-c", f"import sys; sys.argv[0] = {file!r}; from local_swarm.cli.main import run; run()")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (MODULE, "python -m local_swarm"),
        (started_as("/somewhere/main.py"), "python main.py"),
        (started_as("/somewhere/bin/local-swarm"), "local-swarm"),
    ],
)
def test_each_way_to_start_it_has_its_own_name(words: tuple[str, ...], name: str, tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        environment = {**os.environ, "LOCAL_SWARM_HOME": str(tmp_path), "LOCAL_SWARM_SERVER_PORT": "1"}
        command = [sys.executable, *words, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout + done.stderr

    assert f"Usage: {name} [COMMAND]" in said("--help")
    assert f"Usage: {name} plan [OPTIONS]" in said("plan", "--help")
    assert f"All names: {name} models" in said("plan", "--model", "zzz")
    assert f"Start one: {name} --port 1\n" in said("key", "--page")


@pytest.mark.parametrize(
    ("program", "in_checkout", "name"),
    [
        ("main.py", True, "python main.py"),
        ("/lib/local_swarm/__main__.py", False, "python -m local_swarm"),
        (r"local-swarm.exe", False, "local-swarm"),
        ("local-swarm-script.py", False, "local-swarm"),
        ("/lib/pytest/__main__.py", True, "python main.py"),
        ("notebook.py", False, "local-swarm"),
        ("", False, "local-swarm"),
    ],
)
def test_the_name_is_found_by_the_file_that_runs(program: str, in_checkout: bool, name: str) -> None:
    assert name_of_start(Path(program), ROOT if in_checkout else None) == name


def test_what_plain_set_up_brings_is_had_by_setting_up_and_the_rest_by_the_environments_own_pip() -> None:
    assert {extra_command(extra) for extra in SET_UP} == {f"{program_name()} setup"}
    assert extra_command("mlx").endswith('-m pip install -e ".[mlx]"')


def test_an_error_names_the_extra_that_is_missing_and_what_installs_it() -> None:
    problem = ExtraMissing("bench", "There is no gguf")
    assert problem.exit_code == 1 and "'bench'" in problem.message and extra_command("bench") in problem.message


def test_shells_complete_the_installed_program_however_it_is_asked() -> None:
    command = [sys.executable, *started_as("main.py"), "--show-completion", "bash"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout.rstrip().endswith(" local-swarm"), done.stderr
