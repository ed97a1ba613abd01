"""The commands about other machines: words in, what the running daemon says out. They change it at once, without a restart.

What takes long to import is imported where it is used.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from local_swarm.cli.console import err, out, print_json, with_label
from local_swarm.cli.options import FileOption, JsonOption, RunningHostOption, RunningPortOption, running_config
from local_swarm.commands import command, program_name
from local_swarm.config import ServerConfig, load
from local_swarm.daemon import CONTROLS, DaemonClient
from local_swarm.errors import DaemonRefused, SwarmError, UsageError

WAIT_S = 60.0


def ask_daemon(name: str, where: ServerConfig, request: dict[str, Any] | None = None) -> Any:
    """The running daemon's answer. Raises UsageError for a wrong request, SwarmError where there is no daemon or it refuses."""
    try:
        return DaemonClient(where).ask(CONTROLS + name, request, WAIT_S)
    except DaemonRefused as problem:
        if problem.answered == 404:
            raise SwarmError(
                f"The swarm on port {where.port} runs without federation. Start it with --federation."
            ) from problem
        if problem.answered == 400:
            raise UsageError(problem.message) from problem
        raise


def peers(
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Show the other machines of this swarm, and strangers that were seen."""
    from local_swarm.cli.tables import peers_table

    found = ask_daemon("peers", running_config(host, port, file).server)
    if json_wanted:
        print_json(found)
    elif found:
        out.print(peers_table(found))
    else:
        out.print("No other machine is known.")
        out.print(f"To let one in:    {command('invite')}")
        out.print(f"To find out why:  {command('doctor')}")


def invite(
    qr: Annotated[bool, typer.Option("--qr", help="Show it as a QR code as well.")] = False,
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Show a code with which one other machine can join this swarm."""
    found = ask_daemon("invite", running_config(host, port, file).server, {})
    if json_wanted:
        print_json({"code": found["code"], "expires_in_s": found["expires_in_s"]})
        return
    # The other machine's program is started as this one, most likely.
    joining = f"{program_name()} join {found['code']}"
    minutes = found["expires_in_s"] // 60
    out.print(Text.assemble(f"On the other machine, within {minutes} minutes:\n\n  ", (joining, "bold"), "\n"))
    if found["peer"]:
        joining += f" --peer {found['peer']}"
        out.print(f"or, where it does not find this machine by itself:\n\n  {joining}\n")
    if qr:
        import segno

        out.print("The same to be scanned, such as by a phone with Termux:\n")
        segno.make(joining, error="l").terminal(compact=True)
    out.print("It serves once. Whoever has it becomes a member and reads what is asked.", style="dim")


def join(
    code: Annotated[str, typer.Argument(help="The code that the other machine shows.")],
    peer: Annotated[str | None, typer.Option(help="Where that machine is.", metavar="HOST:PORT")] = None,
    sure: Annotated[bool, typer.Option("--yes", help="Leave the swarm that this machine is in.")] = False,
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Join the swarm of the machine that shows the code."""
    with err.status("Joining ..."):
        found = ask_daemon("join", running_config(host, port, file).server, {"code": code, "peer": peer, "yes": sure})
    if json_wanted:
        print_json(found)
    else:
        out.print(f"Joined the swarm of {found['joined']}. See who is in it: {command('peers')}")


def forget(
    name: Annotated[str, typer.Argument(help="The machine's name, as peers shows it.")],
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Remove a machine: all members refuse it from now on."""
    found = ask_daemon("forget", running_config(host, port, file).server, {"name": name})
    if json_wanted:
        print_json(found)
    else:
        out.print(f"{found['forgotten']} is no member any more; the others get a new key.")


def doctor(
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Say why other machines are not found, and how to fix it."""
    try:
        with err.status("Looking at the network ..."):
            findings = ask_daemon("doctor", running_config(host, port, file).server)
    except UsageError:
        raise
    except SwarmError as problem:
        findings = findings_without_daemon(file, problem.message)
    if json_wanted:
        print_json(findings)
        return
    for one in findings:
        mark, style = ("ok", "green") if one["ok"] else ("no", "bold red")
        out.print(with_label(mark, style, f"  {one['check']}: {one['says']}"))
        if one["mend"]:
            out.print(f"      {one['mend']}", style="bold" if not one["ok"] else "dim")


def findings_without_daemon(file: Path | None, problem: str) -> list[dict[str, Any]]:
    """What can be said of this machine alone; the other checks need the daemon."""
    from local_swarm.network.discovery import lan
    from local_swarm.network.discovery.doctor import Finding, NetworkFacts, diagnosis

    config = load(file)
    found = tuple(lan.probe())
    facts = NetworkFacts(
        network=config.network,
        method=config.federation.discovery.method,
        configured_port=config.network.federation_port,
        port=config.network.federation_port,
        interfaces=found,
        selected=tuple(lan.select_interfaces(found, config.network.interfaces or ())),
        kernel=platform.release(),
    )
    here = [finding for finding in diagnosis(facts) if not finding.ok or finding.check == "interfaces"]
    return [asdict(finding) for finding in (Finding("swarm", False, problem, ""), *here)]
