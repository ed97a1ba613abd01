"""Answers of real models with verdicts in, votes on random ones of them held with today's code out. No model is asked.

The answers are those that `bench live --whole` keeps in its files, and published samples as `bench vote` takes them.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from local_swarm.paths import offline
from local_swarm.sandbox.host import Sandbox
from local_swarm.types import Candidate, Election, Strategy, ToolCall, Usage, VoteBasis
from local_swarm.voting.consensus import NO_VALID_ANSWER
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import Question
from local_swarm.voting.similarity.embedding import Embedder
from local_swarm_benchmarks.live_file import read_live_file
from local_swarm_benchmarks.live_sets import OWN, LiveProblem, live_problems
from local_swarm_benchmarks.live_verdicts import verdicts
from local_swarm_benchmarks.samples import problems
from local_swarm_benchmarks.vote import prepare, subsets
from local_swarm_benchmarks.vote import vote as vote_on

SIZES = {3: 4, 5: 4, 8: 1}  # voices -> random votes of each problem
PUBLISHED = {
    "codegen16b": "codegen-16b",
    "codegen16b-no-examples": "codegen-16b",
    "localzoo": "20 local models",
    "openai4": "4 models of OpenAI",
}
# Structure decides where programs cannot be run, which is seldom seen otherwise.
WAYS: tuple[Strategy, ...] = ("auto", "structure")


@dataclass(frozen=True, slots=True)
class HeldVote:
    """`model` and `set` tell where the answers come from."""

    model: str
    set: str
    problem: str
    basis: VoteBasis
    right: bool

    @property
    def fitted_on(self) -> bool:
        """Half of the problems, by their names."""
        return hashlib.sha256(self.problem.encode()).digest()[0] % 2 == 0

    @property
    def source(self) -> tuple[str, str]:
        return (self.model, self.set)


def held_vote(source: tuple[str, str], problem: str, election: Election, right: bool) -> HeldVote | None:
    """None where nothing is promised: of a single voice, and where no answer could win."""
    basis = election.basis
    if basis is None or basis.voices < 2 or election.note == NO_VALID_ANSWER:
        return None
    return HeldVote(*source, problem, basis, right)


# ------------------------------------------------------------------------------------------- answers of `bench live`


async def votes_of_files(files: Sequence[Path], data: Path | None) -> list[HeldVote]:
    """`data`: the folder of the public sets, which the program does not bring."""
    sandbox = Sandbox()
    jury = Jury(sandbox, Embedder("", offline()))
    try:
        return [vote for path in files for vote in await votes_of_file(path, data, jury, sandbox)]
    finally:
        await jury.close()


async def votes_of_file(path: Path, data: Path | None, jury: Jury, sandbox: Sandbox) -> list[HeldVote]:
    file = read_live_file(path)
    name = file.run["set"]
    place = None if name in OWN or data is None else data / f"{name}.jsonl.gz"
    known = {one.id: one for one in live_problems(name, place, bool(file.run["strip"]), None)}
    source = (file.run["model"], f"{name}, without examples" if file.run["strip"] else name)
    votes: list[HeldVote] = []
    for line in file.done.values():
        problem = known[line["id"]]
        right = line.get("right") or await verdicts(problem, line["ballots"], sandbox)
        voices = [candidate_of(*one) for one in enumerate(line["ballots"])]
        votes += await votes_on_voices(problem, voices, right, source, jury)
    return votes


def candidate_of(place: int, ballot: Mapping[str, Any]) -> Candidate:
    calls = [(one["id"], one["function"]) for one in ballot.get("tool_calls") or ()]
    return Candidate(
        text=ballot["text"] or "",
        voter=f"voice {place}",
        finish_reason=ballot["finish_reason"],
        usage=Usage(0, 0),
        seconds=ballot["seconds"],
        anchor=ballot["anchor"],
        tool_calls=tuple(ToolCall(name, one["name"], one["arguments"]) for name, one in calls),
        mean_logprob=ballot["mean_logprob"],
        flaw=ballot.get("flaw"),
    )


async def votes_on_voices(
    problem: LiveProblem, voices: Sequence[Candidate], right: Sequence[bool], source: tuple[str, str], jury: Jury
) -> list[HeldVote]:
    """Random votes, the same on every day. The greedy voice is always among them, as in a swarm."""
    held = []
    for chosen in random_votes(problem.id, voices):
        election = await jury.elect(Question(problem.text), [voices[at] for at in chosen])
        held.append(held_vote(source, problem.id, election, bool(right[chosen[election.winner]])))
    return [one for one in held if one]


def random_votes(name: str, voices: Sequence[Candidate]) -> Iterable[list[int]]:
    draw = random.Random(name)
    first = [at for at, one in enumerate(voices) if one.anchor][:1]
    others = [at for at in range(len(voices)) if at not in first]
    for size, times in SIZES.items():
        if size <= len(voices):
            yield from (first + sorted(draw.sample(others, size - len(first))) for _ in range(times))


# ------------------------------------------------------------------------------------------------- published samples


async def votes_of_samples(folder: Path) -> list[HeldVote]:
    """Raises UsageError where the samples are missing."""
    sandbox, held = Sandbox(), []
    try:
        for name, model in PUBLISHED.items():
            for problem in problems(name, folder):
                ready = await prepare(problem, sandbox)
                sizes = [(size, times) for size, times in SIZES.items() if size <= len(ready.answers)]
                drawn = [chosen for size, times in sizes for chosen in subsets(ready, size, times)]
                ways = WAYS if ready.evidence else WAYS[:1]
                for chosen, strategy in product(drawn, ways):
                    right, election = vote_on(ready, chosen, strategy, None, {})
                    source = (model, name if strategy == "auto" else f"{name}, by {strategy}")
                    held.append(held_vote(source, problem.question.text, election, bool(right)))
    finally:
        await sandbox.close()
    return [one for one in held if one]
