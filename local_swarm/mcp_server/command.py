"""The `mcp` command: an assistant on stdin and stdout. What takes long to import is imported where it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def mcp(
    start: Annotated[
        bool, typer.Option("--start", help="Start the swarm at the first call, where none runs; it stays.")
    ] = False,
    show: Annotated[bool, typer.Option("--setup", help="Print settings for assistants, and stop.")] = False,
    port: Annotated[int | None, typer.Option(help="Port of the running swarm. [default: 8000]")] = None,
    file: Annotated[Path | None, typer.Option("--config", help="A YAML file with settings.")] = None,
) -> None:
    """Serve an AI assistant over MCP on stdin and stdout."""
    import asyncio

    from local_swarm.config import load
    from local_swarm.mcp_server.proxy import Daemon, serve

    if show:
        from local_swarm.mcp_server.assistants import own_command, settings

        wishes = [*(["--port", str(port)] if port else []), *(["--config", str(file.absolute())] if file else [])]
        typer.echo(settings(own_command("mcp", *wishes)))
        return
    config = load(file, {"server.port": port})
    own = [sys.executable, "-m", "local_swarm", "start", "--yes", "--port", str(config.server.port)]
    asyncio.run(serve(Daemon(config, [*own, *(["--config", str(file.absolute())] if file else [])] if start else None)))
