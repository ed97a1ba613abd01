"""The `start` command: settings in, a swarm that serves its API until Ctrl-C out."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated

import typer

from local_swarm.cli.console import err
from local_swarm.cli.options import (
    ContextOption,
    EngineOption,
    FederationOption,
    FileOption,
    HostOption,
    InsecureOption,
    InstancesOption,
    McpOption,
    MinimalOption,
    ModelOption,
    PeerOption,
    PortOption,
    RosterOption,
    StarterOption,
    YesOption,
)
from local_swarm.cli.serving import serve
from local_swarm.config import load
from local_swarm.models import starter
from local_swarm.terminal import log_to_stderr

if TYPE_CHECKING:
    from local_swarm.mcp_server.stdio import Lines


def start(
    model: ModelOption = None,
    use_starter: StarterOption = False,
    instances: InstancesOption = None,
    context: ContextOption = None,
    host: HostOption = None,
    port: PortOption = None,
    mcp: McpOption = False,
    federation: FederationOption = None,
    peer: PeerOption = None,
    insecure: InsecureOption = False,
    file: FileOption = None,
    roster: RosterOption = None,
    engine: EngineOption = None,
    menu: Annotated[bool, typer.Option("--menu", help="Choose the model from a menu.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what happens inside.")] = False,
    _minimal: MinimalOption = False,
    yes: YesOption = False,
) -> None:
    """Start the swarm and serve its API until Ctrl-C."""
    from local_swarm.cli.prepare import prepare_launch

    log_to_stderr(logging.DEBUG if verbose else logging.WARNING)
    settings = {
        "models.model": starter.NAME if use_starter else model,
        "models.context": context,
        "models.engine": engine,
        "swarm.instances": instances,
        "swarm.roster": str(roster) if roster else None,
        "server.host": host,
        "server.port": port,
        "server.mcp": mcp or None,
        "network.enabled": federation,
        "network.peers": ",".join(peer) if peer else None,
        "network.insecure_lan": insecure or None,
    }
    config = load(file, settings)
    if config.server.mcp and not menu and (assistant := look_for_assistant()):  # answers to a menu are not for it
        from local_swarm.cli.assistant import serve_both

        asyncio.run(serve_both(config, assistant, lambda: prepare_launch(config, err, menu=False, ask=False)))
    else:
        asyncio.run(serve(prepare_launch(config, err, menu, ask=not yes)))


def look_for_assistant() -> Lines | None:
    """The one that has started this program, and speaks with it on standard input."""
    from local_swarm.mcp_server.stdio import find_assistant

    return find_assistant()
