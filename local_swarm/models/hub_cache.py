"""A model of the hub in, its file or folder in the hub's own cache out, fetched into it where that is asked for.

The layout is huggingface_hub's, so other programs share what is fetched here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local_swarm.errors import BadModelFile, UsageError
from local_swarm.models import hub
from local_swarm.models.downloader import Fetched
from local_swarm.models.folder import is_whole
from local_swarm.models.gguf import PART, parts_of
from local_swarm.paths import command, offline

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
        here = from_library(model, library, cached_only=True)
        if here.is_file() or is_whole(here):
            return here
    return None


def fetch_model(model: HubModel, environment: Mapping[str, str] = os.environ) -> Path:
    """The file or folder, from the cache without a word to anybody, else from the network, unless that is forbidden.

    Raises UsageError, and DownloadFailed at once where the hub cannot be reached."""
    if here := cached_copy(model):
        return here
    if model.cached_only or offline():
        named = f"To have it fetched, name it: {command('--model', model.text)}"
        remedy = "LOCAL_SWARM_OFFLINE forbids fetching it." if offline() else named
        raise UsageError(f"{model.text} is not in the hub's cache on this disk. {remedy}")
    from huggingface_hub.errors import HfHubHTTPError

    token = environment.get(model.token_env) or ""
    listing = hub.Hub(environment={**environment, "HF_TOKEN": token}).list_files(model.repository, model.revision)
    if not model.filename:
        require_folder(model, listing.names)
    try:
        return from_library(model, hub.import_hub(), cached_only=False)
    except (HfHubHTTPError, OSError, ValueError) as problem:
        raise UsageError(f"{model.text} cannot be fetched: {str(problem).splitlines()[0]}") from problem


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


def from_library(model: HubModel, library: Any, cached_only: bool) -> Path:
    options = {
        "revision": model.revision,
        "token": os.environ.get(model.token_env),
        "local_files_only": cached_only,
    }
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
