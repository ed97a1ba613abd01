"""Sets up the development environment, then runs every check; with arguments, pytest alone with those."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from local_swarm.environment.install import SetupOptions, ensure
from local_swarm.errors import SwarmError

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pytest",),
)


def main() -> int:
    try:
        environment = ensure(ROOT, SetupOptions(dev=True, keep=False))
    except SwarmError as problem:
        print(f"error: {problem.message}", file=sys.stderr)
        return problem.exit_code
    checks = [("pytest", *sys.argv[1:])] if sys.argv[1:] else CHECKS
    for check in checks:
        print("$", " ".join(check), flush=True)
        code = subprocess.call([str(environment.python), "-m", *check], cwd=ROOT)
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
