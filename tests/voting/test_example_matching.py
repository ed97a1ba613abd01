from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.sandbox.canonical import canonical
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.examples import examples
from local_swarm.voting.behaviour.matching import matches


def fits(given_value: object, wanted: object, how: str = "value", call: str = "f(3)") -> bool:
    return matches(f"={canonical(given_value)}", Example(call, canonical(wanted), how))


ALIKE = [
    (1 / 3, 0.33),
    (2 / 3, 0.67),
    (-1 / 3, -0.333),
    (1234.5678, 1234.57),
    (0.000123456, 1.23e-4),
    ([1 / 3, 2 / 3], [0.33, 0.67]),
    ({"mean": 2.6666}, {"mean": 2.67}),
    ((2, 9), [2, 9]),
    ([2, 9], (2, 9)),
    ([("a", 1), ("b", 2)], [["a", 1], ["b", 2]]),
    ({"a": (1, 2)}, {"a": [1, 2]}),
    (True, 1),
    (2.0, 2),
    (None, None),
    ("it's", "it's"),
]
OTHER = [
    (0.34, 0.33),
    (0.3249, 0.33),
    (0.3361, 0.33),
    (3, 3.5),
    (2.7, 3),
    ([2, 9, 1], [2, 9]),
    ([9, 2], [2, 9]),
    ([[1, 2]], [1, 2]),
    ("2", 2),
    ("a, b", ["a", "b"]),
    ({2, 9}, [2, 9]),
    (None, 0),
    ("0.333", "0.33"),
    ({"a": 1}, {"a": 2}),
]


@pytest.mark.parametrize(("value", "wanted"), ALIKE)
def test_values_are_what_is_wanted_as_far_as_it_is_shown(value: object, wanted: object) -> None:
    assert fits(value, wanted)


@pytest.mark.parametrize(("value", "wanted"), OTHER)
def test_other_values_are_not_what_is_wanted(value: object, wanted: object) -> None:
    assert not fits(value, wanted)


@given(st.floats(-1e3, 1e3), st.integers(1, 5))
def test_whatever_is_rounded_is_near_what_it_was(number: float, digits: int) -> None:
    wanted = round(number, digits)
    assert fits(number, wanted) is (not float.is_integer(wanted) or canonical(number) == canonical(wanted))


def test_where_digits_are_asked_for_all_of_them_count() -> None:
    assert fits(0.33, 0.33, "exact")
    assert not fits(1 / 3, 0.33, "exact")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ([3, 1, 2], [1, 2, 3]),
        ({1, 2}, [2, 1]),
        ([["eat", "tea"], ["bat"]], [["bat"], ["tea", "eat"]]),
        ([{"b": 2}, {"a": 1}], [{"a": 1}, {"b": 2}]),
    ],
)
def test_in_any_order_every_order_is_right(value: object, wanted: object) -> None:
    assert fits(value, wanted, "any order")
    assert not fits(value, wanted)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [([1, 1, 2], [1, 2, 2]), ([1, 2], [1, 2, 3]), ([[1, 2], [3]], [[1], [2, 3]]), ({"a": 1, "b": 2}, {"a": 2, "b": 1})],
)
def test_in_any_order_nothing_may_be_missing(value: object, wanted: object) -> None:
    assert not fits(value, wanted, "any order")


FAILING = [
    ("!ValueError", "!ValueError", True),
    ("!KeyError", "!LookupError", True),
    ("!TypeError", "!Exception", True),
    ("!RangeError", "!Error", True),
    ("!Empty", "!", True),
    ("!ZeroDivisionError", "!ValueError", False),
    ("!LookupError", "!KeyError", False),
    ("!NameError", "!", False),
    ("!Died", "!", False),
    ("!TooMuch", "!Exception", False),
    ("=None", "!ValueError", False),
    ("~", "!", False),
    ("!ValueError", "None", False),
]


@pytest.mark.parametrize(("outcome", "wanted", "right"), FAILING)
def test_errors_are_told_by_their_names(outcome: str, wanted: str, right: bool) -> None:
    assert matches(outcome, Example("f(3)", wanted)) is right


def printed(text: str) -> str:
    return f"=print:{canonical(text)}"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("9", 9),
        ("0.3333", 0.33),
        ("[1, 2]", [1, 2]),
        ("cba", "cba"),
        ("1 2\n3", "1 2\n3"),
        ("1  2", "1 2"),
        ("True", True),
    ],
)
def test_what_is_printed_counts_where_nothing_is_returned(text: str, wanted: object) -> None:
    assert matches(printed(text), Example("f(3)", canonical(wanted)))


@pytest.mark.parametrize(("text", "wanted"), [("8", 9), ("9 9", 9), ("1 2 4", "1 2 3"), ("cab", "cba")])
def test_something_else_that_is_printed_is_wrong(text: str, wanted: object) -> None:
    assert not matches(printed(text), Example("f(3)", canonical(wanted)))


def test_what_became_of_an_argument_counts_where_nothing_is_returned() -> None:
    example = Example("f([2, 1])", canonical([1, 2]))
    assert matches(f"=changed:{canonical([1, 2])}", example)
    assert not matches(f"=changed:{canonical([2, 1])}", example)
    assert not matches("=None", example)
    assert matches("=None", Example("f([1, 2])", canonical([1, 2])))


def test_texts_may_be_shown_without_quotes_by_a_print_but_not_by_a_session() -> None:
    (shown,) = examples("Write f(x).\n\nprint(f(5))  # 101", "f", ("x",))
    assert matches("='101'", shown)
    assert matches("=101", shown)
    assert not matches("='110'", shown)
    (told,) = examples("Write f(x).\n\n>>> f(5)\n101", "f", ("x",))
    assert not matches("='101'", told)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("You may return the answer in any order. f(3) -> [1, 2]", [2, 1]),
        ("The order of the result does not matter. f(3) -> [1, 2]", [2, 1]),
        ("Any order is fine. f(3) -> [1, 2]", [2, 1]),
        ("Input: 3\nOutput: [1, 2]\nReturn the pairs in arbitrary order.", [2, 1]),
        ("f(3) -> 0.33", 1 / 3),
        ("f(3) -> 0.33 (rounded)", 1 / 3),
    ],
)
def test_a_prompt_says_how_its_examples_are_meant(words: str, value: object) -> None:
    (one,) = examples(words, "f", ("x",))
    assert matches(f"={canonical(value)}", one)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("The numbers come in any order. Sort them. f(3) -> [1, 2]", [2, 1]),
        ("Return the list sorted, whatever the order. f(3) -> [1, 2]", [2, 1]),
        ("Return it with two decimals. f(3) -> 0.33", 1 / 3),
        ("Round to 2 decimal places. f(3) -> 0.33", 1 / 3),
    ],
)
def test_what_a_prompt_asks_for_is_not_borne(words: str, value: object) -> None:
    (one,) = examples(words, "f", ("x",))
    assert not matches(f"={canonical(value)}", one)


@given(
    st.text(alphabet="=!'\"[](){},:.\\123eErrorNone#", max_size=60), st.text(alphabet="'\"[](){},:.\\12!", max_size=40)
)
def test_no_outcome_is_a_danger(outcome: str, wanted: str) -> None:
    for how in ("value", "exact", "any order", "shown"):
        assert matches(outcome, Example("f(3)", wanted, how)) in (True, False)
