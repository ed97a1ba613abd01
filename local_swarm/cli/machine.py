"""The `detect` command, and this machine or another one for commands that plan: a file or nothing in, hardware out."""

from __future__ import annotations

import json
from pathlib import Path

from local_swarm.cli.console import err, out, print_json
from local_swarm.cli.options import JsonOption
from local_swarm.commands import command
from local_swarm.errors import UsageError
from local_swarm.hardware import detector
from local_swarm.hardware.profile import Hardware, hardware_from


def detect(json_wanted: JsonOption = False) -> None:
    """Show this machine's processor, memory and graphics."""
    from local_swarm.cli.tables import hardware_table

    hardware = this_machine()
    if json_wanted:
        print_json(hardware.as_json())
    else:
        out.print(hardware_table(hardware))


def this_machine() -> Hardware:
    """It takes up to two seconds, so something is shown meanwhile."""
    with err.status("Looking at this machine ..."):
        return detector.detect()


def other_machine(path: Path) -> Hardware:
    """The machine of which `detect --json` has written a file. Raises UsageError."""
    try:
        return hardware_from(json.loads(path.read_text(encoding="utf-8")))
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror or problem}.") from problem
    except ValueError as problem:
        raise UsageError(f"{path} is no JSON: {problem}. Make it with: {command('detect', '--json')}") from problem
