"""One order as JSON on the command line in, what was measured as JSON out: a process of its own for every set-up that is
compared, so that none has another's memory, threads or warm caches. Run as `python -m local_swarm.bench.trial '{"kind": ...}'`.
"""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from local_swarm.backends import wire
from local_swarm.backends.llamacpp import library
from local_swarm.backends.llamacpp.child import SPARE_OUTPUTS
from local_swarm.backends.llamacpp.engine import LONGEST_DRAFT, Engine
from local_swarm.swarm.consensus import decided, elect
from local_swarm.types import Candidate, Usage

BUSY = (sys.executable, "-c", "while True: pass")


@dataclass(frozen=True, slots=True)
class Order:
    """`kind` names a function below. `texts`: prompts to use in place of random ones."""

    kind: str
    path: str
    threads: int
    n: int = 8
    prompt_tokens: int = 2048
    new_tokens: int = 128
    repeats: int = 3
    gpu_layers: int = 0
    drafts: bool = True
    texts: tuple[str, ...] = ()
    temperature: float = 0.8

    def run(self) -> dict[str, Any]:
        """In a process of its own. Raises RuntimeError with what it said when that fails."""
        environment = {**os.environ, "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive")}
        command = [sys.executable, "-m", "local_swarm.bench.trial", json.dumps(asdict(self))]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-2000:] or f"exit code {done.returncode}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


class Bench:
    """An engine with room for an order, and a clock."""

    def __init__(self, order: Order, cells: int, workers: int) -> None:
        library.open_library()
        self.order = order
        self.model = library.Model(Path(order.path), order.gpu_layers)
        sequences = max(2 * workers, 4)
        outputs = sequences + SPARE_OUTPUTS
        self.memory = library.Context(self.model, cells, sequences, 512, order.threads, outputs=outputs)
        draft = LONGEST_DRAFT if order.drafts else 0
        self.engine = Engine(self.model, self.memory, cells, order.new_tokens, 1 << 33, draft)
        self.engine.warm_up()
        self.jobs = 0

    def submit(self, text: str, seats: int, limit: int, temperature: float | None = None) -> int:
        self.jobs += 1
        warm = self.order.temperature if temperature is None else temperature
        job = wire.Generate(
            self.jobs, str(self.jobs), text, [0.0] + [warm] * (seats - 1), list(range(1, seats + 1)), limit, [], {}
        )
        report = self.engine.submit(job)
        assert isinstance(report, wire.JobAccepted), report
        return self.jobs

    def steps(
        self, until: Callable[[list[wire.Report]], bool] = lambda _: False
    ) -> list[tuple[float, list[wire.Report]]]:
        """Step until all is done, or `until` says so; each step with the time of its end."""
        found = []
        while not self.engine.idle:
            reports = self.engine.step()
            found.append((time.perf_counter(), reports))
            if until(reports):
                break
        return found

    def answers(self, text: str, seats: int) -> float:
        """Seconds for so many answers from a cold cache."""
        self.engine.cache.clear()
        self.engine.cache.shelf.clear()
        began = time.perf_counter()
        self.submit(text, seats, self.order.new_tokens)
        self.steps()
        return time.perf_counter() - began


def letters(count: int, seed: int) -> str:
    """A text of so many tokens of a random model, where each byte is one."""
    drawn = random.Random(seed)
    return "".join(drawn.choice(string.ascii_uppercase) for _ in range(count))


def first_of(job: int) -> Callable[[list[wire.Report]], bool]:
    def seen(reports: list[wire.Report]) -> bool:
        return any(isinstance(one, (wire.SeatText, wire.SeatDone)) and one.job == job for one in reports)

    return seen


