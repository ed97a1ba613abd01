"""The values that travel: a Prompt goes in, events come out, the last of them an Election. Knows nothing else of the project."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls"]
Strategy = Literal["auto", "similarity", "structure", "behaviour", "exact", "quality", "fastest"]
Band = Literal["low", "medium", "high"]

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
    outcome; `schema`: the answer must be JSON that obeys this JSON schema. `federate`: other machines may be asked;
    `route`: one machine alone answers, or not, against what is configured. `anchored`: the first voice answers at temperature 0.

    `must_call`: the answer must be a call of one of these tools; `one_call`: of one tool at a time. `template`: options for the
    chat template, `thinking` False asks it not to think first. `draft`: of several workers, hand on what one writes while they
    write. `text`: continue this text, and end before `suffix`, instead of answering `messages`; `scored`: tell how likely its own
    tokens were.
    """

    messages: tuple[Message, ...]
    tools: tuple[JSON, ...] = ()
    must_call: tuple[str, ...] = ()
    one_call: bool = False
    sampling: Sampling = field(default_factory=Sampling)
    voices: int | None = None
    strategy: Strategy | None = None
    early: bool = True
    session: str | None = None
    schema: JSON | None = None
    template: JSON = field(default_factory=dict)
    thinking: bool | None = None
    draft: bool = False
    text: str | None = None
    suffix: str | None = None
    scored: bool = False
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
    """A piece of what one worker is writing: of its words, or of its thoughts before them."""

    voter: str
    text: str
    thought: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token that was written, how likely it was, in nats, and what else was likely, the likeliest first. The first
    token of a prompt has no `logprob`."""

    text: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One worker's finished answer. `anchor`: sampled at temperature 0. `mean_logprob` is in nats per token. `weight`: how often
    its voter has been right, 0 to 1, where that is known. `reasoning`: what it thought before it answered. `flaw`: why nothing
    can be done with its calls, or with what it says at all; None is good. `node`: whose
    worker it was, None where only one machine was asked."""

    text: str
    voter: str
    finish_reason: FinishReason
    usage: Usage
    seconds: float
    anchor: bool = False
    tool_calls: tuple[ToolCall, ...] = ()
    mean_logprob: float | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    weight: float | None = None
    prompt_logprobs: tuple[TokenLogprob, ...] = ()
    reasoning: str = ""
    flaw: str | None = None
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

    `share` (0 to 1) of the candidates say the same as the winner; `agreement` is how likely the winner is to be right, as such
    votes were found to be, where that has been measured for its kind, else the share; `band` puts it into words. `note` says
    what the vote would have used and could not. `asked`: how many voices might have spoken. `nodes`: every
    machine asked, where several were. `provider`: who gave the answer, where there is a fallback chain;
    `tried`: (who, why not) of those before it.
    """

    candidates: tuple[Candidate, ...]
    winner: int
    clusters: tuple[tuple[int, ...], ...]
    agreement: float
    strategy: str
    seconds: float = 0.0
    decided_early: bool = False
    share: float = 1.0
    band: Band = "low"
    note: str | None = None
    asked: int = 0
    nodes: tuple[Turnout, ...] = ()
    provider: str | None = None
    tried: tuple[tuple[str, str], ...] = ()

    @property
    def elected(self) -> Candidate:
        return self.candidates[self.winner]

    @property
    def completion_tokens_total(self) -> int:
        return sum(candidate.usage.completion_tokens for candidate in self.candidates)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of some texts, each of length 1, by which model, and how many tokens were read; None where that is not known."""

    vectors: Sequence[Sequence[float]]
    model: str
    tokens: int | None = None
    note: str | None = None


Event = Accepted | Delta | Candidate | Election


class Voice(Protocol):
    """Whatever can answer a prompt: a worker, a swarm of them, a peer, a federation.

    `answer` yields one `Accepted` before anything else, then deltas and candidates as they come, and last an `Election`.
    Closing the iterator early cancels the work behind it. Raises `SwarmError`s only.
    """

    @property
    def name(self) -> str: ...

    def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]: ...
