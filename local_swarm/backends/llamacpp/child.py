"""The process of a llama.cpp engine: a model's file in, commands on standard input, reports on standard output.

Started by `process.supervisor` as `python -m local_swarm.backends.llamacpp.child '{"path": ...}'`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local_swarm.backends.process import messages
from local_swarm.backends.process.child import main
from local_swarm.backends.process.engine import LoadedEngine
from local_swarm.confined.child import bound_memory
from local_swarm.errors import SwarmError

if TYPE_CHECKING:
    from local_swarm.backends.llamacpp.library import Context, LoadedModel

THREAD_BYTES = 144 << 20  # of address space that a thread's stack and heap reserve
ROOM_BYTES = 1 << 30  # of address space beyond what is planned
SPARE_OUTPUTS = 48  # rows of scores beyond one for each sequence: for drafts


def load(options: messages.Load) -> LoadedEngine:
    from local_swarm.backends.llamacpp import library
    from local_swarm.backends.llamacpp.engine import LlamaCppEngine
    from local_swarm.backends.llamacpp.thread_calibration import threads_for

    library.open_library()
    if options.memory_bytes and not (options.gpu_layers and library.has_graphics()):
        # Graphics drivers reserve far more addresses than there is memory; there the daemon watches what is used.
        bound_memory(options.memory_bytes + weights_bytes(options) + ROOM_BYTES + THREAD_BYTES * options.threads)
    model, memory, note = open_model(options)
    if options.tuning and not model.on_gpu:
        memory.use_threads(threads_for(memory, options.threads, options.workers, Path(options.tuning)))
    engine = LlamaCppEngine(
        model,
        memory,
        context=options.context,
        answer_tokens=options.answer_tokens,
        host_cache_bytes=options.host_cache_bytes,
        longest_draft=options.longest_draft,
    )
    engine.warm_up()
    engine.constraints.begin()
    loaded = messages.Loaded(
        context=options.context,
        answer_tokens=options.answer_tokens,
        parameters=model.parameters,
        bos=model.special_text("bos"),
        eos=model.special_text("eos"),
        on_gpu=model.on_gpu,
        note=note,
        fill=model.fill,
    )
    return engine, loaded


def weights_bytes(options: messages.Load) -> int:
    """They are mapped from the file, and copied where kernels want them in another order."""
    path = Path(options.path)
    parts = path.parent.glob(f"{path.stem.partition('-of-')[0][:-6]}*") if "-of-" in path.stem else [path]
    return sum(part.stat().st_size for part in parts if part.exists())


def open_model(options: messages.Load) -> tuple[LoadedModel, Context, str | None]:
    """The model and its memory, on the processor where the graphics card cannot take them, and what to tell the
    user."""
    from local_swarm.backends.llamacpp.library import Context, LoadedModel

    def on(gpu_layers: int) -> tuple[LoadedModel, Context]:
        model = LoadedModel(Path(options.path), gpu_layers, options.main_gpu, options.tensor_split)
        for path, scale in options.adapters:
            model.adapt(path, scale)
        outputs = options.sequences + SPARE_OUTPUTS
        context = Context(
            model,
            cells=options.cells,
            sequences=options.sequences,
            batch=options.batch,
            threads=options.threads,
            kv_type=options.kv_type,
            outputs=outputs,
        )
        return model, context

    try:
        return (*on(options.gpu_layers), None)
    except SwarmError as problem:
        if not options.gpu_layers:
            raise
        note = f"The graphics card could not be used ({problem.message}) The processor computes instead."
        return (*on(0), note)


if __name__ == "__main__":
    sys.exit(main(load, ["llama_cpp"]))
