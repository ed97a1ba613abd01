"""Sets up what this machine needs, once, then runs Local Swarm: `python main.py --help`.

Kept to syntax that any Python 3 reads, so that an old one gets a sentence and no traceback.
"""

import os
import subprocess
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "Local Swarm needs Python 3.11 or newer; this is %d.%d. See https://www.python.org/downloads/"
        % sys.version_info[:2]
    )

from pathlib import Path

from local_swarm.environment.install import Environment, SetupOptions, ensure
from local_swarm.errors import SwarmError
from local_swarm.terminal import printable

ROOT = Path(__file__).resolve().parent


def main() -> int:
    setting_up = sys.argv[1:2] == ["setup"]
    try:
        environment = ensure(ROOT, SetupOptions(minimal="--minimal" in sys.argv, keep=not setting_up))
    except SwarmError as problem:
        print(f"error: {printable(problem.message)}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        return 130
    return hand_over(environment)


def hand_over(environment: Environment) -> int:
    """Run the program in the environment: in this process if it is that one already, in its place where that can be done."""
    if environment.active:
        from local_swarm.cli.main import run

        run()
        return 0
    command = [str(environment.python), str(ROOT / "main.py"), *sys.argv[1:]]
    if os.name == "posix":
        os.execv(command[0], command)
    while True:
        try:
            return subprocess.call(command)
        except KeyboardInterrupt:  # it got it as well and ends by itself
            continue


if __name__ == "__main__":
    sys.exit(main())
