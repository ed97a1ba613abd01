"""A command line in, the program run by a Python that has what it needs out: this one, or that of the checkout's `.venv`.

Needs the standard library alone, since nothing may be installed yet; the rest is imported once it is.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from local_swarm import __version__
from local_swarm.commands import program_name
from local_swarm.environment.install import TAKES_FULL_BYTES, Environment, SetupOptions, ensure
from local_swarm.errors import SwarmError, machine_fault
from local_swarm.paths import checkout
from local_swarm.terminal import printable
from local_swarm.units import memory_size

STOPPED = "\nStopped. The same command goes on from here."


def run_main() -> None:
    """`python main.py`: always in the environment of its checkout."""
    root = Path(__file__).resolve().parent.parent
    sys.exit(run_in_environment(root, [str(root / "main.py")]))


def run_module() -> None:
    """`python -m local_swarm`: as `main.py` does in a checkout, unless pip has installed the program into this Python."""
    root = checkout()
    sys.exit(run_here() if root is None or installed_beside(root) else run_in_environment(root, ["-m", "local_swarm"]))


def installed_beside(root: Path) -> bool:
    """Whether this Python has the program among its packages; what building leaves in a checkout is not that."""
    if Environment(root).active:
        return True
    places = (Path(str(one.locate_file(""))) for one in metadata.distributions(name="local-swarm"))
    return any(place.resolve() != root.resolve() for place in places)


def run_in_environment(root: Path, program: Sequence[str]) -> int:
    """`program`: what Python is to run, without the program's own arguments."""
    if asks_for_words(sys.argv[1:]) and not Environment(root).was_set_up():
        print(help_before_set_up())
        return 0
    setting_up = sys.argv[1:2] == ["setup"]
    try:
        environment = ensure(root, SetupOptions(minimal="--minimal" in sys.argv, keep=not setting_up))
    except SwarmError as problem:
        return report_trouble(problem.message, problem.exit_code)
    except OSError as problem:
        return report_trouble(machine_fault(problem), SwarmError.exit_code)
    except KeyboardInterrupt:
        return report_trouble(STOPPED, 130)
    return run_here() if environment.active and not environment.renewed else hand_over(environment, program)


def asks_for_words(arguments: Sequence[str]) -> bool:
    """Whether nothing but help or the version is wanted, for which nobody should wait."""
    return any(word in ("--help", "-h", "--version") for word in arguments)


def help_before_set_up() -> str:
    return f"""\
Local Swarm {__version__}: a swarm of local language models that vote.

It is not set up here yet. Any command does so first, into the folder .venv:
some minutes, and {memory_size(TAKES_FULL_BYTES)} of disk.

  {program_name()} setup               set up, and stop
  {program_name()} setup --minimal     the same without PyTorch
  {program_name()} --starter           set up, then run the small model that comes with it

After that, {program_name()} --help lists all commands."""


def report_trouble(message: str, code: int) -> int:
    label = "" if message == STOPPED else "error: "
    with contextlib.suppress(OSError):  # nobody reads it
        print(label + printable(message), file=sys.stderr)
    return code


def run_here() -> int:
    from local_swarm.cli.main import run

    run()
    return 0


def hand_over(environment: Environment, program: Sequence[str]) -> int:
    """Run it there, in the place of this process where that can be done."""
    command = [str(environment.python), *program, *sys.argv[1:]]
    if os.name == "posix":
        os.execve(command[0], command, environment.variables())
    with subprocess.Popen(command, env=environment.variables()) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # it got it as well and ends by itself
                continue
