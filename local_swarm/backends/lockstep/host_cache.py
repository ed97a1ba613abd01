"""Prompts in, the longest KV cache of their beginnings that is kept out. Knows how long memories are, no more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from local_swarm.backends.lockstep.model import Memory, RowModel
from local_swarm.backends.shared_prefix import shared_prefix_length

WORTH_KEEPING = 16  # tokens: a shorter beginning is prefilled again faster than it is looked for


class HostCache:
    """Keeps at most `cells` tokens in all; the least recently used goes first."""

    def __init__(self, network: RowModel, cells: int) -> None:
        self.network, self.cells = network, cells
        self._kept: OrderedDict[tuple[int, ...], Memory] = OrderedDict()

    @property
    def used(self) -> int:
        return sum(map(len, self._kept))

    def put(self, tokens: Sequence[int], memory: Memory) -> None:
        """Keep a copy of a memory of one row that holds `tokens`. One that this goes on from is kept no more."""
        key = tuple(tokens)
        if not WORTH_KEEPING <= len(key) <= self.cells:
            return
        for other in [one for one in self._kept if key[: len(one)] == one]:
            del self._kept[other]
        self._kept[key] = self.network.copy_rows(memory, 1)
        while self.used > self.cells:
            self._kept.popitem(last=False)

    def take(self, tokens: Sequence[int]) -> tuple[Memory, int]:
        """A memory of one row, and how many of `tokens` it holds: never all, for the last one's logits are wanted."""
        best, length = None, WORTH_KEEPING - 1
        for key in self._kept:
            shared = min(shared_prefix_length(list(key), list(tokens), 0), len(tokens) - 1)
            if shared > length and (self.network.cuttable or shared == len(key)):
                best, length = key, shared
        if best is None:
            return self.network.new_memory(), 0
        self._kept.move_to_end(best)
        memory = self.network.copy_rows(self._kept[best], 1)
        if length < len(best):
            self.network.truncate(memory, length)
        return memory, length

    def forget(self) -> None:
        self._kept.clear()
