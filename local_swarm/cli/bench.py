"""The `bench vote` command: its words in, a table or JSON out. What takes long to import is imported where it is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from local_swarm.cli.options import JsonOption


def bench_vote(
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="codegen16b, codegen16b-no-examples, localzoo or openai4; all.")
    ] = None,
    n: Annotated[list[int] | None, typer.Option("--n", help="How many voters. [default: 3, 5 and 8]")] = None,
    repeats: Annotated[int, typer.Option(help="Random subsets of voters for each problem.")] = 20,
    data: Annotated[Path | None, typer.Option(help="The folder with the samples.")] = None,
    machines: Annotated[
        bool, typer.Option("--machines", help="The vote across three machines over that of a good one alone instead.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write a chart of gains to this SVG file as well.")
    ] = None,
    json_wanted: JsonOption = False,
) -> None:
    """What each way of voting is worth, on published samples of real models."""
    from local_swarm.config import load
    from local_swarm.errors import WrongUse
    from local_swarm_benchmarks import nodes
    from local_swarm_benchmarks.curves import gains, reliability
    from local_swarm_benchmarks.samples import SETS, default_folder
    from local_swarm_benchmarks.vote import VoteBenchOptions, measure

    if machines and (n or plot):
        raise WrongUse("--machines compares three machines of three answers: there is no --n and nothing to --plot.")
    wish = VoteBenchOptions(
        tuple(sets or SETS), tuple(n or (3, 5, 8)), repeats, data or default_folder(), load().models.embedding
    )
    found = (nodes.measure if machines else measure)(wish, lambda line: typer.echo(f"{line} ...", err=True))
    if plot:
        plot.write_text(gains(found), encoding="utf-8")
        plot.with_stem(f"{plot.stem}-reliability").write_text(reliability(found), encoding="utf-8")
    if json_wanted:
        typer.echo(json.dumps(found))
        return
    for row in found:
        cost = f"{1000 * row['seconds_per_vote']:7.1f} ms" if row["seconds_per_vote"] else f"{'':10}"
        extra = "".join(f"  {key} {row[key]:.2f}" for key in ("auroc", "samples") if row.get(key) is not None)
        score = f"N={row['n']:<2} {row['pass_at_1']:5.1f}  {row['gain']:+5.1f} +- {row['se']:3.1f}"
        typer.echo(f"{row['set']:24} {row['strategy']:16} {score} {cost}{extra}")
