"""An election in, what every answer carries out: its id, its `usage`, its tool calls, its `swarm` object. Knows no endpoint."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from local_swarm.api.swarm_info import Body, CalledFunction, SwarmInfo, ToolCallInfo, ballot_info, swarm_info
from local_swarm.types import Candidate, Election, ToolCall

LETTERS = string.ascii_letters


class PromptTokensDetails(Body):
    cached_tokens: Annotated[int, Field(description="Prompt tokens that were in the KV cache already.")]


class UsageInfo(Body):
    """Tokens of the answers given. What the vote cost in all is `swarm.completion_tokens_total`."""

    prompt_tokens: Annotated[int, Field(description="Tokens of the prompt, counted once.")]
    completion_tokens: Annotated[int, Field(description="Tokens of the answers returned.")]
    total_tokens: Annotated[int, Field(description="Both together.")]
    prompt_tokens_details: PromptTokensDetails


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all parts of one answer share. `id` has no prefix; identifiers of tool calls are made of it. `created` is in seconds
    since 1970. `node` is this machine's name, `note` what users should know of its model."""

    id: str
    created: int
    model: str
    node: str
    note: str | None = None

    def with_note(self, note: str | None) -> Envelope:
        """The same with one more thing that users should know."""
        return replace(self, note=" ".join(filter(None, (self.note, note)))) if note else self

    def swarm(self, election: Election, ballots: bool) -> SwarmInfo:
        """The `swarm` object, with every worker's answer if `ballots`."""
        info = swarm_info(election, self.node, self.note)
        if ballots:
            cluster_of = {member: number for number, cluster in enumerate(election.clusters) for member in cluster}
            info.ballots = [
                ballot_info(one, index == election.winner, self.tool_calls(one.tool_calls), cluster_of.get(index))
                for index, one in enumerate(election.candidates)
            ]
        return info

    def tool_calls(self, calls: Sequence[ToolCall], choice: int = 0) -> list[ToolCallInfo]:
        return [
            ToolCallInfo(
                id=self.call_id(choice, number),
                type="function",
                function=CalledFunction(name=call.name, arguments=call.arguments),
            )
            for number, call in enumerate(calls)
        ]

    def call_id(self, choice: int, number: int) -> str:
        """The same for a call in every part of an answer. Letters only, as in `new_id`."""
        return f"call_{self.id}{LETTERS[choice % 52]}{LETTERS[number // 52 % 52]}{LETTERS[number % 52]}"


def new_envelope(model: str, node: str, note: str | None) -> Envelope:
    return Envelope(new_id(), int(time.time()), model, node, note)


def new_id() -> str:
    """Letters only: some clients take digits like those of a status code, wherever they stand, for a passing failure."""
    return "".join(secrets.choice(LETTERS) for _ in range(24))


def by_agreement(election: Election) -> list[Candidate]:
    """The winner, those who say the same, then the other clusters from large to small."""
    own = next(cluster for cluster in election.clusters if election.winner in cluster)
    order = [election.winner, *own, *(member for cluster in election.clusters for member in cluster)]
    return [election.candidates[index] for index in dict.fromkeys(order)]


def usage_of(chosen: Sequence[Candidate]) -> UsageInfo:
    """Of the answers returned to one prompt."""
    prompt, completion = chosen[0].usage.prompt_tokens, sum(one.usage.completion_tokens for one in chosen)
    return usage_info(prompt, completion, chosen[0].usage.cached_tokens)


def usage_info(prompt: int, completion: int, cached: int) -> UsageInfo:
    return UsageInfo(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=cached),
    )
