"""What the daemon and an engine's process send each other: commands and reports, one JSON object a line.

To add a message, add a dataclass to `COMMANDS` or `REPORTS`; its field names are the wire format. A job is a request of
the daemon, by its number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from local_swarm.types import FinishReason


@dataclass(frozen=True, slots=True)
class Load:
    """What an engine's process is started with.

    `context`: most tokens of one prompt and answer; `answer_tokens`: what each answer is sure to get. `cells`: tokens
    that the KV cache holds, shared by all sequences; `kv_type` its number format. `host_cache_bytes`: of prefixes
    copied to main memory. `batch`: most tokens of a step. `threads` are the most; where `tuning` names a file, how many
    of them are best for a step of so many `workers` is measured and remembered there. `adapters`: files or folders of
    low-rank changes to the weights, and how much each counts. `options`: what only some engines know, such as a device.
    `memory_bytes`: the most that the process may take, 0 without a bound.
    """

    path: str
    context: int
    answer_tokens: int
    cells: int
    sequences: int
    threads: int
    batch: int = 512
    gpu_layers: int = 999
    kv_type: str = "f16"
    host_cache_bytes: int = 0
    longest_draft: int = 8
    workers: int = 1
    tuning: str | None = None
    main_gpu: int = 0
    tensor_split: list[float] = field(default_factory=list)
    adapters: list[tuple[str, float]] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer `text` once for each seat; `temperatures` and `seeds` have one entry per seat. Clients take turns.
    `schema`: JSON.

    `bias`: (token, what is added to its logit). `logprobs`: report each token's, and so many of the likeliest in its
    place. `kept`: control tokens that are reported as text. `scored`: report how likely the text's own tokens are
    (`Scored`). `parted`: how a reply is parted (the fields of `Parting`), where `stop` counts in its words alone.
    """

    job: int
    client: str
    text: str
    temperatures: list[float]
    seeds: list[int]
    max_tokens: int | None
    stop: list[str]
    sampling: dict[str, float]
    bias: list[tuple[int, float]] = field(default_factory=list)
    logprobs: int | None = None
    schema: str | None = None
    kept: list[str] = field(default_factory=list)
    scored: bool = False
    parted: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a job, or only some of its seats."""

    job: int
    seats: list[int] | None = None


@dataclass(frozen=True, slots=True)
class EmbedText:
    """Make a vector of a text."""

    job: int
    text: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Free all that is kept for later requests only."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is ready. `bos` and `eos` are the texts of its special tokens, `fill` those that stand before a prefix,
    before a suffix and before what is filled in between, where it has learned that; `note` is for its user."""

    context: int
    answer_tokens: int
    parameters: int
    bos: str
    eos: str
    on_gpu: bool
    note: str | None = None
    fill: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """The engine's libraries are there; what fails from now on is not their installation."""


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """`error` is the name of a class in `errors`."""

    error: str
    message: str


@dataclass(frozen=True, slots=True)
class JobAccepted:
    job: int
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class JobRefused:
    """The prompt is longer than the context."""

    job: int
    prompt_tokens: int
    context: int


@dataclass(frozen=True, slots=True)
class JobInvalid:
    """Its schema cannot be enforced."""

    job: int
    message: str


@dataclass(frozen=True, slots=True)
class JobBusy:
    job: int
    message: str


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A defect showed on this job alone; the engine goes on."""

    job: int
    message: str


# A token: its text, its log-probability in nats (None for a prompt's first), (text, nats) of the likeliest there.
ScoredToken = tuple[str, float | None, list[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class Scored:
    """How likely each token of the prompt was; nothing is known of the first."""

    job: int
    tokens: list[ScoredToken]


@dataclass(frozen=True, slots=True)
class SeatText:
    """`logprobs` where they are wanted."""

    job: int
    seat: int
    text: str
    logprobs: list[ScoredToken]


@dataclass(frozen=True, slots=True)
class SeatDone:
    """`seconds` since the job came; `logprob_sum` in nats over `completion_tokens` tokens; `cached_tokens` of the
    prompt were in memory already."""

    job: int
    seat: int
    finish: FinishReason
    completion_tokens: int
    logprob_sum: float
    seconds: float
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class Pooled:
    """The vector, of length 1, and how many tokens the text had."""

    job: int
    vector: list[float]
    tokens: int


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: decode steps done so far, open requests, KV cells in use, sequences that hold none, and tokens
    generated so far."""

    steps: int
    jobs: int
    cells_used: int
    sequences_unused: int
    generated: int


Command = Generate | Cancel | EmbedText | Forget
Report = (
    Imported
    | Loaded
    | LoadFailed
    | JobAccepted
    | JobRefused
    | JobInvalid
    | JobBusy
    | JobFailed
    | SeatText
    | SeatDone
    | Scored
    | Pooled
    | Beat
)
COMMANDS: dict[str, type[Command]] = {kind.__name__: kind for kind in (Generate, Cancel, EmbedText, Forget)}
REPORTS: dict[str, type[Report]] = {
    kind.__name__: kind
    for kind in (
        Imported,
        Loaded,
        LoadFailed,
        JobAccepted,
        JobRefused,
        JobInvalid,
        JobBusy,
        JobFailed,
        SeatText,
        SeatDone,
        Scored,
        Pooled,
        Beat,
    )
}


Message = TypeVar("Message", Command, Report)


def encode(message: Command | Report) -> bytes:
    return json.dumps({"is": type(message).__name__, **asdict(message)}, separators=(",", ":")).encode() + b"\n"


def decode_command(line: bytes) -> Command:
    return _decode(line, COMMANDS)


def decode_report(line: bytes) -> Report:
    return _decode(line, REPORTS)


def _decode(line: bytes, kinds: Mapping[str, type[Message]]) -> Message:
    """Raises ValueError for anything that `encode` did not make."""
    try:
        data = json.loads(line)
        kind = kinds[data.pop("is")]
        return kind(**{one.name: data[one.name] for one in fields(kind)})
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"not a message: {line[:80]!r}") from problem
