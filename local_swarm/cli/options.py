"""What several commands take, said once: names of options in, what the user types and reads in their help out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from local_swarm.config import Config, load
from local_swarm.limits import LEAST_CONTEXT
from local_swarm.types import Strategy

STRATEGIES = ", ".join(get_args(Strategy))  # for help
HELP = {"help_option_names": ["-h", "--help"]}

FileOption = Annotated[Path | None, typer.Option("--config", help="A YAML file with settings.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def port_number(text: str) -> int:
    """The number of a port, 0 to 65535. Raises BadParameter with what was typed for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535):
        raise typer.BadParameter(f"A port is a whole number up to 65535, not {text}.")
    return int(text)


PortOption = Annotated[
    int | None,
    typer.Option(
        "--port", help="Port of the API; 0 takes a free one. [default: 8000]", parser=port_number, metavar="PORT"
    ),
]
RunningPortOption = Annotated[
    int | None,
    typer.Option("--port", help="Port of the running swarm. [default: 8000]", parser=port_number, metavar="PORT"),
]
RunningHostOption = Annotated[
    str | None, typer.Option("--host", help="Address of the running swarm. [default: 127.0.0.1]")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Ask no questions.")]
MinimalOption = Annotated[bool, typer.Option("--minimal", help="When setting up, leave out PyTorch and embeddings.")]

# What runs
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="NAME[:SIZE[:QUANT]], a path, or owner/name[:file] of the hub.", metavar="NAME|PATH"),
]
StarterOption = Annotated[bool, typer.Option("--starter", help="Run the small model that comes with the program.")]
InstancesOption = Annotated[int | None, typer.Option(help="How many workers vote.")]
ContextOption = Annotated[int | None, typer.Option(help="Tokens of prompt and answer together.", min=LEAST_CONTEXT)]
EngineOption = Annotated[str | None, typer.Option(help="Engine: auto, llamacpp, llama-server or mlx.")]
RosterOption = Annotated[
    Path | None,
    typer.Option("--roster", help="A YAML file that lists several engines, servers and fallbacks.", metavar="FILE"),
]

# Who may talk to it
HostOption = Annotated[
    str | None, typer.Option(help="Address of the API; beyond this machine it needs a key. [default: 127.0.0.1]")
]
McpOption = Annotated[bool, typer.Option("--mcp", help="Serve MCP over HTTP as well, at /mcp.")]
FederationOption = Annotated[
    bool | None, typer.Option("--federation/--no-federation", help="Whether to vote with other machines.")
]
PeerOption = Annotated[
    list[str] | None, typer.Option(help="Address of a machine that is not found automatically.", metavar="HOST:PORT")
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure-lan", help="Admit every machine that has this set too. For labs only.")
]

# How something is measured
RepeatsOption = Annotated[int, typer.Option(help="Number of runs; medians are reported.", min=1)]
PlotOption = Annotated[Path | None, typer.Option("--plot", help="Write a chart to this SVG file as well.")]


def running_config(host: str | None, port: int | None, file: Path | None) -> Config:
    """The settings by which a command finds the running swarm that it is about. Raises UsageError."""
    return load(file, {"server.port": port, "server.host": host})
