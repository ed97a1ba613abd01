"""The `status` command: words in, what the running daemon says of itself out, once or for as long as somebody looks."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from local_swarm.cli.console import out, print_json
from local_swarm.cli.options import FileOption, JsonOption, RunningHostOption, RunningPortOption, running_config
from local_swarm.daemon import SWARM, DaemonClient
from local_swarm.errors import SwarmError

REFRESH_S = 1.0


def status(
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="Show it once and stop, as where the output is no terminal.")
    ] = False,
    json_wanted: JsonOption = False,
) -> None:
    """Watch the running swarm: workers, votes, peers, memory. Ctrl-C ends it."""
    from local_swarm.cli.status_screen import screen

    daemon = DaemonClient(running_config(host, port, file).server)
    told: dict[str, Any] = daemon.ask(SWARM)
    if json_wanted:
        print_json(told)
    elif once or not out.is_terminal:
        out.print(screen(told, height=out.height))
    else:
        watch(daemon, told)


def watch(daemon: DaemonClient, told: dict[str, Any]) -> None:
    """Until Ctrl-C; a daemon that goes away is waited for."""
    from rich.live import Live
    from rich.text import Text

    from local_swarm.cli.status_screen import screen

    speed = Speed()
    with Live(screen=True, auto_refresh=False, console=out, vertical_overflow="crop") as live:
        try:
            while True:
                try:
                    told = daemon.ask(SWARM)
                    shown: Any = screen(told, speed.of(told, time.monotonic()), out.height)
                except SwarmError as problem:
                    shown = Text(problem.message, style="yellow")
                live.update(shown, refresh=True)
                time.sleep(REFRESH_S)
        except KeyboardInterrupt:
            pass


class Speed:
    """Tokens a second of all workers together, from one look to the next while the same ones work."""

    def __init__(self) -> None:
        self.tokens, self.at, self.last = 0, 0.0, 0.0

    def of(self, told: dict[str, Any], now: float) -> float | None:
        """None at the first look. Workers count a token when its answer is done, so it holds until nobody works."""
        tokens, before, then = sum(one["tokens"] for one in told["workers"]), self.tokens, self.at
        first, self.tokens, self.at = then == 0.0, tokens, now
        if first:
            return None
        busy = any(one["busy"] for one in told["workers"])
        self.last = (tokens - before) / (now - then) if tokens > before else self.last if busy else 0.0
        return self.last
