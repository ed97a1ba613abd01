"""Messages tell commands that work as they stand: the program goes by the name that it was started by."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local_swarm.commands import SET_UP, asked_by, extra_command, name_of_start, pip_command, program_name
from local_swarm.errors import ExtraMissing

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


@pytest.mark.parametrize("windows", [False, True])
def test_the_command_for_an_extra_survives_any_path(windows: bool) -> None:
    words = [r"C:\a b\python.exe" if windows else "/a b/python", "mlx-lm<0.33,>=0.32"]
    assert pip_command(words[0], words[1:], windows) == f'"{words[0]}" -m pip install "{words[1]}"'


def test_beside_a_checkout_an_extra_is_had_by_what_it_asks_for() -> None:
    declared = [
        'a<2,>=1; extra == "one"',
        'b; sys_platform != "android" and extra == "one"',
        "local-swarm[two]; extra == 'one'",
        "c==3; extra == 'two'",
        "d",
    ]
    assert asked_by("one", declared) == ["a<2,>=1", 'b; sys_platform != "android"', "c==3"]
    assert asked_by("none", declared) == []


def test_nobody_is_told_to_install_the_program_by_its_name_which_is_in_no_index() -> None:
    """Whoever took that name there would be run."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    texts = [
        ROOT / name
        for name in listed.stdout.split("\0")
        if name.endswith((".py", ".md", ".yaml", ".toml", ".txt", ".html", ".sh", ".bat"))
    ]
    by_name = re.compile(
        r"(?:pip|pipx|uvx?|uv pip|uv tool)3? (?:install|run|add) [^\n]*?(?<![\w./-])local[-_]swarm\b(?!/)"
    )
    told = [
        path.name
        for path in texts
        if path.is_file()
        and path != Path(__file__)
        and by_name.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert len(texts) > 300 and told == []
    assert by_name.search("pip install 'local-swarm[mlx]'") and not by_name.search("pip install -e /x/local-swarm")


def test_an_error_names_the_extra_that_is_missing_and_what_installs_it() -> None:
    problem = ExtraMissing("bench", "There is no gguf")
    assert problem.exit_code == 1 and "'bench'" in problem.message and extra_command("bench") in problem.message


def test_shells_complete_the_installed_program_however_it_is_asked() -> None:
    command = [sys.executable, *started_as("main.py"), "--show-completion", "bash"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout.rstrip().endswith(" local-swarm"), done.stderr
