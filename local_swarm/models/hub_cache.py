"""A model of the hub in, its file or folder in the hub's own cache out, fetched into it where that is asked for.

The layout is huggingface_hub's, so other programs share what is fetched here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from local_swarm.commands import command
from local_swarm.errors import BadModelFile, UsageError
from local_swarm.models import hub
from local_swarm.models.downloader import DownloadProgress, Fetched, Show
from local_swarm.models.folder import is_whole
from local_swarm.models.gguf import PART, parts_of
from local_swarm.models.hub_store import fetch_into_store
from local_swarm.models.patience import Patience, Pause
from local_swarm.paths import offline

SHOWN = 6  # names of files that a sentence lists
NEEDED = ["*.json", "*.safetensors", "*.jinja", "*.txt"]  # never code


@dataclass(frozen=True, slots=True)
class HubModel:
    """One file of a repository, or its folder of weights where no file is named. `token_env`: the environment variable with the
    token for it. `cached_only`: never fetched."""

    repository: str
    revision: str | None = None
    filename: str | None = None
    token_env: str = "HF_TOKEN"
    cached_only: bool = False

    @property
    def text(self) -> str:
        """As `--model` takes it."""
        revision = f"@{self.revision}" if self.revision else ""
        return f"{self.repository}{revision}{f':{self.filename}' if self.filename else ''}"


def cached_copy(model: HubModel) -> Path | None:
    """The file or whole folder that the cache holds. Asks nobody. Raises DownloadFailed without huggingface_hub."""
    library = hub.import_hub()
    from huggingface_hub.errors import LocalEntryNotFoundError

    with contextlib.suppress(LocalEntryNotFoundError):
        here = from_library(model, library)
        if is_whole(here) or all(part.is_file() for part in parts_of(here)):
            return here
    return None


def fetch_model(
    model: HubModel,
    environment: Mapping[str, str] = os.environ,
    show: Show = lambda _: None,
    pause: Pause | None = None,
) -> Path:
    """The file or folder, from the cache without a word to anybody, else from the network, unless that is forbidden.

    Raises UsageError, and DownloadFailed at once where the hub cannot be reached."""
    if here := cached_copy(model):
        return here
    if model.cached_only or offline():
        named = f"To have it fetched, name it: {command('--model', model.text)}"
        remedy = "LOCAL_SWARM_OFFLINE forbids fetching it." if offline() else named
        raise UsageError(f"{model.text} is not in the hub's cache on this disk. {remedy}")
    token = environment.get(model.token_env) or ""
    source = hub.Hub(environment={**environment, "HF_TOKEN": token})
    listing = source.list_files(
        model.repository, model.revision, Patience(pause, lambda note: show(DownloadProgress(0, 0, note=note)))
    )
    names = wanted_files(model, listing.names)
    branch = model.revision or "main"
    folder = fetch_into_store(store(), model.repository, branch, source, listing, names, show, pause)
    return folder / model.filename if model.filename else folder


def wanted_files(model: HubModel, files: Sequence[str]) -> list[str]:
    """A file with its further parts, or what a folder of weights consists of. Raises UsageError for one without those."""
    if model.filename:
        return [part.as_posix() for part in parts_of(Path(model.filename))]
    require_folder(model, files)
    return [name for name in files if any(fnmatch(name, pattern) for pattern in NEEDED)]


def store() -> Path:
    """Where huggingface_hub keeps what it fetches."""
    hub.import_hub()
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def require_folder(model: HubModel, files: Sequence[str]) -> None:
    """Raises UsageError for a repository without safetensors, before anything of it is fetched: which of its files is meant must
    be said, or it is of no use here."""
    if any(name.endswith(".safetensors") for name in files):
        return
    ours = [name for name in files if name.endswith(".gguf") and not name.split("/")[-1].startswith("mmproj")]
    whole = [name for name in ours if not (part := PART.match(name.split("/")[-1])) or int(part["part"]) == 1]
    if not whole:
        raise UsageError(
            f"{model.text} has neither .safetensors nor .gguf files, so it cannot be run here. Name another repository."
        )
    usual = next((name for name in whole if "q4_k_m" in name.lower()), whole[0])
    more = f" and {len(whole) - SHOWN} more" if len(whole) > SHOWN else ""
    example = command("--model", replace(model, filename=usual).text)
    raise UsageError(f"{model.text} holds .gguf files: {', '.join(whole[:SHOWN])}{more}. Name one of them: {example}")


def from_library(model: HubModel, library: Any) -> Path:
    """What lies in the cache. Raises huggingface_hub's LocalEntryNotFoundError."""
    options = {"revision": model.revision, "local_files_only": True}
    if model.filename:
        return Path(library.hf_hub_download(model.repository, model.filename, **options))
    return Path(library.snapshot_download(model.repository, allow_patterns=NEEDED, **options))


def describe_copy(path: Path) -> Fetched:
    """A model that is here: a file with its further parts, or a folder. `sha256`: of the first part, or of the largest file.

    Raises BadModelFile for one that cannot be read."""
    try:
        files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else parts_of(path)
        first = max(files, key=lambda one: one.stat().st_size) if path.is_dir() else path
        with first.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        return Fetched(path, sum(one.stat().st_size for one in files), digest)
    except (OSError, ValueError) as problem:
        raise BadModelFile(f"{path} cannot be read: {getattr(problem, 'strerror', None) or problem}.") from problem
