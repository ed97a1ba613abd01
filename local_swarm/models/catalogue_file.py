"""A catalogue's file in, what it says out, checked but not yet worked with: the form of `config/models.yaml`.

Entries may say more than is used here; of that nothing is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from local_swarm.settings.fields import Key, Range
from local_swarm.settings.reader import read_settings
from local_swarm.settings.tree import YamlNode
from local_swarm.settings.yaml_text import read_file

Status = Literal["verified", "exact", "computed", "rounded", "assumed", "memory", "unverified", "unknown"]
Count = Annotated[int, Range(0)]
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LicenseFacts:
    OPEN: ClassVar[bool] = True
    id: Any = None


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """Layers that attend to a window alone. Forks need them in full."""

    OPEN: ClassVar[bool] = True
    layers: Count | None = None
    kv_heads: Count | None = None
    head: Count | None = None


@dataclass(frozen=True, slots=True)
class ShapeFacts:
    """What the KV cache costs; the head of `config/models.yaml` explains every key."""

    OPEN: ClassVar[bool] = True
    architecture: Any = None
    context: Count | None = None
    attention: Count | None = None
    heads: Count | None = None
    kv_heads: Count | None = None
    head: Count | None = None
    latent: Count | None = None
    state_bytes: Count | None = None
    window: WindowFacts | None = None
    status: Status = "unknown"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """`file`: its path in the repository `repo`, that of the first one where there are several `parts`."""

    OPEN: ClassVar[bool] = True
    quantization: Annotated[str, Key("quant")]
    repo: str
    file: str
    bytes: Count | None = None
    sha256: str | None = None
    revision: str | None = None
    parts: Count | None = None
    status: Status = "unknown"

    def mistake(self) -> str | None:
        for key, value in (("quant", self.quantization), ("repo", self.repo), ("file", self.file)):
            if not value:
                return f"a file needs {key}."
        if not self.file.endswith(".gguf") or ".." in self.file.split("/") or self.file.startswith("/"):
            return f"{self.file!r} is no path of a .gguf file in a repository."
        if self.sha256 is not None and not SHA256.fullmatch(self.sha256):
            return f"{self.file}: sha256 must be 64 hexadecimal digits."
        return None


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One model. What stands under `tools` and the like is data for those who talk to it."""

    OPEN: ClassVar[bool] = True
    NAMED_BY: ClassVar[str] = "id"
    id: str
    family: str
    size: str
    shape: ShapeFacts
    files: tuple[FileFacts, ...]
    title: Any = None
    licence: LicenseFacts | None = None
    params_b: Annotated[float | None, Range(0)] = None
    active_b: Annotated[float | None, Range(0)] = None
    tools: Any = None
    reasoning: Any = None
    fim: Any = None
    sampling: Any = None
    role: Any = None
    mlx: Any = None


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """`preferred`: ids, the best model first."""

    OPEN: ClassVar[bool] = True
    models: tuple[EntryFacts, ...]
    preferred: tuple[str, ...] | None = None


def read_catalogue(path: Path) -> CatalogueFile:
    """Raises UsageError with the line of the mistake."""
    return read_settings(CatalogueFile, read_file(path, "catalogue"))


def read_entry(raw: Mapping[str, Any], source: str) -> EntryFacts:
    """One model that is not in a file yet. Raises UsageError."""
    return read_settings(EntryFacts, YamlNode.of(raw, source))


def raw_entries(path: Path) -> list[Any]:
    """The models of a file as they stand there. Raises UsageError for a file that is no catalogue."""
    return list(read_settings(RawCatalogue, read_file(path, "catalogue")).models)


@dataclass(frozen=True, slots=True)
class RawCatalogue:
    OPEN: ClassVar[bool] = True
    models: tuple[Any, ...]
