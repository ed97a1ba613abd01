"""The commands that connect other programs to the swarm, `opencode`, `clients` and `key`: words in, settings and keys out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from local_swarm.cli.console import err, out, print_json
from local_swarm.cli.options import FileOption, JsonOption, RunningHostOption, RunningPortOption, running_config
from local_swarm.commands import command
from local_swarm.errors import DaemonAbsent, UsageError


def opencode(
    write: Annotated[
        bool, typer.Option("--write", help="Merge it into opencode's configuration; a backup is kept.")
    ] = False,
    into: Annotated[Path | None, typer.Option("--into", help="Another file than the user's own.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Write it although no swarm runs there.")] = False,
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Print opencode's settings for this swarm, or write them."""
    from local_swarm.integrations import opencode as its
    from local_swarm.integrations.running import find_swarm

    what = find_swarm(running_config(host, port, file))
    if not what.live:
        if (write or into) and not anyway:
            raise DaemonAbsent(f"Nothing was written; --anyway writes it all the same. {what.absence}")
        err.print(f"These are the settings for what would run. {what.absence}", style="yellow")
    if what.context < its.SMALLEST_CONTEXT:
        err.print(
            f"opencode needs a context of {its.SMALLEST_CONTEXT} tokens; this swarm has {what.context}. Use --context.",
            style="yellow",
        )
    if write or into:
        path = into or its.config_path()
        backup = its.write(path, what)
        err.print(f"{path} knows this swarm now." + (f" Before, it was {backup}." if backup else ""))
    if json_wanted:
        print_json(its.entry(what))
    elif not (write or into):
        out.print(json.dumps(its.entry(what), indent=2))


def clients(
    name: Annotated[str | None, typer.Argument(help="aider, llm, continue or zed; all without one.")] = None,
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Print settings for other programs that can use this swarm."""
    from local_swarm.integrations.running import find_swarm
    from local_swarm.integrations.snippets import SNIPPETS

    if name is not None and name not in SNIPPETS:
        raise UsageError(f"There are no settings for {name!r}. There are for: {', '.join(SNIPPETS)}.")
    what = find_swarm(running_config(host, port, file))
    if not what.live:
        err.print(f"These are the settings for what would run. {what.absence}", style="yellow")
    if json_wanted:
        print_json({one: SNIPPETS[one](what) for one in ([name] if name else SNIPPETS)})
        return
    for one in [name] if name else SNIPPETS:
        if not name:
            out.print(f"--- {one}", style="bold")
        out.print(SNIPPETS[one](what))


def key(
    new: Annotated[
        bool, typer.Option("--new", help="Make another one; the old one is worth nothing from the next start on.")
    ] = False,
    page: Annotated[
        bool, typer.Option("--page", help="Show the address of the running swarm's page, with what opens it.")
    ] = False,
    port: RunningPortOption = None,
    host: RunningHostOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Show the key for callers from other machines; made at first use."""
    from local_swarm.api.key import base_url, control_token, ensure_key, page_token
    from local_swarm.daemon import DaemonClient

    if page:
        server = running_config(host, port, file).server
        token = control_token(server.port)
        if token is None:
            way = DaemonClient(server).elsewhere() or f"Start one: {command()}"
            raise DaemonAbsent(f"No swarm of this user runs on port {server.port}, so there is no page. {way}")
        print_value("page", f"{base_url(server)}/#{page_token(token)}", json_wanted)
        return
    print_value("key", ensure_key(anew=new), json_wanted)


def print_value(name: str, value: str, json_wanted: bool) -> None:
    if json_wanted:
        print_json({name: value})
    else:
        out.print(value)
