"""`GET /v1/swarm`: status and logged elections in, the whole state out, without a word of a prompt or an answer."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SkipValidation

from local_swarm import __version__
from local_swarm.api.election_log import ElectionRecord, LoggedVoice
from local_swarm.api.status import EngineStatus, Status, WorkerStatus
from local_swarm.api.swarm_info import Body, ModelText


class SwarmState(Body):
    """The node, its engines, workers and peers, and its last elections."""

    node: Annotated[ModelText, Field(description="This machine's name.")]
    version: str
    status: Annotated[str, Field(description="As in `/health`.")]
    model: Annotated[ModelText | None, Field(description="The real model's name.")]
    context: Annotated[int | None, Field(description="Tokens of prompt and answer together.")]
    answer_tokens: Annotated[int | None, Field(description="Tokens that every answer is sure to get.")]
    thinks: Annotated[bool, Field(description="Whether the model can think before it answers.")]
    note: Annotated[ModelText | None, Field(description="What the user should know of the model.")]
    engines: SkipValidation[list[EngineStatus]]
    workers: SkipValidation[list[WorkerStatus]]
    peers: Annotated[list[dict[str, Any]], Field(description="The other machines, as the `peers` command lists them.")]
    machine: Annotated[dict[str, Any], Field(description="`line` for people; `memory`, `accelerators` as in `detect`.")]
    tokens: Annotated[dict[str, int], Field(description="Tokens since the start: prompt, cached, elected, written.")]
    elections: SkipValidation[list[ElectionRecord]]


def swarm_state(log: LoggedVoice, now: Status) -> SwarmState:
    return SwarmState(
        node=log.name,
        version=__version__,
        status=now.health,
        model=now.model,
        context=now.context,
        answer_tokens=now.answer_tokens,
        thinks=now.thinks,
        note=now.note,
        engines=list(now.engines),
        workers=list(now.workers),
        peers=list(now.peers),
        machine=now.machine,
        tokens=dict(log.tokens),
        elections=list(log.elections),
    )
