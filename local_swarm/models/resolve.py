"""A model's text in, what it means out: the one grammar of `--model`, rosters, `Chat` and `download`; and the model of that name.

starter, local-swarm-starter              the model that comes with the program
/a/b.gguf  ./b  ~/b  b.gguf  C:\\b         a file or folder of this disk
b                                         a folder with a model that is here, or a file in the models' folder
owner/name[@revision][:file]              a repository of the hub
http://host:port/v1                       a server, where one is allowed
NAME[:SIZE[:QUANT]]                       a model of the catalogue
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from local_swarm.errors import UnknownModel, UsageError
from local_swarm.models import starter
from local_swarm.models.gguf import Header, read_header
from local_swarm.models.hub_cache import HubModel, cached_copy
from local_swarm.models.memory_shape import ModelFile
from local_swarm.models.model_kind import remarks, require_text_model
from local_swarm.models.planner import QUANTIZATIONS
from local_swarm.models.registry import Catalogue, Entry, Variant
from local_swarm.models.storage import Storage
from local_swarm.roster import Source

ReadHeader = Callable[[Path], Header]

PATH_BEGINNINGS = ("/", "./", "../", "~", ".\\", "..\\")
FILE_ENDINGS = (".gguf", ".safetensors")
WEB = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model is to be found. `text`: the name, path or address. `repository`: of kind `hub` alone. `form`: what a path
    must lead to, where a roster says so."""

    kind: Literal["name", "path", "hub", "server"]
    text: str
    repository: HubModel | None = None
    form: Literal["gguf", "safetensors", "mlx"] | None = None

    @property
    def path(self) -> Path:
        return expand_user(Path(self.text)).absolute()

    @property
    def is_folder(self) -> bool:
        return self.kind == "path" and leads_to(self.path, Path.is_dir)


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that was asked for. `model` None: it is a folder, or what it needs is not known before it is here."""

    model: ModelFile | None
    path: Path
    on_disk: bool
    entry: Entry | None = None
    variant: Variant | None = None
    repository: HubModel | None = None

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        if self.entry and self.variant:
            return self.entry.name_with(self.variant)
        return self.repository.text if self.repository else str(self.path)


def resolve(model: str | Source) -> ModelSource:
    """What a text or a roster's mapping means. Looks at the disk only to tell a folder from a name.

    Raises UsageError for a mapping that names nothing."""
    return resolve_text(model) if isinstance(model, str) else resolve_mapping(model)


def resolve_text(text: str) -> ModelSource:
    if text.startswith(WEB):
        return ModelSource("server", text)
    if is_path(text) or is_here(text):
        return ModelSource("path", text)
    head, _, filename = text.partition(":") if "/" in text else (text, "", "")
    repository, _, revision = head.partition("@")
    if repository.count("/") == 1 and all(repository.split("/")):
        return ModelSource("hub", text, HubModel(repository, revision or None, filename or None))
    return ModelSource("name", text)


def resolve_mapping(source: Source) -> ModelSource:
    if source.provider == "huggingface" or source.repository:
        if not source.repository:
            raise UsageError("A model of the hub needs its repository, like Qwen/Qwen3.5-9B-GGUF.")
        model = HubModel(
            source.repository, source.revision, source.filename, source.token_env, cached_only=source.local_files_only
        )
        return ModelSource("hub", model.text, model)
    if not source.path:
        raise UsageError("A local model needs its path.")
    return ModelSource("path", source.path, form=source.format)


def is_path(text: str) -> bool:
    """Texts that begin like a path or end like a model's file are paths, but `owner/name:file.gguf` is a file of the hub."""
    windows = text[1:3] in (":\\", ":/") and text[:1].isalpha()
    return windows or text.startswith(PATH_BEGINNINGS) or (text.endswith(FILE_ENDINGS) and ":" not in text)


def is_here(text: str) -> bool:
    """Whether it is a model's folder or file that a name leads to from where the program was started. A folder of two names is
    one even where its model is not whole: the hub must not be asked for what lies here."""
    if ("/" in text or text in (".", "..")) and leads_to(Path(text), Path.is_dir):
        return True
    if leads_to(Path(text, "config.json"), Path.is_file):
        return True
    return text.endswith(FILE_ENDINGS) and leads_to(Path(text), Path.is_file)


def leads_to(path: Path, test: Callable[[Path], bool]) -> bool:
    try:
        return test(path)
    except OSError:  # longer than a name may be, or not for us to see
        return False


def expand_user(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # a home of nobody: then it is not there
        return path


def find(source: ModelSource, catalogue: Catalogue, storage: Storage, read: ReadHeader = read_header) -> ResolvedModel:
    """The model that is meant, be it on this disk or not. Raises UnknownModel, BadModelFile, and UsageError for a server."""
    if source.repository:
        return of_repository(source.repository, read)
    if source.kind == "path":
        return of_path(source.path, read)
    if source.kind == "server":
        raise UsageError(f"{source.text} is the address of a server: its model runs there, not here.")
    return find_name(source.text, catalogue, storage, read)


def find_name(name: str, catalogue: Catalogue, storage: Storage, read: ReadHeader) -> ResolvedModel:
    if name in (starter.NAME, "starter"):
        return of_path(starter.PATH, read)
    own = {path.stem: path for path in storage.own_files()}
    if name in own:
        return of_path(own[name], read)
    if not catalogue.knows(name):
        said = catalogue.unknown(name, [starter.NAME, *own])
        others = ", ".join([starter.NAME, *own])
        raise UnknownModel(
            f"{said}; here are {others}. Or give the path of a .gguf file, or put one into {storage.folder}."
        )
    entry, variant = catalogue.find(name)
    return of_entry(entry, variant, storage, read)


def of_path(path: Path, read: ReadHeader = read_header) -> ResolvedModel:
    """A file or folder of this disk."""
    return ResolvedModel(None if path.is_dir() else read_model(path, read), path, True)


def of_repository(model: HubModel, read: ReadHeader = read_header) -> ResolvedModel:
    """What the hub's cache holds of a repository, if anything."""
    path = cached_copy(model)
    if path is None:
        return ResolvedModel(None, Path(model.text), False, repository=model)
    return ResolvedModel(None if path.is_dir() else read_model(path, read), path, True, repository=model)


def of_entry(entry: Entry, variant: Variant, storage: Storage, read: ReadHeader = read_header) -> ResolvedModel:
    """A file of the catalogue: as its header says where it is here already, else as the catalogue says."""
    path = storage.find(entry, variant)
    if path is None:
        where = storage.path_of(variant)
        return ResolvedModel(entry.model(variant, where), where, False, entry, variant)
    model = replace(read_model(path, read), name=entry.id, quantization=variant.quantization)
    return ResolvedModel(model, path, True, entry, variant)


def read_model(path: Path, read: ReadHeader = read_header) -> ModelFile:
    """A file as its header says. Raises BadModelFile for one that cannot be read, or that writes no text."""
    return model_of(require_text_model(read(path)))


def model_of(header: Header) -> ModelFile:
    return ModelFile(
        name=header.path.stem,
        path=header.path,
        quantization=QUANTIZATIONS.get(header.file_type),
        architecture=header.architecture,
        weights_bytes=header.weights_bytes,
        shape=header.shape,
        remarks=tuple(remarks(header)),
    )
