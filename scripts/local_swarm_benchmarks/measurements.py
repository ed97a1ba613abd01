"""One order as JSON on the command line in, what was measured as JSON out.

Every set-up that is compared gets a process of its own, so that none has another's memory, threads or warm caches.
Run as `python -m local_swarm_benchmarks.measurements '{"kind": ...}'`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from local_swarm.backends.process import messages
from local_swarm_benchmarks.engine_harness import Bench, Order, between, letters, wrote_for
from local_swarm_benchmarks.replay import replay_samples

BUSY = (sys.executable, "-c", "while True: pass")


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """Another process that computes all the time."""
    with subprocess.Popen(BUSY) as process:
        try:
            yield
        finally:
            process.kill()


# ------------------------------------------------------------------------------------------ what is measured


def answers(order: Order) -> dict[str, Any]:
    """One answer and n, in turns; what our own Python takes of a step of n."""
    bench = Bench(order, order.prompt_tokens + order.n * (order.new_tokens + 32) + 256, order.n)
    texts = order.texts or tuple(letters(order.prompt_tokens, seed) for seed in range(order.repeats))
    one, many, ours, read = [], [], [], []
    for text in texts:
        read.append(bench.prefill_s(text))
        one.append(bench.answers(text, 1))
        before = bench.engine.decode_s
        many.append(bench.answers(text, order.n))
        ours.append(1 - (bench.engine.decode_s - before) / many[-1])
    wrote = [whole - prompt for whole, prompt in zip(one, read, strict=True)]
    return {"one_s": one, "n_s": many, "read_s": read, "wrote_s": wrote, "python_share": median(ours)}


def many(order: Order) -> dict[str, Any]:
    """Seconds of n answers."""
    bench = Bench(order, order.prompt_tokens + order.n * (order.new_tokens + 32) + 256, order.n)
    return {"seconds": bench.answers(order.texts[0], order.n)}


def decode_rate(order: Order) -> dict[str, Any]:
    """Tokens a second of n sequences, quiet and beside a busy neighbour; what our own Python takes of a step."""
    bench = Bench(order, 512 + order.n * 512, order.n)
    bench.submit(letters(64, 1), order.n, 400)
    bench.steps(until=lambda reports: bool(reports))

    def rate(steps: int) -> tuple[float, float]:
        began, decoded, written = time.perf_counter(), bench.engine.decode_s, bench.engine.generated
        for _ in range(steps):
            bench.engine.step()
        seconds = time.perf_counter() - began
        return (bench.engine.generated - written) / seconds, 1 - (bench.engine.decode_s - decoded) / seconds

    quiet, share = rate(40)
    with busy_neighbour():
        rate(40)  # time to notice
        busy, _ = rate(40)
    return {"tokens_per_s": quiet, "busy_ratio": busy / quiet, "python_share": share}


def second_turn(order: Order) -> dict[str, Any]:
    """Seconds to the first token of a long prompt, and of the same with its answer and a hundred tokens more."""
    bench = Bench(order, 8000 + 2048, 2)
    talk = letters(8000, 1)
    found = []
    for turn in (talk, talk + letters(100, 2)):
        began = time.perf_counter()
        job = bench.submit(turn, 1, 8)
        bench.steps(until=wrote_for(job))
        found.append(time.perf_counter() - began)
        bench.steps()
    return {"first_s": found[0], "second_s": found[1], "ratio": found[1] / found[0]}


def gap(order: Order) -> dict[str, Any]:
    """Gaps between the tokens of a running stream while a long prompt is prefilled, over those without; what it costs
    prefill."""
    bench = Bench(order, 8000 + 4096, 4)
    ends: list[float] = []

    def start_stream() -> int:
        """A stream that has begun; the times of its first tokens are in `ends`."""
        bench.engine.cache.clear()
        stream = bench.submit(letters(64, 2), 1, 3000)
        ends[:] = [bench.steps(until=wrote_for(stream))[-1][0] for _ in range(60)][20:]
        return stream

    before = bench.prefill_s(letters(8000, 1))
    stream = start_stream()
    normal, last = median(between(ends)), ends[-1]
    began = time.perf_counter()
    job = bench.submit(letters(8000, 3), 1, 1)
    steps = bench.steps(until=wrote_for(job))
    beside = time.perf_counter() - began
    bench.engine.cancel(messages.Cancel(stream))
    alone = (before + bench.prefill_s(letters(8000, 4))) / 2  # machines get slower and faster meanwhile
    bench.engine.cancel(messages.Cancel(start_stream()))
    normal = (normal + median(between(ends))) / 2
    gaps = between([last, *(at for at, reports in steps if wrote_for(stream)(reports))])
    return {
        "normal_s": normal,
        "gap_ratio_p95": sorted(gaps)[int(0.95 * len(gaps))] / normal,
        "longest_gap_s": max(gaps),
        "stream_tokens_per_s": len(gaps) / beside,
        "alone_s": alone,
        "reading_ratio": beside / alone,
    }


def idle_cells(order: Order) -> dict[str, Any]:
    """A decode step of n sequences with 32,000 cached tokens that nobody uses, over one without."""
    bench = Bench(order, 34_000 + order.n * 256, order.n)

    def step() -> float:
        bench.submit(letters(64, 99), order.n, 60)
        times = [at for at, _ in bench.steps()]
        return median(between(times))

    empty = step()
    for part in range(4):
        bench.submit(letters(8000, part), 1, 1)
        bench.steps()
    remembered, beside = bench.engine.cache.cells_used, step()
    bench.engine.cache.clear()
    empty = (empty + step()) / 2  # machines get slower and faster meanwhile
    return {"empty_s": empty, "ratio": beside / empty, "remembered": remembered}


def memory(order: Order) -> dict[str, Any]:
    """Resident bytes after n answers, and how many of them are keys and values."""
    bench = Bench(order, order.prompt_tokens + order.n * order.new_tokens, order.n)
    bench.answers(letters(order.prompt_tokens, 1), order.n)
    from local_swarm.models.gguf import read_header

    each = read_header(Path(order.path)).kv_bytes_per_token() or 0
    return {"rss_bytes": psutil.Process().memory_info().rss, "kv_bytes": each * bench.memory.cells}


def separate(order: Order) -> dict[str, Any]:
    """n answers by llama-cpp-python's own `Llama`, one after the other as separate instances would."""
    import llama_cpp

    llama = llama_cpp.Llama(
        order.path,
        n_ctx=order.prompt_tokens + order.new_tokens + 8,
        n_threads=order.threads,
        n_threads_batch=order.threads,
        n_gpu_layers=order.gpu_layers,
        n_batch=512,
        verbose=False,
    )
    tokens = llama.tokenize(letters(order.prompt_tokens, 0).encode(), add_bos=False)
    began = time.perf_counter()
    for seed in range(order.n):
        llama.reset()
        for _ in islice(llama.generate(tokens, temp=order.temperature, top_k=40, reset=True), order.new_tokens):
            pass
        llama.set_seed(seed)
    return {"seconds": time.perf_counter() - began}


KINDS = {
    one.__name__: one
    for one in (answers, many, decode_rate, second_turn, gap, idle_cells, memory, separate, replay_samples)
}


def main() -> None:
    given = json.loads(sys.argv[1])
    order = Order(**{**given, "texts": tuple(given["texts"])})
    output = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is not our answer
    found = KINDS[order.kind](order)
    os.write(output, json.dumps(found).encode())


if __name__ == "__main__":
    main()
