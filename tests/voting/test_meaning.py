"""Prose that says the same in other words is one answer, and prose that says something else is another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.types import Candidate, Usage
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.consensus import elect
from local_swarm.voting.question import Question
from local_swarm.voting.similarity.meaning import (
    SAME_MEANING,
    meaning_likeness,
    pair_of,
    undecided_pairs,
)

ASKED = "Why does a ship of steel float?"
PARAPHRASES = (
    "A steel ship floats because it displaces water that weighs as much as the ship.",
    "It floats since it displaces as much water as it weighs itself.",
    "The hull displaces water; once the displaced water weighs as much as the ship, the ship floats.",
    "Ships float when the water they displace weighs as much as they do.",
    "Because of displacement: the weight of displaced water equals that of the ship.",
)
STORIES = (
    "Once a baker found a golden key in his dough and opened the cellar of the town hall.",
    "The fox counted stars until the owl fell asleep on a branch above the frozen lake.",
    "Nobody believed Maria when her bicycle began to sing old sailors' songs at midnight.",
    "A robot planted tulips on Mars, and the first one bloomed on its thousandth birthday.",
    "Two clouds argued about rain while the village below waited with empty buckets.",
)


def share(question: str, texts: tuple[str, ...]) -> float:
    said = [Candidate(text, f"w{at}", "stop", Usage(1, 1), 0.0, at == 0) for at, text in enumerate(texts)]
    answers = [ExtractedAnswer("prose", text) for text in texts]
    return elect(said, question=Question(question), answers=answers).share


def test_paraphrases_are_one_answer() -> None:
    assert share(ASKED, PARAPHRASES) > 0.8


def test_different_stories_are_different_answers() -> None:
    assert share("Tell a story in one sentence.", STORIES) < 0.4


def test_words_of_the_question_make_no_two_answers_alike() -> None:
    one, other = "A steel ship floats because of magic.", "A steel ship floats by displacing water."
    assert meaning_likeness([one, other], ASKED, {})[0, 1] < SAME_MEANING


def test_who_denies_says_something_else() -> None:
    texts = ["Yes, ships of steel can float.", "No, ships of steel can not float."]
    assert meaning_likeness(texts, "Can ships of steel float?", {})[0, 1] < SAME_MEANING


def test_writing_without_blanks_is_compared_too() -> None:
    same = meaning_likeness(["船因为排开水而浮起来。", "船排开水,所以浮起来。"], "为什么?", {})[0, 1]
    other = meaning_likeness(["船因为排开水而浮起来。", "面包师找到了金钥匙。"], "为什么?", {})[0, 1]
    assert same > SAME_MEANING > other


def test_what_a_model_says_of_a_doubtful_pair_decides() -> None:
    texts = ("It displaces enough water.", "The water it pushes aside carries it.")
    pair = pair_of(*texts)
    assert meaning_likeness(texts, ASKED, {pair: 0.99})[0, 1] > SAME_MEANING
    assert meaning_likeness(texts, ASKED, {pair: 0.01})[0, 1] < SAME_MEANING


DOUBTFUL = (
    "Tests show what broke.",
    "They catch a mistake before users find it.",
    "One can change working code without fear.",
)


def test_a_model_is_asked_about_few_pairs_where_words_find_no_majority() -> None:
    question = "Why should I write tests?"
    pairs = undecided_pairs(DOUBTFUL, question)
    assert 0 < len(pairs) < len(DOUBTFUL)
    assert undecided_pairs([DOUBTFUL[0]] * 5, question) == undecided_pairs([*PARAPHRASES], ASKED) == []


@given(st.lists(st.text(max_size=80), min_size=1, max_size=5))
def test_likeness_is_symmetrical_and_between_0_and_1(texts: list[str]) -> None:
    alike = meaning_likeness(texts, ASKED, {})
    assert np.array_equal(alike, alike.T) and (alike >= 0).all() and (alike <= 1).all()
    assert (np.diag(alike) == 1).all()


@pytest.mark.parametrize("texts", [PARAPHRASES, STORIES, DOUBTFUL])
def test_the_order_of_texts_decides_nothing_of_whom_to_ask(texts: tuple[str, ...]) -> None:
    assert undecided_pairs(texts, ASKED) == undecided_pairs(texts[::-1], ASKED)
