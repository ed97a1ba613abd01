from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from local_swarm.sandbox.canonical import canonical
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.examples import examples
from local_swarm.voting.behaviour.literals import leading_literal, leading_literals, literal
from local_swarm.voting.behaviour.matching import matches, same

AREA = "def area(w, h):\n    return w + h\n\n"
PIECES = [
    *("1:30", "50%", "4€", "2024-01-05", "1.2.3", "1/2", "9kB", "2^8", "2:1", "20°", "3rd", "3..5", "7-9"),
    *("three", "3-tuple", "$4", "true/false"),
]
STUB = 'def area(w, h):\n    """{}"""\n'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,000,000.", 1000000),
        ("12,345.50", 12345.5),
        ("0xff", 255),
        ("3, 7", (3, 7)),
        ("1, 2 and 3", (1, 2, 3)),
        ("4. It adds one", 4),
        ("4 (because 3 + 1 is 4)", 4),
        ("4` and so on", 4),
        ("[2, 1] // reversed", [2, 1]),
        ('"b"!', "b"),
        ("-1 if nothing is found", -1),
        ("2, 1 if it is negative", 2),
        ("120 — the product", 120),
        ("true", True),
    ],
)
def test_a_literal_ends_at_a_boundary(text: str, value: Any) -> None:
    assert leading_literal(text) == canonical(value)


@pytest.mark.parametrize(
    "text",
    PIECES,
)
@pytest.mark.parametrize("more", ["", " or so", "."])
def test_what_is_no_number_is_no_literal(text: str, more: str) -> None:
    assert leading_literal(text + more) is None


@pytest.mark.parametrize("text", ["3.5 seconds", "4 digits long", "5 x 5", "1 less than 6", "10 elements", "5 km", ""])
def test_a_part_of_something_larger_is_no_literal(text: str) -> None:
    assert leading_literal(text) is None


@pytest.mark.parametrize(
    "told", ["sq(2), sq(3) => 4, 9", "sq(2) and sq(3) return 4 and 9.", "sq(2) gives 4, sq(3) gives 9"]
)
def test_several_calls_have_a_value_each(told: str) -> None:
    assert [(one.call, one.wanted) for one in examples(told, "sq")] == [("sq(2)", "4"), ("sq(3)", "9")]


@pytest.mark.parametrize(
    "words",
    [
        "area(2, 5) returns 7 but it should return 10. Fix it.",
        "Fix this: area(2, 5) gives 7 instead of 10.",
        "Fix this: area(2, 5) should be 10, not 7.",
        "Fix it: area(2, 5) has to be `10`, but not `7`.",
        "Fix it. area(2, 5) returns 7, not 10.",
        "area(2, 5) is 7 but 10 is the correct answer.",
        "There is a bug: area(2, 5) yields 7 where 10 is right.",
        "Instead of 10, area(2, 5) returns 7. Fix.",
        "Please fix area: instead of returning 7, area(2, 5) should return 10.",
        "Fix this. area(2, 5) outputs 7, whereas the spec says 10.",
        "Why does area(2, 5) return 7 and not 10?",
        "Expected area(2, 5) to be 10 but got 7.",
        "Got 7 for area(2, 5), want 10.",
        "Please fix.\nCall: area(2, 5)\nActual: 7\nExpected: 10",
        "## Actual behavior\narea(2, 5) returns 7\n## Expected behavior\narea(2, 5) returns 10",
        "Wrong Answer\nInput\n2, 5\nOutput\n7\nExpected\n10",
        "| call | actual | expected |\n|---|---|---|\n| area(2, 5) | 7 | 10 |\nFix it.",
        ">>> area(2, 5)\n7\n\nThat is wrong, it should be 10.",
        "print(area(2, 5))  # prints 7, should print 10",
        "area(2, 5) liefert 7, soll aber 10 liefern. Bitte behebe den Fehler.",
        "Fehler: area(2, 5) gibt 7 zurück, erwartet wird 10.",
        "area(2, 5) devuelve 7 pero debería devolver 10. Corrige el error.",
        "area(2, 5) renvoie 7 au lieu de 10.",
    ],
)
def test_of_a_complaint_the_value_that_must_be_is_the_example(words: str) -> None:
    found = examples(AREA + words, "area", ("w", "h"))
    assert [(one.call, one.wanted) for one in found] == [("area(2, 5)", "10")]


