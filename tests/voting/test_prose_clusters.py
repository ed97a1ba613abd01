"""Prose of a real model: what the vote takes for one answer is what people take for one.

Each of the questions in `tests/data/prose_clusters.jsonl` has five answers of Qwen2.5-Coder-1.5B, two labelings by hand,
both made before any clusters were seen, the labels settled on, and what the model itself says of pairs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from local_swarm.types import Candidate, Usage
from local_swarm.voting.consensus import elect
from local_swarm.voting.question import question
from local_swarm.voting.similarity.meaning import Pair, pair_of, undecided_pairs

LINES = (Path(__file__).parents[1] / "data/prose_clusters.jsonl").read_text(encoding="utf-8").splitlines()
QUESTIONS: list[dict[str, Any]] = [json.loads(line) for line in LINES]
BRIEF = " Answer in one or two sentences."
PAIRS = list(combinations(range(5), 2))
ENOUGH = 0.8


def clusters(asked: Mapping[str, Any], judged: Mapping[Pair, float]) -> list[int]:
    said = [
        Candidate(text, f"w{at}", "stop", Usage(0, 0), 0.0, anchor=at == 0) for at, text in enumerate(asked["answers"])
    ]
    found = elect(said, question=question(asked["question"] + BRIEF), judged=judged).clusters
    home = {member: place for place, members in enumerate(found) for member in members}
    return [home[place] for place in range(5)]


def judged_pairs(asked: Mapping[str, Any]) -> dict[Pair, float]:
    """What a swarm would ask its model: few pairs, where words leave a doubt."""
    texts = asked["answers"]
    told = {pair_of(texts[one], texts[other]): asked["judged"].get(f"{one},{other}") for one, other in PAIRS}
    return {
        pair: said for pair in undecided_pairs(texts, asked["question"] + BRIEF) if (said := told[pair]) is not None
    }


def pairwise_f1(found: Iterable[Sequence[int]], wanted: Iterable[Sequence[int]]) -> float:
    """Of the pairs put together and the pairs that belong together."""
    both = found_alone = wanted_alone = 0
    for made, labels in zip(found, wanted, strict=True):
        for one, other in PAIRS:
            together, belong = made[one] == made[other], labels[one] == labels[other]
            both += together and belong
            found_alone += together and not belong
            wanted_alone += belong and not together
    return 2 * both / (2 * both + found_alone + wanted_alone)


def test_words_alone_find_what_says_the_same() -> None:
    found = [clusters(one, {}) for one in QUESTIONS]
    assert len(QUESTIONS) >= 60 and pairwise_f1(found, [one["labels"] for one in QUESTIONS]) >= ENOUGH


def test_the_models_own_word_is_asked_for_seldom_and_harms_nothing() -> None:
    judged = [judged_pairs(one) for one in QUESTIONS]
    found = [clusters(one, said) for one, said in zip(QUESTIONS, judged, strict=True)]
    assert pairwise_f1(found, [one["labels"] for one in QUESTIONS]) >= ENOUGH
    assert 0 < sum(map(bool, judged)) < len(QUESTIONS) / 5


def test_both_labelings_say_much_the_same() -> None:
    assert pairwise_f1([one["first"] for one in QUESTIONS], [one["second"] for one in QUESTIONS]) >= ENOUGH
