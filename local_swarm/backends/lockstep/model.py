"""What a library must offer so that `LockstepEngine` can run it: prefill one row of tokens, copy it, decode all rows.

Logits come as numpy arrays. What a memory (the KV cache of some rows) is, only the library's own class knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from local_swarm.backends.sampling import Scores

Memory = Any  # the KV cache, and any recurrent state, of some rows that hold the same number of tokens


class RowModel(Protocol):
    """`parameters`: how many weights it has. `cuttable`: whether a memory can be shortened to any length, which
    recurrent states and sliding windows cannot. `room`: most tokens of a text that a vector is made of."""

    parameters: int
    vocabulary: int
    on_gpu: bool
    cuttable: bool
    room: int

    def new_memory(self) -> Memory:
        """The memory of one row that holds nothing."""
        ...

    def prefill(self, memory: Memory, tokens: Sequence[int]) -> None:
        """Add tokens to the one row of a memory."""
        ...

    def decode(self, memory: Memory, tokens: Sequence[int]) -> Scores:
        """Add one token of its own to every row; logits (rows, vocabulary) of what follows."""
        ...

    def copy_rows(self, memory: Memory, rows: int) -> Memory:
        """A memory of so many rows, each a copy of the only row of `memory`, which stays as it is."""
        ...

    def select_rows(self, memory: Memory, rows: Sequence[int]) -> Memory:
        """A memory of these rows alone; `memory` is not used again."""
        ...

    def truncate(self, memory: Memory, tokens: int) -> None:
        """Drop all but the first tokens of every row."""
        ...

    def vector(self, tokens: Sequence[int]) -> Sequence[float]:
        """The mean of the last layer's output over the tokens, scaled to length 1."""
        ...
