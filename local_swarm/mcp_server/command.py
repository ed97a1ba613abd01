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
    port: Annotated[int | None, typer.Option(help="Port of the running swarm. [default: 8000]")] = None,
    file: Annotated[Path | None, typer.Option("--config", help="A YAML file with settings.")] = None,
) -> None:
    """Serve an AI assistant over MCP on stdin and stdout."""
    import asyncio

    from local_swarm.config import load
    from local_swarm.mcp_server.proxy import Daemon, serve

    config = load(file, {"server.port": port})
    own = [sys.executable, "-m", "local_swarm", "start", "--yes", "--port", str(config.server.port)]
    command = [*own, *(["--config", str(file)] if file else [])]
    asyncio.run(serve(Daemon(config, command if start else None)))
