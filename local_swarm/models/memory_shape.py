"""What a model asks of memory, as values, whether read from a file's header or from the catalogue. Knows neither."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

COMPUTE_BYTES = 160 << 20  # scratch of a batch but for its scores; measured 30 to 165 MiB on models of 0.5B to 14B
COMPUTE_PART = 48  # of the weights, where that is more: an estimate for larger models, not measured
PIECE = 128  # tokens that a processor reads at once; of 512 the scores of attention take four times the memory, and no less time


def is_attention_fused(gpu: bool, kv_type: str) -> bool:
    """Whether attention is one operation. On a processor that visits each (token, head, cell) one by one, and eight voices decode
    faster as plain matrix products (starter model, one thread, a step of 8 sequences: 7.4 and 4.3 ms); but values that are kept
    in fewer bits can be read in no other way."""
    return gpu or kv_type != "f16"


def scratch_bytes(weights_bytes: int) -> int:
    """What a batch is computed in, but for the scores of attention."""
    usual = COMPUTE_BYTES if weights_bytes > COMPUTE_BYTES else COMPUTE_BYTES // 8
    return max(usual, weights_bytes // COMPUTE_PART)


@dataclass(frozen=True, slots=True)
class MemoryShape:
    """`kv_values`: keys and values of one position, over all layers that keep them; layers with a sliding window count in full,
    since forks need all of it. `state_bytes`: recurrent state of one sequence. `context`: longest that was trained, if known.
    `heads`: of the questions that a layer's attention asks, where it has most."""

    context: int | None
    kv_values: int
    state_bytes: int = 0
    heads: int = 0

    def scores_bytes(self, cells: int) -> int:
        """What attention that is not fused writes down while a piece is read behind so many cells: a score in single precision
        for every head, and one more for which cells may be seen. Layers take turns with one place. (llama.cpp 0.3.36, as it
        reserves: 473 MiB of 28 heads and 32,768 cells, 464 by this.)"""
        return 4 * (self.heads + 1) * cells * PIECE


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of weights. `path`: where it lies, or will lie once downloaded. `read_bytes`: weights read for one token, which
    are fewer than all in a mixture of experts. `remarks`: what the user should know before it runs."""

    name: str
    path: Path
    quantization: str | None
    architecture: str
    weights_bytes: int
    shape: MemoryShape
    read_bytes: int | None = None
    remarks: tuple[str, ...] = ()

    def at(self, path: Path) -> Self:
        return replace(self, path=path)


def kv_values(layers: int, heads: int, key: int, value: int | None = None) -> int:
    """Keys and values of one position of so many layers alike; `value` None is as long as `key`, 0 where the values are part of
    the keys (latent attention)."""
    return layers * heads * (key + (key if value is None else value))
