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
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from local_swarm.backends import wire
from local_swarm.errors import SwarmError

if TYPE_CHECKING:
    from local_swarm.backends.llamacpp.engine import Engine

BEAT_S = 1.0
SPARE_OUTPUTS = 48  # rows of scores beyond one for each sequence: for drafts


def main() -> int:
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

    library.open_library()
    model = library.Model(Path(wish.path), wish.gpu_layers)
    outputs = wish.sequences + SPARE_OUTPUTS
    memory = library.Context(model, wish.cells, wish.sequences, wish.batch, wish.threads, wish.kv_type, outputs)
    engine = Engine(model, memory, wish.context, wish.answer_tokens, wish.shelf_bytes, wish.longest_draft)
    engine.warm_up()
    send(reports, [wire.Loaded(
        wish.context, wish.answer_tokens, model.parameters, model.special_text("bos"), model.special_text("eos"), model.on_gpu
    )])  # fmt: skip
    return engine


def serve(engine: Engine, commands: queue.SimpleQueue[wire.Command | None], reports: BinaryIO) -> None:
    """Step while there is work, sleep while there is none, tell that we live."""
    next_beat = time.monotonic()
    while True:
        try:
            command = commands.get(block=engine.idle, timeout=BEAT_S)
            while True:
                if command is None:
                    return
                if isinstance(command, wire.Generate):
                    send(reports, [engine.submit(command)])
                else:
                    engine.cancel(command)
                command = commands.get_nowait()
        except queue.Empty:
            pass
        send(reports, engine.step())
        if time.monotonic() >= next_beat:
            next_beat = time.monotonic() + BEAT_S
            send(reports, [wire.Beat(engine.steps, engine.cache.cells_used)])


if __name__ == "__main__":
    sys.exit(main())
