"""What daemon and engine process say to each other: commands and reports, one JSON object a line.

Adding a message is adding a dataclass to `COMMANDS` or `REPORTS`; the field names are the wire format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TypeVar

from local_swarm.types import FinishReason


@dataclass(frozen=True, slots=True)
class Load:
    """What an engine process is started with. `cells` is the room of the whole cache, shared by all sequences."""

    path: str
    context: int
    answer_tokens: int
    cells: int
    sequences: int
    threads: int
    batch: int = 512
    gpu_layers: int = 999
    kv_type: str = "f16"


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer `text` once per seed. `temperatures` and `seeds` have one entry per seat."""

    job: int
    text: str
    temperatures: list[float]
    seeds: list[int]
    max_tokens: int | None
    stop: list[str]
    sampling: dict[str, float]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop a job, or only some of its seats."""

    job: int
    seats: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is ready. `bos` and `eos` are the texts of its special tokens."""

    context: int
    answer_tokens: int
    parameters: int
    bos: str
    eos: str
    on_gpu: bool


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
class JobBusy:
    job: int
    message: str


@dataclass(frozen=True, slots=True)
class SeatText:
    job: int
    seat: int
    text: str


@dataclass(frozen=True, slots=True)
class SeatDone:
    """`seconds` since the job came; `logprob_sum` in nats over `completion_tokens` tokens."""

    job: int
    seat: int
    finish: FinishReason
    completion_tokens: int
    logprob_sum: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: decode steps done so far and cells in use."""

    steps: int
    cells_used: int


Command = Generate | Cancel
Report = Loaded | LoadFailed | JobAccepted | JobRefused | JobBusy | SeatText | SeatDone | Beat
COMMANDS: dict[str, type[Command]] = {kind.__name__: kind for kind in (Generate, Cancel)}
REPORTS: dict[str, type[Report]] = {
    kind.__name__: kind for kind in (Loaded, LoadFailed, JobAccepted, JobRefused, JobBusy, SeatText, SeatDone, Beat)
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
        return kind(**{field.name: data[field.name] for field in fields(kind)})
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"not a message: {line[:80]!r}") from problem
