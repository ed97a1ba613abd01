"""A file of given answers in, one line of JSON per election out. No model is needed.

The file is read whole before anything is said: where lines name their voters, how reliable each is is learned from all
of them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local_swarm.api.schemas import complaint, mistake
from local_swarm.config import load
from local_swarm.confined.process import ConfinedPool
from local_swarm.errors import UsageError
from local_swarm.intake import sanitize_json
from local_swarm.paths import offline
from local_swarm.sandbox.host import Sandbox, sandbox_of
from local_swarm.terminal import json_text
from local_swarm.types import Candidate, Election, Strategy, ToolCall, Usage
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import Question
from local_swarm.voting.reliability import ballots_of, estimate_reliabilities
from local_swarm.voting.scanner import MOST_TEXT
from local_swarm.voting.similarity.embedding import Embedder

MOST_CANDIDATES = 128  # of one line: bounds the time of a vote
FEWEST_LINES = 8  # from which voters are judged by what they said

Number = Annotated[float, Field(allow_inf_nan=False)]


class CallWire(BaseModel):
    """A call as OpenAI writes it, or its name and arguments plainly."""

    model_config = ConfigDict(extra="ignore")
    name: str | None = None
    arguments: str | dict[str, Any] | None = None
    function: dict[str, Any] | None = None

    def call(self, number: int) -> ToolCall:
        given = self.function or {"name": self.name, "arguments": self.arguments}
        arguments = given.get("arguments") or {}
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        return ToolCall(f"call_{number}", str(given.get("name") or ""), text)


class CandidateWire(BaseModel):
    model_config = ConfigDict(extra="ignore")
    text: str | None = None
    tool_calls: list[CallWire] | None = None
    voter: str | None = None
    anchor: bool | None = None
    weight: Number | None = None
    mean_logprob: Number | None = None
    seconds: Number | None = None
    finish_reason: Literal["stop", "length", "tool_calls"] | None = None

    def candidate(self) -> Candidate:
        calls = tuple(call.call(number) for number, call in enumerate(self.tool_calls or ()))
        return Candidate(
            text=self.text or "",
            voter=self.voter or "",
            finish_reason=self.finish_reason or "stop",
            usage=Usage(0, 0),
            seconds=self.seconds or 0.0,
            anchor=bool(self.anchor),
            tool_calls=calls,
            mean_logprob=self.mean_logprob,
            weight=self.weight,
        )


class LineWire(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)
    id: str | int | None = None
    prompt: str = ""
    entry_point: str | None = None
    inputs: list[str] | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    candidates: Annotated[list[CandidateWire], Field(max_length=MOST_CANDIDATES)]


@dataclass(frozen=True, slots=True)
class VoteLine:
    """One line of the file."""

    id: str | int | None
    question: Question
    candidates: tuple[Candidate, ...]


def read_votes(path: Path) -> list[VoteLine]:
    """Raises UsageError, which names the line, for what is no such file."""
    try:
        data = sanitize_json(path.read_bytes())
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror or problem}.") from problem
    lines = data.decode("utf-8", "replace").split("\n")
    return [vote_line_of(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def vote_line_of(line: str, place: str) -> VoteLine:
    try:
        wire = LineWire.model_validate(json.loads(line, strict=False))
    except ValidationError as problem:
        first = mistake(problem.errors())
        where = ": ".join(filter(None, (place, ".".join(map(str, first["loc"])))))
        raise UsageError(f"{where}: {complaint(first)}.") from problem
    except (ValueError, RecursionError) as problem:
        raise UsageError(f"{place} is no valid JSON.") from problem
    asked = Question(wire.prompt[:MOST_TEXT], wire.entry_point, tuple(wire.inputs or ()), wire.schema_)
    return VoteLine(wire.id, asked, tuple(one.candidate() for one in wire.candidates))


async def elections(votes: Sequence[VoteLine], strategy: Strategy, jury: Jury) -> list[tuple[Election | None, float]]:
    """The election of every vote, None where nobody stands, with the seconds it took."""
    held = [await time_vote(vote, strategy, jury, {}) for vote in votes]
    named = [ballots for election, _ in held if election and (ballots := ballots_of(election))]
    if len(named) < FEWEST_LINES:
        return held
    weights = estimate_reliabilities(named)
    again = [await time_vote(vote, strategy, jury, weights) for vote in votes]
    return [(election, first + second) for (_, first), (election, second) in zip(held, again, strict=True)]


async def time_vote(
    vote: VoteLine, strategy: Strategy, jury: Jury, weights: Mapping[str, float]
) -> tuple[Election | None, float]:
    candidates = [
        replace(one, weight=weights.get(one.voter)) if one.weight is None and one.voter in weights else one
        for one in vote.candidates
    ]
    began = time.perf_counter()
    election = await jury.elect(vote.question, candidates, strategy) if candidates else None
    if election and len(candidates) == 1:  # which a vote has no need to read
        election = replace(election, read=tuple(one.kind for one in await jury.answers(vote.question, candidates)))
    return election, time.perf_counter() - began


def verdict_of(vote: VoteLine, election: Election | None, seconds: float) -> dict[str, Any]:
    if election is None:
        return {
            "id": vote.id,
            "winner": None,
            "agreement": 0.0,
            "clusters": [],
            "strategy": "none",
            "seconds": seconds,
            "read": [],
            "note": "There are no candidates.",
        }
    made: dict[str, Any] = {
        "id": vote.id,
        "winner": election.winner,
        "agreement": round(election.agreement, 6),
        "band": election.band,
        "share": round(election.share, 6),
        "clusters": [list(group) for group in election.clusters],
        "strategy": election.strategy,
        "seconds": round(seconds, 6),
        "read": list(election.read),
    }
    return made | ({"note": election.note} if election.note else {})


async def vote_on(
    votes: Sequence[VoteLine], strategy: Strategy, embedding: str, sandbox: Sandbox
) -> list[dict[str, Any]]:
    """What the command says of every vote."""
    confined = ConfinedPool()
    jury = Jury(sandbox, Embedder(embedding, offline()), confined=confined)
    try:
        await jury.sandbox.start()
        held = await elections(votes, strategy, jury)
        return [verdict_of(vote, *one) for vote, one in zip(votes, held, strict=True)]
    finally:
        await jury.close()
        await confined.close()


def lines(path: Path, strategy: str, file: Path | None) -> Iterator[str]:
    """The command's output. Raises UsageError."""
    if strategy not in get_args(Strategy):
        raise UsageError(f"There is no strategy {strategy!r}. There are: {', '.join(get_args(Strategy))}.")
    config = load(file)
    sandbox = sandbox_of(config.swarm.sandbox)
    for line in asyncio.run(vote_on(read_votes(path), cast(Strategy, strategy), config.models.embedding, sandbox)):
        yield json_text(line)
