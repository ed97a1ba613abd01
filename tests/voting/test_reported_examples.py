from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.behaviour.examples import examples
from local_swarm.voting.behaviour.literals import leading_literal
from local_swarm.voting.behaviour.reports import required_examples, without_observed
from local_swarm.voting.extract import extract_text
from local_swarm.voting.question import question

BROKEN = "Here is my function:\n```python\ndef double(x):\n    return x + 2\n```\n"
REPORTS: list[tuple[str, dict[str, str]]] = [
    ("double(5) returns 7 but it should return 10. Please fix it.", {"double(5)": "10"}),
    ("Currently double(5) == 7. Expected: double(5) == 10. Correct it.", {"double(5)": "10"}),
    ("Steps to reproduce:\n>>> double(5)\n7\n\nExpected result: 10. Fix double.", {"double(5)": "10"}),
    ("double(5) gives 7 instead of 10. Fix the bug.", {"double(5)": "10"}),
    ("double(5) prints 7, not 10. Fix the bug.", {"double(5)": "10"}),
    ("When I call double(5) I get 7. I expected 10. What's wrong?", {"double(5)": "10"}),
    ("I call double(5) and get 7, expected 10.", {"double(5)": "10"}),
    ("double(5) liefert 7, soll aber 10 liefern. Bitte korrigiere sie.", {"double(5)": "10"}),
    ("double(5) ergibt 7, sollte aber 10 ergeben.", {"double(5)": "10"}),
    ("double(5) liefert 7 statt 10. Behebe den Fehler.", {"double(5)": "10"}),
    ("double(5) renvoie 7 au lieu de 10. Corrige le bug.", {"double(5)": "10"}),
    ("double(5) devuelve 7 pero debería devolver 10. Corrige el error.", {"double(5)": "10"}),
    (
        "### Steps to reproduce\n\n```\n>>> double(5)\n7\n```\n\n### Expected behavior\n\n10\n\n### Actual behavior\n\n7\n",
        {"double(5)": "10"},
    ),
    (
        "### Actual behavior\n\ndouble(5) returns 7\n\n### Expected behavior\n\ndouble(5) returns 10\n\nFix it",
        {"double(5)": "10"},
    ),
    (
        "**Expected behavior**\ndouble(5) returns 10\n\n**Actual behavior**\ndouble(5) returns 7\nPlease fix",
        {"double(5)": "10"},
    ),
    ("Actual: double(5) == 7\nExpected: double(5) == 10\n", {"double(5)": "10"}),
    ("Input: x = 5\nOutput: 7\nExpected: 10\nFix it", {"double(5)": "10"}),
    ("Input\n5\nOutput\n7\nExpected\n10\n\nFix it", {"double(5)": "10"}),
    ("double(5) returns 7, which is wrong. Please fix it.", {}),
    ("double(5) returned 7. Fix the bug.", {}),
    ("It is broken: double(5) is 7. Fix it so that double(5) == 10", {"double(5)": "10"}),
    ("Fix it so that double(5) returns 10 and double(3) returns 6", {"double(5)": "10", "double(3)": "6"}),
    (">>> double(5)\n7\n\nThat is not right, it must double its argument. Fix it.", {}),
    ("The bug: double(5) -> 7 (wrong)\nFix it.", {}),
    ("After the fix these should hold:\n>>> double(5)\n10\n>>> double(3)\n6", {"double(5)": "10", "double(3)": "6"}),
    ("Fix it. Tests:\nassert double(5) == 10\nassert double(2) == 4", {"double(5)": "10", "double(2)": "4"}),
    ("AssertionError: double(5) returned 7, expected 10", {"double(5)": "10"}),
    ("Test failed: double(5): expected 10, got 7.", {"double(5)": "10"}),
    ("Expected 10 but got 7 for double(5). Fix.", {"double(5)": "10"}),
    ("double(5) should be 10 but is 7", {"double(5)": "10"}),
    ("double(5) should return 10 instead of 7. Fix.", {"double(5)": "10"}),
    ("double(5) must be 10; at the moment it is 7.", {"double(5)": "10"}),
]


def shown(text: str) -> dict[str, str]:
    return {one.call: one.wanted for one in examples(text, "double", ("x",))}


@pytest.mark.parametrize(("words", "wanted"), REPORTS)
def test_of_a_bug_report_only_what_should_be_is_an_example(words: str, wanted: dict[str, str]) -> None:
    assert shown(BROKEN + words) == wanted


