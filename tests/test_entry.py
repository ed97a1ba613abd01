"""The first thing that people type: with old Pythons, with none of the packages, and with more than one Python."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local_swarm.entry import asks_for_words, help_before_set_up
from local_swarm.environment.install import Environment
from local_swarm.errors import SetupFailed, machine_fault
from local_swarm.python_version import is_new_enough, too_old

ROOT = Path(__file__).parent.parent
READ_FIRST = (
    "main.py",
    "local_swarm/__init__.py",
    "local_swarm/__main__.py",
    "local_swarm/python_version.py",
    *(f"scripts/{name}.py" for name in ("test", "lint", "format", "build")),
)
# Version managers keep them side by side, in folders of their versions' names.
OLD = sorted(
    str(folder / "bin" / "python")
    for folder in Path(sys.base_prefix).parent.iterdir()
    if re.match(r"(2\.7|3\.\d|3\.10)\.", folder.name) and (folder / "bin" / "python").exists()
)
DOORS = ("main.py", "-m local_swarm", "scripts/test.py")


def said_by(python: str, *words: str, folder: Path = ROOT) -> str:
    done = subprocess.run(
        [python, *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    return done.stdout + done.stderr


def newer_than_python_2(tree: ast.Module) -> list[str]:
    """What Python 2.7 cannot read, of what people write without thinking."""
    kinds = (ast.JoinedStr, ast.AnnAssign, ast.AsyncFunctionDef, ast.Await, ast.NamedExpr, ast.Nonlocal, ast.Starred)
    found = [type(node).__name__ for node in ast.walk(tree) if isinstance(node, kinds)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            signature = [*node.args.args, *node.args.kwonlyargs]
            found += ["annotation"] * (node.returns is not None or any(one.annotation for one in signature))
            found += ["keyword-only"] * bool(node.args.kwonlyargs or node.args.posonlyargs)
        found += ["future"] * (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        found += ["raise from"] * (isinstance(node, ast.Raise) and node.cause is not None)
    return found


@pytest.mark.parametrize("name", READ_FIRST)
def test_old_pythons_can_read_what_is_read_first(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert newer_than_python_2(ast.parse(text, feature_version=(3, 4))) == [] and text.isascii()
    assert newer_than_python_2(ast.parse("def f(x: int) -> None:\n    print(f'{x}')")) == ["JoinedStr", "annotation"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("python", OLD)
def test_an_old_python_is_told_which_is_needed_and_which_it_is(python: str, door: str) -> None:
    version = said_by(python, "-c", "import sys; sys.stdout.write('%d.%d.%d' % sys.version_info[:3])")
    said = said_by(python, *door.split())
    assert (
        said.startswith(f"error: Local Swarm needs Python 3.11 or newer; this is {version} (")
        and "Traceback" not in said
    )


def test_an_old_python_is_told_how_to_get_a_new_one() -> None:
    assert too_old("2.7.18", "python3.12").endswith("This machine has one: type python3.12 instead.")
    assert too_old("2.7.18", None).endswith("Get one: https://www.python.org/downloads/")
    assert is_new_enough(sys.executable) and not is_new_enough("python-that-is-not-there")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout that was never set up."""
    root = tmp_path / "田中 太郎 [a]" / "local swarm"
    shutil.copytree(ROOT / "local_swarm", root / "local_swarm", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__", "starter"))
    for name in ("main.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    return root


@pytest.mark.parametrize("words", ["main.py --help", "-m local_swarm --version", "-m local_swarm ask --help"])
def test_before_it_is_set_up_help_comes_at_once_and_installs_nothing(words: str, copy: Path) -> None:
    assert said_by(sys.executable, "-S", *words.split(), folder=copy).startswith("Local Swarm ")
    assert not (copy / ".venv").exists()


def test_after_a_set_up_that_was_stopped_help_still_comes_at_once(copy: Path) -> None:
    environment = Environment(copy)
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    environment.write_stamp("incomplete", ["llamacpp"], None)
    assert said_by(sys.executable, "-S", "main.py", "--help", folder=copy).startswith("Local Swarm ")
    environment.write_stamp("finished", ["llamacpp"], "cpu")
    assert environment.was_set_up()


@pytest.mark.parametrize("script", ["test", "lint", "format", "build"])
def test_scripts_tell_what_they_do_before_anything_is_installed(script: str, copy: Path) -> None:
    said = said_by(sys.executable, "-S", f"scripts/{script}.py", "--help", folder=copy)
    assert f"python scripts/{script}.py" in said and not (copy / ".venv").exists()


def test_where_an_environment_is_the_module_hands_over_to_it_with_all_its_words(copy: Path) -> None:
    said = "import os, sys; print(sys.argv[1:], os.environ.get('PYTHONHOME'))"
    python = copy / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -c "{said}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    script = (
        "from pathlib import Path; from local_swarm.environment.install import Environment; e = Environment(Path('.'));"
        "e.write_stamp(e.fingerprint(), ['llamacpp'], 'cpu')"
    )
    said_by(sys.executable, "-S", "-c", script, folder=copy)
    environment = {**os.environ, "PYTHONHOME": sys.base_prefix}
    for door in (["-m", "local_swarm"], [str(copy / "main.py")]):
        done = subprocess.run(
            [sys.executable, "-S", *door, "ask", "a b"],
            cwd=copy, env=environment, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.stdout == f"{[*door, 'ask', 'a b']} None\n", done.stderr


def test_help_is_asked_for_by_its_options_alone() -> None:
    assert asks_for_words(["ask", "--help"]) and asks_for_words(["--version"]) and not asks_for_words(["ask", "help"])
    assert "setup" in help_before_set_up() and len(help_before_set_up().splitlines()) < 15


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (28, "Free some space"),
        (30, "LOCAL_SWARM_HOME"),
        (13, "Give yourself the right"),
        (24, "ulimit"),
        (20, "A file lies"),
    ],
)
def test_what_the_machine_refuses_is_a_sentence_with_a_remedy(number: int, words: str) -> None:
    said = machine_fault(OSError(number, os.strerror(number), "/the/place"))
    assert said.startswith("/the/place cannot be used: ") and words in said
    assert machine_fault(OSError("odd")) == "odd." and machine_fault(OSError()) == "OSError."
    assert SetupFailed(said).exit_code == 1
