"""Kept answers of real models in, votes on them held anew with today's code out: how often each agreement was right.

python -m local_swarm_benchmarks.live_again FILE... [--data FOLDER] [--write]

Files are those of `bench live --whole`. No model is asked. Half of the problems, by name, is fitted on, the other half
checks. `--write` replaces docs/data/calibration.json and the fitted table in local_swarm/voting/measured.py.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_swarm.paths import offline
from local_swarm.sandbox.host import Sandbox
from local_swarm.types import Candidate, ToolCall, Usage
from local_swarm.voting.calibration import HIGH, MEDIUM, band, choices_of, interpolate
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import Question, question
from local_swarm.voting.similarity.embedding import Embedder
from local_swarm_benchmarks.live_file import read_live_file
from local_swarm_benchmarks.live_sets import OWN, LiveProblem, live_problems
from local_swarm_benchmarks.live_verdicts import verdicts

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs/data/calibration.json"
TABLE = ROOT / "local_swarm/voting/measured.py"
SIZES = {3: 4, 5: 4, 8: 1}  # voices -> random votes of each problem
KNOTS = (0.25, 0.5, 0.75, 1.0)  # shares between which the fit is straight
PRIOR = 4.0  # problems at which a knot is right as often as chance has it
TRUSTED = 0.9  # how often a high band has to be right on the half that was not fitted on

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class HeldVote:
    """`options`: how many answers were to choose from, 0 where there is no such number."""

    model: str
    set: str
    problem: str
    voices: int
    options: int
    share: float
    agreement: float
    band: str
    right: bool

    @property
    def fitted_on(self) -> bool:
        return hashlib.sha256(self.problem.encode()).digest()[0] % 2 == 0


async def hold_all(files: Sequence[Path], data: Path | None) -> list[HeldVote]:
    sandbox = Sandbox()
    jury = Jury(sandbox, Embedder("", offline()))
    try:
        return [vote for path in files for vote in await hold_file(path, data, jury, sandbox)]
    finally:
        await jury.close()


async def hold_file(path: Path, data: Path | None, jury: Jury, sandbox: Sandbox) -> list[HeldVote]:
    file = read_live_file(path)
    name = file.run["set"]
    place = None if name in OWN or data is None else data / f"{name}.jsonl.gz"
    problems = {one.id: one for one in live_problems(name, place, bool(file.run["strip"]), None)}
    votes: list[HeldVote] = []
    for line in file.done.values():
        problem = problems[line["id"]]
        right = line.get("right") or await verdicts(problem, line["ballots"], sandbox)
        votes += await hold_some(
            problem, [candidate_of(*one) for one in enumerate(line["ballots"])], right, file.run, jury
        )
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


async def hold_some(
    problem: LiveProblem, voices: Sequence[Candidate], right: Sequence[bool], run: Mapping[str, Any], jury: Jury
) -> list[HeldVote]:
    """Random votes, the same on every day. The greedy voice is always among them, as in a swarm."""
    asked = Question(problem.text)
    options = choices_of(question(problem.text).asked)
    made = []
    for chosen in random_votes(problem.id, voices):
        election = await jury.elect(asked, [voices[at] for at in chosen])
        won = bool(right[chosen[election.winner]])
        facts = (options, election.share, election.agreement, election.band, won)
        made.append(HeldVote(run["model"], run["set"], problem.id, len(chosen), *facts))
    return made


def random_votes(name: str, voices: Sequence[Candidate]) -> Iterable[list[int]]:
    draw = random.Random(name)
    first = [at for at, one in enumerate(voices) if one.anchor][:1]
    others = [at for at in range(len(voices)) if at not in first]
    for size, times in SIZES.items():
        if size <= len(voices):
            yield from (first + sorted(draw.sample(others, size - len(first))) for _ in range(times))


def fit(votes: Sequence[HeldVote], options: int) -> Points:
    """Share -> right, rising, pulled towards chance where problems are few; never high where the other half does not
    bear that out."""
    chance = 1 / options
    heights = [height(votes_near(votes, knot), chance) for knot in KNOTS]
    rising = [max(heights[: at + 1]) for at in range(len(heights))]
    checked = [one.right for one in votes if not one.fitted_on and promises_high(rising, one.share)]
    if not checked or statistics.fmean(checked) < TRUSTED:
        rising = [min(one, HIGH - 0.01) for one in rising]
    return ((0.0, 0.0), *((knot, round(one, 3)) for knot, one in zip(KNOTS, rising, strict=True)))


def votes_near(votes: Sequence[HeldVote], knot: float) -> list[HeldVote]:
    return [one for one in votes if one.fitted_on and min(KNOTS, key=lambda at: abs(at - one.share)) == knot]


def promises_high(heights: Sequence[float], share: float) -> bool:
    return heights[min(range(len(KNOTS)), key=lambda at: abs(KNOTS[at] - share))] >= HIGH


def height(votes: Sequence[HeldVote], chance: float) -> float:
    """Each problem counts once, however many votes on it were held."""
    by_problem: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for one in votes:
        by_problem[one.model, one.problem].append(one.right)
    right = sum(statistics.fmean(each) for each in by_problem.values())
    return (right + PRIOR * chance) / (len(by_problem) + PRIOR)


def with_new_agreement(vote: HeldVote, fits: Mapping[int, Points]) -> HeldVote:
    """With the agreement that the new table gives it, where the old one was told from shares."""
    if vote.options not in fits:
        return vote
    agreement = interpolate(fits[vote.options], vote.share)
    return replace(vote, agreement=agreement, band=band(agreement))


def reliability(votes: Sequence[HeldVote]) -> list[dict[str, Any]]:
    """What was promised and what came of it, by model, set and band, on the half that nothing was fitted on."""
    groups: dict[tuple[str, str, str], list[HeldVote]] = defaultdict(list)
    for one in votes:
        if not one.fitted_on:
            groups[one.model, one.set, one.band].append(one)
    return [
        {
            "model": model,
            "set": name,
            "band": word,
            "agreement": round(statistics.fmean(one.agreement for one in each), 3),
            "right": round(statistics.fmean(one.right for one in each), 3),
            "votes": len(each),
            "problems": len({one.problem for one in each}),
        }
        for (model, name, word), each in sorted(groups.items())
    ]


def table_of(fits: Mapping[int, Points]) -> str:
    return (
        '"""Share of voices -> share right, by number of possible answers. Written by '
        '`local_swarm_benchmarks.live_again`."""\n\n'
        "from __future__ import annotations\n\n"
        f"FEW_OPTIONS: dict[int, tuple[tuple[float, float], ...]] = {dict(fits)!r}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, help="Folder of the public sets.")
    parser.add_argument("--write", action="store_true", help="Replace the table and the figures.")
    given = parser.parse_args()
    votes = asyncio.run(hold_all(given.files, given.data))
    few = sorted({one.options for one in votes if one.options})
    fits = {options: fit([one for one in votes if one.options == options], options) for options in few}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    runs = [read_live_file(path) for path in given.files]
    found = {
        "commit": commit.stdout.strip(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "bands": {"medium": MEDIUM, "high": HIGH},
        "runs": [{**one.run, "problems": len(one.done)} for one in runs],
        "few_options": fits,
        "checked": reliability([with_new_agreement(one, fits) for one in votes]),
    }
    print(json.dumps(found, indent=1))
    if given.write:
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        TABLE.write_text(table_of(fits), encoding="utf-8")
        subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(TABLE)], cwd=ROOT, check=False)


if __name__ == "__main__":
    main()
