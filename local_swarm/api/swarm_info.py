"""An election in, the `swarm` object of an answer out: every endpoint and every stream tells of its vote in these words.

A field that does not apply is left out of the JSON, not null. `docs/api.md` has the same list; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from local_swarm.types import Band, Candidate, Election, FinishReason, Turnout

# What a model wrote may hold half characters, which pydantic refuses; `encode_json` mends them in the JSON.
ModelText = SkipValidation[str]


class Body(BaseModel):
    """JSON that goes out. Only fields that were set are in it, in the order of their definition."""

    model_config = ConfigDict(extra="forbid")

    def json_value(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class CalledFunction(Body):
    name: Annotated[ModelText, Field(description="Name of the function.")]
    arguments: Annotated[ModelText, Field(description="JSON text, as the model wrote it.")]


class ToolCallInfo(Body):
    """A call that the client is asked to make."""

    id: Annotated[str, Field(description="To be sent back with the result.")]
    type: Annotated[str, Field(description="Always `function`.")] = "function"
    function: CalledFunction


class NodeInfo(Body):
    """A machine that was asked."""

    name: Annotated[ModelText, Field(description="The machine's name.")]
    ballots: Annotated[int, Field(description="How many of its answers were voted on; 0 for a machine that gave none.")]
    state: Annotated[str, Field(description="`ok`, or why some or all of its answers are missing.")]


class TriedProvider(Body):
    """A provider of the fallback chain that did not answer."""

    name: Annotated[ModelText, Field(description="The provider's name.")]
    why: Annotated[ModelText, Field(description="Why it did not answer.")]


class BallotInfo(Body):
    """One worker's answer."""

    voter: Annotated[ModelText, Field(description="The worker that gave it.")]
    text: Annotated[ModelText, Field(description="Its answer.")]
    anchor: Annotated[bool, Field(description="Whether it was sampled at temperature 0.")]
    elected: Annotated[bool, Field(description="Whether it is the winner.")]
    finish_reason: Annotated[FinishReason, Field(description="Why it ended.")]
    seconds: Annotated[float, Field(description="How long it took.")]
    mean_logprob: Annotated[float | None, Field(description="Mean log-probability of its tokens, in nats.")]
    node: Annotated[ModelText | None, Field(description="The machine it came from, where several were asked.")] = None
    tool_calls: Annotated[list[ToolCallInfo] | None, Field(description="The calls it makes.")] = None
    flaw: Annotated[ModelText | None, Field(description="Why it cannot be used.")] = None
    cluster: Annotated[int | None, Field(description="Index into `clusters`: which answers say the same.")] = None


class SwarmInfo(Body):
    """How an answer was elected."""

    strategy: Annotated[str, Field(description="How the vote was held; `single` where one worker answered.")]
    agreement: Annotated[
        float,
        Field(
            description="How likely the answer is to be right, 0 to 1: calibrated where votes of its kind have been measured, "
            "else `share`."
        ),
    ]
    band: Annotated[
        Band,
        Field(description="`agreement` in a word; always `low` where a single answer has nothing to agree with."),
    ]
    share: Annotated[float, Field(description="Share of the candidates that say what the winner says, 0 to 1.")]
    candidates: Annotated[int, Field(description="How many answers were voted on.")]
    asked: Annotated[int, Field(description="How many workers could have answered.")]
    clusters: Annotated[list[int], Field(description="Sizes of the groups that say the same, the largest first.")]
    nodes: Annotated[list[NodeInfo], Field(description="Every machine that was asked.")]
    decided_early: Annotated[bool, Field(description="Whether the vote ended once no missing answer could change it.")]
    completion_tokens_total: Annotated[int, Field(description="Tokens that all workers generated together.")]
    seconds: Annotated[float, Field(description="From the request to the decision.")]
    provider: Annotated[
        ModelText | None, Field(description="With a fallback chain: the provider that gave the answer.")
    ] = None
    tried: Annotated[
        list[TriedProvider] | None,
        Field(description="With a fallback chain: the providers before it that did not answer."),
    ] = None
    note: Annotated[ModelText | None, Field(description="What the user should know of the model or of this vote.")] = (
        None
    )
    flaw: Annotated[
        ModelText | None,
        Field(description="What is wrong with the answer; only where a second try gave nothing better."),
    ] = None
    ballots: Annotated[
        list[BallotInfo] | None,
        Field(description="Every worker's answer, where the request asked for `swarm.ballots`."),
    ] = None


def silent_voices(election: Election) -> str | None:
    """A sentence on the voices that were asked and are not in the vote."""
    count = election.asked - len(election.candidates)
    if count <= 0:
        return None
    who = f"{count} of the {election.asked} voices asked"
    if election.decided_early:
        return f"{who} had not answered yet and could not have changed the vote."
    return f"{who} gave no answer in time."


def swarm_info(election: Election, node: str, note: str | None) -> SwarmInfo:
    """Without the ballots. `node`: this machine, which alone was asked where the election names none."""
    nodes = election.nodes or (Turnout(node, len(election.candidates), "ok"),)
    info = SwarmInfo(
        strategy=election.strategy,
        agreement=round(election.agreement, 4),
        band=election.band,
        share=round(election.share, 4),
        candidates=len(election.candidates),
        asked=max(election.asked, len(election.candidates)),
        clusters=[len(cluster) for cluster in election.clusters],
        nodes=[NodeInfo(name=one.name, ballots=one.ballots, state=one.state) for one in nodes],
        decided_early=election.decided_early,
        completion_tokens_total=election.completion_tokens_total,
        seconds=round(election.seconds, 3),
    )
    if election.provider:
        info.provider = election.provider
        info.tried = [TriedProvider(name=name, why=why) for name, why in election.tried]
    if notes := [one for one in (note, election.note, silent_voices(election)) if one]:
        info.note = " ".join(notes)
    if flaw := election.elected.flaw:
        info.flaw = flaw
    return info


def ballot_info(candidate: Candidate, elected: bool, calls: Sequence[ToolCallInfo], cluster: int | None) -> BallotInfo:
    ballot = BallotInfo(
        voter=candidate.voter,
        text=candidate.text,
        anchor=candidate.anchor,
        elected=elected,
        finish_reason=candidate.finish_reason,
        seconds=round(candidate.seconds, 3),
        mean_logprob=candidate.mean_logprob,
    )
    if candidate.node:
        ballot.node = candidate.node
    if calls:
        ballot.tool_calls = list(calls)
    if candidate.flaw:
        ballot.flaw = candidate.flaw
    if cluster is not None:
        ballot.cluster = cluster
    return ballot
