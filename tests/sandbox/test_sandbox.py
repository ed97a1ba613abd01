"""The sandbox from the daemon's end: what it returns, when it is off, and that it comes back. Escapes are in test_escapes.py."""

from __future__ import annotations

import ast
import asyncio
import copy
import json
import shutil
import sys
from array import array
from collections import deque
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.sandbox import host
from local_swarm.sandbox.canonical import MOST_DRAWN, ValueTooLarge, canonical
from local_swarm.sandbox.host import PLAIN, Sandbox
from local_swarm.sandbox.job import Job
from local_swarm.sandbox.link import ServerSetting, command_for

pytestmark = pytest.mark.anyio

ADD = Job("def f(x, y=1):\n    return x + y", ("f(1)", "f('a')", "f(1.5, 2)", "f([1], [2])"))
ADDED = ("=2", "!TypeError", "=3.5", "=[1,2,]")
PACKAGE = Path(host.__file__).parent


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    made = Sandbox()
    if not await made.start():
        pytest.skip(f"nothing can be run here: {made.reason}")
    yield made
    await made.close()


async def test_every_call_has_its_outcome(sandbox: Sandbox) -> None:
    assert await sandbox.run([ADD]) == [ADDED]


async def test_many_programs_are_answered_in_their_order(sandbox: Sandbox) -> None:
    jobs = [Job(f"def f():\n    return {number}", ("f()",)) for number in range(40)]
    assert await sandbox.run(jobs) == [(f"={number}",) for number in range(40)]


async def test_votes_at_the_same_time_do_not_mix(sandbox: Sandbox) -> None:
    async def vote(number: int) -> bool:
        jobs = [Job(f"def f():\n    return ({number}, {place})", ("f()",)) for place in range(3)]
        return await sandbox.run(jobs) == [(f"=({number},{place},)",) for place in range(3)]

    assert all(await asyncio.gather(*map(vote, range(8))))


async def test_a_vote_that_is_cancelled_leaves_the_next_alone(sandbox: Sandbox) -> None:
    slow = asyncio.create_task(sandbox.run([Job("import time", ("time.sleep(0.5)",))] * 2))
    await asyncio.sleep(0)
    slow.cancel()
    assert await sandbox.run([ADD]) and sandbox._links[PLAIN].votes == {}


async def test_a_call_comes_only_when_the_one_before_has_been_answered(sandbox: Sandbox) -> None:
    program = "import os\ndef f(x):\n    os.set_blocking(3, False)\n    try:\n        return os.read(3, 100)\n"
    program += "    except BlockingIOError:\n        return x"
    told = await sandbox.run([Job(program, ("1", "2")), Job("import os\nx = os.read", ("1",))])
    assert told == [("=1", "=2"), ("=1",)]


async def test_programs_and_calls_of_any_length_and_letters_arrive(sandbox: Sandbox) -> None:
    job = Job("x = '" + "ä" * 150_000 + "'", ("len(x)", "len('" + "ö" * 15_000 + "')", "'\\ud800' * 2", "'\ud800'"))
    assert await sandbox.run([job]) == [("=150000", "=15000", "='\\ud800\\ud800'", "!SyntaxError")]


async def test_what_is_printed_counts_where_nothing_is_returned(sandbox: Sandbox) -> None:
    job = Job("def f(x):\n    print('so', x)\ndef g(x):\n    print(x)\n    return x", ("f(1)", "f(2)", "g(1)"))
    first, second, third = (await sandbox.run([job]) or [()])[0]
    assert first != second and first.startswith("=print:") and third == "=1"


async def test_usual_modules_are_there_and_others_are_not(sandbox: Sandbox) -> None:
    job = Job(
        "import math, re, collections, itertools, datetime, decimal, hashlib, typing, statistics, string",
        ("math.pi", "__import__('sqlite3')"),
    )
    assert await sandbox.run([job]) == [("=3.14159265", "?sqlite3")]


async def test_the_same_program_gives_the_same_every_time(sandbox: Sandbox) -> None:
    job = Job("import random", ("list({'b', 'a', 'z', 'q'})", "random.random()", "hash('x')"))
    first = await sandbox.run([job])
    other = Sandbox()
    assert first == await sandbox.run([job]) == await other.run([job])
    await other.close()


