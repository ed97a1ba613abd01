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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from local_swarm.backends import wire
from local_swarm.backends.llamacpp import library
from local_swarm.backends.llamacpp.child import SPARE_OUTPUTS
from local_swarm.backends.llamacpp.engine import LONGEST_DRAFT, Engine
from local_swarm.backends.llamacpp.job import Job, Writer
from local_swarm.backends.llamacpp.pace import Pace
from local_swarm.backends.sampling import Scores
from local_swarm.swarm.consensus import decided, elect
from local_swarm.types import Candidate, Usage

Said = list[list[list[int]]]  # tokens by question and seat
BUSY = (sys.executable, "-c", "while True: pass")


@dataclass(frozen=True, slots=True)
class Order:
    """`kind` names a function below. `texts`: prompts to use in place of random ones; `writer`: the path of the model
    that answers them."""

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
    writer: str = ""
    temperature: float = 0.8

    @property
    def environment(self) -> dict[str, str]:
        """What everything is measured in, others' programs too: threads that wait do not spin."""
        return {**os.environ, "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive")}

    def run(self) -> dict[str, Any]:
        """In a process of its own. Raises RuntimeError with what it said when that fails."""
        command = [sys.executable, "-m", "local_swarm.bench.trial", json.dumps(asdict(self))]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-2000:] or f"exit code {done.returncode}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


class Bench:
    """An engine with room for an order, and a clock."""

    def __init__(self, order: Order, cells: int, workers: int, kind: type[Engine] = Engine) -> None:
        library.open_library()
        self.order = order
        self.model = library.Model(Path(order.path), order.gpu_layers)
        sequences = max(2 * workers, 4)
        outputs = sequences + SPARE_OUTPUTS
        self.memory = library.Context(self.model, cells, sequences, 512, order.threads, outputs=outputs)
        draft = LONGEST_DRAFT if order.drafts else 0
        self.engine = kind(self.model, self.memory, cells, order.new_tokens, 1 << 33, draft)
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

    def reading(self, text: str) -> float:
        """Seconds for one token after a prompt that was never read."""
        self.engine.cache.clear()
        began = time.perf_counter()
        self.submit(text, 1, 1)
        self.steps()
        return time.perf_counter() - began

    def replay(
        self, script: Sequence[Sequence[int]], seats: int, words: Mapping[int, str] | None = None, drafts: bool = True
    ) -> float:
        """Seconds for so many answers that say what the script says to a known prompt. With `words` the vote may end it."""
        assert isinstance(self.engine, Replayed)
        self.engine.script = script
        self.engine.longest_draft = LONGEST_DRAFT if drafts else 0
        began = time.perf_counter()
        job = self.submit(letters(self.order.prompt_tokens, 0), seats, self.order.new_tokens)
        candidates: list[Candidate] = []
        while not self.engine.idle:
            done = [report for report in self.engine.step() if isinstance(report, wire.SeatDone)]
            assert all(report.cached_tokens == self.order.prompt_tokens - 1 for report in done)
            if words and done:
                candidates += (candidate(one, "".join(words[token] for token in script[one.seat])) for one in done)
                if decided(candidates, seats - len(candidates)):
                    self.engine.cancel(wire.Cancel(job))
        if candidates:
            elect(candidates)
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
    one, many, ours, read = [], [], [], []
    for text in texts:
        read.append(bench.reading(text))
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


class Replayed(Engine):
    """Draws as ever and then says what was written down: the speed of one model at the words of another. `script`: the tokens of
    each seat."""

    script: Sequence[Sequence[int]] = ((),)

    @cached_property
    def end(self) -> int:
        return next(filter(self.model.ends, range(self.model.vocabulary)))

    def _pick(self, job: Job, writer: Writer, row: Scores) -> int:
        super()._pick(job, writer, row)
        said, place = self.script[writer.seat], job.lookup.length(writer.seat)
        return said[place] % self.model.vocabulary if place < len(said) else self.end


class Free(Pace):
    """A machine on which further tokens of a step cost nothing, so that drafts are as long as they may be."""

    def seconds(self, writing: int) -> float:
        return 1.0


