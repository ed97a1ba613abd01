"""The engine's process: commands on standard input, reports on standard output, until the input closes.

Whatever llama.cpp does here, crash included, happens to this process alone. Started by `host` as
`python -m local_swarm.backends.llamacpp.child '{"path": ...}'`.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from local_swarm.backends import wire
from local_swarm.errors import SwarmError

if TYPE_CHECKING:
    from local_swarm.backends.llamacpp.engine import Engine
    from local_swarm.backends.llamacpp.library import Context, Model

BEAT_S = 1.0
SPARE_OUTPUTS = 48  # rows of scores beyond one for each sequence: for drafts


def main(load: Callable[[wire.Load, BinaryIO], Any]) -> int:
    """`load` makes the engine and says that it is loaded; engines of other kinds bring their own."""
    reports = own_standard_output()
    commands: queue.SimpleQueue[wire.Command | None] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(sys.stdin.buffer, commands), daemon=True).start()
    try:
        engine = load(wire.Load(**json.loads(sys.argv[1])), reports)
    except SwarmError as problem:
        send(reports, [wire.LoadFailed(type(problem).__name__, problem.message)])
        return 1
    serve(engine, commands, reports)
    return 0


def own_standard_output() -> BinaryIO:
    """Standard output for reports alone: what any library prints goes to standard error instead."""
    private = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return private


def listen(source: BinaryIO, commands: queue.SimpleQueue[wire.Command | None]) -> None:
    for line in source:
        commands.put(wire.decode_command(line))
    commands.put(None)


def send(reports: BinaryIO, messages: list[wire.Report]) -> None:
    if messages:
        reports.write(b"".join(wire.encode(message) for message in messages))
        reports.flush()


def load(wish: wire.Load, reports: BinaryIO) -> Engine:
    from local_swarm.backends.llamacpp import library
    from local_swarm.backends.llamacpp.engine import Engine
    from local_swarm.backends.llamacpp.tuning import threads_for

    library.open_library()
    model, memory, note = opened(wish)
    if wish.tuning and not model.on_gpu:
        memory.use_threads(threads_for(memory, wish.threads, wish.workers, Path(wish.tuning)))
    engine = Engine(model, memory, wish.context, wish.answer_tokens, wish.shelf_bytes, wish.longest_draft)
    engine.warm_up()
    send(reports, [wire.Loaded(
        wish.context, wish.answer_tokens, model.parameters, model.special_text("bos"), model.special_text("eos"), model.on_gpu,
        note, model.fill,
    )])  # fmt: skip
    return engine


def opened(wish: wire.Load) -> tuple[Model, Context, str | None]:
    """The model and its memory, on the processor where the graphics card cannot take them, and what to tell the user."""
    from local_swarm.backends.llamacpp.library import Context, Model

    def on(gpu_layers: int) -> tuple[Model, Context]:
        model = Model(Path(wish.path), gpu_layers, wish.main_gpu, wish.tensor_split)
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


def serve(engine: Engine, commands: queue.SimpleQueue[wire.Command | None], reports: BinaryIO) -> None:
    """Step while there is work, sleep while there is none, tell that we live."""
    next_beat = time.monotonic()
    while True:
        try:
            command = commands.get(block=engine.idle, timeout=BEAT_S)
            while True:
                if command is None:
                    return
                obey(engine, command, reports)
                command = commands.get_nowait()
        except queue.Empty:
            pass
        send(reports, engine.step())
        if time.monotonic() >= next_beat:
            next_beat = time.monotonic() + BEAT_S
            send(reports, [engine.beat()])


def obey(engine: Engine, command: wire.Command, reports: BinaryIO) -> None:
    if isinstance(command, wire.Generate):
        send(reports, [engine.submit(command)])
    elif isinstance(command, wire.Cancel):
        engine.cancel(command)
    elif isinstance(command, wire.Pool):
        send(reports, [pooled(engine, command)])
    else:
        engine.forget()


def pooled(engine: Any, command: wire.Pool) -> wire.Report:
    """A text's vector, between two steps. Daemons ask for one at a time, so that answers go on in between. Whether an engine has
    a pool is its own business; vLLM's has none."""
    pool, tokens = engine.pool, engine.model.tokenize(command.text)
    if pool is None:
        return wire.JobInvalid(command.job, "This engine makes no vectors.")
    if len(tokens) > pool.room:
        return wire.JobRefused(command.job, len(tokens), pool.room)
    return wire.Pooled(command.job, pool.vector(tokens), len(tokens))


if __name__ == "__main__":
    sys.exit(main(load))
