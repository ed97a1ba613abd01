"""An engine with a clock, for what is measured with it, and the order that makes a process of its own measure it."""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from local_swarm.backends.llamacpp import library
from local_swarm.backends.llamacpp.child import SPARE_OUTPUTS
from local_swarm.backends.llamacpp.engine import LONGEST_DRAFT, LlamaCppEngine
from local_swarm.backends.process import messages
from local_swarm.backends.process.supervisor import with_wait_policy


@dataclass(frozen=True, slots=True)
class Order:
    """`kind` names a function of `measurements`. `texts`: prompts to use in place of random ones; `writer`: the path of
    the model that answers them."""

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
        """What everything is measured in, others' programs too: threads that wait do so as an engine's."""
        return with_wait_policy(os.environ)

    def run(self) -> dict[str, Any]:
        """In a process of its own. Raises RuntimeError with what it said when that fails."""
        command = [sys.executable, "-m", "local_swarm_benchmarks.measurements", json.dumps(asdict(self))]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-2000:] or f"exit code {done.returncode}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


class Bench:
    """An engine with room for an order, and a clock."""

    def __init__(self, order: Order, cells: int, workers: int) -> None:
        library.open_library()
        self.order = order
        self.model = library.LoadedModel(Path(order.path), order.gpu_layers)
        sequences = max(2 * workers, 4)
        outputs = sequences + SPARE_OUTPUTS
        self.memory = library.Context(self.model, cells, sequences, 512, order.threads, outputs=outputs)
        draft = LONGEST_DRAFT if order.drafts else 0
        self.engine = LlamaCppEngine(
            self.model, self.memory, cells, order.new_tokens, host_cache_bytes=1 << 33, longest_draft=draft
        )
        # None where memory cannot be cut, whatever was ordered.
        self.longest_draft = self.engine.scheduler.longest_draft
        self.engine.warm_up()
        self.jobs = 0

    def submit(self, text: str, seats: int, limit: int, temperature: float | None = None) -> int:
        self.jobs += 1
        warm = self.order.temperature if temperature is None else temperature
        command = messages.Generate(
            job=self.jobs,
            client=str(self.jobs),
            text=text,
            temperatures=[0.0] + [warm] * (seats - 1),
            seeds=list(range(1, seats + 1)),
            max_tokens=limit,
            stop=[],
            sampling={},
        )
        report = self.engine.submit(command)
        assert isinstance(report, messages.JobAccepted), report
        return self.jobs

    def steps(
        self, until: Callable[[list[messages.Report]], bool] = lambda _: False
    ) -> list[tuple[float, list[messages.Report]]]:
        """Step until all is done, or `until` says so; each step with the time of its end."""
        found = []
        while not self.engine.idle:
            reports = self.engine.step()
            found.append((time.perf_counter(), reports))
            if until(reports):
                break
        return found

    def answers(self, text: str, seats: int) -> float:
        """Seconds for so many answers from an empty KV cache."""
        self.engine.cache.clear()
        self.engine.cache.host_copies.clear()
        began = time.perf_counter()
        self.submit(text, seats, self.order.new_tokens)
        self.steps()
        return time.perf_counter() - began

    def prefill_s(self, text: str) -> float:
        """Seconds of prefill: for one token after a prompt that is not cached."""
        self.engine.cache.clear()
        began = time.perf_counter()
        self.submit(text, 1, 1)
        self.steps()
        return time.perf_counter() - began


def letters(count: int, seed: int) -> str:
    """A text of so many tokens of a random model, where each byte is one."""
    drawn = random.Random(seed)
    return "".join(drawn.choice(string.ascii_uppercase) for _ in range(count))


def wrote_for(job: int) -> Callable[[list[messages.Report]], bool]:
    """Whether a step wrote for a job."""

    def wrote(reports: list[messages.Report]) -> bool:
        return any(isinstance(one, (messages.SeatText, messages.SeatDone)) and one.job == job for one in reports)

    return wrote


def between(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]
