"""The commands about models, `plan`, `models` and `download`: words in, tables or JSON out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from local_swarm import config
from local_swarm.cli.console import err, out, print_json
from local_swarm.cli.machine import other_machine, this_machine
from local_swarm.cli.options import ContextOption, FileOption, InstancesOption, JsonOption, ModelOption
from local_swarm.commands import command
from local_swarm.environment.venv import engine_for_graphics
from local_swarm.models import starter
from local_swarm.paths import checkout, data_folder, home


def plan(
    model: ModelOption = None,
    use_starter: Annotated[bool, typer.Option("--starter", help="Plan for the small model of the program.")] = False,
    instances: InstancesOption = None,
    context: ContextOption = None,
    hardware: Annotated[
        Path | None, typer.Option(help="Plan for another machine: a file with what its `detect --json` printed.")
    ] = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Show which model fits this machine and why; loads nothing."""
    from local_swarm.cli.tables import plan_table
    from local_swarm.models.advice import advisor

    named = starter.NAME if use_starter else model
    settings = config.load(file, {"models.model": named, "swarm.instances": instances, "models.context": context})
    graphics = hardware is not None or engine_for_graphics(checkout())
    counsel = advisor(settings, other_machine(hardware) if hardware else this_machine(), graphics=graphics)
    if settings.models.model is not None:
        found = counsel.plan_for(counsel.find(settings.models.model))
    else:
        found = counsel.recommendation().plan if hardware else counsel.plain_start()
    if json_wanted:
        print_json(found.as_json())
    else:
        out.print(plan_table(found))


def list_models(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Show what does not fit as well.")] = False,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """List the catalogue: which models fit, which are on this disk."""
    if context.invoked_subcommand:
        return
    from local_swarm.cli.tables import models_table, own_table
    from local_swarm.models.advice import advisor

    counsel = advisor(config.load(file), this_machine(), graphics=engine_for_graphics(checkout()))
    if json_wanted:
        print_json([counsel.entry_json(entry) for entry in counsel.catalogue])
        return
    out.print(models_table(counsel, list(counsel.catalogue), everything))
    if own := counsel.own_models():
        out.print(f"\nin {counsel.storage.folder}:", soft_wrap=True)
        out.print(own_table(own))
    err.print(f"Run one: {command('--model', 'NAME')}, or NAME:SIZE:QUANT", style="dim")


def add_model(
    source: Annotated[str, typer.Argument(help="OWNER/NAME/FILE.gguf of the hub, or the path of a .gguf file.")],
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Add a model to your own catalogue, as the hub or its file describes it."""
    from local_swarm.models.extend import add_to_catalogue
    from local_swarm.models.patience import Patience

    patience = Patience(say=lambda note: err.print(note, style="dim", markup=False, soft_wrap=True))
    entry = add_to_catalogue(source, config.load(file).models_folder, home(), data_folder(), patience=patience)
    if json_wanted:
        print_json(entry)
    else:
        name = f"{entry['family']}:{entry['size']}"
        out.print(f"Added {name}. Run it: {command('--model', name)}")


def download(
    model: Annotated[
        str | None,
        typer.Argument(
            help="NAME[:SIZE[:QUANT]], owner/name, or `embedding`; without it what suits this machine.",
            metavar="[MODEL]",
        ),
    ] = None,
    model_option: ModelOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Download and verify a model; continues an interrupted download."""
    from local_swarm.cli.prepare import fetch_embedding, fetch_found
    from local_swarm.models.advice import advisor, name_of
    from local_swarm.models.embedding import wanted_repository
    from local_swarm.models.hub_cache import describe_copy

    named = model or model_option
    settings = config.load(file, {"models.model": named})
    if named and (repository := wanted_repository(named, settings.models.embedding)):
        done = fetch_embedding(repository, err)
        print_download(repository, done.path, done.bytes, done.sha256, json_wanted)
        return
    counsel = advisor(settings, this_machine(), graphics=engine_for_graphics(checkout()))
    found = counsel.find(settings.models.model or name_of(counsel.recommendation()))
    made = fetch_found(found, settings, err) or describe_copy(found.path)
    print_download(found.name, made.path, made.bytes, made.sha256, json_wanted)


def print_download(name: str, path: Path, size: int, digest: str, json_wanted: bool) -> None:
    if json_wanted:
        print_json({"path": str(path), "bytes": size, "sha256": digest})
        return
    out.print(f"{name} is here: {path}")
    err.print(f"{size} bytes, sha256 {digest}", style="dim")
