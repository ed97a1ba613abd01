"""The commands about other machines: words in, what the running daemon says out. They change it at once, without a restart.

What takes long to import is imported where it is used.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from local_swarm.cli.options import FileOption, JsonOption, RunningPortOption
from local_swarm.cli.screen import Screen, marked
from local_swarm.config import load
from local_swarm.daemon import CONTROLS, DaemonClient
from local_swarm.errors import DaemonRefused, SwarmError, WrongUse

WAIT_S = 60.0

app = typer.Typer()
out = Screen(soft_wrap=True)
err = Screen(stderr=True)


def ask(name: str, port: int | None, file: Path | None, wish: dict[str, Any] | None = None) -> Any:
    """What the running daemon answers. Raises WrongUse for a wrong wish, SwarmError where there is no daemon or it refuses."""
    server = load(file, {"server.port": port}).server
    try:
        return DaemonClient(server).ask(CONTROLS + name, wish, WAIT_S)
    except DaemonRefused as problem:
        if problem.answered == 404:
            raise SwarmError(
                f"The swarm on port {server.port} runs without federation. Start it with --federation."
            ) from problem
        if problem.answered == 400:
            raise WrongUse(problem.message) from problem
        raise


@app.command()
def peers(port: RunningPortOption = None, file: FileOption = None, json_wanted: JsonOption = False) -> None:
    """Show the other machines of this swarm, and strangers that were seen."""
    found = ask("peers", port, file)
    if json_wanted:
        print(json.dumps(found))
        return
    if not found:
        out.print("No other machine is known. To let one in: local-swarm invite. To find out why: local-swarm doctor")
        return
    table = Table("name", "address", "state", "model", "workers", "latency", box=None, pad_edge=False)
    for one in found:
        latency = "" if one["latency_ms"] is None else f"{one['latency_ms']:.0f} ms"
        words = (one["name"], one["address"], one["state"], one["model"], one["workers"])
        table.add_row(*("" if word is None else str(word) for word in words), latency)
    out.print(table)


@app.command()
def invite(port: RunningPortOption = None, file: FileOption = None, json_wanted: JsonOption = False) -> None:
    """Show a code with which one other machine can join this swarm."""
    import segno

    found = ask("invite", port, file, {})
    code = {"code": found["code"], "expires_in_s": found["expires_in_s"]}
    if json_wanted:
        print(json.dumps(code))
        return
    place = f" --peer {found['peer']}" if found["peer"] else ""
    command = f"local-swarm join {code['code']}"
    minutes = code["expires_in_s"] // 60
    out.print(Text.assemble(f"On the other machine, within {minutes} minutes:\n\n  ", (command, "bold"), "\n"))
    if place:
        out.print(f"or, where it does not find this machine by itself:\n\n  {command + place}\n")
    segno.make(command + place, error="l").terminal(compact=True)
    out.print("It serves once. Whoever has it becomes a member and reads what is asked.", style="dim")


@app.command()
def join(
    code: Annotated[str, typer.Argument(help="The code that the other machine shows.")],
    peer: Annotated[str | None, typer.Option(help="Where that machine is.", metavar="HOST:PORT")] = None,
    sure: Annotated[bool, typer.Option("--yes", help="Leave the swarm that this machine is in.")] = False,
    port: RunningPortOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Join the swarm of the machine that shows the code."""
    with err.status("Joining ..."):
        found = ask("join", port, file, {"code": code, "peer": peer, "yes": sure})
    if json_wanted:
        print(json.dumps(found))
    else:
        out.print(f"Joined the swarm of {found['joined']}. See who is in it: local-swarm peers")


@app.command()
def forget(
    name: Annotated[str, typer.Argument(help="The machine's name, as peers shows it.")],
    port: RunningPortOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Send a machine away: all members refuse it from now on."""
    found = ask("forget", port, file, {"name": name})
    if json_wanted:
        print(json.dumps(found))
    else:
        out.print(f"{found['forgotten']} is no member any more; the others get a new key.")


def without_daemon(file: Path | None, problem: str) -> list[dict[str, Any]]:
    """What can be said of this machine alone."""
    from local_swarm.network.discovery import lan
    from local_swarm.network.discovery.doctor import Finding, NetworkFacts, diagnosis
    from local_swarm.network.service import listed

    config = load(file)
    network = config.network
    found = tuple(lan.probe())
    chosen = tuple(lan.chosen(found, listed(network.interfaces)))
    facts = NetworkFacts(
        network,
        config.federation.discovery.method,
        config.peers_port,
        config.peers_port,
        found,
        chosen,
        kernel=platform.release(),
    )
    told = [
        finding for finding in diagnosis(facts) if not finding.ok or finding.check == "interfaces"
    ]  # the rest needs it running
    return [asdict(finding) for finding in (Finding("swarm", False, problem, "local-swarm"), *told)]


@app.command()
def doctor(port: RunningPortOption = None, file: FileOption = None, json_wanted: JsonOption = False) -> None:
    """Say why other machines are not seen, and what mends it."""
    try:
        with err.status("Looking at the network ..."):
            findings = ask("doctor", port, file)
    except SwarmError as problem:
        if isinstance(problem, WrongUse):
            raise
        findings = without_daemon(file, problem.message)
    if json_wanted:
        print(json.dumps(findings))
        return
    for one in findings:
        mark, style = ("ok", "green") if one["ok"] else ("no", "bold red")
        out.print(marked(mark, style, f"  {one['check']}: {one['says']}"))
        if one["mend"]:
            out.print(f"      {one['mend']}", style="bold" if not one["ok"] else "dim")


def bench_federation(
    nodes: Annotated[int, typer.Option(help="How many machines vote.")] = 5,
    workers: Annotated[int, typer.Option(help="Workers of each.")] = 5,
    repeats: Annotated[int, typer.Option(help="How often; medians are told.")] = 5,
    json_wanted: JsonOption = False,
) -> None:
    """What voting with other machines adds, over scripted engines: time, a frozen machine, processor and memory."""
    from local_swarm_benchmarks.federation import FederationBenchOptions, measure

    with err.status("Measuring ...") as status:
        found = measure(FederationBenchOptions(nodes, workers, repeats=repeats), status.update)
    if json_wanted:
        print(json.dumps(found))
        return
    for name, value in found.items():
        out.print(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")