REQUESTS: list[tuple[str, dict[str, str]]] = [
    ("Write double(x).\nDouble(5) is wrong. double(5) returns 10, not 7.", {"double(5)": "10"}),
    ("Write double(x). double(5) returns 10.\ndouble(5) == 7", {}),
    ("Write double(x). double(5) returns 7.\ndouble(5) should return 10", {"double(5)": "10"}),
    ("Write double(x). double(5) returns 7.\nassert double(5) == 10", {"double(5)": "10"}),
    ("Write cube(n). For instance double(100) = 1,000,000.", {"double(100)": "1000000"}),
    ("double(37) returns 3, 7.", {"double(37)": "(3,7,)"}),
    ("double(2), double(3) => 4, 9", {"double(2)": "4", "double(3)": "9"}),
    ("double(2) and double(3) return 4 and 9", {"double(2)": "4", "double(3)": "9"}),
    ("double(90) returns 1:30", {}),
    ("double(90) is 50%", {}),
    ("double(90) returns 3.5 seconds", {}),
    ("Note that double(10) is 4 digits long", {}),
    ("double(4) is 16, double(5) is 25.", {"double(4)": "16", "double(5)": "25"}),
    ("double(3) returns 2 elements", {}),
    ("double(3) = 1,5 (one and a half)", {}),
    ("double('a') returns 'A' and double('b') returns 'B'.", {"double('a')": "'A'", "double('b')": "'B'"}),
    ("double(3) gives True if 3 is odd", {"double(3)": "1"}),
    ("double(3) is 9, because 3 * 3 is 9", {"double(3)": "9"}),
    ("double(3) == 2^10", {}),
    ("double(3) -> 0xFF", {"double(3)": "255"}),
    ("double(2024) is 2024-03-04", {}),
    ("double(3) returns 9 apples", {}),
    ("double(3) returns $9", {}),
    ("double(1.5) -> 2.50", {"double(1.5)": "2.5"}),
    ("Write double(x). double(3) returns 6 and n must be 5.", {"double(3)": "6"}),
    ("Write double(x). double(3) returns 6. The input must be 10 at most.", {"double(3)": "6"}),
    ("Write double(x). For double(3) the result should be 6.", {"double(3)": "6"}),
]


@pytest.mark.parametrize(("words", "wanted"), REQUESTS)
def test_of_a_request_examples_end_at_a_boundary_and_do_not_contradict(words: str, wanted: dict[str, str]) -> None:
    assert shown(words) == wanted


@pytest.mark.parametrize(
    "tests",
    [
        "import pytest\nfrom solution import double\n\ndef test_double():\n    assert double(5) == 10",
        "import unittest\n\nclass Doubling(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(double(5), 10)",
        "@pytest.mark.parametrize('x, want', [(5, 10)])\ndef test_double(x, want):\n    assert double(x) == want",
    ],
)
def test_tests_in_a_request_are_examples_and_no_part_of_the_programs(tests: str) -> None:
    text = f"Write a Python function double(x) that passes:\n\n```python\n{tests}\n```"
    assert shown(text) == {"double(5)": "10"}
    answer = extract_text("```python\ndef double(x):\n    return 2 * x\n```", question(text))
    assert answer.program == "def double(x):\n    return 2 * x"


LITERALS = [
    ("1,000,000.", "1000000"),
    ("12,500 in all", "12500"),
    ("1:30", None),
    ("12:30 PM", None),
    ("50%", None),
    ("4 digits long", None),
    ("3.5 seconds", None),
    ("3rd", None),
    ("5€", None),
    ("192.168.1.1", None),
    ("2024-03-04", None),
    ("1/2", None),
    ("2^10", None),
    ("3,7", None),
    ("3, 7.", "(3,7,)"),
    ("3 and 7", "(3,7,)"),
    ("'a', 'b'", "('a','b',)"),
    ("9, for 4 it gives 16", "9"),
    ("9, 4 -> 16", "9"),
    ("10, not 7", "10"),
    ("9 because 3 * 3 is 9", "9"),
    ("4.", "4"),
    ("4)", "4"),
    ("`4`,", "4"),
    ("[1, 2] in any order", "[1,2,]"),
    ("[1] + [2]", None),
    ("true if it is odd", "1"),
    ("undefined", "None"),
    ("0xff", "255"),
    ("-1.5e-3;", "-0.0015"),
]


@pytest.mark.parametrize(("text", "value"), LITERALS)
def test_a_literal_ends_where_nothing_goes_on(text: str, value: str | None) -> None:
    assert leading_literal(text) == value


@given(st.text(alphabet="f(3) returns should be but >>> \n#*:expected actual 1,0.", max_size=200))
def test_no_report_is_a_danger(text: str) -> None:
    plain = without_observed(f"def f(x): wrong\n{text}", "f")
    assert len(plain.split("\n")) == len(text.split("\n")) + 1
    for one in required_examples(f"def f(x): wrong\n{text}", "f"):
        compile(one.call, "call", "eval")
