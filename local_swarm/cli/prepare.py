"""Settings in, a launch out: what is asked for is fetched first, and the user of a first start is asked what to run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
import yaml
from rich.console import Console

from local_swarm import paths
from local_swarm.cli.dialog import WasLeft
from local_swarm.cli.menu import Menu, Picked
from local_swarm.cli.tables import progress
from local_swarm.commands import command, extra_command
from local_swarm.config import Config
from local_swarm.errors import DownloadFailed, SetupFailed
from local_swarm.launch import Launch, NamedModels, launch_named, name_models
from local_swarm.models import embedding, starter
from local_swarm.models.advice import Advisor
from local_swarm.models.downloader import Downloader, Fetched
from local_swarm.models.hub import Hub
from local_swarm.models.hub_cache import HubModel, cached_copy, describe_copy, fetch_model
from local_swarm.models.resolve import ResolvedModel
from local_swarm.paths import home, offline
from local_swarm.survey import Survey

FREE = ("apache-2.0", "mit", "unknown")  # licences that need no word; of an unknown one there is nothing to say


def prepare_launch(config: Config, console: Console, menu: bool, ask: bool, survey: Survey | None = None) -> Launch:
    """What `start` runs. A model that is asked for is fetched where it is not here. Without one nothing is fetched unasked: on a
    terminal a first start (`ask`) or `menu` lets the user choose, else whatever is here runs, the starter at the least.

    Raises DownloadFailed where the model cannot be had, UnknownModel where it does not exist, UsageError for what cannot run."""
    survey = survey or Survey()
    named = name_models(config, survey)
    if not named.settled or (menu and not named.fixed):
        chosen = choose_model(named, survey, console, menu, ask)
        named = named if chosen is config else name_models(chosen, survey)
    announce_downloads(named.repositories, console)
    return launch_named(named, survey)


def announce_downloads(repositories: Iterable[HubModel], console: Console) -> None:
    """Say which repositories of the hub are about to be fetched."""
    for model in repositories:
        if not (model.cached_only or offline() or cached_copy(model)):
            console.print(f"Fetching {model.text} from the hub ...", soft_wrap=True)


def choose_model(named: NamedModels, survey: Survey, console: Console, menu: bool, ask: bool) -> Config:
    """The settings with what the user picks, where there is something to pick; what is to run is on this disk afterwards."""
    config, source = named.config, named.members[0].source
    counsel = survey.advisor(config)
    asking = ask and is_terminal() and not offline()
    first = asking and config.models.model is None and not own_settings().exists()
    if menu or (first and counsel.best_here() is None):
        return ask_user(config, counsel, console)
    if source is not None:
        fetch_found(counsel.find(source), config, console)
    return config


def ask_user(config: Config, counsel: Advisor, console: Console) -> Config:
    """What the user picks, fetched and kept for the next start. Where it cannot be fetched, the starter runs and that is said."""
    try:
        picked = Menu(counsel, console, embedding=offered_embedding(config)).run()
    except EOFError:  # nobody answers any more: the starter runs, and the next start asks again
        return with_settings(config, Picked({"models.model": starter.NAME}))
    except WasLeft:
        console.print("Nothing was started.", style="dim")
        raise typer.Exit from None
    wished = with_settings(config, picked)
    try:
        fetch_found(counsel.find(str(picked.settings["models.model"])), wished, console)
    except DownloadFailed as problem:
        console.print(problem.message, style="yellow", soft_wrap=True)
        console.print("Until then the starter model runs.", style="yellow")
        return replace(config, models=replace(config.models, model=starter.NAME))
    keep(picked, console)
    if picked.embedding:
        try:
            fetch_embedding(picked.embedding, console)
        except DownloadFailed as problem:
            console.print(
                f"{problem.message} Until then prose is compared by its words.", style="yellow", soft_wrap=True
            )
    return wished


def offered_embedding(config: Config) -> str | None:
    """The repository of the embedding model that this machine could use and has not."""
    wish = config.models.embedding
    useful = wish == embedding.BEST_ON_DISK and find_spec("sentence_transformers") and not embedding.on_disk(wish)
    return embedding.repository_of(wish) if useful else None


def fetch_found(found: ResolvedModel, config: Config, console: Console) -> Fetched | None:
    """The file or folder, fetched where it is not here; None where it was. Raises DownloadFailed, and UsageError where that is
    forbidden."""
    if found.on_disk:
        return None
    if found.repository:
        console.print(f"Fetching {found.name} from the hub ...", soft_wrap=True)
        with progress(console, found.name) as show:
            return describe_copy(fetch_model(found.repository, show=show))
    if found.variant is None:
        return None
    folder = config.models_folder
    console.print(f"Fetching {found.name} into {folder} ...", soft_wrap=True)
    if found.entry and found.entry.licence not in FREE:
        console.print(f"Its licence ({found.entry.licence}) has terms of its own: {found.variant.repo}", soft_wrap=True)
    with progress(console, found.name) as show:
        return Downloader(folder, Hub(offline())).fetch(found.variant, show)


def fetch_embedding(repository: str, console: Console) -> Fetched:
    """The folder of an embedding model, fetched where it is not here. Raises DownloadFailed, and SetupFailed where nothing could
    load it."""
    if not find_spec("sentence_transformers"):
        raise SetupFailed(
            "An embedding model needs sentence-transformers, which is not installed. "
            f"Install it: {extra_command('embeddings')}. A small machine can do with a .gguf file in models.embedding."
        )
    if not embedding.copies_of(repository):
        console.print(f"Fetching {repository} into {embedding.place(repository)} ...", soft_wrap=True)
    with progress(console, repository) as show:
        return embedding.fetch(repository, Hub(offline()), show)


def with_settings(config: Config, picked: Picked) -> Config:
    for key, value in picked.settings.items():
        section, name = key.split(".")
        part: Any = getattr(config, section)
        config = replace(config, **{section: replace(part, **{name: value})})
    return config


def keep(picked: Picked, console: Console) -> None:
    """Write the choice into the user's own settings, if there are none yet: those somebody wrote are left alone."""
    path = own_settings()
    if path.exists():
        return
    sections: dict[str, dict[str, Any]] = {}
    for key, value in picked.settings.items():
        section, name = key.split(".")
        sections.setdefault(section, {})[name] = value
    paths.keep(path, yaml.safe_dump(sections, sort_keys=False))
    console.print(f"Kept in {path}; to choose again: {command('--menu')}", style="dim", soft_wrap=True)


def own_settings() -> Path:
    return home() / "config.yaml"


def is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
