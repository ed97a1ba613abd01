from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.notations.comments import comments
from local_swarm.voting.behaviour.notations.parametrized import row_tests
from local_swarm.voting.behaviour.notations.sessions import sessions
from local_swarm.voting.behaviour.notations.statements import statements
from local_swarm.voting.behaviour.notations.tables import tables
from local_swarm.voting.behaviour.notations.unit_tests import unit_tests

Way = Callable[..., Iterable[Example]]
READERS: tuple[Way, ...] = (unit_tests, row_tests, sessions, comments, statements, tables)
ONE = [("f(3)", "9")]
TESTS = [
    ("self.assertEqual(f(3), 9)", ONE),
    ("self.assertEqual(9, f(3), 'three squared')", ONE),
    ("self.assertEqual(Solution().f(3), 9)", ONE),
    ("self.assertTrue(f(3))", [("bool(f(3))", "1")]),
    ("self.assertTrue(f(3) == 9)", ONE),
    ("self.assertFalse(f(3))", [("bool(f(3))", "0")]),
    ("self.assertIsNone(f(3))", [("f(3)", "None")]),
    ("self.assertIs(f(3), True)", [("f(3)", "1")]),
    ("self.assertListEqual(f([1, 2]), [2, 1])", [("f([1, 2])", "[2,1,]")]),
    ("self.assertCountEqual(f(3), [2, 1])", [("sorted(f(3))", "[1,2,]")]),
    ("self.assertAlmostEqual(f(3), 0.5, places=2)", [("bool(abs(f(3) - 0.5) <= 0.005)", "1")]),
    ("self.assertRaises(ValueError, f, 3)", [("f(3)", "!ValueError")]),
    ("with self.assertRaises(ValueError):\n    f(3)", [("f(3)", "!ValueError")]),
    ("with pytest.raises(ValueError, match='no'):\n    f(3)", [("f(3)", "!ValueError")]),
    ("assert f(3) == pytest.approx(0.5)", [("bool(abs(f(3) - 0.5) <= 5e-07)", "1")]),
    ("assert candidate(3) == 9", ONE),
    ("assert Solution().f(3) == 9, 'why'", ONE),
    ("expect(f(3)).toBe(9);", ONE),
    ("expect(f({a: 1})).toEqual([true, null])", [("f({'a': 1})", "[1,None,]")]),
    ("expect(f(3)).toStrictEqual([9])", [("f(3)", "[9,]")]),
    ("expect(f(3)).to.deep.equal([9])", [("f(3)", "[9,]")]),
    ("expect(f(3)).to.be.true", [("f(3)", "1")]),
    ("expect(f(3)).toBeNull()", [("f(3)", "None")]),
    ("await expect(f(3)).resolves.toBe(9)", ONE),
    ("expect(() => f(3)).toThrow(RangeError)", [("f(3)", "!RangeError")]),
    ("expect(() => f(3)).toThrow()", [("f(3)", "!")]),
    ("assert.strictEqual(f(3), 9);", ONE),
    ("assert.deepEqual(f([1, 2]), [2, 1]);", [("f([1, 2])", "[2,1,]")]),
    ("assert.throws(() => f(3), TypeError);", [("f(3)", "!TypeError")]),
    ("assert(f(3) === 9);", ONE),
]
SESSIONS = [
    (">>> x = 3\n>>> f(x)\n9", ONE),
    (">>> print(f(3))\n9", ONE),
    (">>> print(f('ab'))\nba", [("f('ab')", "'ba'")]),
    (">>> y = f(3)\n>>> y\n9", ONE),
    (">>> xs = [2, 1]\n>>> f(xs)\n>>> xs\n[1, 2]", [("f([2, 1])", "[1,2,]")]),
    (">>> xs = [2, 1]\n>>> f(xs)\n>>> print(xs)\n[1, 2]", [("f([2, 1])", "[1,2,]")]),
    (">>> f(3)\nTraceback (most recent call last):\n    ...\nValueError: no", [("f(3)", "!ValueError")]),
    (">>> f(\n...     3,\n... )\n9", ONE),
    (">>> x = [\n...   1,\n... ]\n>>> f(x)\n{'a': 1}", [("f([1])", "{'a':1}")]),
    ("In [1]: f(3)\nOut[1]: 9", ONE),
    ("> f(3)\n9", ONE),
    ("> const x = 3;\nundefined\n> f(x)\n9", ONE),
    ("> f(3)\nUncaught RangeError: no", [("f(3)", "!RangeError")]),
]
COMMENTS = [
    ("print(f(3))  # 9", ONE),
    ("print(f(3))  # Output: 9", ONE),
    ("print(f(3)) # -> 9", ONE),
    ("f(3)  # => 9", ONE),
    ("f(3)  # 9, since 3 * 3 is 9", ONE),
    ("f(3)  # should be 9", ONE),
    ("result = f(3)  # 9", ONE),
    ("print(f(f(3)))  # 81", [("f(f(3))", "81")]),
    ("console.log(f(3)); // 9", ONE),
    ("console.log(f([1, 2])) // [2, 1]", [("f([1, 2])", "[2,1,]")]),
    ("print(f('abc'))  # cba", [("f('abc')", "'cba'")]),
    ("print(f(3))\n# Output: 9", ONE),
    ("console.log(f(3));\n// => 9", ONE),
    ("f(3) -> ValueError", [("f(3)", "!ValueError")]),
    ("f(3)  # raises ValueError", [("f(3)", "!ValueError")]),
    ("`f(3)` should raise a `ValueError`.", [("f(3)", "!ValueError")]),
    ("```python\nprint(f(3))\nprint(f(4))\n```\nOutput:\n```\n9\n16\n```", [("f(3)", "9"), ("f(4)", "16")]),
]
STATEMENTS = [
    ("<pre>\n<strong>Input:</strong> x = 3\n<strong>Output:</strong> 9\n</pre>", ONE),
    ("<p>Input: <code>x = &quot;a&quot;</code></p><p>Output: <code>&quot;b&quot;</code></p>", [("f('a')", "'b'")]),
    ("**Input:** x = 3\n**Output:** 9", ONE),
    ("Input\n3\nOutput\n9", ONE),
    ("### Input\n\n3\n\n### Output\n\n9", ONE),
    ("Example 1:\nInput: x = 3\nOutput: 9\nExplanation: 3 times 3 is 9.", ONE),
    ("Input: abc\nOutput: cba", [("f('abc')", "'cba'")]),
    ("Input: 3\nOutput: Fizz", [("f(3)", "'Fizz'")]),
    ("in: 3 out: 9", ONE),
    ("in: 3, out: 9", ONE),
    ("Input: 3 -> Output: 9", ONE),
    ("Input: f(3)\nExpected: 9", ONE),
    ("Input: 3\nOutput: ValueError", [("f(3)", "!ValueError")]),
    ("Given 3, return 9.", ONE),
    ("Given x = 3, it returns 9", ONE),
    ("Given the list [1, 2], return 3", [("f([1, 2])", "3")]),
    ("[1, 2] becomes [2, 1]", [("f([1, 2])", "[2,1,]")]),
    ("3 -> 9", ONE),
    ("- 3 => 9\n- 4 => 16", [("f(3)", "9"), ("f(4)", "16")]),
    ("For 3 return 9", ONE),
    ("Example: 3 gives 9", ONE),
    ("Example: for 3 the function returns 9, for 4 it returns 16.", [("f(3)", "9"), ("f(4)", "16")]),
    ("E.g. when x is 3 the result should be 9.", ONE),
    ("'abc' → 'cba'", [("f('abc')", "'cba'")]),
    ("It returns 9 for 3 and 16 for 4.", [("f(3)", "9"), ("f(4)", "16")]),
    ("It should give 9 when called with 3.", ONE),
    ("It turns 'abc' into 'cba'.", [("f('abc')", "'cba'")]),
    ("'abc' -> 'cba', 'xy' -> 'yx'", [("f('abc')", "'cba'"), ("f('xy')", "'yx'")]),
    ("f(3) becomes 9, f(4) ⟶ 16", [("f(3)", "9"), ("f(4)", "16")]),
]
OVER_ROWS = [
    (
        "@pytest.mark.parametrize('x, y', [(3, 9), (4, 16)])\ndef test_f(x, y):\n    assert f(x) == y",
        [("f(3)", "9"), ("f(4)", "16")],
    ),
    (
        "@pytest.mark.parametrize(('x', 'y'), [pytest.param(3, 9, id='odd')])\ndef test_f(x, y):\n    assert f(x) == y",
        ONE,
    ),
    ("test.each([[3, 9]])('%i', (x, y) => {\n  expect(f(x)).toBe(y);\n});", ONE),
    ("it.each([3, 5])('%i', (x) => {\n  expect(f(x)).toBe(true);\n});", [("f(3)", "1"), ("f(5)", "1")]),
]
TABLES = [
    ("| x | expected |\n|---|---|\n| 3 | ValueError |", [("f(3)", "!ValueError")]),
    ("| x | f(x) |\n|---|---|\n| 3 | 9 |", ONE),
    ("| x | expected | note |\n|---|---|---|\n| 3 | 9 | odd |", ONE),
    ("| # | input | output |\n|---|---|---|\n| 1 | 3 | 9 |", ONE),
    ("| call | result |\n|:--|--:|\n| `f(3)` | `9` |", ONE),
    ("| x | expected | actual |\n|---|---|---|\n| 3 | 9 | 6 |", ONE),
    ("+---+--------+\n| x | output |\n+---+--------+\n| 3 | 9      |\n+---+--------+", ONE),
    ("x | output\n--|--\n3 | 9", ONE),
    ("Input   Output\n-----   ------\n3       9", ONE),
    ("| input | output |\n|---|---|\n| abc | cba |", [("f('abc')", "'cba'")]),
    ("<table><tr><th>x</th><th>output</th></tr><tr><td>3</td><td>9</td></tr></table>", ONE),
]
WAYS = [
    (read, *row)
    for read, rows in zip(READERS, (TESTS, OVER_ROWS, SESSIONS, COMMENTS, STATEMENTS, TABLES), strict=True)
    for row in rows
]


