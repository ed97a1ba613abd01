"""A loaded model in, the number of threads that decodes it fastest on this machine out: measured once, then remembered.

How waiting threads behave is set when the process starts (`process.supervisor`); here is what can be changed later.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from local_swarm.backends.llamacpp.library import Context
from local_swarm.backends.llamacpp.thread_tuner import candidates, fastest
from local_swarm.paths import keep

STEPS = 4  # of which the quickest counts


def threads_for(
    memory: Context, cores: int, workers: int, book: Path, clock: Callable[[], float] = time.perf_counter
) -> int:
    """The best number of threads up to `cores` for a step that decodes so many workers. `book`: the file that remembers
    it."""
    key = f"{memory.model.path.name}/{memory.model.path.stat().st_size}/{cores}/{workers}/{version('llama-cpp-python')}"
    known = read_measurements(book)
    if key in known and 1 <= known[key] <= cores:
        return known[key]
    if cores == 1:
        return 1
    best = fastest({threads: step_seconds(memory, threads, workers, clock) for threads in candidates(cores)})
    with suppress(OSError):  # a home that cannot be written to: it is measured again next time
        keep(book, json.dumps({**known, key: best}, indent=1))
    return best


def step_seconds(memory: Context, threads: int, workers: int, clock: Callable[[], float]) -> float:
    """Seconds of a step that decodes a token for each of the workers."""
    memory.use_threads(threads)
    batch, token = memory.batch, memory.model.start_token
    took = []
    for position in range(STEPS):
        batch.clear()
        for sequence in range(min(workers, memory.sequences)):
            batch.add(sequence, position, [token], "all")
        began = clock()
        memory.decode(batch)
        memory.scores(1)
        took.append(clock() - began)
    memory.clear()
    return min(took)


def read_measurements(book: Path) -> dict[str, int]:
    """What is remembered; nothing where the file is missing or damaged."""
    try:
        found = json.loads(book.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, int)} if isinstance(found, dict) else {}
