from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_swarm.types import Candidate, FinishReason, Strategy, ToolCall, Usage
from local_swarm.voting.ballots import Matrix
from local_swarm.voting.consensus import elect, is_decided

EVEN = "```python\ndef f(numbers):\n    return sum(n for n in numbers if n % 2 == 0)\n```"
EVEN_TOO = "Keep the even ones.\n```python\ndef f(xs):\n    return sum(x for x in xs if x % 2 == 0)\n```"
ODD = "```python\ndef f(numbers):\n    return sum(n for n in numbers if n % 2 != 0)\n```"
BROKEN = "```python\ndef f(numbers:\n    return\n```"
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


def candidate(
    text: str,
    voter: str = "w1",
    anchor: bool = False,
    finish: FinishReason = "stop",
    seconds: float = 1.0,
    calls: Sequence[ToolCall] = (),
) -> Candidate:
    return Candidate(text, voter, finish, Usage(10, 5), seconds, anchor, tuple(calls))


def vote(*texts: str, strategy: Strategy = "auto") -> str:
    candidates = [candidate(text, f"w{n}", anchor=n == 0) for n, text in enumerate(texts)]
    return elect(candidates, strategy).elected.text


def letters(texts: Sequence[str]) -> Matrix:
    """A stand-in for an embedding: how often each letter occurs."""
    counts = np.array(
        [[1e-9 + text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]
    )
    unit: Matrix = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    return unit


def test_the_majority_wins_though_it_is_written_differently() -> None:
    election = elect([candidate(ODD, "w1", anchor=True), candidate(EVEN, "w2"), candidate(EVEN_TOO, "w3")])
    assert election.elected.text in (EVEN, EVEN_TOO)
    assert election.clusters == ((1, 2), (0,))
    assert election.share == pytest.approx(2 / 3) and election.band != "high"


def test_the_anchor_wins_a_tie() -> None:
    assert vote(ODD, EVEN) == ODD
    assert vote(EVEN, ODD) == EVEN


def test_code_that_does_not_parse_cannot_win() -> None:
    assert vote(BROKEN, BROKEN, BROKEN, EVEN) == EVEN


def test_a_cut_answer_cannot_win_against_a_whole_one() -> None:
    cut, whole = candidate(EVEN, "w1", True, finish="length"), candidate(ODD, "w2")
    assert elect([cut, whole]).elected is whole


def test_an_empty_answer_cannot_win() -> None:
    assert vote("", "", "Paris is the capital.") == "Paris is the capital."


def test_when_nothing_is_valid_something_still_wins() -> None:
    assert vote(BROKEN, BROKEN) == BROKEN
    assert vote("", "") == ""


def test_kinds_do_not_mix_the_majority_kind_is_chosen() -> None:
    assert vote("I would write a loop.", EVEN, EVEN_TOO) in (EVEN, EVEN_TOO)


def test_one_candidate_is_no_vote() -> None:
    election = elect([candidate(EVEN)])
    assert (election.strategy, election.agreement, election.clusters) == ("single", 1.0, ((0,),))
    assert election.band == "low"  # it agrees with itself, which says nothing


def test_calls_are_compared_by_what_they_do() -> None:
    one = ToolCall("1", "read", '{"path": "a.txt", "limit": 3}')
    same = ToolCall("2", "read", '{"limit":3,"path":"a.txt"}')
    other = ToolCall("3", "read", '{"path": "b.txt", "limit": 3}')
    election = elect(
        [candidate("", "w1", True, calls=[other]), candidate("", "w2", calls=[one]), candidate("", "w3", calls=[same])]
    )
    assert election.elected.tool_calls[0] in (one, same)
    assert election.share == pytest.approx(2 / 3)


def test_fastest_takes_the_first_to_finish() -> None:
    slow, quick = candidate(EVEN, "w1", True, seconds=2.0), candidate(ODD, "w2", seconds=0.5)
    assert elect([slow, quick], "fastest").elected is quick


def test_exact_takes_the_most_frequent_text() -> None:
    assert vote(ODD, EVEN, EVEN, EVEN_TOO, strategy="exact") == EVEN


def test_similarity_groups_by_the_embedding() -> None:
    candidates = [candidate("zzz", "w1", True), candidate("abc cab", "w2"), candidate("bca abc", "w3")]
    election = elect(candidates, "similarity", letters)
    assert (election.strategy, election.winner in (1, 2), election.clusters) == ("similarity", True, ((1, 2), (0,)))


def test_without_an_embedding_similarity_is_structure_and_says_so() -> None:
    assert elect([candidate(EVEN, "w1"), candidate(ODD, "w2")], "similarity").strategy == "structure"


def test_embeddings_decide_nothing_unless_they_are_asked_for() -> None:
    """Fewer people find the same answers alike by them than by words: see docs/consensus.md."""
    candidates = [candidate("the wind warms the sea in spring", "w1"), candidate("a cat sleeps", "w2")]
    assert elect(candidates, "auto", letters) == elect(candidates, "auto")


replies = st.sampled_from([EVEN, EVEN_TOO, ODD, BROKEN, "", "Yes.", "No.", "42", "```rust\nfn f() {}\n```"])


@given(st.lists(replies, min_size=1, max_size=6), st.sampled_from(STRATEGIES), st.randoms())
def test_the_order_of_candidates_decides_nothing(texts: list[str], strategy: Strategy, order: random.Random) -> None:
    candidates = [candidate(text, f"w{n}", anchor=n == 0, seconds=float(n)) for n, text in enumerate(texts)]
    shuffled = order.sample(candidates, len(candidates))
    one, other = elect(candidates, strategy, letters), elect(shuffled, strategy, letters)
    assert one.elected.text == other.elected.text
    assert one.agreement == other.agreement
    assert [len(cluster) for cluster in one.clusters] == [len(cluster) for cluster in other.clusters]


@settings(deadline=None)  # the first reading of all loads its parser
@given(st.lists(st.text(), min_size=1, max_size=5), st.sampled_from(STRATEGIES))
def test_an_election_is_whole(texts: list[str], strategy: Strategy) -> None:
    election = elect([candidate(text, f"w{n}") for n, text in enumerate(texts)], strategy, letters)
    assert sorted(itertools.chain(*election.clusters)) == list(range(len(texts)))
    assert 0 < election.agreement <= 1
    assert [len(cluster) for cluster in election.clusters] == sorted(map(len, election.clusters), reverse=True)


def test_it_is_decided_when_the_missing_cannot_change_it() -> None:
    three = [candidate(EVEN, "w1", anchor=True), candidate(EVEN_TOO, "w2"), candidate(EVEN, "w3")]
    assert is_decided(three, 2) and not is_decided(three[:2], 3) and not is_decided([], 5)
    divided = [*three, candidate(ODD, "w4"), candidate(ODD, "w5")]
    assert not is_decided(divided, 1) and not is_decided(divided[:4], 2) and is_decided(divided[:4], 1)


def test_prose_is_never_decided_early_and_neither_are_strategies_that_compare_degrees() -> None:
    words = [candidate("the sky is blue", f"w{n}") for n in range(3)]
    assert not is_decided(words, 1) and is_decided(words, 1, "exact")
    assert not is_decided([candidate(EVEN, f"w{n}") for n in range(3)], 1, "quality")


WORDS, OTHER_WORDS = "I would rather not write code.", "What do you mean by that?"


@given(
    st.lists(st.sampled_from([EVEN, EVEN_TOO, ODD, BROKEN, WORDS, OTHER_WORDS]), min_size=2, max_size=8),
    st.integers(1, 3),
)
def test_what_was_decided_early_is_what_all_elect(texts: list[str], arrived: int) -> None:
    everybody = [candidate(text, f"w{n}", anchor=n == 0) for n, text in enumerate(texts)]
    first = everybody[:arrived]
    if is_decided(first, len(everybody) - len(first)) and len(first) < 4:  # from four on, almost sure is enough
        same = {EVEN: 0, EVEN_TOO: 0, ODD: 1, BROKEN: 2, WORDS: 3, OTHER_WORDS: 4}
        assert same[elect(first).elected.text] == same[elect(everybody).elected.text]
