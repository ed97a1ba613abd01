"""The `bench` commands: their options in, a table or JSON out. The benchmarks are a package of their own, imported when one runs.

In a checkout they stand in `scripts/`, where neither Python nor the processes that they start would look.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from local_swarm.cli.console import err, out, print_figures, print_json
from local_swarm.cli.options import JsonOption, ModelOption, PlotOption, RepeatsOption
from local_swarm.errors import ExtraMissing, SwarmError, UsageError
from local_swarm.paths import checkout

PACKAGE = "local_swarm_benchmarks"


def find_benchmarks() -> None:
    """Make the package of the benchmarks one that this process and its children can import. Raises SwarmError."""
    if find_spec(PACKAGE):
        return
    root = checkout()
    if root is None or not (root / "scripts" / PACKAGE).is_dir():
        raise SwarmError(
            "This copy of the program comes without benchmarks. They stand in the folder scripts of its checkout."
        )
    folder = root / "scripts"
    sys.path.append(str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(folder))))


def require(extra: str, *modules: str) -> None:
    """Raises ExtraMissing where one of the modules is not installed."""
    for module in modules:
        if not find_spec(module):
            raise ExtraMissing(extra, f"This takes the package {module}, which is not installed")


def bench_engine(
    shape: Annotated[str, typer.Option(help="Whose shape: 0.5b, 1.5b, 3b, 7b or 0.8b-hybrid.")] = "0.5b",
    quantization: Annotated[str, typer.Option(help="Of the weights, e.g. q4_k_m.")] = "q4_k_m",
    n: Annotated[int, typer.Option("--n", help="How many answers to one prompt.", min=1)] = 8,
    prompt_tokens: Annotated[int, typer.Option(help="Length of the prompt.", min=1)] = 2048,
    new_tokens: Annotated[int, typer.Option(help="Length of each answer.", min=1)] = 128,
    repeats: RepeatsOption = 3,
    threads: Annotated[
        int | None, typer.Option(help="How many to compute with. [default: one per core]", min=1)
    ] = None,
    server: Annotated[
        Path | None, typer.Option("--llama-server", help="A llama-server program to compare with.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what takes over a minute.")] = False,
    plot: PlotOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """N answers of this engine against one, against llama.cpp's own ways, and at any load."""
    require("bench", "gguf", "llama_cpp")
    find_benchmarks()
    from local_swarm.hardware.detector import detect
    from local_swarm_benchmarks.engine import EngineBenchOptions, chart_of, measure

    hardware = detect()
    options = EngineBenchOptions(
        shape=shape,
        quantization=quantization,
        n=n,
        prompt_tokens=prompt_tokens,
        new_tokens=new_tokens,
        repeats=repeats,
        threads=threads or hardware.cpu.physical_cores or 1,
        gpu=any(one.memory_kind != "shared" for one in hardware.accelerators),
        server=server,
        quick=quick,
    )
    found = show_measuring(lambda say: measure(options, say))
    if plot:
        plot.write_text(chart_of(found), encoding="utf-8")
    print_json(found) if json_wanted else print_figures(found)


def bench_vote(
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="codegen16b, codegen16b-no-examples, localzoo or openai4; all.")
    ] = None,
    n: Annotated[list[int] | None, typer.Option("--n", help="How many voters. [default: 3, 5 and 8]", min=1)] = None,
    repeats: Annotated[int, typer.Option(help="Random subsets of voters for each problem.", min=1)] = 20,
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
    if machines and (n or plot):
        raise UsageError("--machines compares three machines of three answers: there is no --n and nothing to --plot.")
    find_benchmarks()
    from local_swarm.config import load
    from local_swarm_benchmarks import nodes
    from local_swarm_benchmarks.curves import gains, reliability
    from local_swarm_benchmarks.samples import SETS, default_folder
    from local_swarm_benchmarks.vote import VoteBenchOptions, measure

    options = VoteBenchOptions(
        sets=tuple(sets or SETS),
        n=tuple(n or (3, 5, 8)),
        repeats=repeats,
        folder=data or default_folder(),
        embedding=load().models.embedding,
    )
    rows = (nodes.measure if machines else measure)(options, lambda line: err.print(f"{line} ..."))
    if plot:
        plot.write_text(gains(rows), encoding="utf-8")
        plot.with_stem(f"{plot.stem}-reliability").write_text(reliability(rows), encoding="utf-8")
    if json_wanted:
        print_json(rows)
        return
    for row in rows:
        print_vote_row(row)


