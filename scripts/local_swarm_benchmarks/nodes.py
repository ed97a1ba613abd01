"""Published samples in, what a vote across machines is worth over the best machine's own vote out, in points.

Every machine has drawn three answers of the same samples; a weak one's are wrong four times in five. What machines
learn of each other they learn on the way, from nothing.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from local_swarm.sandbox.host import Sandbox
from local_swarm.types import Candidate, Election
from local_swarm.voting.consensus import elect
from local_swarm.voting.cross_consensus import PeerReliability, Vote, ballots_that_count, reliabilities_after
from local_swarm_benchmarks.samples import problems
from local_swarm_benchmarks.vote import Prepared, Row, Tell, VoteBenchOptions, paired_difference, prepare

BALLOTS = 3  # of each machine
WRONG = 0.8  # of a weak machine's ballots
TEAMS = {"equal machines": ("own", "second", "third"), "one weak machine": ("own", "second", "weak")}


@dataclass(frozen=True, slots=True)
class Round:
    """One problem answered by a team: each candidate's voter names the sample it is."""

    one: Prepared
    candidates: tuple[Candidate, ...]
    places: Mapping[str, int]

    def vote(self, candidates: Sequence[Candidate]) -> Election:
        _, evidence, answers = self.one.subset([self.places[one.voter] for one in candidates], {})
        return elect(candidates, "auto", None, evidence=evidence, answers=answers)

    def right(self, election: Election) -> float:
        return float(self.one.problem.right[self.places[election.elected.voter]])


def measure(options: VoteBenchOptions, tell: Tell) -> list[Row]:
    """For each set and team: percent right together, percent right of a good machine's own vote, the difference and
    its standard error, paired by problem. Raises UsageError where the samples are missing."""
    return asyncio.run(run_rounds(options, tell))


async def run_rounds(options: VoteBenchOptions, tell: Tell) -> list[Row]:
    sandbox = Sandbox()
    rows: list[Row] = []
    try:
        for name in options.sets:
            tell(f"{name}: running the programs")
            ready = [await prepare(problem, sandbox) for problem in problems(name, options.folder)]
            for team, nodes in TEAMS.items():
                tell(f"{name}: {team}")
                rows.append({"set": name, "strategy": team, **compare_teams(ready, nodes, options.repeats)})
    finally:
        await sandbox.close()
    return rows


def compare_teams(ready: Sequence[Prepared], nodes: Sequence[str], repeats: int) -> Row:
    known: dict[str, PeerReliability] = {}
    together: dict[int, list[float]] = {at: [] for at in range(len(ready))}
    alone: dict[int, list[float]] = {at: [] for at in range(len(ready))}
    for number in range(repeats):  # all problems in turn, as they come in life, not one of them again and again
        for at, one in enumerate(ready):
            held = draw_round(one, nodes, random.Random(f"{one.problem.question.text}{number}"))
            vote: Vote = held.vote
            chosen = ballots_that_count(held.candidates, nodes[0], dict.fromkeys(nodes, BALLOTS), known, vote)
            together[at].append(held.right(vote(chosen)))
            strong = [[one for one in held.candidates if one.node == node] for node in nodes if node != "weak"]
            alone[at].append(statistics.fmean(held.right(vote(own)) for own in strong))
            known = reliabilities_after(known, vote(held.candidates))
    picks, bases = ([statistics.fmean(some) for some in what.values()] for what in (together, alone))
    return {"n": BALLOTS * len(nodes), **paired_difference(picks, bases)}


def draw_round(one: Prepared, nodes: Sequence[str], dice: random.Random) -> Round:
    """Three samples for each machine, none twice while there are others."""
    verdicts = one.problem.right
    left = {verdict: [at for at, right in enumerate(verdicts) if right is verdict] for verdict in (True, False)}
    candidates, places = [], dict[str, int]()
    for node in nodes:
        for number in range(BALLOTS):
            if node == "weak":
                wanted = left[dice.random() >= WRONG] or left[False] or left[True]
            else:
                wanted = left[dice.random() * sum(map(len, left.values())) < len(left[True])]
            at = dice.choice(wanted or range(len(verdicts)))
            if at in wanted:
                wanted.remove(at)
            voter = f"{node}/w{number}"
            places[voter] = at
            candidates.append(replace(one.problem.samples[at], voter=voter, node=node))
    return Round(one, tuple(candidates), places)
