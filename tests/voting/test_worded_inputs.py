"""Inputs that make sense for what a request speaks of."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from local_swarm.voting.behaviour.inputs import Signature, inputs
from local_swarm.voting.behaviour.worded_inputs import command_lines, command_lists, counted_names, related_rows

MACHINE = "Write run(program) for a list of strings. The orders are PUSH, POP and ADD, each with an optional number."


def arguments(calls: list[str]) -> list[list[Any]]:
    return [[ast.literal_eval(one) for one in ast.parse(call, mode="eval").body.args] for call in calls]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        "a function f(n, words) with input length n that returns a list",
        "return the first `n` elements of words",
        "return the `n`-th element of words",
        "given the index n, return an element of words",
        "element number n (0 based)",
        "the number of repeats n",
    ],
)
def test_what_counts_is_a_whole_number_from_0_on(text: str) -> None:
    assert counted_names(text, ("n", "words")) == {"n"}


def test_nothing_below_0_and_no_other_kind_is_given_for_what_counts() -> None:
    made = arguments(
        inputs(Signature("f", ("q",), ("?any",)), "f", [], "f(q) with input length q returns a list of numbers")
    )
    assert made and all(isinstance(one[0], int) and one[0] >= 0 for one in made)


def test_pieces_of_one_argument_are_looked_for_in_another() -> None:
    made = arguments(inputs(Signature("f", ("text", "part"), ("str", "str")), "f", [], "how often part is in text"))
    assert sum(part in text for text, part in made if part) >= 3
    listed = list(related_rows([([5, 7, 9], 1), (["a"], 2)]))
    assert listed == [([5, 7, 9], 1), ([5, 7, 9], 5), (["a"], 2)]


def test_a_small_language_is_spoken_in_its_own_words() -> None:
    lines = command_lines(MACHINE)
    assert {line.split()[0] for line in lines} == {"PUSH", "POP", "ADD"}
    assert command_lines("Return the JSON text.") == []
    assert all(program and all(isinstance(line, str) for line in program) for program in command_lists(lines))
    made = arguments(inputs(Signature("run", ("program",), ("?any",)), "run", [], MACHINE))
    assert sum(isinstance(one[0], list) and "PUSH" in " ".join(map(str, one[0])) for one in made) >= 2
