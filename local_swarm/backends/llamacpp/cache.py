"""Prompts in, sequences whose KV cache holds as much of them as is known out: forks, idle prefixes, host copies.

Three places remember. *Cells* of the KV cache, each the keys and values of one token: those of sequences at work and of
idle ones that have finished; a fork shares them. *Checkpoints*: recurrent state, which cannot be cut, as it was where
prompts ended or parted. *Host copies*: whole idle sequences in main memory, since attention walks over all cells and
idle ones cost time in every step.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local_swarm.backends.llamacpp.library import Context
from local_swarm.backends.llamacpp.prefix_tree import Match, PrefixTree
from local_swarm.backends.shared_prefix import shared_prefix_length

WORTH_KEEPING = 128  # tokens: what is shorter is prefilled again sooner than it is copied

Saved = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class StartedSequence:
    """A sequence that holds the first `cached` tokens of a prompt. `parting`: up to where the prompt was known, though
    memory could not be cut there; a checkpoint at that place will serve the next one."""

    sequence: int
    cached: int
    parting: int | None = None


class KVCache:
    """The books of a `Context`'s cells. `host_cache_bytes` bounds host copies and checkpoints together."""

    def __init__(self, memory: Context, host_cache_bytes: int) -> None:
        self.memory, self.host_cache_bytes = memory, host_cache_bytes
        self.whole = memory.model.recurrent
        self.prefixes = PrefixTree()
        self.unused = list(range(memory.sequences - 1, -1, -1))
        # Of sequences that came back from a host copy: so many first tokens lack what windows had passed.
        self.floors: dict[int, int] = {}
        self.idle: OrderedDict[int, None] = OrderedDict()  # the one idle for longest comes first
        self.host_copies: OrderedDict[tuple[int, ...], Saved] = OrderedDict()
        self.checkpoints: OrderedDict[tuple[int, ...], Saved] = OrderedDict()

    # -- room

    @property
    def cells_used(self) -> int:
        return self.prefixes.cells

    @property
    def cells_idle(self) -> int:
        """Cells that only idle sequences hold."""
        return self.prefixes.only(self.idle)

    @property
    def cells_free(self) -> int:
        """Cells that could be had, those of idle sequences included."""
        return self.memory.cells - self.cells_used + self.cells_idle

    @property
    def sequences_free(self) -> int:
        return len(self.unused) + len(self.idle)

    def make_room(self, cells: int, sequences: int, but: Collection[int] = ()) -> None:
        """Evict idle sequences, the oldest first, until so much is unused or none but those in `but` is left."""
        for sequence in list(self.idle):
            if self._room(cells, sequences):
                return
            if sequence not in but:
                self.evict(sequence)

    def _room(self, cells: int, sequences: int) -> bool:
        return self.memory.cells - self.cells_used >= cells and len(self.unused) >= sequences

    def evict_idle(self, most_idle: int) -> None:
        """Evict idle sequences until they hold no more cells than may slow down those at work."""
        for sequence in list(self.idle):
            if self.cells_idle <= most_idle:
                return
            self.evict(sequence)

    def forget(self) -> None:
        """Free all that no request works with."""
        for sequence in list(self.idle):
            self.drop(sequence)
        self.host_copies.clear()
        self.checkpoints.clear()

    # -- a prompt's way

    def cached_length(self, tokens: Sequence[int], working: bool = False) -> int:
        """How many tokens of a prompt lie in cells, with `working` in those of sequences at work only."""
        match = self.prefixes.longest(tokens[:-1], self.whole, self.idle if working else ())
        return match.length if match else 0

    def begin(self, tokens: Sequence[int], cells: int, sequences: int, anew: bool = False) -> StartedSequence:
        """A sequence for a prompt, of which at least the last token is left to prefill.

        `cells` are wanted beyond those of the prompt, and so many `sequences` in all; there must be as many once all
        idle ones are evicted. `anew`: nothing cached is used.
        """
        if anew:
            self.make_room(len(tokens) + cells, sequences)
            return StartedSequence(self.unused.pop(), 0, None)
        head = tuple(tokens[:-1])
        match, known, saved = self._matches(head)
        wanted = len(tokens) - (len(saved) if saved else match.length if match else 0) + cells
        self.make_room(wanted, sequences, but={one.sequence for one in (match, known) if one})
        if not self._room(wanted, sequences):  # those kept are needed themselves
            if begun := self._in_place(match, saved, wanted, sequences):
                return begun
            self.make_room(len(tokens) + cells, sequences)
            match, known, saved = self._matches(head)
        reused = match.length if match else 0
        sequence = self.unused.pop()
        if (saved and self._from_checkpoint(saved, sequence)) or self._from_host_copy(head, sequence, reused):
            reused = self.length(sequence)
        elif match:
            self._fork(match.sequence, sequence, match.length)
            if match.whole and match.sequence in self.idle:  # all that it held goes on in the new one
                self.drop(match.sequence)
        parting = known.length if known and known.length - reused >= WORTH_KEEPING else None
        return StartedSequence(sequence, reused, parting)

    def _in_place(
        self, match: Match | None, saved: tuple[int, ...] | None, wanted: int, sequences: int
    ) -> StartedSequence | None:
        """Where there is no room beside what a prompt goes on from: go on with that itself, and let its end go."""
        if saved and self.unused:
            sequence = self.unused.pop()
            if not self._from_checkpoint(saved, sequence):
                self.unused.append(sequence)
                return None
            self.make_room(wanted, sequences - 1)
            if self._room(wanted, sequences - 1):
                return StartedSequence(sequence, len(saved))
            self.drop(sequence)
        elif match and match.sequence in self.idle and self._take_over(match.sequence, match.length):
            self.make_room(wanted, sequences - 1)
            return StartedSequence(match.sequence, match.length)
        return None

    def branch(self, sequence: int, length: int) -> int:
        """Another sequence that holds the same first tokens."""
        target = self.unused.pop()
        self._fork(sequence, target, length)
        return target

    def extend(self, sequence: int, tokens: Sequence[int]) -> None:
        """Tokens that were just decoded for a sequence."""
        self.prefixes.extend(sequence, tokens)

    def length(self, sequence: int) -> int:
        """How many tokens a sequence holds."""
        return self.prefixes.length(sequence)

    def trim(self, sequence: int, length: int) -> bool:
        """Forget all but the first tokens of a sequence. False where that cannot be done."""
        if length < self.length(sequence):
            if not self.memory.trim(sequence, length):
                return False
            self.prefixes.trim(sequence, length)
        return True

    def checkpoint(self, sequence: int) -> None:
        """Remember recurrent state as it is now; nothing to do for memory that can be cut anywhere."""
        key = tuple(self.prefixes.tokens(sequence))
        if self.whole and len(key) >= WORTH_KEEPING and key not in self.checkpoints:
            saved = self.memory.save(sequence, partial=True)
            if saved is not None:
                self._keep(self.checkpoints, key, saved)

    def retire(self, sequence: int) -> None:
        """The work on a sequence is done: it stays as a prefix for others."""
        if self.length(sequence) < WORTH_KEEPING:
            self.drop(sequence)
        else:
            self.idle[sequence] = None

    def evict(self, sequence: int) -> None:
        """Free an idle sequence's cells. What no other sequence holds of it is copied to host memory."""
        self._copy_to_host(sequence)
        self.drop(sequence)

    def _copy_to_host(self, sequence: int) -> None:
        alone = self.prefixes.alone(sequence)
        if alone >= WORTH_KEEPING and 2 * alone >= self.length(sequence):
            key = tuple(self.prefixes.tokens(sequence))
            saved = self.memory.save(sequence) if key not in self.host_copies else None
            if saved is not None:
                self._keep(self.host_copies, key, saved)

    def drop(self, sequence: int) -> None:
        self.memory.free(sequence)
        self.prefixes.free(sequence)
        self.idle.pop(sequence, None)
        self.floors.pop(sequence, None)
        self.unused.append(sequence)

    def clear(self) -> None:
        """Forget everything, as after a failure that leaves the memory in doubt."""
        self.memory.clear()
        self.prefixes = PrefixTree()
        self.unused = list(range(self.memory.sequences - 1, -1, -1))
        self.idle.clear()
        self.floors.clear()

    # -- where to take over

    def _matches(self, head: Sequence[int]) -> tuple[Match | None, Match | None, tuple[int, ...] | None]:
        """Where a prompt can be taken over; where most of it is known; and, for state that cannot be cut, a beginning
        longer than the first whose state is a checkpoint."""
        match = self.prefixes.longest(head, self.whole)
        if match and match.length < self.floors.get(match.sequence, 0):
            match = None
        if not self.whole:
            return match, match, None
        known = self.prefixes.longest(head)
        saved = self._checkpoint(head, known.length if known else 0, match.length if match else 0)
        return match, known, saved

    def _take_over(self, sequence: int, length: int) -> bool:
        """Work on with an idle sequence itself, from where it and the new prompt part."""
        self._copy_to_host(sequence)
        if not self.trim(sequence, length):
            return False
        del self.idle[sequence]
        return True

    def _fork(self, source: int, target: int, length: int) -> None:
        whole = length == self.length(source)
        self.memory.fork(source, target, -1 if whole else length)
        self.prefixes.fork(source, target, length)
        if source in self.floors:
            self.floors[target] = self.floors[source]
        if source in self.idle:
            self.idle.move_to_end(source)

    def _checkpoint(self, head: Sequence[int], known: int, least: int) -> tuple[int, ...] | None:
        """The longest beginning, of more than `least` tokens, whose state is kept and whose cells are known."""
        keys = (
            key
            for key in self.checkpoints
            if least < len(key) <= known and shared_prefix_length(key, head, 0) == len(key)
        )
        key = max(keys, key=len, default=None)
        match = self.prefixes.longest(key) if key else None
        return key if key and match and match.length == len(key) else None

    def _from_checkpoint(self, key: tuple[int, ...], sequence: int) -> bool:
        """Share a known beginning's cells and put the state at its end in place of what came later. False where making
        room has cost either."""
        match = self.prefixes.longest(key)
        if key not in self.checkpoints or match is None or match.length < len(key):
            return False
        self._fork(match.sequence, sequence, len(key))
        self.checkpoints.move_to_end(key)
        if self.memory.restore(sequence, self.checkpoints[key], partial=True):
            return True
        self.prefixes.free(sequence)
        return False

    def _from_host_copy(self, head: Sequence[int], sequence: int, least: int) -> bool:
        """Bring a host copy back where it spares the prefill of far more than cells hold."""
        best, length = None, least + WORTH_KEEPING
        for key in self.host_copies:
            shared = shared_prefix_length(key, head, 0)
            if shared >= length and (shared == len(key) or not (self.whole or self.memory.model.window)):
                best, length = key, shared
        if best is None or self.memory.cells - self.cells_used < len(best):
            return False
        saved = self.host_copies.pop(best)
        if not self.memory.restore(sequence, saved):
            return False
        self.prefixes.extend(sequence, best)
        self.trim(sequence, length)
        if self.memory.model.window:
            self.floors[sequence] = length
        return True

    def _keep(self, store: OrderedDict[tuple[int, ...], Saved], key: tuple[int, ...], saved: Saved) -> None:
        """Put in, and drop the oldest of the fuller store while both together are too large."""
        if len(saved) > self.host_cache_bytes:
            return
        store[key] = saved
        while (
            sum(map(len, self.host_copies.values())) + sum(map(len, self.checkpoints.values())) > self.host_cache_bytes
        ):
            fuller = max((self.host_copies, self.checkpoints), key=lambda one: sum(map(len, one.values())))
            fuller.popitem(last=False)
