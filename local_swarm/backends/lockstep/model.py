"""The face of a network that reads and writes rows of tokens. Scores come as numpy arrays; what a memory is, only it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from local_swarm.backends.sampling import Scores

Memory = Any  # keys, values and states of some rows that have read the same number of tokens


class RowModel(Protocol):
    """`parameters`: how many weights it has. `cuttable`: whether a memory can be shortened to any length, which recurrent states
    and sliding windows cannot. `room`: most tokens of a text that a vector is made of."""

    parameters: int
    vocabulary: int
    on_gpu: bool
    cuttable: bool
    room: int

    def new_memory(self) -> Memory:
        """The memory of one row that has read nothing."""
        ...

    def prefill(self, memory: Memory, tokens: Sequence[int]) -> None:
        """Let the one row of a memory read on."""
        ...

    def decode(self, memory: Memory, tokens: Sequence[int]) -> Scores:
        """Let every row read one token of its own; scores (rows, vocabulary) of what follows."""
        ...

    def copy_rows(self, memory: Memory, rows: int) -> Memory:
        """A memory of so many rows, all of which remember what the only row of `memory` does. It stays as it is."""
        ...

    def select_rows(self, memory: Memory, rows: Sequence[int]) -> Memory:
        """A memory of these rows alone; `memory` is not used again."""
        ...

    def truncate(self, memory: Memory, tokens: int) -> None:
        """Forget all but the first tokens."""
        ...

    def vector(self, tokens: Sequence[int]) -> Sequence[float]:
        """The mean of what the last layer makes of each token, of length 1."""
        ...
