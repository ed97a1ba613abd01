"""The `mcp` command: an assistant on stdin and stdout. What takes long to import is imported where it is used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from local_swarm.cli.options import FileOption, RunningHostOption, RunningPortOption, running_config


def mcp(
    start: Annotated[
        bool, typer.Option("--start", help="Start the swarm at the first call, where none runs; it stays.")
    ] = False,
    show: Annotated[bool, typer.Option("--setup", help="Print settings for assistants, and stop.")] = False,
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
) -> None:
    """Serve an AI assistant over MCP on stdin and stdout."""
    import asyncio

    from local_swarm.daemon import DaemonClient
    from local_swarm.mcp_server.proxy import McpProxy
    from local_swarm.mcp_server.stdio import Lines, serve_assistant

    if show:
        from local_swarm.mcp_server.assistants import all_settings, own_command

        typer.echo(all_settings(own_command("mcp", *words_of(port, host, file))))
        return
    config = running_config(host, port, file)
    own = [sys.executable, "-m", "local_swarm", "start", "--yes"]
    command = [*own, *words_of(config.server.port, host, file)] if start else None
    asyncio.run(serve_assistant(McpProxy(DaemonClient(config.server), command).call, Lines()))


def words_of(port: int | None, host: str | None, file: Path | None) -> list[str]:
    """The options that say which swarm is meant, for a process with another working folder."""
    options = {"--port": port, "--host": host, "--config": file.absolute() if file else None}
    return [word for option, value in options.items() if value is not None for word in (option, str(value))]
