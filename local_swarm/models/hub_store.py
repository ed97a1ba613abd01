"""Files of a repository in, their copies in the cache of huggingface_hub out, where other programs find them as well.

Layout: huggingface.co/docs/huggingface_hub/guides/manage-cache. `blobs/HASH` holds the bytes, `snapshots/COMMIT/NAME` leads to
them, `refs/NAME` says which commit a branch was at."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath

from local_swarm.errors import DownloadFailed
from local_swarm.models.downloader import Downloader, Meter, Show, move, note_path, unwritable
from local_swarm.models.hub import Hub, Listing, Remote
from local_swarm.models.patience import Pause

SETTING = "HF_HOME"  # where it lies
SAFE = re.compile(r"\w[\w.-]{0,199}")
REFUSED, REFUSED_ON_WINDOWS = re.compile(r"[\\\x00-\x1f]"), re.compile(r"[\\:\x00-\x1f]")


def fetch_into_store(
    store: Path,
    repository: str,
    branch: str,
    hub: Hub,
    listing: Listing,
    names: Sequence[str],
    show: Show,
    pause: Pause | None = None,
) -> Path:
    """The folder of the revision, with all of these files whole and verified. Raises DownloadFailed."""
    kept = store / f"models--{repository.replace('/', '--')}"
    for name in (*names, f"{listing.revision}/x", f"{branch}/x"):
        check_name(repository, name)
    downloader = Downloader(kept, hub, pause, SETTING)
    downloader.make_folders()
    with downloader.lock(kept / "snapshots", show, every_part=True):
        meter = Meter(show)
        patience = downloader.patience(meter)

        def look() -> list[Remote]:
            told = listing.told
            return [told.get(name) or hub.look(repository, name, listing.revision, patience) for name in names]

        remotes, parts = downloader.fetch_all(look, meter)
        snapshot = kept / "snapshots" / listing.revision
        try:
            for remote, part in zip(remotes, parts, strict=True):
                place(remote, part, kept, snapshot)
            if branch != listing.revision:
                write_reference(kept / "refs" / branch, listing.revision)
        except OSError as problem:
            raise unwritable(problem, snapshot, SETTING) from problem
    return snapshot


def check_name(repository: str, name: str) -> None:
    """Raises DownloadFailed for one that would lead out of the folder, or that no file can have."""
    parts, refused = PurePosixPath(name).parts, REFUSED_ON_WINDOWS if os.name == "nt" else REFUSED
    if not parts or ".." in parts or name.startswith("/") or refused.search(name):
        raise DownloadFailed(f"{repository} has a file with the name {name[:100]!r}, which is not put on this disk.")


def place(remote: Remote, part: Path, kept: Path, snapshot: Path) -> None:
    """The bytes under their hash, and a link to them under their name; where links cannot be made, the bytes themselves."""
    pointer = snapshot / remote.file
    blob = kept / "blobs" / (remote.etag if SAFE.fullmatch(remote.etag) else sha256(remote.etag.encode()).hexdigest())
    for folder in (pointer.parent, blob.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if part.exists():
        move(part, blob)  # another file of the same content finds it there
    note_path(part).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        pointer.unlink()
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except (OSError, NotImplementedError):
        shutil.copyfile(blob, pointer)


def write_reference(path: Path, commit: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(commit, encoding="utf-8")
