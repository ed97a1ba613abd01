"""Published samples in, what each way of voting is worth on them out, in points over taking any answer.

Every strategy votes on the same random subsets; differences are paired by problem, and so are their standard errors.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from local_swarm.paths import offline
from local_swarm.sandbox.host import Sandbox
from local_swarm.sandbox.job import Outcomes
from local_swarm.types import Candidate, Election, Strategy
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.ballots import Embed
from local_swarm.voting.behaviour.evidence import Evidence, trial
from local_swarm.voting.consensus import elect, is_decided
from local_swarm.voting.extract import extract
from local_swarm.voting.jury import Jury
from local_swarm.voting.reliability import ballots_of, estimate_reliabilities
from local_swarm.voting.similarity.embedding import Embedder
from local_swarm_benchmarks.samples import Problem, problems

STRATEGIES: tuple[Strategy, ...] = ("auto", "structure", "similarity", "exact", "quality", "fastest")
LEFT_OUT: Mapping[Strategy, str] = {
    "behaviour": "It picks as `auto` does where all answers are programs, as in these sets."
}
BATCH = 8  # programs given to the sandbox at once, which share the time of one vote
MOST_TIMED = 25  # votes held with nothing prepared, to see what one costs
EMBEDDING_WAIT_S = 120.0
BINS = 10

Tell = Callable[[str], None]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class VoteBenchOptions:
    """`n`: how many voters; `repeats`: how many subsets of each problem's samples."""

    sets: tuple[str, ...]
    n: tuple[int, ...]
    repeats: int
    folder: Path | None
    embedding: str
    early: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A problem with all that a vote on any subset of its samples needs."""

    problem: Problem
    answers: tuple[ExtractedAnswer, ...]
    evidence: Evidence | None

    def subset(
        self, chosen: Sequence[int], weights: Mapping[str, float]
    ) -> tuple[list[Candidate], Evidence | None, list[ExtractedAnswer]]:
        samples = self.problem.samples
        candidates = [replace(samples[at], weight=weights.get(samples[at].voter)) for at in chosen]
        did = self.evidence.behaviours if self.evidence else {}
        evidence = self.evidence and replace(
            self.evidence, behaviours={place: did[at] for place, at in enumerate(chosen) if at in did}
        )
        return candidates, evidence, [self.answers[at] for at in chosen]


@dataclass(frozen=True, slots=True)
class BenchSet:
    """The problems of one set, and for each the subsets of `n` samples that every strategy votes on."""

    name: str
    n: int
    ready: Sequence[Prepared]
    drawn: Sequence[Sequence[Sequence[int]]]

    @property
    def problems(self) -> list[tuple[Prepared, Sequence[Sequence[int]]]]:
        return list(zip(self.ready, self.drawn, strict=True))


def measure(options: VoteBenchOptions, tell: Tell) -> list[Row]:
    """Raises UsageError where the samples are missing."""
    return asyncio.run(run_sets(options, tell))


async def run_sets(options: VoteBenchOptions, tell: Tell) -> list[Row]:
    rows: list[Row] = []
    sandbox = Sandbox()
    embedder = Embedder(options.embedding, offline())
    try:
        embedder.begin()
        for name in options.sets:
            tell(f"{name}: running the programs")
            ready = [await prepare(problem, sandbox) for problem in problems(name, options.folder)]
            embed = known_vectors(embedder, ready, tell)
            sizes = sorted({min(n, *(len(one.answers) for one in ready)) for n in options.n})
            for n in sizes:
                tell(f"{name}: voting with {n}")
                some = BenchSet(name, n, ready, [subsets(one, n, options.repeats) for one in ready])
                rows += await with_times(table(some, embed, options.early), some, sandbox, embedder)
    finally:
        embedder.close()
        await sandbox.close()
    return rows


async def prepare(problem: Problem, sandbox: Sandbox) -> Prepared:
    answers = tuple(extract(one, problem.question) for one in problem.samples)
    plan = trial(problem.question, answers) if any(one.kind == "code" for one in answers) else None
    if plan is None:
        return Prepared(problem, answers, None)
    jobs = list(plan.jobs.items())
    told: dict[str, Outcomes] = {}
    for at in range(0, len(jobs), BATCH):
        found = await sandbox.run([job for _, job in jobs[at : at + BATCH]])
        if found is None:
            return Prepared(problem, answers, Evidence(note=sandbox.reason))
        told |= dict(zip((program for program, _ in jobs[at : at + BATCH]), found, strict=True))
    return Prepared(problem, answers, plan.evidence(told))


def known_vectors(embedder: Embedder, ready: Sequence[Prepared], tell: Tell) -> Embed | None:
    """An embedding function that has seen every answer before, so that subsets cost nothing."""
    tell("embedding the answers")
    function = embedder.function(EMBEDDING_WAIT_S)
    if function is None:
        return None
    texts = list(dict.fromkeys(answer.body for one in ready for answer in one.answers))
    vectors = dict(zip(texts, function(texts), strict=True))
    return lambda wanted: np.stack([vectors[text] for text in wanted])


def subsets(one: Prepared, n: int, repeats: int) -> list[list[int]]:
    """The same for every strategy and on every day."""
    count = len(one.answers)
    if count == n:
        return [list(range(n))]
    draw = random.Random(f"{one.problem.question.text}{n}")
    return [draw.sample(range(count), n) for _ in range(repeats)]


def table(some: BenchSet, embed: Embed | None, with_early: bool) -> list[Row]:
    weights = learn_weights(some)
    rows = []
    for strategy in STRATEGIES:
        if strategy == "similarity" and embed is None:
            continue
        known = weights if strategy == "auto" else {}
        votes = [[vote(one, chosen, strategy, embed, known) for chosen in drawn] for one, drawn in some.problems]
        row = comparison_row(some, strategy, [[won for won, _ in each] for each in votes])
        if strategy == "auto":
            row |= calibration_row([pair for each in votes for pair in each])
        rows.append(row)
    best = [[float(any(one.problem.right[at] for at in chosen)) for chosen in drawn] for one, drawn in some.problems]
    rows.append(comparison_row(some, "oracle", best))
    if weights:
        rows.append(comparison_row(some, "strongest voter", strongest(some)))
    if with_early:
        rows.append(early(some, weights))
    return rows


def learn_weights(some: BenchSet) -> dict[str, float]:
    """How reliable named voters look from what they say, over the first subset of every problem."""
    first = [
        elect(*given[:1], "auto", None, evidence=given[1], answers=given[2])
        for one, drawn in some.problems
        if (given := one.subset(drawn[0], {}))
    ]
    return estimate_reliabilities([ballots for election in first if (ballots := ballots_of(election))])


def vote(
    one: Prepared, chosen: Sequence[int], strategy: Strategy, embed: Embed | None, weights: Mapping[str, float]
) -> tuple[float, Election]:
    candidates, evidence, answers = one.subset(chosen, weights)
    election = elect(
        candidates, strategy, embed if strategy == "similarity" else None, evidence=evidence, answers=answers
    )
    return float(one.problem.right[chosen[election.winner]]), election


def comparison_row(some: BenchSet, strategy: str, won: Sequence[Sequence[float]]) -> Row:
    """A line of the table: percent right, percent right of any answer, and the difference with its paired standard
    error."""
    picks = [statistics.fmean(each) for each in won]
    anyone = [
        statistics.fmean(one.problem.right[at] for chosen in drawn for at in chosen) for one, drawn in some.problems
    ]
    return {"set": some.name, "strategy": strategy, "n": some.n, **paired_difference(picks, anyone)}


def paired_difference(picks: Sequence[float], bases: Sequence[float]) -> Row:
    """Shares right of each problem in two ways, in percent; the mean difference and its standard error."""
    gains = [pick - base for pick, base in zip(picks, bases, strict=True)]
    return {
        "pass_at_1": 100 * statistics.fmean(picks),
        "random": 100 * statistics.fmean(bases),
        "gain": 100 * statistics.fmean(gains),
        "se": 100 * statistics.stdev(gains) / len(gains) ** 0.5,
        "seconds_per_vote": None,
    }


def strongest(some: BenchSet) -> list[list[float]]:
    """The verdicts of the one voter who is right most often, where it was asked: what nobody knows beforehand."""
    right: dict[str, list[bool]] = {}
    for one in some.ready:
        for sample, verdict in zip(one.problem.samples, one.problem.right, strict=True):
            right.setdefault(sample.voter, []).append(verdict)
    share = {voter: statistics.fmean(verdicts) for voter, verdicts in right.items()}
    return [
        [float(one.problem.right[max(chosen, key=lambda at: share[one.problem.samples[at].voter])]) for chosen in drawn]
        for one, drawn in some.problems
    ]


def calibration_row(votes: Sequence[tuple[float, Election]]) -> Row:
    """How well the reported agreement tells right from wrong (AUROC), and what share was right at each height of it."""
    told = np.array([election.agreement for _, election in votes])
    right = np.array([won for won, _ in votes])
    bins = np.minimum((told * BINS).astype(int), BINS - 1)
    reliability = [
        {
            "agreement": float(told[bins == at].mean()),
            "right": float(right[bins == at].mean()),
            "votes": int((bins == at).sum()),
        }
        for at in range(BINS)
        if (bins == at).any()
    ]
    return {"auroc": auroc(told, right), "reliability": reliability}


def auroc(scores: Any, right: Any) -> float | None:
    """How often a right pick has the higher score than a wrong one; ties count half. None where all are alike."""
    high, low = scores[right > 0.5], scores[right <= 0.5]
    if not len(high) or not len(low):
        return None
    below = np.searchsorted(np.sort(low), high, "left").sum()
    level = np.searchsorted(np.sort(low), high, "right").sum() - below
    return float((below + level / 2) / (len(high) * len(low)))


def early(some: BenchSet, weights: Mapping[str, float]) -> Row:
    """The vote that stops once it is decided, answers arriving shortest first, which is how they do and is a bias."""
    won, used = [], []
    for one, drawn in some.problems:
        verdicts = []
        for chosen in drawn:
            arriving = sorted(chosen, key=lambda at: one.problem.samples[at].seconds)
            count = next((k for k in range(2, some.n) if stops(one, arriving[:k], some.n - k)), some.n)
            verdicts.append(vote(one, arriving[:count], "auto", None, weights)[0])
            used.append(count)
        won.append(verdicts)
    return comparison_row(some, "auto, early", won) | {"samples": statistics.fmean(used)}


def stops(one: Prepared, arrived: Sequence[int], missing: int) -> bool:
    candidates, evidence, answers = one.subset(arrived, {})
    return is_decided(candidates, missing, "auto", evidence=evidence, answers=answers)


async def with_times(rows: list[Row], some: BenchSet, sandbox: Sandbox, embedder: Embedder) -> list[Row]:
    """The rows, with what a vote costs with nothing prepared, the sandbox and the embedding model being warm."""
    for row in rows:
        if row["strategy"] not in STRATEGIES:
            continue
        jury = Jury(sandbox, embedder)  # remembers nothing yet
        seconds = []
        for one in some.ready[:MOST_TIMED]:
            candidates = one.subset(subsets(one, some.n, 1)[0], {})[0]
            began = time.perf_counter()
            await jury.elect(one.problem.question, candidates, row["strategy"])
            seconds.append(time.perf_counter() - began)
        row["seconds_per_vote"] = statistics.median(seconds)
    return rows
