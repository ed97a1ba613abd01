"""The `setup` command: a checkout in, an environment that can run it out."""

from __future__ import annotations

from local_swarm.cli.console import err
from local_swarm.cli.options import MinimalOption, YesOption
from local_swarm.commands import program_name
from local_swarm.errors import UsageError
from local_swarm.paths import checkout


def setup(minimal: MinimalOption = False, _yes: YesOption = False) -> None:
    """Install what this machine needs into .venv, and stop."""
    from local_swarm.environment.install import SetupOptions, ensure

    root = checkout()
    if root is None:
        raise UsageError(
            "This copy was installed by pip, which has set it up already. In a checkout: python main.py setup"
        )
    environment = ensure(root, SetupOptions(minimal=minimal, keep=False))
    err.print(f"Local Swarm is set up in {environment.folder}. Start it: {program_name()}")
