"""Messages between nodes as values in, bytes out, and back. Pure: knows no socket, clock or key.

Another machine wrote everything that is decoded here. So every size is bounded and every surprise is a `Malformed`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import FailFast, TypeAdapter, ValidationError

from local_swarm.errors import BadRequest
from local_swarm.intake import TooMuch, take_json
from local_swarm.limits import LONGEST_NAME, MOST_CALLS, MOST_NUMBER, check_prompt
from local_swarm.types import Candidate, Prompt, TokenLogprob

VERSION = 1  # nodes of another version are seen, named and not asked
LINE_BYTES = 1 << 20  # of one ballot
ANSWER_BYTES = 8 << 20  # of all lines that a peer may send for one request
MOST_LINES = 2048  # of it: a beat a second for half an hour, and ballots
PROMPT_BYTES = 8 << 20  # twice what a million tokens have
SMALL_BYTES = 64 << 10  # of every message that is neither prompt nor ballot
NAME_CHARACTERS = 63
LONGEST_FLAW = 500
MOST_HINTS = 32  # addresses of third nodes in one report
MOST_BALLOTS = 64  # of one node, whatever it announces
PORT_HEADER = "x-swarm-door"  # the port of the asking node's own server
DEADLINE_HEADER = "x-swarm-deadline"  # seconds that the asking node waits at most; no time of day, since clocks differ

NodeState = Literal["starting", "ok", "degraded", "busy", "battery", "stopping"]


class Malformed(ValueError):
    """A peer's message is too long, no JSON, or has another shape."""


@dataclass(frozen=True, slots=True)
class Hint:
    """The address of a third member as a peer knows it. It proves nothing."""

    id: str
    address: str


@dataclass(frozen=True, slots=True)
class Report:
    """The state of a node. `latency_s`: the mean time of one answer. `epoch`: that of its charter. `clock`: its
    time of day in seconds since 1970."""

    name: str
    version: int = VERSION
    model: str | None = None
    workers: int = 0
    state: NodeState = "ok"
    requests: int = 0
    latency_s: float | None = None
    epoch: int = 0
    clock: float = 0.0
    hints: Annotated[tuple[Hint, ...], FailFast()] = ()


@dataclass(frozen=True, slots=True)
class VoteMessage:
    """One line of an answer: a ballot, a beat (a sign of life), or the end."""

    kind: Literal["accepted", "ballot", "beat", "failed", "end"]
    candidate: Candidate | None = None
    prompt_tokens: int = 0
    message: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Hello:
    """A member that we have not met introduces itself. `proof` shows that it has the swarm's key."""

    certificate: str
    proof: str
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Welcome:
    proof: str
    name: str


T = TypeVar("T")
_adapters: dict[type, TypeAdapter[Any]] = {}


def adapter(kind: type[T]) -> TypeAdapter[T]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def encode(value: object) -> bytes:
    return adapter(type(value)).dump_json(value)


def decode(kind: type[T], data: bytes | str, seen: bool = False) -> T:
    """Ignores unknown fields, so that newer peers can send more. `seen`: the data has been through `Intake`.

    Raises Malformed."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    try:
        return adapter(kind).validate_json(raw if seen else take_json(raw))
    except TooMuch as problem:
        raise Malformed(str(problem)) from None
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise Malformed(f"{field}: {first['msg']}" if field else str(first["msg"])) from None
    except RecursionError:
        raise Malformed("nested too deeply") from None


def decode_prompt(data: bytes, seen: bool = False) -> Prompt:
    """A peer's prompt for our own workers: nobody else is asked and it is not decided early. Raises Malformed."""
    prompt = decode(Prompt, data, seen)
    if not prompt.messages and prompt.text is None:
        raise Malformed("messages: there are none")
    try:
        check_prompt(prompt)
    except BadRequest as problem:
        raise Malformed(problem.message) from None
    return replace(prompt, early=False, federate=False, route=None)


def decode_report(data: bytes) -> Report:
    """Raises Malformed."""
    found = decode(Report, data)
    latency = found.latency_s if found.latency_s is not None and math.isfinite(found.latency_s) else None
    return replace(
        found,
        name=plain(found.name) or "unnamed",
        model=plain(found.model) if found.model else None,
        workers=min(max(0, found.workers), MOST_BALLOTS),
        latency_s=latency,
        clock=found.clock if math.isfinite(found.clock) else 0.0,
        hints=found.hints[:MOST_HINTS],
    )


def plain(text: str, most: int = NAME_CHARACTERS) -> str:
    """Another machine's text made fit for a terminal: one line, no control characters, at most `most` characters."""
    return "".join(letter for letter in text[: 4 * most] if letter.isprintable())[:most].strip()


def check_ballot(candidate: Candidate, node: str, alone: bool) -> Candidate:
    """A peer's ballot under the name that we know the peer by. `alone`: no other node is asked, so its anchor stays
    one.

    Raises Malformed for numbers that no honest worker reports."""
    usage = candidate.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
    numbers = (
        candidate.seconds,
        candidate.mean_logprob or 0.0,
        *likelihoods((*candidate.logprobs, *candidate.prompt_logprobs)),
    )
    if not all(map(math.isfinite, numbers)) or min(candidate.seconds, *tokens) < 0 or max(tokens) > MOST_NUMBER:
        raise Malformed("a ballot with impossible numbers")
    calls = candidate.tool_calls
    if len(calls) > MOST_CALLS or any(len(call.name) > LONGEST_NAME or len(call.id) > LONGEST_NAME for call in calls):
        raise Malformed("a ballot with impossible calls")
    voter = f"{node}/{plain(candidate.voter)}"
    return replace(
        candidate,
        voter=voter,
        node=node,
        anchor=candidate.anchor and alone,
        weight=None,
        flaw=plain(candidate.flaw, LONGEST_FLAW) if candidate.flaw else None,
    )


def likelihoods(tokens: Iterable[TokenLogprob]) -> Iterator[float]:
    for token in tokens:
        yield token.logprob or 0.0
        yield from (nats for _, nats in token.top)


class LineDecoder:
    """Bytes in as they arrive, whole lines out. Raises Malformed as soon as a bound is exceeded."""

    def __init__(self, line_bytes: int = LINE_BYTES, total_bytes: int = ANSWER_BYTES) -> None:
        self._line_bytes, self._left, self._lines = line_bytes, total_bytes, MOST_LINES
        self._open = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._left -= len(data)
        self._lines -= data.count(b"\n")
        if self._left < 0 or self._lines < 0:
            raise Malformed("the answer is too long")
        first, *others = data.split(b"\n")
        self._open += first
        if len(self._open) > self._line_bytes or any(len(line) > self._line_bytes for line in others):
            raise Malformed("a line is too long")
        if not others:
            return []
        whole = [bytes(self._open), *others[:-1]]
        self._open = bytearray(others[-1])
        return [line for line in whole if line]
