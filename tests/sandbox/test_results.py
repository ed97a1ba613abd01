"""What calls come to within the real sandbox: coroutines, iterators, functions, scripts, standard input."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from local_swarm.sandbox.canonical import canonical
from local_swarm.sandbox.host import Sandbox
from local_swarm.sandbox.job import CHANGED, PRINTED, SCRIPT, SPARE, STDIN, Job, Outcomes

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    made = Sandbox()
    if not await made.start():
        pytest.skip(f"nothing can be run here: {made.reason}")
    yield made
    await made.close()


async def outcomes(sandbox: Sandbox, program: str, *calls: str) -> Outcomes:
    found = await sandbox.run([Job(program, calls)])
    assert found is not None
    return found[0]


def value(of: object) -> str:
    return "=" + canonical(of)


async def test_coroutines_are_awaited_and_their_sleeps_take_no_time(sandbox: Sandbox) -> None:
    program = (
        "import asyncio\n"
        "async def f(x):\n    await asyncio.sleep(3600)\n    return x + 1\n"
        "async def both(a, b):\n    return await asyncio.gather(f(a), f(b))\n"
        "def outside(x):\n    return asyncio.run(f(x))"
    )
    told = await outcomes(sandbox, program, "f(1)", "both(1, 2)", "outside(4)", "f(2)")
    assert told == (value(2), value([2, 3]), value(5), value(3))


async def test_whoever_waits_for_what_never_comes_fails(sandbox: Sandbox) -> None:
    program = (
        "import asyncio\n"
        "async def dead():\n    await asyncio.Event().wait()\n"
        "async def polls():\n    while True:\n        await asyncio.sleep(1)\n"
        "async def fine():\n    return 1"
    )
    told = await outcomes(sandbox, program, "dead()", "polls()", "fine()")
    assert told == ("!DeadlockError", "!DeadlockError", value(1))


async def test_asynchronous_generators_count_as_what_they_give(sandbox: Sandbox) -> None:
    program = "async def f(n):\n    for i in range(n):\n        yield i"
    assert await outcomes(sandbox, program, "f(3)") == (value([0, 1, 2]),)


async def test_endless_iterators_are_told_apart_by_their_beginnings(sandbox: Sandbox) -> None:
    program = (
        "import itertools\n"
        "def loop():\n    n = 0\n    while True:\n        yield n\n        n += 1\n"
        "def other():\n    yield from itertools.count(1)\n"
        "class Count:\n    n = -1\n    def __iter__(self): return self\n"
        "    def __next__(self):\n        self.n += 1\n        return self.n"
    )
    told = await outcomes(sandbox, program, "loop()", "itertools.count()", "Count()", "other()")
    assert told[0] == told[1] == told[2] != told[3]


async def test_returned_functions_are_called(sandbox: Sandbox) -> None:
    program = (
        "def add(n):\n    return lambda x: x + n\n"
        "def also(n):\n    def inner(y):\n        return n + y\n    return inner\n"
        "def twice(n):\n    return lambda x: x + 2 * n"
    )
    one, other, wrong = await outcomes(sandbox, program, "add(3)", "also(3)", "twice(3)")
    assert one == other != wrong


async def test_functions_with_a_memory_are_called_more_than_once(sandbox: Sandbox) -> None:
    program = (
        "def counter():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n        return n\n    return step\n"
        "def stuck():\n    return lambda: 1"
    )
    one, other = await outcomes(sandbox, program, "counter()", "stuck()")
    assert one != other
    assert one.startswith("=")


async def test_decorators_with_arguments_are_told_apart(sandbox: Sandbox) -> None:
    program = (
        "def repeat(n):\n    def wrap(f):\n        def run(*a):\n            for _ in range(n):\n                last = f(*a)\n"
        "            return last\n        return run\n    return wrap"
    )
    one, other = await outcomes(sandbox, program, "repeat(2)", "repeat(3)")
    assert one != other


async def test_a_function_that_no_input_suits_gives_no_value(sandbox: Sandbox) -> None:
    assert await outcomes(sandbox, "def f():\n    return lambda x: x.nothing", "f()") == ("!TypeError",)


async def test_what_a_function_changes_counts_where_it_returns_nothing(sandbox: Sandbox) -> None:
    program = (
        "def turn(xs):\n    xs.reverse()\n"
        "def both(a, b):\n    a.append(1)\n    b.update(x=2)\n"
        "def named(*, xs):\n    xs.clear()"
    )
    told = await outcomes(sandbox, program, "turn([1, 2])", "turn([1])", "both([], {})", "named(xs=[1])")
    assert told == (
        CHANGED + canonical([2, 1]),
        value(None),
        CHANGED + canonical([[1], {"x": 2}]),
        CHANGED + canonical([]),
    )


async def test_a_script_goes_on_after_an_error_and_notes_values_as_they_were(sandbox: Sandbox) -> None:
    program = (
        "class Stack:\n    def __init__(self, *items):\n        self.items = list(items)\n"
        "    def push(self, x):\n        self.items.append(x)\n    def pop(self):\n        return self.items.pop()\n"
        "    def all(self):\n        return self.items\n    @property\n    def size(self):\n        return len(self.items)"
    )
    steps = [["all", []], ["push", [2]], ["size", []], ["pop", []], ["pop", []], ["pop", []], ["none", []]]
    told = await outcomes(sandbox, program, f"{SCRIPT}{['Stack', [5], steps]!r}", f"{SCRIPT}['Nothing', [], []]")
    assert told == (value([[5], None, 2, 2, 5, "!IndexError", "!AttributeError"]), "!KeyError")


async def test_whole_programs_read_standard_input_in_every_way(sandbox: Sandbox) -> None:
    given = STDIN + repr("2\n1 2\n")
    for body in (
        "n = int(input('how many? '))\nprint(sum(map(int, input().split())))",
        "import sys\nprint(sum(map(int, sys.stdin.read().split()[1:])))",
        "import sys\nsys.stdin.readline()\nprint(*[sum(map(int, line.split())) for line in sys.stdin], end=' \\n\\n')",
        "import sys\nnumbers = sys.stdin.buffer.read().split()[1:]\n"
        "sys.stdout.buffer.write(str(sum(map(int, numbers))).encode())",
        "import sys\nif __name__ == '__main__':\n    input()\n    print(sum(map(int, input().split())))\n    sys.exit(0)",
    ):
        assert await outcomes(sandbox, SPARE + SPARE + body, given, given) == (PRINTED + canonical("3"),) * 2


async def test_a_program_that_reads_on_at_the_end_meets_the_end(sandbox: Sandbox) -> None:
    assert await outcomes(sandbox, f"{SPARE}{SPARE}input()", f"{STDIN}''") == ("!EOFError",)


async def test_what_stands_for_a_program_is_taken_where_it_does_not_run(sandbox: Sandbox) -> None:
    right = "def f():\n    return 1"
    for top in ("nothing", "import no_such_module", "while True:\n    pass"):
        assert await outcomes(sandbox, f"{right}\n{top}{SPARE}{right}", "f()") == (value(1),)


async def test_nothing_of_a_program_that_does_not_run_is_left_for_the_other(sandbox: Sandbox) -> None:
    assert await outcomes(sandbox, f"x = 1\nnothing{SPARE}def f():\n    return x", "f()") == ("!NameError",)
