"""The values that travel: a Prompt goes in, events come out, the last of them an Election. Knows nothing else of the project."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls"]
Strategy = Literal["auto", "similarity", "structure", "exact", "quality", "fastest"]

JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called. `arguments` is JSON text, exactly as written by the model."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. `tool_call_id` says which call a `tool` message answers."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. None means: as the swarm or the model prefers. `bias` adds to the scores of tokens; `logprobs`: tell
    each token's log-probability and those of so many likeliest ones beside it."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    bias: tuple[tuple[int, float], ...] = ()
    logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked, and how the vote on it shall go. `voices` None asks every worker; `early`: stop once nobody can change the
    outcome; `schema`: the answer must be JSON that obeys this JSON schema. `federate`: other machines may be asked; `route`: one
    machine alone answers, or not, against what is configured. `anchored`: the first voice answers at temperature 0."""

    messages: tuple[Message, ...]
    tools: tuple[JSON, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    voices: int | None = None
    strategy: Strategy | None = None
    early: bool = True
    session: str | None = None
    schema: JSON | None = None
    federate: bool = True
    route: bool | None = None
    anchored: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read, tokens written, and how many of those read were already in memory."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The prompt is understood and fits: from here on an answer, or a failure of ours, will follow."""

    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the text that one worker is writing."""

    voter: str
    text: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token that was written, how likely it was, in nats, and what else was likely, the likeliest first."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One worker's finished answer. `anchor`: sampled at temperature 0. `mean_logprob` is in nats per token. `node`: whose worker
    it was, None where only one machine was asked."""

    text: str
    voter: str
    finish_reason: FinishReason
    usage: Usage
    seconds: float
    anchor: bool = False
    tool_calls: tuple[ToolCall, ...] = ()
    mean_logprob: float | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Turnout:
    """How many ballots came from a node that was asked, and how it fared: `ok`, or why there are none or not all."""

    name: str
    ballots: int
    state: str


@dataclass(frozen=True, slots=True)
class Election:
    """The outcome of a vote. `winner` and the members of `clusters` are indices into `candidates`, the largest cluster first.

    `agreement` is the share (0 to 1) of candidates that say the same as the winner. `nodes`: every machine
    asked, where several were.
    """

    candidates: tuple[Candidate, ...]
    winner: int
    clusters: tuple[tuple[int, ...], ...]
    agreement: float
    strategy: str
    seconds: float = 0.0
    decided_early: bool = False
    nodes: tuple[Turnout, ...] = ()

    @property
    def elected(self) -> Candidate:
        return self.candidates[self.winner]

    @property
    def completion_tokens_total(self) -> int:
        return sum(candidate.usage.completion_tokens for candidate in self.candidates)


Event = Accepted | Delta | Candidate | Election


class Voice(Protocol):
    """Whatever can answer a prompt: a worker, a swarm of them, a peer, a federation.

    `answer` yields one `Accepted` before anything else, then deltas and candidates as they come, and last an `Election`.
    Closing the iterator early cancels the work behind it. Raises `SwarmError`s only.
    """

    @property
    def name(self) -> str: ...

    def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]: ...
