"""The values that travel: a Prompt goes in, events come out, the last of them an Election. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Role = Literal["system", "developer", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls"]
Strategy = Literal["auto", "similarity", "structure", "behaviour", "exact", "quality", "fastest"]
Band = Literal["low", "medium", "high"]

JSON = Mapping[str, Any]

VOTE, FAST = "swarm", "swarm-fast"  # models that every swarm has: all its workers, one of them


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
    """How the sampler draws tokens. None leaves a value to the swarm or the model.

    seed: worker number i draws with `seed` + i.
    max_tokens: of one answer.
    stop: texts that end an answer and are left out of it.
    bias: (token id, what is added to its logit).
    logprobs: report each token's log-probability, and those of so many of the likeliest tokens beside it.
    """

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
    """One request: what is asked, and how to vote on the answers.

    messages: the conversation so far, the oldest message first.
    tools: functions that the answer may call, in OpenAI's form.
    must_call: names of tools of which the answer must call one; empty leaves the model free.
    one_call: allow one tool call at a time.
    sampling: how tokens are drawn.
    voices: how many workers to ask; None asks all.
    strategy: how to vote; None leaves it to the configuration.
    early: stop as soon as no missing answer could change the outcome.
    session: the client's name for its conversation. Requests of one session go to the same node.
    schema: a JSON schema that the answer must obey.
    template: options for the model's chat template.
    thinking: False asks the model not to think before it answers.
    draft: hand on the deltas of the first of several workers to speak.
    text: continue this text instead of answering `messages`.
    suffix: the text that stands after the gap which `text` opens.
    scored: report how likely the tokens of `text` itself were.
    federate: other machines may be asked.
    route: True lets one machine alone answer, False never; None leaves it to the configuration.
    anchored: the first voice answers at temperature 0.
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
    """What one answer cost.

    prompt_tokens: prefilled or found in the KV cache.
    completion_tokens: decoded.
    cached_tokens: how many of the prompt's tokens were found in the KV cache.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The prompt is understood and fits. From here on an answer follows, or a failure of ours."""

    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of what one worker writes. `thought`: it belongs to the reasoning before the answer."""

    voter: str
    text: str
    thought: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token and how likely it was.

    logprob: in nats; None for the first token of a prompt.
    top: (token, logprob) of what else was likely, the likeliest first.
    """

    text: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One worker's finished answer.

    voter: the worker's name.
    seconds: from the request to the last token.
    anchor: sampled at temperature 0.
    mean_logprob: over the answer's tokens, in nats per token.
    logprobs: of each of the answer's tokens, where the request asks for them.
    weight: how often its voter has been right, 0 to 1; None where that is not known.
    prompt_logprobs: of the prompt's own tokens, where the request asks for them.
    reasoning: what the model wrote before its answer.
    flaw: why the answer, or a call in it, cannot be used; None where it can.
    node: the machine of its worker; None where only one machine was asked.
    """

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
    """One node that was asked. `ballots`: how many it sent. `state`: `ok`, or why it sent none or too few."""

    name: str
    ballots: int
    state: str


@dataclass(frozen=True, slots=True)
class VoteBasis:
    """What an estimate of a vote's worth rests on.

    family: of the winner, such as "code" or "value".
    strategy: the way of voting that decided.
    voices, alike: opinions that were heard, and those of them that say what the winner says.
    support: how well the others back the winner, 0 to 1; None where that is not measured.
    passed: the share of the prompt's examples that the winner passes, None where there are none.
    options: how many answers there were to choose from, two for yes or no, 0 where anything could be said.
    """

    family: str
    strategy: str
    voices: int
    alike: int
    support: float | None = None
    passed: float | None = None
    options: int = 0


@dataclass(frozen=True, slots=True)
class Election:
    """The outcome of a vote.

    candidates: in the order in which they came.
    winner: the index of the elected candidate.
    clusters: indices of candidates that say the same, the largest cluster first.
    agreement: how likely the winner is to be right, 0 to 1; `share` where votes of its kind were never measured.
    strategy: the way of voting that decided.
    seconds: from the request to the outcome.
    decided_early: the voices that had not spoken could not have changed it. False also where they were late or failed.
    share: of the candidates, 0 to 1, that say the same as the winner.
    band: `agreement` in a word.
    note: what the vote would have used and could not.
    read: what each candidate was read as, in their order; nothing where only one was asked.
    basis: what `agreement` was estimated from.
    asked: how many voices might have spoken.
    nodes: every machine asked, our own first, where several were.
    provider: who gave the answer, where there is a fallback chain.
    tried: (provider, why not) of those that the chain asked before.
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
    read: tuple[str, ...] = ()
    basis: VoteBasis | None = None
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
    """Vectors of some texts.

    vectors: one for each text, of length 1.
    model: the embedding model's name.
    tokens: how many tokens of input there were; None where that is not known.
    note: what users should know of these vectors.
    """

    vectors: Sequence[Sequence[float]]
    model: str
    tokens: int | None = None
    note: str | None = None


Event = Accepted | Delta | Candidate | Election


class Voice(Protocol):
    """Whoever answers a prompt with an election: the swarm of one machine, a federation of several, a fallback chain.

    `answer` yields one `Accepted` before anything else, then deltas and candidates as they come, and last an
    `Election`. Closing the iterator early cancels the work behind it. Raises `SwarmError`s only.
    """

    @property
    def name(self) -> str: ...

    def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]: ...
