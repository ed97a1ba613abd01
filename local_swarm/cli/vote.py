"""The `vote` command: its words in, lines of JSON out. What takes long to import is imported where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from local_swarm.cli.options import STRATEGIES, FileOption


def vote(
    path: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="A line of JSON for each vote.")],
    strategy: Annotated[str, typer.Option(help=f"How to vote: {STRATEGIES}.")] = "auto",
    file: FileOption = None,
    _json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else, as it does anyway.")] = False,
) -> None:
    """Vote over the answers in a file; needs no model."""
    from local_swarm.cli.vote_file import lines

    for line in lines(path, strategy, file):
        typer.echo(line)
