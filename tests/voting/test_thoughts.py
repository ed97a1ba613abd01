"""Thoughts and other people's turns are no part of an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.thoughts import own_turn, without_thoughts

THOUGHT = {
    "think": "<think>Perhaps 4.</think>Five.",
    "in capitals": "<THINKING>Perhaps 4.</THINKING>\nFive.",
    "in square brackets": "[THINK]Perhaps 4.[/THINK]Five.",
    "ended only": "Perhaps 4, so\nno.\n</think>\n\nFive.",
    "by a vendor's name": "<seed:think>Perhaps 4.</seed:think>Five.",
    "triangles": "◁think▷Perhaps 4.◁/think▷Five.",
    "a channel": "<|channel|>analysis<|message|>Perhaps 4.<|end|><|start|>assistant<|channel|>final<|message|>Five.<|return|>",
    "a channel whose marks were not printed": "analysisPerhaps 4.assistantfinalFive.",
    "a channel of another kind": "<|channel>thought\nPerhaps 4.<channel|>Five.",
    "in words": "Here is my thought process:\nPerhaps 4.\nHere is my response:\nFive.",
    "with a solution": "<|begin_of_thought|>4?<|end_of_thought|>\n<|begin_of_solution|>Five.<|end_of_solution|>",
    "twice": "<think>4</think><think>6</think>Five.",
    "after the answer": "Five.\n<think>Was it 4?</think>",
}


@pytest.mark.parametrize("reply", THOUGHT.values(), ids=THOUGHT.keys())
def test_thoughts_are_cut_in_every_notation(reply: str) -> None:
    assert without_thoughts(reply).strip() == "Five."


@pytest.mark.parametrize("reply", ["<think>Hm", "words</think>", "<reasoning>So.</reasoning> \n", "[THINK]a"])
def test_nothing_is_left_of_thoughts_alone(reply: str) -> None:
    assert without_thoughts(reply).strip() == ""


@pytest.mark.parametrize(
    "reply",
    [
        'Use `re.sub("<think>.*?</think>", "", text)`.',
        "text.split('</think>')[-1]",
        "The tag `</think>` ends thoughts.",
        'if "</think>" in text: pass',
        "The tag <think> opens thoughts.",
    ],
)
def test_marks_that_are_spoken_of_are_words(reply: str) -> None:
    assert without_thoughts(reply) == reply


def test_a_block_of_code_may_follow_the_end_of_thoughts_at_once() -> None:
    assert without_thoughts("no</think>```\nx\n```") == "```\nx\n```"


@pytest.mark.parametrize("mark", ["</s>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|endoftext|>"])
def test_what_a_model_writes_for_others_is_no_part_of_its_answer(mark: str) -> None:
    assert own_turn(f"Five.{mark}\nuser\nAnd six?") == "Five."
    assert own_turn(f"```\nx\n```{mark}") == "```\nx\n```"


def test_marks_within_code_end_no_turn() -> None:
    code = "```python\nEND = '''\n<|im_end|>\n'''\n```\nThat is it."
    assert own_turn(code) == code


@given(st.text(alphabet="<>/|think[]THINK \n`'", max_size=100))
def test_what_is_left_of_any_text_is_a_part_of_it(reply: str) -> None:
    left = own_turn(without_thoughts(reply))
    assert len(left) <= len(reply) and set(left) <= set(reply)
