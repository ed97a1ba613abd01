"""A launch in, a swarm that serves until a signal comes out. What takes long to import is imported where it is used."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from local_swarm.cli.console import err

if TYPE_CHECKING:
    from local_swarm.launch import Launch
    from local_swarm.node import Node


async def serve(launch: Launch, ready: Callable[[Node], None] = lambda _: None) -> None:
    """Run a node until a signal comes, be it still booting or not. `ready` is called once it answers."""
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
            ready(node)
            try:
                await asyncio.Event().wait()
            finally:
                with contextlib.suppress(OSError):  # its terminal may be gone
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

    hang_up = [signal.SIGHUP] if sys.platform != "win32" else []  # the terminal was closed
    for number in (signal.SIGINT, signal.SIGTERM, *hang_up):
        try:
            task.get_loop().add_signal_handler(number, cancel_or_exit)
        except NotImplementedError:  # Windows
            signal.signal(number, cancel_or_exit)
