"""A file of the catalogue in, where it lies on this disk out, be it in our folder or in the cache of another program.

Looks at names and sizes, never at the network. Layouts: huggingface.co/docs/huggingface_hub (cache), github.com/ollama/ollama
(manifests and blobs), lmstudio.ai/docs (models folder).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local_swarm.errors import BadModelFile
from local_swarm.models.gguf import PART, parts_of, read_header
from local_swarm.models.planner import QUANTIZATIONS
from local_swarm.models.registry import Entry, Variant

ROUNDING = 0.02  # by how much a size may be off that its source gave in GB
MOST_MANIFEST = 1 << 20  # bytes; real ones have some hundreds


@dataclass(frozen=True, slots=True)
class Storage:
    """Our folder of models, and the folders of other programs that may have a file already."""

    folder: Path
    hub: tuple[Path, ...] = ()
    ollama: tuple[Path, ...] = ()
    lm_studio: tuple[Path, ...] = ()

    def path_of(self, variant: Variant) -> Path:
        """Where a file is put when it is downloaded."""
        return self.folder / Path(variant.file).name

    def find(self, entry: Entry, variant: Variant) -> Path | None:
        """A whole copy of the file, ours first. None where there is none."""
        return next((path for path in self.candidates(entry, variant) if is_whole(path, variant)), None)

    def candidates(self, entry: Entry, variant: Variant) -> Iterator[Path]:
        yield self.path_of(variant)
        for folder in self.hub:
            repo = folder / f"models--{variant.repo.replace('/', '--')}"
            yield from sorted((repo / "snapshots").glob(f"*/{variant.file}"))
        for folder in self.lm_studio:
            yield folder / variant.repo / Path(variant.file).name
        for folder in self.ollama:
            if variant.sha256:
                yield folder / "blobs" / f"sha256-{variant.sha256}"
            yield from same_of_ollama(folder, entry, variant)

    def own_files(self) -> list[Path]:
        """The models in our folder, of split ones the first part."""
        found = sorted(self.folder.glob("*.gguf"))
        return [path for path in found if not (part := PART.match(path.name)) or int(part["part"]) == 1]


def storage(folder: Path, environment: Mapping[str, str] = os.environ) -> Storage:
    """The folders of this machine, as the other programs' own variables say."""
    home = Path.home()
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    hub = environment.get("HF_HUB_CACHE") or Path(environment.get("HF_HOME") or cache / "huggingface") / "hub"
    ollama = (
        [Path(environment["OLLAMA_MODELS"])]
        if environment.get("OLLAMA_MODELS")
        else [home / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]
    )
    studio = [home / ".lmstudio" / "models", cache / "lm-studio" / "models"]
    return Storage(folder, (Path(hub).expanduser(),), tuple(ollama), tuple(studio))


def cached_copies(repository: str, environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The copies that the hub's own cache holds under the name of its main branch, as huggingface_hub lays it out."""
    found = []
    for hub in storage(Path(), environment).hub:
        kept = hub / f"models--{repository.replace('/', '--')}"
        try:
            found.append(kept / "snapshots" / (kept / "refs" / "main").read_text(encoding="utf-8").strip())
        except (OSError, UnicodeError):
            continue
    return found


def is_whole(path: Path, variant: Variant) -> bool:
    """Whether all parts are there and of the size that the catalogue tells, as exactly as it tells it."""
    if path.name.startswith("sha256-"):
        return path.is_file()
    parts = parts_of(path)
    try:
        size = sum(part.stat().st_size for part in parts)
    except OSError:
        return False
    if len(parts) != variant.parts or variant.bytes is None or size == variant.bytes:
        return len(parts) == variant.parts
    return variant.status != "exact" and abs(size - variant.bytes) <= variant.bytes * ROUNDING


def same_of_ollama(folder: Path, entry: Entry, variant: Variant) -> Iterator[Path]:
    """What Ollama has under the same name, if its header says that it is the same model in the same quantization."""
    library = folder / "manifests" / "registry.ollama.ai" / "library" / entry.family
    for manifest in sorted(library.glob(f"{entry.size}*")):
        blob = blob_of(manifest, folder)
        if blob and same_model(blob, entry, variant):
            yield blob
    hub = folder / "manifests" / "hf.co" / variant.repo
    for manifest in sorted(hub.glob("*")):
        blob = blob_of(manifest, folder)
        if blob and manifest.name.lower() == variant.quantization.replace("ud-", "").lower():
            yield blob


def blob_of(manifest: Path, folder: Path) -> Path | None:
    """The file of weights that a manifest of Ollama's names."""
    try:
        if manifest.stat().st_size > MOST_MANIFEST:
            return None
        layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
        digest = next(one["digest"] for one in layers if one["mediaType"] == "application/vnd.ollama.image.model")
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None
    name = str(digest).replace(":", "-")
    return folder / "blobs" / name if name.replace("-", "").isalnum() else None


def same_model(blob: Path, entry: Entry, variant: Variant) -> bool:
    try:
        header = read_header(blob)
    except BadModelFile:
        return False
    kind = QUANTIZATIONS.get(header.file_type)
    return header.architecture == entry.architecture and kind == variant.quantization