@pytest.mark.parametrize(("read", "text", "wanted"), WAYS)
def test_examples_are_read_however_they_are_written(read: Way, text: str, wanted: list[tuple[str, str]]) -> None:
    found = dict.fromkeys((one.call, one.wanted) for one in read(f"Write f(x).\n\n{text}\n\nThank you.", "f", ("x",)))
    assert [*found] == wanted


TWO = [
    (statements, "Given nums = [2, 7] and target = 9, return [0, 1].", "f([2, 7], 9)", "[0,1,]"),
    (statements, "Input\n[2, 7]\n9\nOutput\n[0, 1]", "f([2, 7], 9)", "[0,1,]"),
    (statements, "Input: target = 9, nums = [2, 7]\nOutput: [0, 1]", "f([2, 7], 9)", "[0,1,]"),
    (statements, "Input: nums = [2, 7], target = 9 Output: [0, 1]", "f([2, 7], 9)", "[0,1,]"),
    (statements, "([2, 7], 9) -> [0, 1]", "f([2, 7], 9)", "[0,1,]"),
    (statements, "For nums = [2, 7] and target = 9 it returns [0, 1]", "f([2, 7], 9)", "[0,1,]"),
    (tables, "|target|nums|expected|note|\n|-|-|-|-|\n|9|[2, 7]|[0, 1]|plain|", "f([2, 7], 9)", "[0,1,]"),
    (tables, "|a|b|result|\n|-|-|-|\n|[2, 7]|9|[0, 1]|", "f([2, 7], 9)", "[0,1,]"),
]


