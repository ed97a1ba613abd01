"""Replies of a swarm in, whether each is right out. Programs run in the sandbox and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from local_swarm.errors import SwarmError
from local_swarm.sandbox.host import Sandbox
from local_swarm.sandbox.job import Job
from local_swarm_benchmarks.live_sets import LiveProblem

FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
PASSED = "right_to_the_end"
RETURNED = "="


async def verdicts(problem: LiveProblem, ballots: Sequence[Mapping[str, Any]], sandbox: Sandbox) -> list[bool]:
    """In order. Raises SwarmError where programs cannot be run."""
    if problem.judge:
        return [problem.judge(one["text"] or "", calls_of(one)) for one in ballots]
    programs = [program_in(one["text"] or "", problem.name) for one in ballots]
    told = {program: await passes(problem, program, sandbox) for program in dict.fromkeys(programs)}
    return [told[program] for program in programs]


def calls_of(ballot: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one["function"] for one in ballot.get("tool_calls") or ()]


def program_in(text: str, name: str) -> str:
    """The first block that defines the function, all blocks where none does, or the text itself: read apart from the vote,
    whose own reading is part of what is measured."""
    blocks: list[str] = FENCED.findall(text)
    defining = [one for one in blocks if re.search(rf"\bdef\s+{re.escape(name)}\b", one)] if name else []
    return defining[0] if defining else "\n".join(blocks) or text


async def passes(problem: LiveProblem, program: str, sandbox: Sandbox) -> bool:
    """Each program alone, with all the time that a vote has."""
    whole = f"{problem.prelude}\n{program}\n{problem.tests}\ndef {PASSED}(): return True\n"
    outcomes = await sandbox.run([Job(whole, (f"{PASSED}()",))])
    if outcomes is None:
        raise SwarmError(f"Programs cannot be judged here: {sandbox.reason}.")
    return outcomes[0][0].startswith(RETURNED)