def between(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


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
    one, many, ours = [], [], []
    for text in texts:
        one.append(bench.answers(text, 1))
        before = bench.engine.decode_s
        many.append(bench.answers(text, order.n))
        ours.append(1 - (bench.engine.decode_s - before) / many[-1])
    return {"one_s": one, "n_s": many, "python_share": median(ours)}


def decoding(order: Order) -> dict[str, Any]:
    """Tokens a second of n sequences, quiet and beside a busy neighbour; what our own Python takes of a step."""
    bench = Bench(order, 512 + order.n * 512, order.n)
    bench.submit(letters(64, 1), order.n, 400)
    bench.steps(until=lambda reports: bool(reports))

    def rate(steps: int) -> tuple[float, float]:
        began, decoded, written = time.perf_counter(), bench.engine.decode_s, bench.engine.written
        for _ in range(steps):
            bench.engine.step()
        seconds = time.perf_counter() - began
        return (bench.engine.written - written) / seconds, 1 - (bench.engine.decode_s - decoded) / seconds

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
        bench.steps(until=first_of(job))
        found.append(time.perf_counter() - began)
        bench.steps()
    return {"first_s": found[0], "second_s": found[1], "ratio": found[1] / found[0]}


def gap(order: Order) -> dict[str, Any]:
    """Gaps between the tokens of a running stream while a long prompt is read, over those without; what it costs the reading."""
    bench = Bench(order, 8000 + 4096, 4)
    began = time.perf_counter()
    alone_job = bench.submit(letters(8000, 1), 1, 1)
    bench.steps(until=first_of(alone_job))
    alone = time.perf_counter() - began
    bench.engine.cache.clear()
    bench.submit(letters(64, 2), 1, 3000)
    quiet = [at for at, _ in bench.steps(until=lambda _: bench.engine.written > 60)][-40:]
    began = time.perf_counter()
    job = bench.submit(letters(8000, 3), 1, 1)
    busy = [quiet[-1], *(at for at, reports in bench.steps(until=first_of(job)))]
    beside = time.perf_counter() - began
    normal, gaps = median(between(quiet)), sorted(between(busy))
    late = gaps[int(0.95 * len(gaps))] / normal
    return {"normal_s": normal, "gap_ratio_p95": late, "alone_s": alone, "reading_ratio": beside / alone}


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
    remembered = bench.engine.cache.cells_used
    return {"empty_s": empty, "ratio": step() / empty, "remembered": remembered}


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
        order.path, n_ctx=order.prompt_tokens + order.new_tokens + 8, n_threads=order.threads, n_threads_batch=order.threads,
        n_gpu_layers=order.gpu_layers, n_batch=512, verbose=False,
    )  # fmt: skip
    tokens = llama.tokenize(letters(order.prompt_tokens, 0).encode(), add_bos=False)
    began = time.perf_counter()
    for seed in range(order.n):
        llama.reset()
        for _ in islice(llama.generate(tokens, temp=order.temperature, top_k=40, reset=True), order.new_tokens):
            pass
        llama.set_seed(seed)
    return {"seconds": time.perf_counter() - began}


def drafted(order: Order) -> dict[str, Any]:
    """Decode steps of n siblings over those of the longest, and seconds of n over one, on prompts that a model answers."""
    bench = Bench(order, 4096, order.n)
    one, many, steps, longest = [], [], 0, 0
    for text in order.texts:
        one.append(bench.answers(text, 1))
        before = bench.engine.steps
        bench.engine.cache.clear()
        began = time.perf_counter()
        bench.submit(text, order.n, order.new_tokens)
        done = [report for _, reports in bench.steps() for report in reports if isinstance(report, wire.SeatDone)]
        many.append(time.perf_counter() - began)
        steps += bench.engine.steps - before
        longest += max(report.completion_tokens for report in done)
    return {"one_s": sum(one), "n_s": sum(many), "n_over_one": sum(many) / sum(one), "step_ratio": steps / longest,
            "accepted": bench.engine.accepted / max(1, bench.engine.drafted)}  # fmt: skip


def early(order: Order) -> dict[str, Any]:
    """Seconds of n answers over one, when the vote ends as soon as nobody can change its outcome."""
    bench = Bench(order, 4096, order.n)
    one, many = 0.0, 0.0
    for text in order.texts:
        one += bench.answers(text, 1)
        bench.engine.cache.clear()
        began = time.perf_counter()
        job = bench.submit(text, order.n, order.new_tokens)
        said, candidates = [""] * order.n, list[Candidate]()
        while not bench.engine.idle:
            for report in bench.engine.step():
                if isinstance(report, wire.SeatText):
                    said[report.seat] += report.text
                elif isinstance(report, wire.SeatDone):
                    candidates.append(candidate(report, said[report.seat]))
            if decided(candidates, order.n - len(candidates)):
                bench.engine.cancel(wire.Cancel(job))
        elect(candidates)
        many += time.perf_counter() - began
    return {"one_s": one, "n_s": many, "n_over_one": many / one}


def candidate(report: wire.SeatDone, text: str) -> Candidate:
    usage = Usage(0, report.completion_tokens)
    return Candidate(text, f"w{report.seat}", report.finish, usage, report.seconds, anchor=report.seat == 0)


KINDS = {
    one.__name__: one for one in (answers, decoding, second_turn, gap, idle_cells, memory, separate, drafted, early)
}


def main() -> None:
    wish = json.loads(sys.argv[1])
    order = Order(**{**wish, "texts": tuple(wish["texts"])})
    output = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is not our answer
    found = KINDS[order.kind](order)
    os.write(output, json.dumps(found).encode())


if __name__ == "__main__":
    main()
