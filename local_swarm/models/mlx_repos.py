"""A model's name in, the repository of its MLX twin out: the same weights as safetensors, which MLX runs in place of GGUF."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from local_swarm.errors import DoesNotFit, UnknownModel
from local_swarm.models.registry import Catalogue, Entry

ROOM = 1.25  # times its weights is what a model needs at least: keys and values, and what computing takes


def twin(catalogue: Catalogue, name: str) -> str:
    """Of a model of the catalogue, by `NAME[:SIZE[:QUANT]]`; the quantization picks among several twins (`4bit`, `8bit`).

    Raises UnknownModel for a name that is none, or that has no twin."""
    words = name.lower().split(":")
    entry = catalogue.get(name) or catalogue.get(":".join(words[:2])) or catalogue.get(words[0])
    if entry is None:
        raise UnknownModel(catalogue.unknown(name))
    named = words[-1] if len(words) > 1 and catalogue.get(name) is None else ""
    found = [repo for repo, _ in twins(entry) if named in repo.lower()]
    if not found:
        have = ", ".join(repo for repo, _ in twins(entry)) or "none"
        raise UnknownModel(f"{name} has no such MLX twin in the catalogue ({have}). Name a folder or owner/repository.")
    return found[0]


def best_twin(
    catalogue: Catalogue,
    preferred: Sequence[str],
    budget_bytes: int | None,
    allowed: Callable[[str], bool] = lambda _: True,
) -> str:
    """Of the preferred models the first that fits; a budget that is not known fits all. `allowed`: e.g. whether it is on disk.

    Raises DoesNotFit where none does, UsageError for a preference that names no model."""
    for entry in catalogue.order(preferred):
        for repo, size in twins(entry):
            if (budget_bytes is None or (size and size * ROOM <= budget_bytes)) and allowed(repo):
                return repo
    raise DoesNotFit("No MLX model of the catalogue fits this machine's memory.")


def twins(entry: Entry) -> list[tuple[str, int | None]]:
    """(repository, bytes of its weights or None where that is not known) of each, the smallest first as the catalogue has it."""
    return [(one["repo"], one.get("bytes")) for one in entry.facts.get("mlx", ())]