def siblings(order: Order) -> dict[str, Any]:
    """What n siblings say to each prompt, and in how many decode steps that is over those of the longest: where a step's tokens
    are free, as on devices that wait for their memory, and as the engine decides for the writer on this machine."""
    bench = Bench(order, 4096, order.n)
    own = bench.engine.pace
    steps, longest, one, many, said = [0, 0], [0, 0], [], [], []
    for text in order.texts:
        one.append(bench.answers(text, 1))
        for place, pace in enumerate((Free(), own)):
            bench.engine.pace = pace
            before = bench.engine.steps
            bench.engine.cache.clear()
            began = time.perf_counter()
            bench.submit(text, order.n, order.new_tokens)
            job = bench.engine.waiting[-1]
            done = [report for _, reports in bench.steps() for report in reports if isinstance(report, wire.SeatDone)]
            seconds = time.perf_counter() - began
            steps[place] += bench.engine.steps - before
            longest[place] += max(report.completion_tokens for report in done)
        many.append(seconds)
        said.append(
            [[token for token in job.lookup.written(seat) if not bench.model.ends(token)] for seat in range(order.n)]
        )
    return {"step_ratio": steps[0] / longest[0], "step_ratio_here": steps[1] / longest[1],
            "accepted": bench.engine.accepted / max(1, bench.engine.drafted),
            "writer_n_over_one": sum(many) / sum(one), "said": said, "pieces": pieces(bench.model, said)}  # fmt: skip


def pieces(model: library.Model, said: Said) -> dict[int, str]:
    return {token: model.text(token) for token in {token for answers in said for answer in answers for token in answer}}


def replayed(order: Order) -> dict[str, Any]:
    """Seconds of n answers over one, and over one that drafts nothing, where the answers are what the model `order.writer` says,
    and the same when the vote ends as soon as nobody can change its outcome. Drafted: answers one after the other up to `new_tokens`. Early: each as long as it is.
    The prompt, the same for both, is read three times, and the median added to each."""
    heard = siblings(replace(order, path=order.writer, threads=1))
    said: Said = heard.pop("said")
    words: dict[int, str] = heard.pop("pieces")
    bench = Bench(order, order.prompt_tokens + order.n * (order.new_tokens + 32) + 256, order.n, Replayed)
    reading = median(bench.reading(letters(order.prompt_tokens, seed)) for seed in reversed(range(order.repeats)))

    def compared(scripts: Sequence[Sequence[Sequence[int]]], words: Mapping[int, str] | None) -> dict[str, float]:
        plain, one, many, decoded = 0.0, 0.0, 0.0, 0.0
        for script in scripts:
            plain += bench.replay(script, 1, drafts=False) / len(scripts)
            one += bench.replay(script, 1) / len(scripts)
            before = bench.engine.decode_s
            many += bench.replay(script, order.n, words) / len(scripts)
            decoded += (bench.engine.decode_s - before) / len(scripts)
        return {
            "n_over_one": (reading + many) / (reading + one), "n_over_plain_one": (reading + many) / (reading + plain),
            "writing_n_over_one": many / one, "python_share": 1 - decoded / many,
        }  # fmt: skip

    long = [following(said, place, order.new_tokens) for place in range(0, len(said), 5)]  # each holds several answers
    return {"drafted": {**compared(long, None), **heard}, "early": compared(said, words)}


def following(said: Said, place: int, length: int) -> list[list[int]]:
    """For each seat so many tokens: its answer to one question and to the next ones."""
    in_turn = [*said[place:], *said[:place]]
    return [[token for answers in in_turn for token in answers[seat]][:length] for seat in range(len(said[0]))]


def candidate(report: wire.SeatDone, text: str) -> Candidate:
    usage = Usage(0, report.completion_tokens)
    return Candidate(text, f"w{report.seat}", report.finish, usage, report.seconds, anchor=report.seat == 0)


KINDS = {
    one.__name__: one for one in (answers, many, decoding, second_turn, gap, idle_cells, memory, separate, replayed)
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