@pytest.mark.parametrize(("read", "text", "call", "wanted"), TWO)
def test_several_arguments_are_put_in_the_order_of_the_parameters(read: Way, text: str, call: str, wanted: str) -> None:
    assert {(one.call, one.wanted) for one in read(text, "f", ("nums", "target"))} == {(call, wanted)}


NONE = [
    "3 -> 9 -> 27",
    "The edges of the graph: 1 -> 2",
    "Input: a list of numbers\nOutput: their sum",
    "Input: integer\nOutput: string",
    "for 3 items it returns 9 apples",
    "print(f(3))  # 9 apples",
    "print(f(3) // 2)",
    "self.assertNotEqual(f(3), 9)",
    "expect(f(3)).not.toBe(9)",
    "self.assertEqual(g(3), 9)",
    "assert.equal(f(x), 9)",
    ">>> f(unknown)\n9",
    ">>> f(3)\n[1, ..., 9]",
    ">>> f(3)\n<object at 0x1>",
    "> f(3)\n> 9",
    "| x | actual |\n|---|---|\n| 3 | 9 |",
    "| name | age |\n|---|---|\n| 3 | 9 |",
    "Each list is 3 long and 9 wide.",
    "There are 3 cases, and 2 is 1 of them.",
    "Given a number n, return 0 if it is odd.",
    "Given a list, return 1 for each.",
    "f(3) // 2",
    "It currently returns 6 for 3 but should return something else.",
    "Return 0 for empty lists.",
    "It converts 3 to words.",
    "It takes 2 arguments and returns 1 value.",
    "If the list is empty, return 0.",
    "Time limit: 3 s. The answer is 9 digits.",
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_example_is_none(text: str) -> None:
    assert [one for read in READERS for one in read(f"Write f(x).\n\n{text}\n", "f", ("x",))] == []


@given(st.text(alphabet="f(3)[]{}'\"->=>\n>>> #:|,./<>expectInputOutput ", max_size=200))
def test_no_text_is_a_danger(text: str) -> None:
    for read in READERS:
        for one in read(text, "f", ("x",)):
            compile(one.call, "call", "eval")
