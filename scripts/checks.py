"""Programs of the development environment in, the exit code of the first that fails out; and which checks there are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from local_swarm.entry import STOPPED
from local_swarm.environment.install import SetupOptions, ensure
from local_swarm.errors import SwarmError, machine_fault
from local_swarm.terminal import printable

CONSTRAINTS = ROOT / "scripts" / "constraints.txt"
LINT = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
)
FORMAT = (("ruff", "check", "--fix-only", "."), ("ruff", "format", "."))
BUILD = (("build", "--outdir", "dist", "."),)
QUICK = ("pytest", "-m", "not real")
HELP = """\
Usage: python scripts/test.py [--quick] [ARGUMENTS OF PYTEST]

Checks the project: ruff for style, mypy for types, then all tests with pytest.
The first time, it installs the development tools into .venv, which takes minutes.

  python scripts/test.py                  everything; tens of minutes on two cores
  python scripts/test.py --quick          the tests that need no engine, daemon, browser,
                                          sandbox or network namespace; about a minute
  python scripts/test.py tests/voting -x  pytest alone, with these arguments
  python scripts/test.py --quick -k NAME  the quick tests, with these arguments

Style and types alone: python scripts/lint.py
Pytest's own help, once set up: .venv/bin/python -m pytest --help
"""


def commands_for(arguments: Sequence[str]) -> list[tuple[str, ...]]:
    """What `scripts/test.py` runs; its arguments, all but `--quick`, are pytest's own."""
    rest = [word for word in arguments if word != "--quick"]
    if len(rest) < len(arguments):
        return [(*QUICK, *rest)]
    return [("pytest", *rest)] if rest else [*LINT, ("pytest", "--durations=15")]


def asks_for_help(arguments: Sequence[str]) -> bool:
    return "--help" in arguments or "-h" in arguments


def run_tests(arguments: Sequence[str]) -> int:
    if asks_for_help(arguments):
        print(HELP, end="")
        return 0
    return run(commands_for(arguments), keep="--quick" in arguments)


def run_script(said: str | None, commands: Iterable[Sequence[str]]) -> int:
    """A script without arguments of its own. `said`: its help."""
    if asks_for_help(sys.argv[1:]):
        print(said)
        return 0
    return run(commands, keep=True)


def run(commands: Iterable[Sequence[str]], keep: bool = False) -> int:
    """`commands`: modules of the development environment with their arguments. The environment is made first where it must be;
    with `keep` the engine in it is not tried out."""
    try:
        environment = ensure(ROOT, SetupOptions(dev=True, keep=keep, constraints=CONSTRAINTS))
        for command in commands:
            print("$", " ".join(command), flush=True)
            code = subprocess.call([str(environment.python), "-m", *command], cwd=ROOT)
            if code:
                return code
    except SwarmError as problem:
        print(f"error: {printable(problem.message)}", file=sys.stderr)
        return problem.exit_code
    except OSError as problem:
        print(f"error: {printable(machine_fault(problem))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 130
    return 0
