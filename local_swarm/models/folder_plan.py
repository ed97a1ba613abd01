"""A folder of safetensors, a budget and options in, how it runs out, where every voice has a KV cache of its own. Pure.

    weights + KV(context) x (voices + 1) + scratch <= budget

Every voice holds the whole prompt and its answer, and one prompt is remembered beside them. (mlx-lm 0.32: four copies of a cache
took 4.3 times the memory of one.) A llama.cpp engine shares the prompt; `planner` says what that costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from local_swarm.errors import DoesNotFit
from local_swarm.models.folder import Folder
from local_swarm.models.memory_shape import scratch_bytes
from local_swarm.models.planner import COMFORTABLE_CONTEXT, SMALLEST_CONTEXT, MemoryNeed, answer_tokens
from local_swarm.units import memory_size

MANY_AT_ONCE = 2  # requests' worth of voices that may be in the works


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """How a model runs: `cells` tokens in all, `sequences` voices at once."""

    context: int
    answer_tokens: int
    cells: int
    sequences: int
    memory: MemoryNeed


def plan_folder(
    folder: Folder, workers: int, context: int | None, budget_bytes: int | None, bytes_per_value: float = 2.0
) -> FolderPlan:
    """With the context that was asked for, or else the longest that fits. Raises DoesNotFit with the arithmetic."""
    length = min(context or COMFORTABLE_CONTEXT, folder.context or SMALLEST_CONTEXT)
    while True:
        need = need_of(folder, workers, length, budget_bytes, bytes_per_value)
        if need.fits:
            sequences = MANY_AT_ONCE * workers
            return FolderPlan(length, answer_tokens(length), workers * length, sequences, need)
        if context or length // 2 < SMALLEST_CONTEXT:
            raise DoesNotFit(
                f"{folder.name} with {workers} workers and a context of {length} tokens needs {memory_size(need.total_bytes)}; "
                f"{memory_size(budget_bytes or 0)} may be used. Ask for a smaller context, fewer workers or a smaller model."
            )
        length //= 2


def need_of(folder: Folder, workers: int, context: int, budget_bytes: int | None, bytes_per_value: float) -> MemoryNeed:
    one = folder.kv_bytes_per_token(bytes_per_value) * context
    return MemoryNeed(
        weights_bytes=folder.weights_bytes,
        kv_context_bytes=one,
        kv_answers_bytes=one * workers,
        state_bytes=0,
        compute_bytes=scratch_bytes(folder.weights_bytes),
        budget_bytes=budget_bytes,
    )
