"""The face of every engine: a prompt and some seats in, one stream of events for all of them out. Knows no engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from local_swarm.backends.process import messages
from local_swarm.types import Embedded, Event, Prompt

State = Literal["starting", "ready", "restarting", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Seat:
    """One of the answers to a prompt: who gives it, at which temperature it is sampled, from which seed."""

    voter: str
    temperature: float
    seed: int

    @property
    def anchor(self) -> bool:
        return self.temperature <= 0


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a loaded model is. `context`: most tokens of prompt and answer together. `answer_tokens`: what every answer
    is sure to get. `memory_bytes`: what the engine's process uses for weights, KV cache and buffers. `note`: what its
    user should know, such as that the graphics card could not be used. `thinks`: whether it thinks before it
    answers."""

    model: str
    engine: str
    context: int
    answer_tokens: int
    architecture: str
    parameters: int | None = None
    memory_bytes: int | None = None
    description: str | None = None
    starter: bool = False
    note: str | None = None
    thinks: bool = False


class Backend(Protocol):
    """One loaded model that answers a prompt several times at once.

    `start` loads it and raises UsageError when it cannot be; `generate` yields one Accepted, then Deltas and one
    Candidate per seat. Closing the iterator frees the sequences. When the engine dies, every open `generate` raises
    EngineLost and the backend brings itself back; meanwhile new calls raise Starting. One that dies again and again is
    `failed`: new calls raise EngineLost, and it still tries to come back.
    """

    @property
    def state(self) -> State: ...

    @property
    def facts(self) -> ModelFacts | None: ...

    @property
    def pid(self) -> int | None:
        """The engine's process, for watching it; None where it has none of its own."""
        ...

    @property
    def beat(self) -> messages.Beat | None:
        """Its last sign of life; None where it gives none."""
        ...

    @property
    def target_url(self) -> str | None:
        """The address of somebody else's server that is asked; None for an engine of ours."""
        ...

    async def start(self) -> ModelFacts: ...

    async def close(self) -> None: ...

    def forget(self) -> None:
        """Free what is kept for later requests: memory is needed elsewhere."""
        ...

    async def ready(self, within_s: float) -> bool:
        """Wait for the state `ready`, at most so long; whether it has come."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """A vector for each text, of the model's own view of it. Raises ContextExceeded for one that is too long."""
        ...

    def generate(self, prompt: Prompt, seats: Sequence[Seat]) -> AsyncGenerator[Event, None]: ...
