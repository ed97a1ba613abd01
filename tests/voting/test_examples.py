from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.behaviour.examples import examples
from local_swarm.voting.behaviour.inputs import inputs, signature
from local_swarm.voting.question import function, question

WAYS = [
    (">>> f(2)\n4", "f(2)", "4"),
    ("    >>> f(\n    ...     2)\n    4\n", "f(2)", "4"),
    (">>> f(2) == 4", "f(2)", "4"),
    (">>> f('a') # not 'b'\n'c'", "f('a')", "'c'"),
    (">>> round(f(2), 1)\n0.5", "round(f(2), 1)", "0.5"),
    ("assert f(2) == 4", "f(2)", "4"),
    ('assert f(2) == 4, "two doubled"', "f(2)", "4"),
    ("assert f(2)", "bool(f(2))", "1"),
    ("assert not f(2)", "bool(f(2))", "0"),
    ("assert f(2) is None", "f(2)", "None"),
    ("f(2) -> 4", "f(2)", "4"),
    ("f(2) => 4", "f(2)", "4"),
    ("`f(2)` ➞ `4`", "f(2)", "4"),
    ("f(2) = 4", "f(2)", "4"),
    ("f(2) == 1 + 3 = 4", "f(2)", "4"),
    ("f(2) should return 4.", "f(2)", "4"),
    ("f(2) returns 4", "f(2)", "4"),
    ("f(2)  # returns 4", "f(2)", "4"),
    ("f(2); // => 4", "f(2)", "4"),
    ("f([1, [2]], x=')') must be (1, 'a')", "f([1, [2]], x=')')", "(1,'a',)"),
    ("f(true) -> false", "f(True)", "0"),
    ("Input: 2\nOutput: 4", "f(2)", "4"),
    ("**Input:** x = 2\n**Output:** 4", "f(2)", "4"),
    ("Input: x = 2, output: 4", "f(2)", "4"),
    ("For x = 2 the output should be 4", "f(2)", "4"),
    ("| input | output |\n|---|---|\n| 2 | 4 |", "f(2)", "4"),
    ("| x | expected |\n|---|---|\n| `f(2)` | `4` |", "f(2)", "4"),
]


@pytest.mark.parametrize(("text", "call", "wanted"), WAYS)
def test_examples_are_found_however_they_are_written(text: str, call: str, wanted: str) -> None:
    found = examples(f"Write f(x).\n\n{text}\n\nThank you.", "f", ("x",))
    assert [(one.call, one.wanted) for one in found] == [(call, wanted)]


@pytest.mark.parametrize(
    "text",
    [
        "f(x) returns 4 times x",
        "f(2) + 1 -> what?",
        "f(n) = f(n - 1) + 1",
        "call f(2) twice",
        "f(open('x')) -> 4",
        "g(2) -> 4",
        "f(2) -> 3 + 1 apples",
        "f(os.getcwd()) -> 1",
        "my.f(2) -> 4",
    ],
)
def test_what_is_no_example_is_none(text: str) -> None:
    assert examples(text, "f", ("x",)) == []


def test_arguments_by_name_are_put_in_order() -> None:
    found = examples("Input: k = 2, xs = [1, 2]\nOutput: 3", "f", ("xs", "k"))
    assert [one.call for one in found] == ["f([1, 2], 2)"]


@given(st.text(alphabet="f(2)[]{}'\"->=>\n>>> assert#:|,returns \\", max_size=200))
def test_no_text_is_a_danger(text: str) -> None:
    for one in examples(text, "f", ("x",)):
        compile(one.call, "call", "eval")


@given(st.text(max_size=200))
def test_any_text_is_a_question(text: str) -> None:
    assert question(text).text.split() == text.split()


def calls_for(stub: str, *shown: str) -> list[str]:
    asked = question(stub)
    assert asked.stub and asked.entry_point
    return inputs(signature(function(asked.stub.tree, asked.entry_point), asked.entry_point), asked.entry_point, shown)


def test_inputs_follow_hints_names_and_examples() -> None:
    assert all(isinstance(eval(call[1:]), str) for call in calls_for("def f(s: str) -> int:"))
    assert any("[[" in call for call in calls_for("def f(matrix):"))
    assert all('"' in call or "'" in call for call in calls_for("def f(n):", "f('a b')"))
    assert "f([2, 1])" in calls_for("def f(x):", "f([1, 2])")


def test_inputs_are_few_distinct_and_always_the_same() -> None:
    made = calls_for("def f(a: int, b: list[str], c: float):", "f(1, ['x'], 2.0)")
    assert 12 <= len(made) <= 24 and len(set(made)) == len(made)
    assert made == calls_for("def f(a: int, b: list[str], c: float):", "f(1, ['x'], 2.0)")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Write a function solve(numbers) that adds", "solve"),
        ("Write a Python function called `area` for a circle", "area"),
        ("Implement a method named total.", "total"),
        (
            "Complete this:\n\nfrom typing import List\n\ndef first(xs: List[int]) -> int:\n    '''The first.'''\n",
            "first",
        ),
        ("Fix it:\n```python\ndef broken(x):\n    return x +\n```\n", None),
        ("Say something nice.", None),
    ],
)
def test_the_function_asked_for_is_known(text: str, name: str | None) -> None:
    assert question(text).entry_point == name
