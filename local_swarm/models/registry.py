"""The catalogue of models: `config/models.yaml` and the user's own entries in, models with their files out. Data only.

It knows nothing of what is on this disk, of the network, or of what fits this machine."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm.commands import command
from local_swarm.errors import UnknownModel, UsageError
from local_swarm.models.catalogue_file import EntryFacts, FileFacts, ShapeFacts, read_catalogue
from local_swarm.models.memory_shape import MemoryShape, ModelFile, kv_values

OWN = "catalogue.yaml"  # in the home: what the user added
FACTS = ("tools", "reasoning", "fim", "sampling", "role", "mlx")  # data for those who talk to a model
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

    def name_with(self, variant: Variant) -> str:
        """The name of one of its files, as `--model` takes it."""
        return f"{self.name}:{variant.quantization}"

    def model(self, variant: Variant, path: Path) -> ModelFile | None:
        """What the selector needs to know of a file, None where size or shape is unknown."""
        if self.shape is None or variant.bytes is None:
            return None
        share = self.active_b / self.params_b if self.active_b and self.params_b else 1.0
        return ModelFile(
            name=self.id,
            path=path,
            quantization=variant.quantization,
            architecture=self.architecture,
            weights_bytes=variant.bytes,
            shape=self.shape,
            read_bytes=int(variant.bytes * share),
        )

    def finest_first(self) -> list[Variant]:
        """One variant for each quantization, the most bits first; of several sources the first."""
        seen: dict[str, Variant] = {}
        for variant in self.variants:
            seen.setdefault(variant.quantization, variant)
        return sorted(seen.values(), key=lambda one: (-one.bits, -(one.bytes or 0)))

    def variant(self, wish: str | None) -> Variant:
        """The file of a quantization: in full (`q4_k_m`) or by its bits (`q4`); without a wish the usual one of four bits.

        Raises UnknownModel."""
        wanted = (wish or "q4").lower().replace("-", "_")
        exact = [one for one in self.variants if one.quantization.replace("-", "_") in (wanted, f"ud_{wanted}")]
        if exact:
            return exact[0]
        bits = re.fullmatch(r"q?(\d)", wanted)
        same = [one for one in self.variants if bits and one.bits == int(bits[1])]
        if same:
            return min(same, key=popularity)
        if wish is None and self.variants:
            return self.finest_first()[-1]
        known = ", ".join(dict.fromkeys(one.quantization for one in self.variants))
        raise UnknownModel(f"{self.name} is not there as {wish}. There are: {known or 'no files'}.")


def popularity(variant: Variant) -> tuple[int, bool]:
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
        if (entry := self.get(words[0])) and len(words) == 2:  # an id and a quantization
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
        return f"No model is called {name!r}.{hint} All names: {command('models')}"

    def order(self, preferred: Sequence[str]) -> list[Entry]:
        """The entries to choose from, the best first: `auto` stands for the catalogue's own order, a family for all its sizes,
        the largest first. Raises UsageError for a name that is none."""
        names = [name for wish in preferred for name in (self.preferred if wish == "auto" else (wish,))]
        found: list[Entry] = []
        for name in names:
            entry = self.get(name)
            family = sorted(
                (one for one in self.entries if one.family == name.lower()), key=lambda one: -(one.params_b or 0)
            )
            if not entry and not family:
                raise UsageError(f"models.preferred_models: {self.unknown(name)}")
            found += [one for one in ([entry] if entry else family) if one not in found]
        return found


def load(data: Path, home: Path) -> Catalogue:
    """The catalogue that comes with the program, with the user's own entries before it. Raises UsageError for a mistake."""
    shipped = read_catalogue(data / "models.yaml")
    own = home / OWN
    added = read_catalogue(own).models if own.exists() else ()
    entries = [entry_of(one) for one in (*added, *shipped.models)]
    names = {one.id: one for one in reversed(entries)}  # an entry of the user's replaces one of the same id
    first = tuple(entry for entry in entries if names[entry.id] is entry)
    catalogue = Catalogue(first, shipped.preferred or ())
    for name in catalogue.preferred:
        if catalogue.get(name) is None:
            raise UsageError(f"{data / 'models.yaml'}: preferred names {name!r}, which is not among the models.")
    return catalogue


def entry_of(facts: EntryFacts) -> Entry:
    said = {name: getattr(facts, name) for name in FACTS}
    return Entry(
        id=facts.id,
        family=facts.family,
        size=facts.size,
        title=str(facts.title or facts.id),
        licence=str((facts.licence.id if facts.licence else None) or "unknown"),
        architecture=str(facts.shape.architecture or "unknown"),
        params_b=facts.params_b,
        active_b=facts.active_b,
        shape=shape_of(facts.shape),
        shape_status=facts.shape.status,
        variants=tuple(variant_of(one) for one in facts.files),
        facts={name: value for name, value in said.items() if value is not None},
    )


def shape_of(facts: ShapeFacts) -> MemoryShape | None:
    """What the cache costs, by the kinds of layers; None where a part of it is not known."""
    layers, state = facts.attention, facts.state_bytes
    if layers is None or state is None:
        return None
    if facts.latent is not None:
        values = kv_values(layers, 1, facts.latent, 0)
    elif facts.kv_heads is not None and facts.head is not None:
        values = kv_values(layers, facts.kv_heads, facts.head)
    else:
        return None
    if window := facts.window:
        values += kv_values(window.layers or 0, window.kv_heads or 0, window.head or 0)
    return MemoryShape(facts.context, values, state, USUAL_HEADS if facts.heads is None else facts.heads)


def variant_of(facts: FileFacts) -> Variant:
    return Variant(
        quantization=facts.quantization,
        repo=facts.repo,
        file=facts.file,
        bytes=facts.bytes,
        status=facts.status,
        sha256=facts.sha256,
        revision=facts.revision,
        parts=facts.parts or 1,
    )
