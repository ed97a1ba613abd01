"""The `mcp` command: an assistant on stdin and stdout. What takes long to import is imported where it is used."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from local_swarm.cli.options import FileOption, RunningPortOption


def mcp(
    start: Annotated[
        bool, typer.Option("--start", help="Start the swarm at the first call, where none runs; it stays.")
    ] = False,
    show: Annotated[bool, typer.Option("--setup", help="Print settings for assistants, and stop.")] = False,
    port: RunningPortOption = None,
    file: FileOption = None,
) -> None:
    """Serve an AI assistant over MCP on stdin and stdout."""
    import asyncio

    from local_swarm.config import load
    from local_swarm.daemon import DaemonClient
    from local_swarm.mcp_server.proxy import McpProxy, serve

    if show:
        from local_swarm.mcp_server.assistants import all_settings, own_command

        wishes = [*(["--port", str(port)] if port else []), *(["--config", str(file.absolute())] if file else [])]
        typer.echo(all_settings(own_command("mcp", *wishes)))
        return
    config = load(file, {"server.port": port})
    own = [sys.executable, "-m", "local_swarm", "start", "--yes", "--port", str(config.server.port)]
    command = [*own, *(["--config", str(file.absolute())] if file else [])] if start else None
    asyncio.run(serve(McpProxy(DaemonClient(config.server), command)))
