"""Where a member's model should be in, its file or folder on this disk out; None for a name of the catalogue.

A repository of the hub that was named is fetched into the hub's cache where it is not there.
"""

from __future__ import annotations

from pathlib import Path

from local_swarm.errors import UsageError
from local_swarm.models.file_on_disk import download_hint, like_it
from local_swarm.models.hub_cache import fetch_model
from local_swarm.models.resolve import ModelSource, leads_to


def locate_model(source: ModelSource) -> Path | None:
    """The path of a file or folder; None for a name, which the catalogue knows.

    Raises UsageError for a path that does not exist and for a repository that may not be fetched, DownloadFailed where the hub
    cannot be reached."""
    if source.repository:
        return fetch_model(source.repository)
    if source.kind == "name":
        return None
    path = source.path
    if not leads_to(path, Path.exists):
        raise UsageError(f"There is no model at {path}.{download_hint(path)}{like_it(path)}")
    if source.form and (source.form == "gguf") != path.is_file():
        raise UsageError(f"{path} is a {'file' if path.is_file() else 'folder'}, and so cannot be {source.form}.")
    return path
