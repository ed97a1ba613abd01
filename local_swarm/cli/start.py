"""The `start` command: settings in, a swarm that serves its API until Ctrl-C out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Annotated, Any

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
from local_swarm.config import load
from local_swarm.models import starter
from local_swarm.terminal import log_to_stderr

if TYPE_CHECKING:
    from local_swarm.launch import Launch


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
    asyncio.run(serve(prepare_launch(load(file, settings), err, menu, ask=not yes)))


async def serve(launch: Launch) -> None:
    """Run a node until a signal comes, be it still booting or not."""
    from local_swarm.cli.banner import banner
    from local_swarm.node import run_node

    task = asyncio.current_task()
    assert task
    cancel_on_signal(task)
    status = err.status("Starting the swarm ...")
    with contextlib.suppress(asyncio.CancelledError), contextlib.ExitStack() as shown:
        shown.enter_context(status)
        async with run_node(launch.config, launch) as node:
            status.stop()
            err.print(banner(node, launch.config, private=err.is_terminal))
            try:
                await asyncio.Event().wait()
            finally:
                err.print("Stopping: answers in the works may finish. Ctrl-C again ends at once.")


def cancel_on_signal(task: asyncio.Task[Any]) -> None:
    """The first signal asks the task to end, the second ends the program; the engine's process then ends by itself."""
    asked = False

    def cancel_or_exit(*_: Any) -> None:
        nonlocal asked
        if asked:
            os._exit(1)
        asked = True
        task.get_loop().call_soon_threadsafe(task.cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            task.get_loop().add_signal_handler(number, cancel_or_exit)
        except NotImplementedError:  # Windows
            signal.signal(number, cancel_or_exit)
