"""A model folder's facts, a budget and wishes in, how it runs out, where copies of a prompt are real memory. Pure.

    weights + KV(context) x (voices + 1) + scratch <= budget

Every voice holds the whole prompt and its answer, and one prompt is remembered beside them. (mlx-lm 0.32: four copies of a cache
took 4.3 times the memory of one.) A llama.cpp engine shares the prompt and is priced in `selector`.
"""

from __future__ import annotations

from dataclasses import dataclass

from local_swarm.errors import DoesNotFit
from local_swarm.models.folder import Folder
from local_swarm.models.planner import COMFORTABLE_CONTEXT, COMPUTE_BYTES, SMALLEST_CONTEXT, MemoryNeed, answer_tokens
from local_swarm.units import memory_size

MANY_AT_ONCE = 2  # requests' worth of voices that may be in the works


@dataclass(frozen=True, slots=True)
class Copies:
    """How a model runs: `cells` tokens in all, `sequences` voices at once."""

    context: int
    answer_tokens: int
    cells: int
    sequences: int
    memory: MemoryNeed


def copies(
    folder: Folder, workers: int, wish: int | None, budget_bytes: int | None, bytes_per_value: float = 2.0
) -> Copies:
    """The wished context, or the longest that fits. Raises DoesNotFit with the arithmetic."""
    trained = folder.context or SMALLEST_CONTEXT
    context = min(wish or COMFORTABLE_CONTEXT, trained)
    while True:
        need = need_of(folder, workers, context, budget_bytes, bytes_per_value)
        if need.fits:
            sequences = MANY_AT_ONCE * workers
            return Copies(context, answer_tokens(context), workers * context, sequences, need)
        if wish or context // 2 < SMALLEST_CONTEXT:
            raise DoesNotFit(
                f"{folder.name} with {workers} workers and a context of {context} tokens needs {memory_size(need.total_bytes)}; "
                f"{memory_size(budget_bytes or 0)} may be used. Ask for a smaller context, fewer workers or a smaller model."
            )
        context //= 2


def need_of(folder: Folder, workers: int, context: int, budget_bytes: int | None, bytes_per_value: float) -> MemoryNeed:
    one = folder.kv_bytes_per_token(bytes_per_value) * context
    scratch = COMPUTE_BYTES if folder.weights_bytes > COMPUTE_BYTES else COMPUTE_BYTES // 8
    return MemoryNeed(folder.weights_bytes, one, one * workers, 0, scratch, budget_bytes)
