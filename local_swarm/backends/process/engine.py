"""Commands in, reports out, a step at a time: what an engine in a child process must offer, as typed protocols.

To add an engine called NAME:

1. Write `backends/NAME/engine.py`: a class that conforms to `StepEngine`. A library that only turns tokens into logits
   needs none: write a `lockstep.model.RowModel` for it, and `LockstepEngine` does the rest.
2. Write `backends/NAME/child.py`: a function `load(options: messages.Load) -> LoadedEngine`, and below it
   `if __name__ == "__main__": sys.exit(main(load, ["library"]))` with `main` from `process.child`.
3. Name it in `roster.EngineName`, `engines.machine.EngineKind`, `engines.kinds.NEEDS` and `engines.members.MAKERS`.
   `ProcessBackend` starts `backends.NAME.child` for `Description(engine="NAME")`.
4. Add it to `ENGINES` in `tests/backends/engines.py`: the contract suite then runs over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from local_swarm.backends.constraint import Constraint
from local_swarm.backends.process import messages

QUEUE_LIMIT = 256  # requests that wait for an engine; beyond it clients are told to come back


@dataclass(frozen=True, slots=True)
class PreparedCommand:
    """What a thread beside the steps has found out of a command: the tokens of its text, and the grammar of its
    schema."""

    tokens: list[int]
    grammar: Constraint | None = None


class Tokenizer(Protocol):
    def tokenize(self, text: str) -> list[int]:
        """Tokens of a rendered prompt, special tokens recognized. Called from threads beside the one that steps."""
        ...


class GrammarMaker(Protocol):
    def __call__(self, schema: str, /) -> Constraint:
        """The grammar of a JSON schema. Raises ValueError for one that cannot be enforced. Called from a thread of its
        own."""
        ...


class VectorPool(Protocol):
    """Makes vectors of texts."""

    @property
    def room(self) -> int:
        """Most tokens of a text."""
        ...

    def vector(self, tokens: Sequence[int]) -> Sequence[float]:
        """One vector of length 1 for the whole text."""
        ...


class StepEngine(Protocol):
    """Works on many requests at once, a step at a time. One thread calls everything but `model` and `constraints`.

    A method that raises fails the one request it was called for. `step` reports a failure of one request as `JobFailed`
    or `JobInvalid` and goes on with the others (`failures.contain_failures`); an exception out of `step` ends the
    process.
    """

    @property
    def model(self) -> Tokenizer: ...

    @property
    def constraints(self) -> GrammarMaker | None:
        """Makes the grammars that bind answers to schemas. None where the engine enforces `Generate.schema` by
        itself."""
        ...

    @property
    def pool(self) -> VectorPool | None:
        """None where the engine makes no vectors."""
        ...

    @property
    def idle(self) -> bool:
        """Whether no request is open: the process then sleeps until a command comes."""
        ...

    def submit(self, command: messages.Generate, prepared: PreparedCommand | None = None) -> messages.Report:
        """Queue a request. Returns JobAccepted, or JobRefused, JobBusy or JobInvalid with the reason. `prepared` spares
        the work that a thread has done already; without it the engine does that work itself."""
        ...

    def cancel(self, command: messages.Cancel) -> None:
        """Free what some seats of a request hold. Requests and seats that have ended or never were are ignored."""
        ...

    def step(self) -> list[messages.Report]:
        """Compute one step and report what came of it, in order: SeatText as text appears, one SeatDone for each seat,
        Scored before them where it is wanted. Returns nothing when the engine is idle. A step of more than about 2 s
        delays every command that comes meanwhile."""
        ...

    def beat(self) -> messages.Beat:
        """A sign of life; sent about once a second."""
        ...

    def forget(self) -> None:
        """Free what is kept for later requests only, such as the KV cache of finished prompts."""
        ...


LoadedEngine = tuple[StepEngine, messages.Loaded]
EngineLoader = Callable[[messages.Load], LoadedEngine]  # raises a SwarmError where the model cannot be loaded
