"""The `bench` commands stand in the core, what they run does not: it is found where it is, and only when it is wanted."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_swarm.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PACKAGE = "local_swarm_benchmarks"
BENCHES = [words.removeprefix("bench ") for words in COMMANDS if words.startswith("bench ")]


def run(script: str, *words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """The program, after a script that changes what it finds."""
    program = f"import sys\n{script}\nfrom local_swarm.cli.main import run\nrun()"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        env={**environment, "LOCAL_SWARM_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_only_the_module_of_these_commands_imports_benchmarks() -> None:
    users = set()
    for path in (ROOT / "local_swarm").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name and name.split(".")[0] == PACKAGE for name in names):
                users.add(path.relative_to(ROOT).as_posix())
    assert users == {"local_swarm/cli/bench.py"}


def test_the_help_lists_them_all_and_imports_none(tmp_path: Path) -> None:
    watch = (
        f"import atexit; atexit.register(lambda: print([name for name in sys.modules if name.startswith({PACKAGE!r})]))"
    )
    done = run(watch, "bench", "--help", home=tmp_path)
    assert done.returncode == 0 and done.stdout.endswith("[]\n"), done.stderr
    assert all(f"\n  {name} " in done.stdout for name in BENCHES)


@pytest.mark.parametrize("name", BENCHES)
def test_each_explains_itself_whatever_is_missing(name: str, tmp_path: Path) -> None:
    done = run("sys.modules['gguf'] = sys.modules['llama_cpp'] = None", "bench", name, "--help", home=tmp_path)
    assert done.returncode == 0 and "--json" in done.stdout, done.stderr


@pytest.mark.parametrize("package", ["gguf", "llama_cpp"])
def test_where_a_package_is_missing_it_names_the_extra_that_brings_it(package: str, tmp_path: Path) -> None:
    done = run(f"sys.modules[{package!r}] = None", "bench", "engine", "--quick", home=tmp_path)
    assert done.returncode == 1 and package in done.stderr and "'bench'" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "bench").exists()


def test_in_a_checkout_they_and_their_children_are_found_without_being_installed(tmp_path: Path) -> None:
    """As where the environment was made before there were any: nothing on the path leads to them."""
    hide = (
        "sys.meta_path[:] = [one for one in sys.meta_path if not getattr(one, '__name__', '').startswith('_Editable')]"
    )
    done = run(hide, "bench", "api", "--requests", "64", "--json", home=tmp_path)
    assert done.returncode == 0 and "overhead_ms_median" in done.stdout, done.stderr
