"""The commands about hardware, models and settings: words in, tables or JSON out. `cli` registers them in one line."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from local_swarm import config as settings
from local_swarm.cli.options import HELP, FileOption, JsonOption
from local_swarm.cli.screen import Screen
from local_swarm.cli.status import status
from local_swarm.environment.venv import engine_for_graphics
from local_swarm.errors import BadModelFile, WrongUse
from local_swarm.hardware.detector import detect as look
from local_swarm.hardware.profile import Hardware, hardware_from
from local_swarm.models import starter
from local_swarm.paths import checkout, data_folder, home

out = Screen(soft_wrap=True)
err = Screen(stderr=True)

ModelOption = Annotated[
    str | None, typer.Option("--model", help="NAME[:SIZE[:QUANT]], or the path of a .gguf file.", metavar="NAME|PATH")
]
models = typer.Typer(help="List the catalogue: what fits, what is here.", context_settings=HELP)
config = typer.Typer(help="The settings and where they come from.", context_settings=HELP)


def register(app: typer.Typer) -> None:
    app.command()(detect)
    app.command()(plan)
    app.command()(download)
    app.command()(status)
    app.add_typer(models, name="models", invoke_without_command=True)
    app.add_typer(config, name="config")


def detect(json_wanted: JsonOption = False) -> None:
    """Show what this machine has to compute with."""
    from local_swarm.cli.tables import hardware_table

    hardware = looked()
    if json_wanted:
        print(json.dumps(hardware.as_json()))
    else:
        out.print(hardware_table(hardware))


def plan(
    model: ModelOption = None,
    use_starter: Annotated[bool, typer.Option("--starter", help="Plan for the small model of the program.")] = False,
    instances: Annotated[int | None, typer.Option(help="How many workers vote.")] = None,
    context: Annotated[int | None, typer.Option(help="Tokens of prompt and answer together.")] = None,
    hardware: Annotated[
        Path | None, typer.Option(help="Plan for another machine: a file with what its `detect --json` printed.")
    ] = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Show what should run here and why, loading nothing."""
    from local_swarm.cli.tables import plan_table
    from local_swarm.models.advice import advisor, name_of

    wish = starter.NAME if use_starter else model
    flags = {"models.model": wish, "swarm.instances": instances, "models.context": context}
    chosen = settings.load(file, flags)
    graphics = hardware is not None or engine_for_graphics(checkout())
    counsel = advisor(chosen, other_machine(hardware) if hardware else looked(), graphics=graphics)
    if chosen.models.model is not None:
        what = counsel.plan_for(counsel.find(chosen.models.model))
    else:
        best = counsel.recommended()
        here = best.variant in counsel.on_disk or hardware is not None
        what = best.plan if here else best.plan.because(f"not here yet: python main.py download {name_of(best)}")
    if json_wanted:
        print(json.dumps(what.as_json()))
    else:
        out.print(plan_table(what))


def looked() -> Hardware:
    """This machine. It takes up to two seconds, so something is shown meanwhile."""
    with err.status("Looking at this machine ..."):
        return look()


def other_machine(path: Path) -> Hardware:
    """Raises WrongUse."""
    try:
        return hardware_from(json.loads(path.read_text(encoding="utf-8")))
    except OSError as problem:
        raise WrongUse(f"{path} cannot be read: {problem.strerror or problem}.") from problem
    except ValueError as problem:
        raise WrongUse(f"{path} is no JSON: {problem}. Make it with: python main.py detect --json") from problem


def download(
    model: Annotated[
        str | None,
        typer.Argument(
            help="NAME[:SIZE[:QUANT]], or `embedding`; without it what suits this machine.", metavar="[MODEL]"
        ),
    ] = None,
    model_option: ModelOption = None,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Fetch a model, verify it and stop; goes on where it was broken off."""
    from local_swarm.cli.prepare import fetched, fetched_embedding
    from local_swarm.models.advice import advisor, name_of
    from local_swarm.models.embedding import wanted_repository

    chosen = settings.load(file, {"models.model": model or model_option})
    wish = model or model_option
    if wish and (repository := wanted_repository(wish, chosen.models.embedding)):
        done = fetched_embedding(repository, err)
        tell_fetched(repository, str(done.path), done.bytes, done.sha256, json_wanted)
        return
    counsel = advisor(chosen, looked(), graphics=engine_for_graphics(checkout()))
    found = counsel.find(chosen.models.model or name_of(counsel.recommended()))
    if made := fetched(found, chosen, err):
        tell_fetched(found.name, str(made.path), made.bytes, made.sha256, json_wanted)
    else:
        tell_fetched(found.name, str(found.path), size_on_disk(found.path), digest_of(found.path), json_wanted)


def tell_fetched(name: str, path: str, size: int, digest: str, json_wanted: bool) -> None:
    if json_wanted:
        print(json.dumps({"path": path, "bytes": size, "sha256": digest}))
        return
    out.print(f"{name} is here: {path}")
    err.print(f"{size} bytes, sha256 {digest}", style="dim", soft_wrap=True)


def size_on_disk(path: Path) -> int:
    from local_swarm.models.gguf import parts_of

    return sum(part.stat().st_size for part in parts_of(path))


def digest_of(path: Path) -> str:
    digest = sha256()
    try:
        with path.open("rb") as source:
            while block := source.read(1 << 20):
                digest.update(block)
    except OSError as problem:
        raise BadModelFile(f"{path} cannot be read: {problem.strerror or problem}.") from problem
    return digest.hexdigest()


@models.callback(invoke_without_command=True)
def list_models(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Show what does not fit as well.")] = False,
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """List the catalogue: what fits, what is here."""
    if context.invoked_subcommand:
        return
    from local_swarm.cli.tables import models_table
    from local_swarm.models.advice import advisor

    counsel = advisor(settings.load(file), looked(), graphics=engine_for_graphics(checkout()))
    if json_wanted:
        print(json.dumps([counsel.described(entry) for entry in counsel.catalogue]))
        return
    out.print(models_table(counsel, list(counsel.catalogue), everything))
    err.print("Run one: python main.py --model NAME[:SIZE[:QUANT]]", style="dim", soft_wrap=True)


@models.command("add")
def add(
    source: Annotated[str, typer.Argument(help="OWNER/NAME/FILE.gguf of the hub, or the path of a .gguf file.")],
    file: FileOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Add a model to your own catalogue, as the hub or its file describes it."""
    from local_swarm.models.extend import added

    entry = added(source, settings.load(file).models_folder, home(), data_folder())
    if json_wanted:
        print(json.dumps(entry))
    else:
        out.print(
            f"Added {entry['family']}:{entry['size']}. Run it: python main.py --model {entry['family']}:{entry['size']}"
        )


@config.command("show")
def show(file: FileOption = None, json_wanted: JsonOption = False) -> None:
    """Print every setting with its value and where it comes from."""
    from local_swarm.cli.tables import settings_table

    settings.load(file)  # a mistake in them is told instead
    found = settings.settings(file)
    if json_wanted:
        print(json.dumps({one.key: {"value": one.value, "origin": one.origin} for one in found}))
    else:
        out.print(settings_table(found))
