"""What several commands take, said once: names of options in, what the user types and reads in their help out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HELP = {"help_option_names": ["-h", "--help"]}
FileOption = Annotated[Path | None, typer.Option("--config", help="A YAML file with settings.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
PortOption = Annotated[int | None, typer.Option("--port", help="Port of the API. [default: 8000]")]
RunningPortOption = Annotated[int | None, typer.Option("--port", help="Port of the running swarm. [default: 8000]")]
