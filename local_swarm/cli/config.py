"""The `config` commands: settings in, where each of them comes from out; and the JSON schemas of the files."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from local_swarm import config, roster
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


class SettingsFile(StrEnum):
    config = "config"
    roster = "roster"


def print_schema(
    what: Annotated[SettingsFile, typer.Argument(help="Which file: config.yaml or a roster.")] = SettingsFile.config,
) -> None:
    """Print the JSON schema of config.yaml or of a roster, for editors."""
    schema = roster.roster_schema() if what is SettingsFile.roster else config.config_schema()
    print(json.dumps(schema, indent=2, ensure_ascii=False))
