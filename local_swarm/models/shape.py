"""What a model asks of memory, as values, whether read from a file's header or from the catalogue. Knows neither."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Shape:
    """`kv_values`: keys and values of one position, over all layers that keep them; layers with a sliding window count in full,
    since forks need all of it. `state_bytes`: recurrent state of one sequence. `context`: longest that was trained, if known."""

    context: int | None
    kv_values: int
    state_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """One file of weights. `path`: where it lies, or will lie once downloaded. `read_bytes`: weights read for one token, which
    are fewer than all in a mixture of experts."""

    name: str
    path: Path
    quantization: str | None
    architecture: str
    weights_bytes: int
    shape: Shape
    read_bytes: int | None = None

    def at(self, path: Path) -> Self:
        return replace(self, path=path)


def kv_values(layers: int, heads: int, key: int, value: int | None = None) -> int:
    """Keys and values of one position of so many layers alike; `value` None is as long as `key`, 0 where the values are part of
    the keys (latent attention)."""
    return layers * heads * (key + (key if value is None else value))
