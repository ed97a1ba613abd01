"""A folder of MLX weights in, a `RowModel` out. The only file that touches `mlx` and `mlx_lm`.

Checked against mlx-lm 0.32.2. MLX copies are real memory: every row of a batch holds the whole prompt (4 copies cost
4.3 times one). A memory is a list of mlx-lm's KV caches; whatever kind they are, their arrays have the rows first, and
that alone is relied on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_adapters, load_model

from local_swarm.backends.lockstep.model import Memory
from local_swarm.backends.lockstep.vocabulary import settings
from local_swarm.backends.sampling import Scores
from local_swarm.errors import BadModelFile

PIECE = 512  # tokens of a prompt that are computed at once


class MlxModel:
    """A `RowModel`. Raises BadModelFile for what mlx-lm cannot load.

    A folder may name a file of Python that builds its network (`model_file`); it is never run (CVE-2026-5843).
    """

    room = 2048

    def __init__(self, folder: Path, adapters: Sequence[tuple[Path, float]] = ()) -> None:
        if settings(folder / "config.json").get("model_file"):
            raise BadModelFile(
                f"{folder} wants to run code of its own (model_file), which is not done. Use another model."
            )
        try:
            self.model, _ = load_model(folder, lazy=False, strict=True, trust_remote_code=False)
            for path, weight in adapters:
                self.model = apply_adapter(self.model, path, weight)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as problem:
            raise BadModelFile(f"MLX cannot load {folder}: {problem}. Use another model.") from problem
        self.model.eval()
        self.on_gpu = mx.default_device() == mx.Device(mx.gpu)
        self.parameters = count_parameters(self.model)
        self.cuttable = all(type(one).__name__ in ("KVCache", "QuantizedKVCache") for one in self.new_memory())
        self.vocabulary = int(self.decode(self.new_memory(), [0]).shape[1])

    def new_memory(self) -> Memory:
        return make_prompt_cache(self.model)

    def prefill(self, memory: Memory, tokens: Sequence[int]) -> None:
        for at in range(0, len(tokens), PIECE):
            self.model(mx.array([list(tokens[at : at + PIECE])]), cache=memory)
            mx.eval([array for _, array in tree_flatten([one.state for one in memory]) if isinstance(array, mx.array)])

    def decode(self, memory: Memory, tokens: Sequence[int]) -> Scores:
        logits = self.model(mx.array([[token] for token in tokens]), cache=memory)[:, -1, :].astype(mx.float32)
        mx.eval(logits)
        return np.array(logits, copy=True)

    def copy_rows(self, memory: Memory, rows: int) -> Memory:
        return map_arrays(memory, lambda array: mx.repeat(array, rows, axis=0) if rows > 1 else mx.array(array))

    def select_rows(self, memory: Memory, rows: Sequence[int]) -> Memory:
        which = mx.array(list(rows))
        return map_arrays(memory, lambda array: array[which])

    def truncate(self, memory: Memory, tokens: int) -> None:
        for one in memory:
            one.trim(one.offset - tokens)

    def vector(self, tokens: Sequence[int]) -> Sequence[float]:
        hidden = np.array(self.model.model(mx.array([list(tokens)])).astype(mx.float32))[0].mean(axis=0)
        unit: list[float] = (hidden / max(float(np.linalg.norm(hidden)), 1e-12)).round(7).tolist()
        return unit


def map_arrays(memory: Memory, change: Callable[[mx.array], mx.array]) -> Memory:
    """Caches like these, each of whose arrays is what `change` makes of it: a new one always, for caches write into
    theirs."""
    states = [tree_map(lambda leaf: change(leaf) if isinstance(leaf, mx.array) else leaf, one.state) for one in memory]
    made = [type(one).from_state(state) for one, state in zip(memory, states, strict=True)]
    mx.eval([array for _, array in tree_flatten(states) if isinstance(array, mx.array)])
    return made


def apply_adapter(model: Any, folder: Path, weight: float) -> Any:
    """The model with a low-rank change that mlx-lm trained, times `weight`."""
    made = load_adapters(model, str(folder))
    for _, module in made.named_modules():
        if hasattr(module, "lora_a"):
            module.scale *= weight
    return made


def count_parameters(model: Any) -> int:
    """Weights of a network; of quantized ones, those that their packed words stand for."""
    from mlx_lm.utils import get_total_parameters

    return int(get_total_parameters(model))


def hold_in_memory() -> None:
    """Let macOS keep the weights wired, as far as Metal allows: pages that leave cost a disk's read at every step."""
    if mx.metal.is_available():
        mx.set_wired_limit(int(mx.device_info()["max_recommended_working_set_size"]))