def print_vote_row(row: dict[str, Any]) -> None:
    cost = f"{1000 * row['seconds_per_vote']:7.1f} ms" if row["seconds_per_vote"] else f"{'':10}"
    extra = "".join(f"  {key} {row[key]:.2f}" for key in ("auroc", "samples") if row.get(key) is not None)
    score = f"N={row['n']:<2} {row['pass_at_1']:5.1f}  {row['gain']:+5.1f} +- {row['se']:3.1f}"
    out.print(f"{row['set']:24} {row['strategy']:16} {score} {cost}{extra}")


def bench_api(
    workers: Annotated[int, typer.Option(help="How many vote on each answer.", min=1)] = 5,
    clients: Annotated[int, typer.Option(help="How many ask at the same time.", min=1)] = 32,
    requests: Annotated[int, typer.Option(help="How many in all.", min=1)] = 2000,
    json_wanted: JsonOption = False,
) -> None:
    """What HTTP, the vote and HTTP again cost, with workers that answer at once."""
    find_benchmarks()
    from local_swarm_benchmarks.api import ApiBenchOptions, measure

    found = show_measuring(lambda say: measure(ApiBenchOptions(workers, clients, requests), say))
    print_json(found) if json_wanted else print_figures(found)


def bench_federation(
    nodes: Annotated[int, typer.Option(help="How many machines vote.", min=1)] = 5,
    workers: Annotated[int, typer.Option(help="Workers of each.", min=1)] = 5,
    repeats: RepeatsOption = 5,
    json_wanted: JsonOption = False,
) -> None:
    """What voting with other machines adds, over scripted engines: time, a frozen machine, processor and memory."""
    find_benchmarks()
    from local_swarm_benchmarks.federation import FederationBenchOptions, measure

    found = show_measuring(lambda say: measure(FederationBenchOptions(nodes, workers, repeats=repeats), say))
    print_json(found) if json_wanted else print_figures(found)


def bench_live(
    name: Annotated[
        str, typer.Option("--set", help="humaneval, mbpp, gsm8k, bfcl, yes-no or choice; the last two need no file.")
    ],
    data: Annotated[Path | None, typer.Option(help="The file with the problems, JSON lines.")] = None,
    url: Annotated[str | None, typer.Option(help="Of a running swarm, e.g. http://127.0.0.1:8000.")] = None,
    model: ModelOption = None,
    n: Annotated[int, typer.Option("--n", help="How many voices.", min=1)] = 8,
    effort: Annotated[str, typer.Option(help="Only medium so far: the voices, and nothing after them.")] = "medium",
    strip: Annotated[bool, typer.Option("--strip", help="Take the examples out of the prompts.")] = False,
    limit: Annotated[int | None, typer.Option(help="At most so many problems.", min=1)] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Wait for every voice, to hold votes again later.")] = False,
    kept: Annotated[
        Path | None, typer.Option("--file", help="Finished problems, to go on with. [default: one in the home folder]")
    ] = None,
    plot: PlotOption = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the line to this CSV file as well.")] = None,
    json_wanted: JsonOption = False,
) -> None:
    """A set of problems through a real swarm. Seconds of greedy are of one worker alone, asked separately."""
    if effort != "medium":
        raise UsageError(f"This version knows no effort {effort!r}: it asks every voice once, which is medium.")
    find_benchmarks()
    from local_swarm_benchmarks.live import LiveBenchOptions, chart_of, csv_of, measure

    options = LiveBenchOptions(name, data, url, model, n, strip, limit, whole, kept)
    found = show_measuring(lambda say: measure(options, say))
    if plot:
        plot.write_text(chart_of(found), encoding="utf-8")
    if csv:
        csv.write_text(csv_of(found), encoding="utf-8")
    print_json(found) if json_wanted else print_figures(found)


def show_measuring(measure: Callable[[Callable[[str], None]], dict[str, Any]]) -> dict[str, Any]:
    """What `measure` finds, while what it says is shown."""
    with err.status("Measuring ...") as status:
        return measure(status.update)
