"""Programs of the development environment in, the exit code of the first that fails out; and which checks there are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from local_swarm.environment.install import SetupOptions, ensure
from local_swarm.errors import SwarmError

CONSTRAINTS = ROOT / "scripts" / "constraints.txt"
LINT = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
)
BUILD = (("build", "--outdir", "dist", "."),)
QUICK = ("pytest", "-m", "not real")


def commands_for(arguments: Sequence[str]) -> list[tuple[str, ...]]:
    """What `scripts/test.py` runs; its arguments, all but `--quick`, are pytest's own."""
    rest = [word for word in arguments if word != "--quick"]
    if len(rest) < len(arguments):
        return [(*QUICK, *rest)]
    return [("pytest", *rest)] if rest else [*LINT, ("pytest", "--durations=15")]


def run(commands: Iterable[Sequence[str]], keep: bool = False) -> int:
    """`commands`: modules of the development environment with their arguments. The environment is made first where it must be;
    with `keep` the engine in it is not tried out."""
    try:
        environment = ensure(ROOT, SetupOptions(dev=True, keep=keep, constraints=CONSTRAINTS))
    except SwarmError as problem:
        print(f"error: {problem.message}", file=sys.stderr)
        return problem.exit_code
    for command in commands:
        print("$", " ".join(command), flush=True)
        code = subprocess.call([str(environment.python), "-m", *command], cwd=ROOT)
        if code:
            return code
    return 0
