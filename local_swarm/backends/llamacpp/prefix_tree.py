"""The tokens of every sequence in the KV cache in, the longest cached prefix of a new prompt out. It moves no cell.

A radix tree of token runs, as in SGLang's RadixAttention (Zheng et al. 2023, arXiv:2312.07104): a run lies in the cache
once, however many sequences pass through it. Sequences share runs only where one was forked from the other, as it is
with llama.cpp's cells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from local_swarm.backends.shared_prefix import shared_prefix_length


@dataclass(slots=True, eq=False)
class Run:
    """A node of the tree: neighboring tokens that the same sequences hold, the `members`."""

    tokens: list[int] = field(default_factory=list)
    members: set[int] = field(default_factory=set)
    parent: Run | None = None
    children: list[Run] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Match:
    """The first `length` tokens of a prompt are those of `sequence`; `whole`: and it holds no others."""

    sequence: int
    length: int
    whole: bool


class PrefixTree:
    """Sequences by number. One that was never extended is empty and takes no room."""

    def __init__(self) -> None:
        self.root = Run()
        self.leaves: dict[int, Run] = {}
        self.lengths: dict[int, int] = {}
        self.cells = 0

    def length(self, sequence: int) -> int:
        return self.lengths.get(sequence, 0)

    def tokens(self, sequence: int) -> list[int]:
        return [token for run in reversed(list(self._path(sequence))) for token in run.tokens]

    def alone(self, sequence: int) -> int:
        """Cells that would be free without this sequence."""
        return sum(len(run.tokens) for run in self._path(sequence) if len(run.members) == 1)

    def only(self, sequences: Collection[int]) -> int:
        """Cells that no sequence but these holds."""
        held, open_ = 0, [self.root]
        while open_:
            for run in open_.pop().children:
                if all(member in sequences for member in run.members):
                    held += len(run.tokens)
                open_.append(run)
        return held

    def extend(self, sequence: int, tokens: Sequence[int]) -> None:
        if not tokens:
            return
        leaf = self.leaves.get(sequence, self.root)
        if leaf is self.root or len(leaf.members) > 1 or leaf.children:
            leaf = self._add(leaf, Run(members={sequence}))
            self.leaves[sequence] = leaf
        leaf.tokens += tokens
        self.lengths[sequence] = self.length(sequence) + len(tokens)
        self.cells += len(tokens)

    def fork(self, source: int, target: int, length: int) -> None:
        """Let `target`, which is empty, share the first `length` tokens of `source`."""
        assert not self.length(target) and length <= self.length(source)
        depth = 0
        for run in reversed(list(self._path(source))):
            if depth >= length:
                break
            if depth + len(run.tokens) > length:
                self._split(run, length - depth)
            run.members.add(target)
            self.leaves[target] = run
            depth += len(run.tokens)
        self.lengths[target] = length

    def trim(self, sequence: int, length: int) -> None:
        """Let a sequence forget all but its first tokens."""
        while (now := self.length(sequence)) > length:
            leaf = self.leaves[sequence]
            keep = max(0, length - (now - len(leaf.tokens)))
            if keep and (len(leaf.members) > 1 or leaf.children):
                leaf = self._split(leaf, keep)
                keep = 0
            self.lengths[sequence] = now - len(leaf.tokens) + keep
            if keep:
                self.cells -= len(leaf.tokens) - keep
                del leaf.tokens[keep:]
            else:
                self._leave(leaf, sequence)
        if not length:
            self.lengths.pop(sequence, None)
            self.leaves.pop(sequence, None)

    def free(self, sequence: int) -> None:
        self.trim(sequence, 0)

    def longest(self, prompt: Sequence[int], whole: bool = False, without: Collection[int] = ()) -> Match | None:
        """The sequence, none of `without`, that has most of a prompt's beginning; with `whole` only one all of whose
        tokens are its beginning."""
        prompt = list(prompt)
        best: Match | None = None
        open_: list[tuple[Run, int]] = [(self.root, 0)]
        while open_:
            run, depth = open_.pop()
            for child in run.children:
                members = child.members.difference(without)
                shared = shared_prefix_length(child.tokens, prompt, depth) if members else 0
                reach = depth + shared
                ends = [one for one in members if self.leaves[one] is child] if shared == len(child.tokens) else []
                if ends or (shared and not whole):
                    found = Match(min(ends or members), reach, bool(ends))
                    if best is None or (found.length, found.whole) > (best.length, best.whole):
                        best = found
                if members and shared == len(child.tokens):
                    open_.append((child, reach))
        return best

    # -- runs

    def _path(self, sequence: int) -> Iterator[Run]:
        """The runs of a sequence, the last one first."""
        run: Run | None = self.leaves.get(sequence)
        while run and run is not self.root:
            yield run
            run = run.parent

    def _add(self, parent: Run, child: Run) -> Run:
        child.parent = parent
        parent.children.append(child)
        return child

    def _split(self, run: Run, at: int) -> Run:
        """Cut a run in two; returns the second half, which takes over what follows."""
        rest = Run(run.tokens[at:], set(run.members), run, run.children)
        for child in rest.children:
            child.parent = rest
        del run.tokens[at:]
        run.children = [rest]
        for member in rest.members:
            if self.leaves[member] is run:
                self.leaves[member] = rest
        return rest

    def _leave(self, run: Run, sequence: int) -> None:
        """Take a sequence out of the run that it ends in; a run without members is gone."""
        assert run.parent
        run.members.discard(sequence)
        self.leaves[sequence] = run.parent
        if not run.members:
            self.cells -= len(run.tokens)
            run.parent.children.remove(run)
