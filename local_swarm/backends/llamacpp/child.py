"""The process of a llama.cpp engine: a model's file in, commands on standard input, reports on standard output.

Started by `supervisor` as `python -m local_swarm.backends.llamacpp.child '{"path": ...}'`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from local_swarm.backends.process import messages
from local_swarm.backends.process.child import main, send_reports
from local_swarm.confined.child import bound_memory
from local_swarm.errors import SwarmError

if TYPE_CHECKING:
    from local_swarm.backends.llamacpp.engine import LlamaCppEngine
    from local_swarm.backends.llamacpp.library import Context, LoadedModel

THREAD_BYTES = 144 << 20  # of address space that a thread's stack and heap reserve
ROOM_BYTES = 1 << 30  # of address space beyond what is planned
SPARE_OUTPUTS = 48  # rows of scores beyond one for each sequence: for drafts


def load(wish: messages.Load, reports: BinaryIO) -> LlamaCppEngine:
    from local_swarm.backends.llamacpp import library
    from local_swarm.backends.llamacpp.engine import LlamaCppEngine
    from local_swarm.backends.llamacpp.thread_calibration import threads_for

    library.open_library()
    if wish.memory_bytes and not (wish.gpu_layers and library.has_graphics()):
        # Graphics drivers reserve far more addresses than there is memory; there the daemon watches what is used.
        bound_memory(wish.memory_bytes + weights_bytes(wish) + ROOM_BYTES + THREAD_BYTES * wish.threads)
    model, memory, note = open_model(wish)
    if wish.tuning and not model.on_gpu:
        memory.use_threads(threads_for(memory, wish.threads, wish.workers, Path(wish.tuning)))
    engine = LlamaCppEngine(model, memory, wish.context, wish.answer_tokens, wish.host_cache_bytes, wish.longest_draft)
    engine.warm_up()
    engine.constraints.begin()
    send_reports(
        reports,
        [
            messages.Loaded(
                wish.context,
                wish.answer_tokens,
                model.parameters,
                model.special_text("bos"),
                model.special_text("eos"),
                model.on_gpu,
                note,
                model.fill,
            )
        ],
    )
    return engine


def weights_bytes(wish: messages.Load) -> int:
    """They are mapped from the file, and copied where kernels want them in another order."""
    path = Path(wish.path)
    parts = path.parent.glob(f"{path.stem.partition('-of-')[0][:-6]}*") if "-of-" in path.stem else [path]
    return sum(part.stat().st_size for part in parts if part.exists())


def open_model(wish: messages.Load) -> tuple[LoadedModel, Context, str | None]:
    """The model and its memory, on the processor where the graphics card cannot take them, and what to tell the user."""
    from local_swarm.backends.llamacpp.library import Context, LoadedModel

    def on(gpu_layers: int) -> tuple[LoadedModel, Context]:
        model = LoadedModel(Path(wish.path), gpu_layers, wish.main_gpu, wish.tensor_split)
        for path, scale in wish.adapters:
            model.adapt(path, scale)
        outputs = wish.sequences + SPARE_OUTPUTS
        return model, Context(model, wish.cells, wish.sequences, wish.batch, wish.threads, wish.kv_type, outputs)

    try:
        return (*on(wish.gpu_layers), None)
    except SwarmError as problem:
        if not wish.gpu_layers:
            raise
        note = f"The graphics card could not be used ({problem.message}) The processor computes instead."
        return (*on(0), note)


if __name__ == "__main__":
    sys.exit(main(load))