@pytest.mark.parametrize(
    "words",
    [
        "Currently area(2, 5) == 7. Please fix the bug.",
        "Why is it broken? With area(2, 5) I get 7.",
        "area(2, 5) returns 7 (wrong). Fix it.",
        "area(2, 5) incorrectly returns 7.",
        "Why does area(2, 5) return 7?",
        "The output of area(2, 5) must not be 7.",
        ">>> area(2, 5)\n7\n\nThis is not right.",
    ],
)
def test_what_is_only_complained_of_is_no_example(words: str) -> None:
    assert examples(AREA + words, "area", ("w", "h")) == []


def test_two_values_of_one_call_are_no_example() -> None:
    assert examples("area(2, 5) returns 7. area(2, 5) returns 8.", "area") == []


@pytest.mark.parametrize(
    "text",
    [
        "Write area. area(2, 5) returns 10, not 7.",
        "Write area. area(2, 5) returns 10 instead of 7 since it multiplies.",
        "Write area. Unlike add, area(2, 5) gives 10 rather than 7.",
        "Write area. I want area(2, 5) to give 10.",
        STUB.format("Wrong sides give 0 instead of an error.\n    area(2, 5) returns 10 instead of 7\n    "),
        STUB.format("It does not work for broken sides.\n    >>> area(2, 5)\n    10\n    "),
        "def area(w, h): ...\narea(2, 5) returns 10 instead of raising an error.",
    ],
)
def test_where_nothing_is_complained_of_the_value_told_first_holds(text: str) -> None:
    found = examples(text, "area", ("w", "h"))
    assert [(one.call, one.wanted) for one in found] == [("area(2, 5)", "10")]


How = Literal["value", "exact", "any order", "shown"]


@pytest.mark.parametrize(
    ("outcome", "wanted", "how"),
    [
        ("=0.333333333", "0.33", "value"),
        ("=[3.14159,]", "[3.14,]", "value"),
        ("=[1,2,]", "(1,2,)", "value"),
        ("=[2,1,1,]", "[1,1,2,]", "any order"),
        ("=[[3,],[2,1,],]", "[[1,2,],[3,],]", "any order"),
        ("=changed:[1,2,]", "[1,2,]", "value"),
        ("=print:'1 2'", "'1  2'", "value"),
        ("=print:'3'", "3", "value"),
        ("='ab'", "'ab'", "value"),
        ("=None", "None", "value"),
        ("=1", canonical(True), "value"),
        ("!ValueError", "!ValueError", "value"),
        ("!KeyError", "!LookupError", "value"),
    ],
)
def test_an_outcome_is_what_people_would_take_for_it(outcome: str, wanted: str, how: How) -> None:
    assert matches(outcome, Example("f(1)", wanted, how))


@pytest.mark.parametrize(
    ("outcome", "wanted", "how"),
    [
        ("=3.15", "3.14", "value"),
        ("=0.333333333", "0.33", "exact"),
        ("=4", "3", "value"),
        ("=[2,1,]", "[1,2,]", "value"),
        ("=[1,2,2,]", "[1,1,2,]", "any order"),
        ("=[12,]", "[1,2,]", "value"),
        ("='1'", "1", "value"),
        ("='0.333'", "'0.33'", "value"),
        ("='(a)'", "'[a]'", "value"),
        ("=None", "!ValueError", "value"),
        ("!KeyError", "!ValueError", "value"),
        ("!NameError", "!Exception", "value"),
        ("!ValueError", "'ValueError'", "value"),
    ],
)
def test_another_outcome_is_not(outcome: str, wanted: str, how: How) -> None:
    assert not matches(outcome, Example("f(1)", wanted, how))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_is_told_is_matched_by_itself(value: Any) -> None:
    told = canonical(value)
    assert all(same(told, told, how) for how in ("value", "exact", "any order", "shown"))


@given(
    st.lists(st.integers(-99, 99) | st.text(max_size=3), max_size=6).flatmap(
        lambda one: st.tuples(st.just(one), st.permutations(one))
    )
)
def test_in_any_order_every_permutation_is_the_same(pair: tuple[list[Any], list[Any]]) -> None:
    assert same(canonical(pair[0]), canonical(pair[1]), "any order")


@given(st.floats(-1e6, 1e6), st.integers(1, 6))
def test_a_rounded_number_is_matched_by_what_it_was_rounded_from(value: float, digits: int) -> None:
    shown = literal(f"{value:.{digits}f}") or ""
    assume("." in shown)  # of a whole number it is not known how many digits were shown
    assert same(canonical(value), shown)


@given(st.text(alphabet="0123456789,.:%-'\"[]() abif", max_size=60))
def test_any_text_begins_with_few_literals(text: str) -> None:
    assert len(leading_literals(text)) <= 8
