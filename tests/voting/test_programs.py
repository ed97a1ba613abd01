"""Python as it is written: what of it runs, what is called, with which inputs, and which of equal programs wins."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator

import pytest

from local_swarm.sandbox.canonical import canonical
from local_swarm.sandbox.host import Sandbox
from local_swarm.sandbox.job import SCRIPT, SPARE, STDIN
from local_swarm.types import Candidate, Election, Usage
from local_swarm.voting.behaviour.inputs import Signature, inputs, signature
from local_swarm.voting.behaviour.program import runnable, whole_text
from local_swarm.voting.behaviour.ranges import Bounds, ranges
from local_swarm.voting.behaviour.scripts import scripts
from local_swarm.voting.behaviour.standard_input import samples, similar_inputs
from local_swarm.voting.behaviour.targets import Target, shaped_call
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import Question, question
from local_swarm.voting.similarity.no_embedder import NoEmbedder

pytestmark = pytest.mark.anyio

ASKED = Question("", entry_point="f")


def kept(code: str, asked: Question = ASKED) -> str:
    """What of a program defines."""
    program = runnable(ast.parse(code), code, asked)
    assert program is not None
    return program.split(SPARE)[0]


@pytest.mark.parametrize(
    "top",
    [
        "TABLE = {}\nfor i in range(9):\n    TABLE[i] = i * i",
        "TABLE = []\nTABLE.append(1)",
        "import sys\nsys.setrecursionlimit(9999)\nTABLE = 1",
        "TABLE = [0]\nTABLE[0] = 3",
        "TABLE = 0\nwhile TABLE < 5:\n    TABLE += 1",
        "TABLE = {}\nTABLE.update(a=f)",
    ],
)
def test_set_up_stays(top: str) -> None:
    code = f"{top}\n\ndef f(n):\n    return TABLE"
    assert kept(code) == ast.unparse(ast.parse(code))


@pytest.mark.parametrize(
    "use",
    [
        "print(f(1))",
        "for i in range(3):\n    print(f(i))",
        "while True:\n    f(1)",
        "n = int(input())\nprint(n)",
        "result = f(2)\ntotal = result + 1",
        "assert f(1) == 1",
        "if __name__ == '__main__':\n    f(1)",
        "def main():\n    print(f(1))\nmain()",
        "import unittest\nunittest.main()",
        "from solution import f",
    ],
)
def test_what_merely_uses_the_function_goes(use: str) -> None:
    text = kept(f"def f(n):\n    return n\n\n{use}")
    space: dict[str, object] = {"__name__": "__main__"}
    exec(text, space)
    assert "print(f(i))" not in text and "assert" not in text and "total" not in space and "n" not in space
    assert callable(space["f"])


def test_the_whole_text_is_kept_beside_where_it_does_more() -> None:
    code = "def f(n):\n    return n\nprint(f(1))"
    assert whole_text(runnable(ast.parse(code), code, ASKED) or "") == code
    assert whole_text(runnable(ast.parse("def f(n):\n    return n"), "def f(n):\n    return n", ASKED) or "") == ""


def test_names_of_types_and_of_leetcode_are_known() -> None:
    code = "class Solution:\n    def f(self, xs: List[int]) -> Optional[ListNode]:\n        return deque(xs), math.inf"
    space: dict[str, object] = {}
    exec(kept(code, Question("")), space)
    assert {"List", "Optional", "ListNode", "deque", "math"} <= set(space)


def test_outside_of_leetcode_a_forgotten_import_stays_forgotten() -> None:
    assert "import" not in kept("def f(x):\n    return math.sqrt(x)")


@pytest.mark.parametrize(
    ("text", "name", "bounds"),
    [
        ("where 0 <= n < 50", "n", Bounds(0, 49)),
        ("1 ≤ nums.length ≤ 10^4", "nums.length", Bounds(1, 10**4)),
        ("-10**3 <= x <= 1,000", "x", Bounds(-1000, 1000)),
        ("for 1..20", "", Bounds(1, 20)),
        ("a year between 1900 and 2100", "", Bounds(1900, 2100)),
        ("k >= 2", "k", Bounds(2)),
        ("takes a positive integer n", "", Bounds(1)),
        ("takes a non-negative integer", "", Bounds(0)),
    ],
)
def test_between_what_numbers_arguments_lie_is_read(text: str, name: str, bounds: Bounds) -> None:
    assert ranges(text)[name] == bounds


def test_inputs_lie_where_the_request_says() -> None:
    found = Signature("f", ("n",), ("int",))
    values = [ast.literal_eval(call[2:-1]) for call in inputs(found, "f", [], "f(n) for 1..20")]
    assert len(values) > 8 and all(1 <= value <= 20 for value in values)


def test_arguments_by_keyword_are_given_by_keyword() -> None:
    node = ast.parse("def f(a, b=1, *, low, high=2): pass").body[0]
    calls = inputs(signature(node, "f"), "f", [])
    assert calls and all(call.startswith("f(") and "low=" in call and "high=" not in call for call in calls)


def test_a_function_without_arguments_is_called_without() -> None:
    assert inputs(signature(ast.parse("def f(): pass").body[0], "f"), "f", []) == ["f()"]


def test_scripts_put_things_in_before_they_take_them_out() -> None:
    made = scripts("Stack", None, [Signature("push", ("x",), ("?any",)), Signature("pop", (), (), bare=True)])
    assert len(made) > 5 and made == scripts(
        "Stack", None, [Signature("push", ("x",), ("?any",)), Signature("pop", (), (), bare=True)]
    )
    for script in made:
        name, given, steps = ast.literal_eval(script.removeprefix(SCRIPT))
        assert (name, given, steps[0][0], {method for method, _ in steps} <= {"push", "pop"}) == (
            "Stack",
            [],
            "push",
            True,
        )


@pytest.mark.parametrize(
    "text",
    [
        "Add them.\n\nInput\n2\n1 2\n\nOutput\n3",
        "Add.\n\nSample Input 1:\n2\n1 2\nSample Output 1:\n3\n\nExplanation: so.",
        "**Input**\n```\n2\n1 2\n```\n**Output**\n```\n3\n```\n",
        "Input\nThe first line contains n numbers.\nOutput\nPrint the sum of all.\n\nExample\n\nInput:\n2\n1 2\n\nOutput:\n3",
    ],
)
def test_samples_of_standard_input_are_read(text: str) -> None:
    assert [(one.call, one.wanted) for one in samples(text)] == [(STDIN + repr("2\n1 2\n"), canonical("3"))]


def test_what_is_read_is_varied_line_by_line() -> None:
    for call in similar_inputs(["2\n1 2\n"]):
        lines = ast.literal_eval(call.removeprefix(STDIN)).split("\n")
        assert (lines[0], len(lines[1].split())) == ("2", 2)
    assert similar_inputs([]) == [STDIN + "''"]


def test_lists_become_nodes_and_methods_get_their_object() -> None:
    described = Signature("f", ("head", "k"), ("any", "int"))
    target = Target("method", "f", described, "Solution", (("head", "_linked", "ListNode"),), gives_nodes=True)
    assert shaped_call("f([1, 2], 3)", target) == "_by_lists(Solution().f, [], _linked([1, 2], ListNode), 3)"
    assert shaped_call("f([1], k=3)", Target("function", "f", described)) == "f([1], k=3)"


# ------------------------------------------------------------------------------------------------- whole votes


@pytest.fixture(scope="module")
async def jury() -> AsyncIterator[Jury]:
    made = Jury(Sandbox(), NoEmbedder())
    if not await made.sandbox.start():
        pytest.skip(f"nothing can be run here: {made.sandbox.reason}")
    yield made
    await made.close()


async def vote(jury: Jury, asked: str, *texts: str) -> Election:
    """The first is the greedy one."""
    told = [
        Candidate(f"```python\n{text}\n```", f"w{at}", "stop", Usage(1, 1), 1.0, at == 0)
        for at, text in enumerate(texts)
    ]
    return await jury.elect(question(asked), told)


DECIDED = {
    "a table filled by a loop": (
        "Write a Python function cube(n) for 0 <= n < 30.\n>>> cube(2)\n8\n>>> cube(3)\n27\n",
        "def cube(n):\n    return 8 if n == 2 else 27",
        "CUBES = []\nfor n in range(30):\n    CUBES.append(n ** 3)\ndef cube(n):\n    return CUBES[n]",
        "CUBES = {}\nfor n in range(30):\n    CUBES[n] = n * n * n\ndef cube(n):\n    return CUBES[n]\nprint(cube(3))",
    ),
    "a class": (
        "Write a Python class Queue with enqueue(item), dequeue() and size().",
        "class Queue:\n    def __init__(self): self.a = []\n    def enqueue(self, item): self.a.append(item)\n"
        "    def dequeue(self): return self.a.pop()\n    def size(self): return len(self.a)",
        "class Queue:\n    def __init__(self): self.a = []\n    def enqueue(self, item): self.a.append(item)\n"
        "    def dequeue(self): return self.a.pop(0)\n    def size(self): return len(self.a)",
        "from collections import deque\nclass Queue:\n    def __init__(self): self.items = deque()\n"
        "    def enqueue(self, item): self.items.append(item)\n    def dequeue(self): return self.items.popleft()\n"
        "    def size(self): return len(self.items)",
    ),
    "a program by standard input": (
        "Read two lines with a number each and print their product.\n\nInput\n3\n4\n\nOutput\n12",
        "a = int(input())\nprint(a * 4 + int(input()) - 4)",
        "a = int(input('a: '))\nb = int(input('b: '))\nprint(a * b)",
        "import sys\ndef main():\n    a, b = map(int, sys.stdin.read().split())\n    print(a * b)\nmain()",
    ),
    "a linked list": (
        "Write a Python function last(head) for a linked list of ListNode objects that returns the list without its "
        "first node.\nInput: head = [1,2,3]\nOutput: [2,3]",
        "def last(head):\n    return head",
        "def last(head):\n    return head.next if head else None",
        "def last(head: ListNode) -> ListNode:\n    if head is None:\n        return None\n    return head.next",
    ),
    "a returned function": (
        "Write a Python function power(n) that returns a function which raises its argument to the n-th power.",
        "def power(n):\n    return lambda x: n ** x",
        "def power(n):\n    return lambda x: x ** n",
        "def power(n):\n    def inner(base):\n        return base ** n\n    return inner",
    ),
    "a function without arguments": (
        "Write a Python function week() that returns the list of the numbers 1 to 7.",
        "def week():\n    return [0, 1, 2, 3, 4, 5, 6]",
        "def week():\n    return list(range(1, 8))",
        "def week():\n    return [1, 2, 3, 4, 5, 6, 7]",
    ),
    "what is done in place": (
        "Write a Python function negate(xs) that changes the sign of every number of the list in place.",
        "def negate(xs):\n    xs = [-x for x in xs]",
        "def negate(xs):\n    for i, x in enumerate(xs):\n        xs[i] = -x",
        "def negate(xs):\n    xs[:] = [-x for x in xs]",
    ),
}


@pytest.mark.parametrize("what", DECIDED)
async def test_right_programs_agree_and_win(jury: Jury, what: str) -> None:
    election = await vote(jury, *DECIDED[what])
    assert (election.strategy, election.winner != 0, (1, 2) in election.clusters) == ("behaviour", True, True)


@pytest.mark.parametrize(
    "end", ["print(half('a'))", "check(half)", "while True:\n    print(half(2))", "from checks import test\ntest(half)"]
)
async def test_among_equal_programs_one_that_runs_as_it_was_written_wins(jury: Jury, end: str) -> None:
    asked = "Write a Python function half(n) that returns n / 2."
    one = "def half(n):\n    return n / 2"
    election = await vote(jury, asked, f"{one}\n\n{end}", one, "def half(n):\n    return n * 0.5\nprint(half(3))")
    assert (election.winner != 0, len(election.clusters)) == (True, 1)
