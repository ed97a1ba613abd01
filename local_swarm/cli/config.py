"""The `config` commands: settings in, where each of them comes from out."""

from __future__ import annotations

from local_swarm import config
from local_swarm.cli.console import out, print_json
from local_swarm.cli.options import FileOption, JsonOption


def show_settings(file: FileOption = None, json_wanted: JsonOption = False) -> None:
    """Print every setting with its value and where it comes from."""
    from local_swarm.cli.tables import settings_table

    config.load(file)  # raises for a mistake in them
    found = config.settings(file)
    if json_wanted:
        print_json({one.key: {"value": one.value, "origin": one.origin} for one in found})
    else:
        out.print(settings_table(found))
