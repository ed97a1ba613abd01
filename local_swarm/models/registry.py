"""`config/models.yaml` and the user's own entries in, models with their files out. Data only: it knows no disk and no network."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm.errors import UnknownModel, WrongUse
from local_swarm.models.memory_shape import MemoryShape, ModelFile, kv_values
from local_swarm.paths import program_name
from local_swarm.settings.yaml_text import read_file

STATUSES = ("verified", "exact", "computed", "rounded", "assumed", "memory", "unverified", "unknown")
OWN = "catalogue.yaml"  # in the home: what the user added
BITS = re.compile(r"(?:^|[-_])i?(?:q|mxfp|f|bf)(\d+)")
USUAL_HEADS = 32  # of most models of 3 to 14 billion parameters; for entries of those who do not tell
USUAL = ("k_m", "k_xl", "0", "k_s")  # of several files of the same number of bits, the earlier is taken


@dataclass(frozen=True, slots=True)
class Variant:
    """One file of a model. `bytes`: of all `parts` together, as well as known; `sha256` is that of the first part."""

    quantization: str
    repo: str
    file: str
    bytes: int | None
    status: str
    sha256: str | None = None
    revision: str | None = None
    parts: int = 1

    @property
    def bits(self) -> int:
        found = BITS.search(self.quantization)
        return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue. `shape` None: what its cache costs is not known, so it is never chosen by itself.
    `facts`: everything else that its entry says, e.g. how it writes tool calls, each with a mark of how sure it is."""

    id: str
    family: str
    size: str
    title: str
    licence: str
    architecture: str
    params_b: float | None
    active_b: float | None
    shape: MemoryShape | None
    shape_status: str
    variants: tuple[Variant, ...]
    facts: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As `--model` takes it."""
        return f"{self.family}:{self.size}"

    def model(self, variant: Variant, path: Path) -> ModelFile | None:
        """What the selector needs to know of a file, None where size or shape is unknown."""
        if self.shape is None or variant.bytes is None:
            return None
        share = self.active_b / self.params_b if self.active_b and self.params_b else 1.0
        return ModelFile(
            self.id,
            path,
            variant.quantization,
            self.architecture,
            variant.bytes,
            self.shape,
            int(variant.bytes * share),
        )

    def finest_first(self) -> list[Variant]:
        """One variant for each quantisation, the most bits first; of several sources the first."""
        seen: dict[str, Variant] = {}
        for variant in self.variants:
            seen.setdefault(variant.quantization, variant)
        return sorted(seen.values(), key=lambda one: (-one.bits, -(one.bytes or 0)))

    def variant(self, wish: str | None) -> Variant:
        """The file of a quantisation: in full (`q4_k_m`) or by its bits (`q4`); without a wish the usual one of four bits.

        Raises UnknownModel."""
        wanted = (wish or "q4").lower().replace("-", "_")
        exact = [one for one in self.variants if one.quantization.replace("-", "_") in (wanted, f"ud_{wanted}")]
        if exact:
            return exact[0]
        bits = re.fullmatch(r"q?(\d)", wanted)
        same = [one for one in self.variants if bits and one.bits == int(bits[1])]
        if same:
            return min(same, key=usualness)
        if wish is None and self.variants:
            return self.finest_first()[-1]
        known = ", ".join(dict.fromkeys(one.quantization for one in self.variants))
        raise UnknownModel(f"{self.name} is not there as {wish}. There are: {known or 'no files'}.")


def usualness(variant: Variant) -> tuple[int, bool]:
    ending = next((place for place, one in enumerate(USUAL) if variant.quantization.endswith(one)), len(USUAL))
    return ending, variant.quantization.startswith("ud-")


@dataclass(frozen=True, slots=True)
class Catalogue:
    entries: tuple[Entry, ...]
    preferred: tuple[str, ...]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def get(self, name: str) -> Entry | None:
        """By id (`qwen3.5-9b`) or by family and size (`qwen3.5:9b`)."""
        return next((one for one in self.entries if name.lower() in (one.id, one.name)), None)

    def knows(self, name: str) -> bool:
        """Whether a model or a family is meant, in whatever size."""
        first = name.lower().split(":")[0]
        return any(first in (one.id, one.family) for one in self.entries)

    def find(self, name: str) -> tuple[Entry, Variant]:
        """The file that `NAME[:SIZE[:QUANT]]` means. Raises UnknownModel with the nearest name."""
        words = name.lower().split(":")
        if entry := self.get(name) or self.get(":".join(words[:2])):
            return entry, entry.variant(words[2] if len(words) > 2 else None)
        if (entry := self.get(words[0])) and len(words) == 2:  # an id and a quantisation
            return entry, entry.variant(words[1])
        family = [one for one in self.entries if one.family == words[0]]
        if family and len(words) == 1:
            entry = next((one for one in family if one.id in self.preferred), family[0])
            return entry, entry.variant(None)
        if family:
            raise UnknownModel(
                f"{words[0]} has no size {words[1]}. There are: {', '.join(one.name for one in family)}."
            )
        raise UnknownModel(self.unknown(name))

    def unknown(self, name: str, others: Sequence[str] = ()) -> str:
        names = [*others, *(known for one in self.entries for known in (one.name, one.id, one.family))]
        close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]}?" if close else ""
        return f"No model is called {name!r}.{hint} All names: {program_name()} models"

    def order(self, preferred: Sequence[str]) -> list[Entry]:
        """The entries to choose from, the best first: `auto` stands for the catalogue's own order, a family for all its sizes,
        the largest first. Raises WrongUse for a name that is none."""
        names = [name for wish in preferred for name in (self.preferred if wish == "auto" else (wish,))]
        found: list[Entry] = []
        for name in names:
            entry = self.get(name)
            family = sorted(
                (one for one in self.entries if one.family == name.lower()), key=lambda one: -(one.params_b or 0)
            )
            if not entry and not family:
                raise WrongUse(f"models.preferred_models: {self.unknown(name)}")
            found += [one for one in ([entry] if entry else family) if one not in found]
        return found


def load(data: Path, home: Path) -> Catalogue:
    """The catalogue that comes with the program, with the user's own entries before it. Raises WrongUse for a mistake."""
    shipped = read(data / "models.yaml")
    own = home / OWN
    added = read(own) if own.exists() else {"models": []}
    entries = [parsed(one, own) for one in added.get("models") or []]
    entries += [parsed(one, data / "models.yaml") for one in shipped.get("models") or []]
    names = {one.id: one for one in reversed(entries)}  # an entry of the user's replaces one of the same id
    first = tuple(entry for entry in entries if names[entry.id] is entry)
    catalogue = Catalogue(first, tuple(shipped.get("preferred") or ()))
    for name in catalogue.preferred:
        if catalogue.get(name) is None:
            raise WrongUse(f"{data / 'models.yaml'}: preferred names {name!r}, which is not among the models.")
    return catalogue


