"""The mirror of the cache's cells, against the plainest model of them: a list of cells, each with its sequences."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local_swarm.backends.llamacpp.prefix_tree import Match, PrefixTree
from local_swarm.backends.shared_prefix import shared_prefix_length


def prefixes(*texts: str) -> PrefixTree:
    """Sequences 0, 1, ... that read these letters, each forked from the one with the longest common beginning."""
    made = PrefixTree()
    for number, text in enumerate(texts):
        tokens = list(text.encode())
        if match := made.longest(tokens):
            made.fork(match.sequence, number, match.length)
        made.extend(number, tokens[made.length(number) :])
    return made


def longest(made: PrefixTree, text: str, whole: bool = False) -> Match | None:
    return made.longest(list(text.encode()), whole)


def test_a_shared_beginning_takes_room_once() -> None:
    assert prefixes("system question", "system other", "system question more").cells == len("system question") + 5 + 5


def test_a_prompt_finds_the_sequence_that_has_most_of_it() -> None:
    made = prefixes("abcdef", "abcxyz")
    assert longest(made, "abcxyzzz") == Match(1, 6, True)
    assert longest(made, "abcdzzz") == Match(0, 4, False)
    assert longest(made, "zzz") is None and longest(PrefixTree(), "a") is None


def test_where_only_whole_sequences_can_be_used_a_part_is_none() -> None:
    made = prefixes("abcdef", "abc")
    assert longest(made, "abcdzz", whole=True) == Match(1, 3, True)
    assert longest(made, "abcdefg", whole=True) == Match(0, 6, True)
    assert longest(made, "ab", whole=True) is None


def test_what_a_sequence_has_for_itself_is_what_its_end_frees() -> None:
    made = prefixes("abcdef", "abcxy")
    assert (made.alone(0), made.alone(1)) == (3, 2)
    made.free(1)
    assert (made.alone(0), made.cells) == (6, 6)


@pytest.mark.parametrize(
    ("run", "prompt", "start", "shared"),
    [("abc", "abc", 0, 3), ("abc", "zabd", 1, 2), ("abc", "", 0, 0), ("", "abc", 0, 0), ("abc", "xyz", 0, 0)],
)
def test_common_beginnings(run: str, prompt: str, start: int, shared: int) -> None:
    assert shared_prefix_length(run.encode(), prompt.encode(), start) == shared


class Cells(RuleBasedStateMachine):
    """Whatever is done, the tree says of every sequence what plain cells say, and as many of them are in use."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = PrefixTree()
        self.cells: list[tuple[int, set[int]]] = []  # token, and who has read it there

    def of(self, sequence: int) -> list[tuple[int, set[int]]]:
        return [cell for cell in self.cells if sequence in cell[1]]

    @rule(sequence=st.integers(0, 4), tokens=st.lists(st.integers(0, 2), max_size=4))
    def extend(self, sequence: int, tokens: list[int]) -> None:
        self.tree.extend(sequence, tokens)
        self.cells += [(token, {sequence}) for token in tokens]

    @rule(source=st.integers(0, 4), other=st.integers(0, 4), share=st.floats(0, 1))
    def fork(self, source: int, other: int, share: float) -> None:
        if source != other and not self.tree.length(other):
            length = round(share * self.tree.length(source))
            self.tree.fork(source, other, length)
            for _, readers in self.of(source)[:length]:
                readers.add(other)

    @rule(sequence=st.integers(0, 4), share=st.floats(0, 1))
    def trim(self, sequence: int, share: float) -> None:
        length = round(share * self.tree.length(sequence))
        self.tree.trim(sequence, length)
        for _, readers in self.of(sequence)[length:]:
            readers.discard(sequence)

    @precondition(lambda self: self.cells)
    @rule(prompt=st.lists(st.integers(0, 2), max_size=6))
    def find(self, prompt: list[int]) -> None:
        best = max((shared_prefix_length(self.tree.tokens(one), prompt, 0) for one in range(5)), default=0)
        match = self.tree.longest(prompt)
        assert (match.length if match else 0) == best
        if match:
            assert self.tree.tokens(match.sequence)[: match.length] == prompt[: match.length]
        whole = self.tree.longest(prompt, whole=True)
        if whole:
            assert self.tree.tokens(whole.sequence) == prompt[: whole.length]

    @invariant()
    def agree(self) -> None:
        self.cells = [cell for cell in self.cells if cell[1]]
        assert self.tree.cells == len(self.cells)
        for sequence in range(5):
            assert self.tree.tokens(sequence) == [token for token, _ in self.of(sequence)]
            assert self.tree.length(sequence) == len(self.of(sequence))
            assert self.tree.alone(sequence) == sum(readers == {sequence} for _, readers in self.cells)


TestCells = Cells.TestCase
TestCells.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
