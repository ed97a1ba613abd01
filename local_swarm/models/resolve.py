"""A wish in, the model that it means out: the starter, a file by its path or name, or one of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local_swarm.errors import UnknownModel
from local_swarm.models import starter
from local_swarm.models.gguf import Header, read_header
from local_swarm.models.memory_shape import ModelFile
from local_swarm.models.planner import QUANTIZATIONS
from local_swarm.models.registry import Catalogue, Entry, Variant
from local_swarm.models.storage import Storage


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that was asked for. `model` None: neither is its file here nor does the catalogue know what it would need."""

    model: ModelFile | None
    path: Path
    on_disk: bool
    entry: Entry | None = None
    variant: Variant | None = None

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        if self.entry and self.variant:
            return f"{self.entry.name}:{self.variant.quantization}"
        return str(self.path)


def find(wish: str, catalogue: Catalogue, storage: Storage) -> ResolvedModel:
    """The starter, a path, a file in the models' folder by its name, or `NAME[:SIZE[:QUANT]]` of the catalogue.

    Raises UnknownModel and BadModelFile."""
    if wish in (starter.NAME, "starter"):
        return of_file(starter.PATH)
    if is_path(wish):
        return of_file(Path(wish).expanduser())
    own = {path.stem: path for path in storage.own_files()}
    if wish in own:
        return of_file(own[wish])
    if not catalogue.knows(wish):
        said = catalogue.unknown(wish, [starter.NAME, *own])
        others = ", ".join([starter.NAME, *own])
        raise UnknownModel(
            f"{said}; here are {others}. Or give the path of a .gguf file, or put one into {storage.folder}."
        )
    entry, variant = catalogue.find(wish)
    return of_entry(entry, variant, storage)


def of_file(path: Path) -> ResolvedModel:
    return ResolvedModel(model_of(read_header(path)), path, True)


def of_entry(entry: Entry, variant: Variant, storage: Storage) -> ResolvedModel:
    """A file of the catalogue: as its header says where it is here already, else as the catalogue says."""
    path = storage.find(entry, variant)
    if path is None:
        where = storage.path_of(variant)
        return ResolvedModel(entry.model(variant, where), where, False, entry, variant)
    model = model_of(read_header(path), entry.id, variant.quantization)
    return ResolvedModel(model, path, True, entry, variant)


def model_of(header: Header, name: str | None = None, quantization: str | None = None) -> ModelFile:
    kind = quantization or QUANTIZATIONS.get(header.file_type)
    return ModelFile(
        name or header.path.stem, header.path, kind, header.architecture, header.weights_bytes, header.shape
    )


def is_path(name: str) -> bool:
    """Strings that begin like a path or end in .gguf are paths; all others are names."""
    return (
        name.endswith(".gguf") or name.startswith(("/", "./", "../", "~/", ".\\", "..\\")) or name[1:3] in (":\\", ":/")
    )