async def test_after_it_died_it_comes_back_however_often_and_the_vote_goes_on(sandbox: Sandbox) -> None:
    slow = Job("import time\ndef f():\n    time.sleep(0.4)\n    return 1", ("f()",))
    for _ in range(4):
        assert await sandbox.start()
        process = sandbox._links[PLAIN].process
        assert process
        asyncio.get_running_loop().call_later(0.2, process.kill)
        assert await sandbox.run([slow, ADD]) == [("=1",), ADDED]
    assert sandbox.reason is None


async def test_no_tier_means_off_and_off_runs_nothing() -> None:
    off = Sandbox(())
    assert await off.run([ADD]) is None and off.tier is None and "switched off" in str(off.reason)


async def test_a_tier_that_does_not_hold_is_not_used() -> None:
    sandbox = Sandbox(["seatbelt" if sys.platform == "linux" else "landlock"])
    assert not await sandbox.start()
    assert sandbox.tier is None and "no sandbox holds on this system" in str(sandbox.reason)


@pytest.mark.parametrize(
    ("platform", "termux"),
    [("win32", False), ("linux", True), ("freebsd14", False)],
    ids=["windows", "termux", "other"],
)
def test_where_there_is_no_isolation_nothing_is_started(platform: str, termux: bool) -> None:
    environment = {"TERMUX_VERSION": "0.118"} if termux else {}
    assert all(isinstance(command_for(ServerSetting(tier, 1), platform, environment), str) for tier in host.TIERS)


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
def test_bubblewrap_is_preferred_and_shows_nothing_of_the_home() -> None:
    told = command_for(ServerSetting("bubblewrap", 1))
    assert isinstance(told, list)
    command = json.loads(told[-1])["walls"]
    assert "--unshare-all" in command and str(PACKAGE) not in command
    assert (
        str(Path.home()) not in command
        and "/etc" not in command
        and "/" not in command[command.index("--ro-bind-try") :][1:2]
    )


@pytest.mark.parametrize(
    "name",
    ["server", "child", "turns", "clock", "template", "calls", "canonical", "scientific", "system", "launch", "macos"],
)
def test_what_runs_inside_needs_the_standard_library_alone(name: str) -> None:
    tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    outside = {one for one in names if one.split(".")[0] not in sys.stdlib_module_names}
    assert all(one.startswith("local_swarm.sandbox") for one in outside)


# ------------------------------------------------------------------------------------------ canonical values

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(values)
def test_equal_values_have_equal_forms(value: object) -> None:
    assert canonical(value) == canonical(copy.deepcopy(value))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (True, 1),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2}, {2, 1}),
        (0.1 + 0.2, 0.3),
        (range(2), [0, 1]),
        (frozenset("a"), {"a"}),
        (Decimal("1.50"), 1.5),
        (Decimal("1E+30"), 10**30),
        (Fraction(4, 2), 2),
        (Fraction(1, 4), Decimal("0.25")),
        (deque([1, 2]), [1, 2]),
        (array("i", [1]), [1]),
        (date(2020, 1, 2), date.fromisoformat("2020-01-02")),
    ],
)
def test_what_python_calls_equal_is_equal(one: object, other: object) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        ([1], (1,)),
        (None, 0),
        ("a'", 'a"'),
        ([], {}),
        ([[1], 2], [1, [2]]),
        (1e-7, 0),
        (Decimal("0.1"), Decimal("0.2")),
        (Decimal("NaN"), Decimal("Infinity")),
        (1 + 23j, 12 + 3j),
        (date(2020, 1, 2), date(2020, 1, 3)),
        (datetime(2020, 1, 2, 3), datetime(2020, 1, 2, 4)),
        (timedelta(1), timedelta(2)),
    ],
)
def test_what_differs_differs(one: object, other: object) -> None:
    assert canonical(one) != canonical(other)


def test_long_values_are_told_by_their_digest_endless_ones_by_their_beginning_or_not_at_all() -> None:
    assert len(canonical("x" * 10_000)) < 100 and canonical("x" * 10_000) != canonical("x" * 9_999 + "y")
    endless: list[object] = []
    endless.append(endless)
    assert canonical(n for n in iter(int, 1)) == canonical([0] * MOST_DRAWN)
    for value in (endless, [0] * 10**6):
        with pytest.raises(ValueTooLarge):
            canonical(value)
