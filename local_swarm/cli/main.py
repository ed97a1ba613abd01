"""The command line: words in, a swarm or an answer out. Every error is one sentence and an exit code.

What takes long to import is imported where it is used: `--help` and `detect` answer at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from local_swarm import __version__
from local_swarm.cli import clients as integrations
from local_swarm.cli import models as interactive
from local_swarm.cli import peers
from local_swarm.cli.bench import bench_vote
from local_swarm.cli.console import safe
from local_swarm.cli.mcp import mcp as mcp_command
from local_swarm.cli.options import HELP, FileOption, JsonOption, PortOption
from local_swarm.cli.overview import Overview
from local_swarm.cli.screen import Screen, marked
from local_swarm.cli.vote import vote
from local_swarm.config import Config, load
from local_swarm.errors import SwarmError, WrongUse
from local_swarm.intake import whole
from local_swarm.models import starter
from local_swarm.paths import checkout, home, keep
from local_swarm.terminal import json_text, log_to_stderr
from local_swarm_benchmarks.api import bench_api

out = Screen(soft_wrap=True)
err = Screen(stderr=True)

ALIASES = {"--detect": "detect"}
OWN_OPTIONS = ("--help", "-h", "--version", "--install-completion", "--show-completion")


class StartByDefault(Overview):
    """Without a command it is `start`, so that `main.py --port 8001` works as `main.py start --port 8001` does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if ctx.resilient_parsing:  # a shell asks what could come next
            return super().parse_args(ctx, args)
        if first in ALIASES:
            args = [ALIASES[first], *args[1:]]
        elif "--download-only" in args:
            args = ["download", *(word for word in args if word != "--download-only")]
        elif not args or (first.startswith("-") and first not in OWN_OPTIONS):
            args = ["start", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=StartByDefault,
    help="A swarm of local language models that vote. Without a command it starts.",
    context_settings=HELP,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ModelOption = Annotated[
    str | None, typer.Option(help="NAME[:SIZE[:QUANT]], or the path of a .gguf file.", metavar="NAME|PATH")
]
StarterOption = Annotated[bool, typer.Option("--starter", help="Run the small model that comes with the program.")]
InstancesOption = Annotated[int | None, typer.Option(help="How many workers vote.")]
ContextOption = Annotated[int | None, typer.Option(help="Tokens of prompt and answer together.")]
HostOption = Annotated[
    str | None, typer.Option(help="Address of the API; beyond this machine it needs a key. [default: 127.0.0.1]")
]
McpOption = Annotated[bool, typer.Option("--mcp", help="Serve MCP over HTTP as well, at /mcp.")]
FederationOption = Annotated[
    bool | None, typer.Option("--federation/--no-federation", help="Whether to vote with other machines.")
]
PeerOption = Annotated[
    list[str] | None, typer.Option(help="Where another machine is, if it is not found by itself.", metavar="HOST:PORT")
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure-lan", help="Let in every machine that has this set too. For labs only.")
]
RosterOption = Annotated[
    Path | None,
    typer.Option("--roster", help="A YAML file that lists several engines, servers and fallbacks.", metavar="FILE"),
]
MinimalOption = Annotated[bool, typer.Option("--minimal", help="When setting up, leave out PyTorch and embeddings.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Ask no questions.")]


def tell_version(wanted: bool) -> None:
    if wanted:
        out.print(f"Local Swarm {__version__}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def configured(file: Path | None, use_starter: bool, **flags: Any) -> Config:
    names = {
        "model": "models.model",
        "context": "models.context",
        "instances": "swarm.instances",
        "host": "server.host",
        "port": "server.port",
        "roster": "swarm.roster",
        "engine": "models.engine",
        "federation": "network.enabled",
        "peer": "network.peers",
        "insecure": "network.insecure_lan",
        "mcp": "server.mcp",
    }
    wishes = {names[key]: value for key, value in flags.items()}
    if use_starter:
        wishes["models.model"] = starter.NAME
    return load(file, wishes)


# ------------------------------------------------------------------------------------------------ start


@app.command()
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
    engine: Annotated[str | None, typer.Option(help="What computes: auto, llamacpp, llama-server or mlx.")] = None,
    menu: Annotated[bool, typer.Option("--menu", help="Choose the model from a menu.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell what goes on inside.")] = False,
    _minimal: MinimalOption = False,
    yes: YesOption = False,
) -> None:
    """Start the swarm and serve its API until Ctrl-C."""
    from local_swarm.cli.prepare import prepared

    log_to_stderr(logging.DEBUG if verbose else logging.WARNING)
    wishes = {"model": model, "instances": instances, "context": context, "host": host, "port": port, "engine": engine}
    wishes["roster"] = str(roster) if roster else None
    lan = {
        "federation": federation,
        "peer": ",".join(peer) if peer else None,
        "insecure": insecure or None,
        "mcp": mcp or None,
    }
    config = prepared(configured(file, use_starter, **wishes, **lan), err, menu, ask=not yes)
    asyncio.run(serve(config))


async def serve(config: Config) -> None:
    """Run a node until a signal comes, be it still booting or not."""
    from local_swarm.cli.banner import banner
    from local_swarm.node import running

    task = asyncio.current_task()
    assert task
    on_signal(task)
    status = err.status("Starting the swarm ...")
    with contextlib.suppress(asyncio.CancelledError), contextlib.ExitStack() as shown:
        shown.enter_context(status)
        async with running(config) as node:
            status.stop()
            err.print(banner(node, config, private=err.is_terminal))
            try:
                await asyncio.Event().wait()
            finally:
                err.print("Stopping: answers in the works may finish. Ctrl-C again ends at once.")


def on_signal(task: asyncio.Task[Any]) -> None:
    """The first signal asks the task to end, the second ends the program; the engine's process then ends by itself."""
    asked = False

    def ask(*_: Any) -> None:
        nonlocal asked
        if asked:
            os._exit(1)
        asked = True
        task.get_loop().call_soon_threadsafe(task.cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            task.get_loop().add_signal_handler(number, ask)
        except NotImplementedError:  # Windows
            signal.signal(number, ask)


# -------------------------------------------------------------------------------------------------- ask


@app.command()
def ask(
    prompt: Annotated[str, typer.Argument(help="The question.")],
    model: ModelOption = None,
    use_starter: StarterOption = False,
    instances: InstancesOption = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer, in tokens.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of the workers beside the first, which is greedy.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="How to vote: auto, behaviour, structure, similarity, exact, quality or fastest.")
    ] = None,
    port: PortOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Get one answer, from the swarm that runs or from one of its own."""
    from local_swarm.cli.answers import answer_to

    config = configured(file, use_starter, model=model, instances=instances, port=port)
    wish = {
        "model": "swarm",
        "messages": [{"role": "user", "content": whole(prompt)}],
        "max_tokens": max_tokens,
        "temperature": temperature,
        "swarm": {"strategy": strategy, "n": instances},
    }
    own = model is not None or use_starter  # a wish for a model is a wish for a swarm of its own
    with contextlib.nullcontext() if json_wanted else err.status("Asking the swarm ..."):
        completion = answer_to(wish, config, own)
    if json_wanted:
        print(json_text(completion))
        return
    said = completion["choices"][0]["message"]
    out.print(said["content"] or json_text(said["tool_calls"]))
    vote = completion["swarm"]
    clusters = "+".join(map(str, vote["clusters"]))
    facts = (f"agreement {vote['agreement']:.2f}", f"{vote['candidates']} candidates ({clusters})", vote["strategy"])
    err.print("\n" + " · ".join((*facts, f"{vote['seconds']:.1f} s")), style="dim")
    if note := vote.get("note"):
        err.print(note, style="dim")


# ----------------------------------------------------------------------------------------------- setup


@app.command()
def setup(
    minimal: MinimalOption = False,
    _yes: YesOption = False,
) -> None:
    """Install what this machine needs into .venv, and stop."""
    from local_swarm.environment.install import SetupOptions, ensure

    root = checkout()
    if root is None:
        raise WrongUse(
            "This copy was installed by pip, which has set it up already. In a checkout: python main.py setup"
        )
    environment = ensure(root, SetupOptions(minimal=minimal, keep=False))
    err.print(f"Local Swarm is set up in {environment.folder}. Start it: python main.py")


app.add_typer(peers.app)

# ----------------------------------------------------------------------------------------------- bench

bench = typer.Typer(help="Measure how fast and how good this is here.", context_settings=HELP)
app.add_typer(bench, name="bench")


@bench.callback()
def benches() -> None:
    pass


bench.command("federation")(peers.bench_federation)


@bench.command("engine")
def bench_engine(
    shape: Annotated[str, typer.Option(help="Whose shape: 0.5b, 1.5b, 3b, 7b or 0.8b-hybrid.")] = "0.5b",
    quantization: Annotated[str, typer.Option(help="Of the weights, e.g. q4_k_m.")] = "q4_k_m",
    n: Annotated[int, typer.Option("--n", help="How many answers to one prompt.")] = 8,
    prompt_tokens: Annotated[int, typer.Option(help="Length of the prompt.")] = 2048,
    new_tokens: Annotated[int, typer.Option(help="Length of each answer.")] = 128,
    repeats: Annotated[int, typer.Option(help="How often; medians are told.")] = 3,
    threads: Annotated[int | None, typer.Option(help="How many to compute with. [default: one per core]")] = None,
    server: Annotated[
        Path | None, typer.Option("--llama-server", help="A llama-server program to compare with.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what takes over a minute.")] = False,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a chart to this SVG file as well.")] = None,
    json_wanted: JsonOption = False,
) -> None:
    """N answers of this engine against one, against llama.cpp's own ways, and at any load."""
    from local_swarm.hardware.detector import detect as look
    from local_swarm_benchmarks.engine import EngineBenchOptions, drawn, measure

    hardware = look()
    cores = threads or hardware.cpu.physical_cores or 1
    gpu = any(one.memory_kind != "shared" for one in hardware.accelerators)
    wish = EngineBenchOptions(shape, quantization, n, prompt_tokens, new_tokens, repeats, cores, gpu, server, quick)
    with err.status("Measuring ...") as status:
        found = measure(wish, lambda line: status.update(line))
    if plot:
        plot.write_text(drawn(found), encoding="utf-8")
    if json_wanted:
        print(json.dumps(found))
        return
    for name, value in found.items():
        out.print(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")


interactive.register(app)  # detect, plan, models, download, config
integrations.register(app)  # opencode, clients, key
bench.command("vote")(bench_vote)
bench.command("api")(bench_api)
app.command()(vote)
app.command()(mcp_command)


# ------------------------------------------------------------------------------------------------ edge


def run() -> None:
    """The program. Known errors are told in a sentence; of unknown ones the trace goes to a file."""
    safe(sys.stdout, sys.stderr)
    log_to_stderr()
    try:
        app()
    except SwarmError as problem:
        err.print(marked("error:", "bold red", f" {problem.message}"), soft_wrap=True)
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception:
        place = home() / "logs" / "crash.txt"
        keep(place, whole(traceback.format_exc()))
        said = f" This should not have happened. What is known stands in {place}."
        err.print(marked("error:", "bold red", said), soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
