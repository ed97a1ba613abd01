"""A repository's file or a local one in, an entry of the user's own catalogue out, written beside what is there already."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from local_swarm.errors import UsageError
from local_swarm.models.catalogue_file import raw_entries, read_entry
from local_swarm.models.gguf import PART, Header, parts_of, read_header
from local_swarm.models.hub import Hub
from local_swarm.models.model_kind import require_text_model
from local_swarm.models.patience import Patience
from local_swarm.models.planner import QUANTIZATIONS
from local_swarm.models.registry import OWN
from local_swarm.models.resolve import is_path
from local_swarm.paths import keep, make_folder, offline

SIZE = re.compile(r"(?i)(?:^|[-_.])(e?\d+(?:\.\d+)?[bm](?:-a\d+(?:\.\d+)?b)?)(?=[-_.]|$)")
QUANT = re.compile(r"(?i)(?:^|[-_.])((?:ud-)?(?:i?q\d\w*|mxfp4\w*|bf16|f16|f32))(?=[-_.]|$)")

LONGEST_NAME = 255  # characters of a file's name


def add_to_catalogue(
    source: str, folder: Path, home: Path, data: Path, hub: Hub | None = None, patience: Patience | None = None
) -> dict[str, Any]:
    """The entry, once it is in the user's catalogue. Of a model that is known already what is known stays, and the file is put
    before its others. `data`: the folder of the shipped catalogue. Raises UsageError, BadModelFile and DownloadFailed."""
    repository = re.fullmatch(r"([\w.-]+/[\w.-]+)/(.+\.gguf)", source)
    if repository and not Path(source).expanduser().exists():
        entry = from_hub(repository[1], repository[2], hub or Hub(offline()), patience)
    elif is_path(source):
        entry = from_file(Path(source).expanduser(), folder)
    else:
        raise UsageError(f"{source!r} is neither OWNER/NAME/FILE.gguf of the hub nor the path of a .gguf file.")
    entry = known_better(entry, known_entries(home / OWN) + known_entries(data / "models.yaml"))
    write(entry, home)
    return entry


def known_entries(path: Path) -> list[dict[str, Any]]:
    return [one for one in raw_entries(path) if isinstance(one, dict)] if path.exists() else []


def known_better(entry: dict[str, Any], known: list[dict[str, Any]]) -> dict[str, Any]:
    """The entry that knows the same file, else the same model, with this file first; else the entry itself."""
    [file] = entry["files"]

    def identity(one: dict[str, Any]) -> tuple[Any, Any]:
        return one.get("repo"), one.get("file")

    by_file = [one for one in known if any(identity(other) == identity(file) for other in one.get("files", []))]
    by_name = [one for one in known if one.get("id") == entry["id"]]
    for one in (*by_file, *by_name):
        known_file: dict[str, Any] = next((other for other in one["files"] if identity(other) == identity(file)), {})
        first = {**file, "quant": known_file.get("quant", file["quant"])}
        return {**one, "files": [first, *(other for other in one["files"] if identity(other) != identity(file))]}
    return entry


def from_hub(repo: str, file: str, hub: Hub, patience: Patience | None = None) -> dict[str, Any]:
    """As the hub describes it now: pinned to its revision and hash. Its shape is known once it is here."""
    name = Path(file).name
    parts = [part.as_posix() for part in parts_of(Path(file))]
    remotes = hub.look_at_all(repo, parts, patience=patience)
    first = remotes[0]
    told: dict[str, Any] = {
        "quant": quantization(name),
        "repo": repo,
        "file": parts[0],
        "bytes": sum(one.bytes for one in remotes),
        "status": "exact",
        "revision": first.revision,
    }
    told |= {"sha256": first.sha256} if first.sha256 else {}
    told |= {"parts": len(parts)} if len(parts) > 1 else {}
    return entry_of(name, {"status": "unknown"}, told)


def from_file(path: Path, folder: Path) -> dict[str, Any]:
    """As its header describes it; the file, or a link to it, is put into our folder."""
    header = require_text_model(read_header(path))
    make_folder(folder)
    for part in parts_of(path):
        link_or_copy(part.resolve(), folder / part.name)
    told = {
        "quant": QUANTIZATIONS.get(header.file_type) or quantization(path.name),
        "repo": "local/files",
        "file": path.name,
        "bytes": header.file_bytes,
        "status": "exact",
        "parts": len(parts_of(path)),
    }
    return entry_of(path.name, shape_of(header), told)


def shape_of(header: Header) -> dict[str, Any]:
    """A shape of the catalogue's form that costs what the header says, whatever its layers are like."""
    told: dict[str, Any] = {"architecture": header.architecture, "status": "exact"}
    if header.kv_values is None:
        return told
    known = {
        "context": header.context,
        "attention": 1,
        "heads": header.shape.heads,
        "latent": header.kv_values,
        "state_bytes": header.state_bytes,
    }
    return told | {key: value for key, value in known.items() if value is not None}


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link where that can be done, else a soft one, else a copy."""
    if target.exists():
        return
    for way in (os.link, os.symlink):
        with contextlib.suppress(OSError, NotImplementedError):
            way(source, target)
            return
    shutil.copyfile(source, target)


def entry_of(name: str, shape: dict[str, Any], file: dict[str, Any]) -> dict[str, Any]:
    name = name[:LONGEST_NAME]
    stem = found["stem"] if (found := PART.match(name)) else name.removesuffix(".gguf")
    bare = QUANT.sub("", stem).strip("-_.").lower()
    size = SIZE.search(bare)
    family = bare.replace(size[1], "").strip("-_.").replace("--", "-") if size else bare
    return {
        "id": bare,
        "family": family or bare,
        "size": size[1] if size else "only",
        "title": stem,
        "shape": shape,
        "files": [file],
    }


def quantization(name: str) -> str:
    found = QUANT.search(name.removesuffix(".gguf"))
    return found[1].lower() if found else "unknown"


def write(entry: dict[str, Any], home: Path) -> None:
    """Put an entry in the place of its namesake."""
    path = home / OWN
    read_entry(entry, str(path))
    known = raw_entries(path) if path.exists() else []
    others = [one for one in known if not isinstance(one, dict) or one.get("id") != entry["id"]]
    keep(path, yaml.safe_dump({"models": [*others, entry]}, sort_keys=False, allow_unicode=True))