def read(path: Path) -> Mapping[str, Any]:
    """Raises WrongUse."""
    found = read_file(path, "catalogue").plain()
    if not isinstance(found, dict) or not isinstance(found.get("models"), list):
        raise WrongUse(f"The catalogue {path} must be a mapping with a list of models.")
    return found


def parsed(raw: Any, path: Path) -> Entry:
    """One entry. Raises WrongUse that names the entry and what is wrong with it."""
    if not isinstance(raw, dict):
        raise WrongUse(f"{path}: a model must be a mapping, not {raw!r}.")
    where = f"{path}: {raw.get('id', 'a model without an id')}"
    for key, kind in (("id", str), ("family", str), ("size", str), ("files", list), ("shape", dict)):
        if not isinstance(raw.get(key), kind):
            raise WrongUse(f"{where}: {key} must be {'text' if kind is str else f'a {kind.__name__}'}.")
    shape = raw["shape"]
    facts = {key: raw[key] for key in ("tools", "reasoning", "fim", "sampling", "role", "mlx") if key in raw}
    licence = raw.get("licence") or {}
    return Entry(
        raw["id"],
        raw["family"],
        raw["size"],
        str(raw.get("title") or raw["id"]),
        str(licence.get("id") or "unknown"),
        str(shape.get("architecture") or "unknown"),
        number(raw, "params_b", where),
        number(raw, "active_b", where),
        shape_of(shape, where),
        status(shape, where),
        tuple(variant_of(one, where) for one in raw["files"]),
        facts,
    )


def shape_of(raw: Mapping[str, Any], where: str) -> MemoryShape | None:
    """What the cache costs, by the kinds of layers; None where a part of it is not known."""
    counts = {
        key: whole(raw, key, where)
        for key in ("context", "attention", "heads", "kv_heads", "head", "latent", "state_bytes")
    }
    layers, state = counts["attention"], counts["state_bytes"]
    if layers is None or state is None:
        return None
    if counts["latent"] is not None:
        values = kv_values(layers, 1, counts["latent"], 0)
    elif counts["kv_heads"] is not None and counts["head"] is not None:
        values = kv_values(layers, counts["kv_heads"], counts["head"])
    else:
        return None
    if window := raw.get("window"):
        near = {key: whole(window, key, where) or 0 for key in ("layers", "kv_heads", "head")}
        values += kv_values(near["layers"], near["kv_heads"], near["head"])
    heads = USUAL_HEADS if counts["heads"] is None else counts["heads"]
    return MemoryShape(counts["context"], values, state, heads)


def variant_of(raw: Any, where: str) -> Variant:
    if not isinstance(raw, dict):
        raise WrongUse(f"{where}: a file must be a mapping, not {raw!r}.")
    for key in ("quant", "repo", "file"):
        if not isinstance(raw.get(key), str) or not raw[key]:
            raise WrongUse(f"{where}: a file needs {key}.")
    if not raw["file"].endswith(".gguf") or ".." in raw["file"].split("/") or raw["file"].startswith("/"):
        raise WrongUse(f"{where}: {raw['file']!r} is no path of a .gguf file in a repository.")
    digest = raw.get("sha256")
    if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", str(digest)):
        raise WrongUse(f"{where}: {raw['file']}: sha256 must be 64 hexadecimal digits.")
    return Variant(
        raw["quant"],
        raw["repo"],
        raw["file"],
        whole(raw, "bytes", where),
        status(raw, where),
        digest,
        raw.get("revision"),
        whole(raw, "parts", where) or 1,
    )


def status(raw: Mapping[str, Any], where: str) -> str:
    found = raw.get("status", "unknown")
    if found not in STATUSES:
        raise WrongUse(f"{where}: status must be one of {', '.join(STATUSES)}, not {found!r}.")
    return str(found)


def whole(raw: Mapping[str, Any], key: str, where: str) -> int | None:
    found = raw.get(key)
    if found is not None and (not isinstance(found, int) or isinstance(found, bool) or found < 0):
        raise WrongUse(f"{where}: {key} must be a whole number, not {found!r}.")
    return found


def number(raw: Mapping[str, Any], key: str, where: str) -> float | None:
    found = raw.get(key)
    if found is not None and (not isinstance(found, (int, float)) or isinstance(found, bool) or found < 0):
        raise WrongUse(f"{where}: {key} must be a number, not {found!r}.")
    return found
