"""What one model says in, how long another takes to say it out: drafts need texts that a model wrote."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from statistics import median
from typing import Any

from local_swarm.backends.llamacpp import library
from local_swarm.backends.llamacpp.request import Request, SeatState
from local_swarm.backends.llamacpp.sampler import Sampler
from local_swarm.backends.llamacpp.step_cost import StepCost
from local_swarm.backends.process import messages
from local_swarm.backends.sampling import Row
from local_swarm.types import Candidate, Usage
from local_swarm.voting.consensus import elect, is_decided
from local_swarm_benchmarks.engine_harness import Bench, Order, letters

Said = list[list[list[int]]]  # tokens by question and seat
Script = Sequence[Sequence[int]]  # tokens by seat


class Reciter(Sampler):
    """Samples as ever and then says what the script has: the speed of one model at the words of another. `script`: the
    tokens of each seat."""

    script: Script = ((),)

    @cached_property
    def end(self) -> int:
        return next(filter(self.model.ends, range(self.model.vocabulary)))

    def pick(self, request: Request, seat: SeatState, row: Row) -> int:
        super().pick(request, seat, row)
        said, place = self.script[seat.index], request.lookup.length(seat.index)
        return said[place] % self.model.vocabulary if place < len(said) else self.end


class FreeSteps(StepCost):
    """A machine on which further tokens of a step cost nothing, so that drafts are as long as they may be."""

    def seconds(self, decode_rows: int) -> float:
        return 1.0


def siblings(order: Order) -> dict[str, Any]:
    """What n siblings say to each prompt, and their decode steps over those of the longest answer: where further rows
    of a step are free, as on devices that wait for their memory, and as the scheduler decides for the writer on this
    machine."""
    bench = Bench(order, 4096, order.n)
    own = bench.engine.scheduler.step_cost
    steps, longest, one, many, said = [0, 0], [0, 0], [], [], []
    for text in order.texts:
        one.append(bench.answers(text, 1))
        for place, pace in enumerate((FreeSteps(), own)):
            bench.engine.scheduler.step_cost = pace
            before = bench.engine.steps
            bench.engine.cache.clear()
            began = time.perf_counter()
            bench.submit(text, order.n, order.new_tokens)
            job = bench.engine.scheduler.waiting[-1]
            done = [
                report for _, reports in bench.steps() for report in reports if isinstance(report, messages.SeatDone)
            ]
            seconds = time.perf_counter() - began
            steps[place] += bench.engine.steps - before
            longest[place] += max(report.completion_tokens for report in done)
        many.append(seconds)
        said.append(
            [[token for token in job.lookup.tokens_of(seat) if not bench.model.ends(token)] for seat in range(order.n)]
        )
    return {
        "step_ratio": steps[0] / longest[0],
        "step_ratio_here": steps[1] / longest[1],
        "accepted": bench.engine.accepted / max(1, bench.engine.drafted),
        "writer_n_over_one": sum(many) / sum(one),
        "said": said,
        "pieces": pieces(bench.model, said),
    }


def pieces(model: library.LoadedModel, said: Said) -> dict[int, str]:
    return {token: model.text(token) for token in {token for answers in said for answer in answers for token in answer}}


def replay_samples(order: Order) -> dict[str, Any]:
    """Seconds of n answers over one, and over one that drafts nothing, where the answers are what the model
    `order.writer` says, and the same when the vote ends as soon as nobody can change its outcome. Drafted: answers one
    after the other up to `new_tokens`. Early: each as long as it is. Medians over groups of texts.
    """
    heard = siblings(replace(order, path=order.writer, threads=1))
    said: Said = heard.pop("said")
    words: dict[int, str] = heard.pop("pieces")
    bench = Bench(order, order.prompt_tokens + order.n * (order.new_tokens + 32) + 256, order.n)
    bench.engine.sampler = Reciter(bench.model)
    long = [[script_from(said, place, order.new_tokens)] for place in range(0, len(said), 5)]
    short = [said[place : place + 10] for place in range(0, len(said), 10)]
    return {"drafted": {**compare_drafts(bench, long, None), **heard}, "early": compare_drafts(bench, short, words)}


def compare_drafts(
    bench: Bench, groups: Sequence[Sequence[Script]], words: Mapping[int, str] | None
) -> dict[str, float]:
    """For each group the prompt is prefilled once, since machines get slower and faster, and counted for every
    answer."""
    found: dict[str, list[float]] = {}
    for scripts in groups:
        reading = bench.prefill_s(letters(bench.order.prompt_tokens, 0)) * len(scripts)
        plain = sum(replay(bench, script, 1, drafts=False) for script in scripts)
        one = sum(replay(bench, script, 1) for script in scripts)
        before = bench.engine.decode_s
        many = sum(replay(bench, script, bench.order.n, words) for script in scripts)
        ratios = {
            "n_over_one": (reading + many) / (reading + one),
            "n_over_plain_one": (reading + many) / (reading + plain),
            "writing_n_over_one": many / one,
            "python_share": 1 - (bench.engine.decode_s - before) / many,
        }
        for name, value in ratios.items():
            found.setdefault(name, []).append(value)
    return {name: median(values) for name, values in found.items()}


def script_from(said: Said, place: int, length: int) -> list[list[int]]:
    """For each seat so many tokens: its answer to one question and to the next ones."""
    in_turn = [*said[place:], *said[:place]]
    return [[token for answers in in_turn for token in answers[seat]][:length] for seat in range(len(said[0]))]


def candidate(report: messages.SeatDone, text: str) -> Candidate:
    usage = Usage(0, report.completion_tokens)
    return Candidate(text, f"w{report.seat}", report.finish, usage, report.seconds, anchor=report.seat == 0)


def replay(
    bench: Bench, script: Script, seats: int, words: Mapping[int, str] | None = None, drafts: bool = True
) -> float:
    """Seconds for so many answers that say what the script says to a known prompt. With `words` the vote may end it."""
    assert isinstance(bench.engine.sampler, Reciter)
    bench.engine.sampler.script = script
    bench.engine.scheduler.longest_draft = bench.longest_draft if drafts else 0
    began = time.perf_counter()
    job = bench.submit(letters(bench.order.prompt_tokens, 0), seats, bench.order.new_tokens)
    candidates: list[Candidate] = []
    while not bench.engine.idle:
        done = [report for report in bench.engine.step() if isinstance(report, messages.SeatDone)]
        assert all(report.cached_tokens == bench.order.prompt_tokens - 1 for report in done)
        if words and done:
            candidates += (candidate(one, "".join(words[token] for token in script[one.seat])) for one in done)
            if is_decided(candidates, seats - len(candidates)):
                bench.engine.cancel(messages.Cancel(job))
    if candidates:
        elect(candidates)
    return time.perf_counter() - began
