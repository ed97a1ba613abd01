"""`bench api`: words in, figures out."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False)


def bench_api(
    workers: Annotated[int, typer.Option(help="How many vote on each answer.")] = 5,
    clients: Annotated[int, typer.Option(help="How many ask at the same time.")] = 32,
    requests: Annotated[int, typer.Option(help="How many in all.")] = 2000,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """What HTTP, the vote and HTTP again cost, with workers that answer at once."""
    from local_swarm.bench.api import Wish, measure

    with err.status("Measuring ...") as status:
        found = measure(Wish(workers, clients, requests), lambda line: status.update(line))
    if json_wanted:
        print(json.dumps(found))
        return
    for name, value in found.items():
        out.print(f"{name:24} {value:.2f}")
