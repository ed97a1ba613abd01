"""Scientific libraries in the sandbox: which are wanted, what their values are, and how long they have a server."""

from __future__ import annotations

import sys
import time

import pytest

from local_swarm.sandbox import host, libraries, scientific
from local_swarm.sandbox.canonical import canonical
from local_swarm.sandbox.host import PLAIN, Sandbox, idle, lacking_libraries, surplus
from local_swarm.sandbox.job import Job
from local_swarm.sandbox.libraries import imported_libraries
from local_swarm.sandbox.link import Link, ServerSetting

pytestmark = pytest.mark.anyio

NUMPY = frozenset({"numpy"})


@pytest.mark.parametrize(
    "program",
    [
        "import numpy",
        "import numpy as np",
        "from numpy.linalg import inv",
        "import os, numpy as np",
        "def f():\n    import numpy.fft",
        "\tfrom numpy import *",
        "x = 1\nimport  numpy\n",
    ],
)
def test_imports_are_seen(program: str) -> None:
    assert imported_libraries([program]) == NUMPY


@pytest.mark.parametrize(
    "program", ["", "import math", "numpy = 1", "# import numpy", "import nonesuch", "importnumpy"]
)
def test_other_words_are_no_imports(program: str) -> None:
    assert imported_libraries([program]) == PLAIN


def test_looking_for_imports_is_linear() -> None:
    began = time.process_time()
    for text in ("import " + "a," * 300_000, " " * 600_000, "from " * 100_000, "import " * 100_000, "\n" * 600_000):
        imported_libraries([text])
    assert time.process_time() - began < 3.0


def test_a_server_with_one_library_loads_no_other() -> None:
    assert all(name.split(".")[0] == "numpy" for name in libraries.modules(NUMPY))


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("np.array([1, 2])", [1, 2]),
        ("np.int64(3)", 3),
        ("np.float64(0.1) + 0.2", 0.3),
        ("np.bool_(True)", True),
        ("np.arange(6).reshape(2, 3)", [[0, 1, 2], [3, 4, 5]]),
        ("np.array(['a'])", ["a"]),
        ("np.longdouble(1.5)", 1.5),
        ("np.array([1, None], dtype=object)", [1, None]),
        ("{'a': np.float32(2)}", {"a": 2}),
        ("(np.int8(1), 2)", (1, 2)),
        ("np.linalg.inv(np.eye(2) * 2).tolist()", [[0.5, 0], [0, 0.5]]),
        ("np.random.rand() == np.random.rand()", False),
    ],
)
async def test_values_of_numpy_are_those_that_python_calls_equal(sandbox: Sandbox, call: str, value: object) -> None:
    assert await sandbox.run([Job("import numpy as np", (call,))]) == [(f"={canonical(value)}",)]


async def test_random_numbers_are_the_same_every_time(sandbox: Sandbox) -> None:
    one, other = [Job(f"import numpy as np\n# {number}", ("np.random.rand(3)",)) for number in (1, 2)]
    told = await sandbox.run([one, other])
    assert told and told[0] == told[1] and told[0][0].startswith("=[")


async def test_a_program_cannot_lie_by_a_class_of_its_own(sandbox: Sandbox) -> None:
    program = "import numpy as np\nclass Liar(np.ndarray):\n    def tolist(self): return [4]\n    size = 1"
    assert await sandbox.run([Job(program, ("np.array([3]).view(Liar)",))]) == [("=[3,]",)]


async def test_an_endless_array_is_no_value(sandbox: Sandbox) -> None:
    assert await sandbox.run([Job("import numpy as np", ("np.zeros(10**7)",))]) == [("!ValueTooLarge",)]


async def test_imports_that_cannot_be_seen_are_found_out(sandbox: Sandbox) -> None:
    job = Job("def f():\n    return __import__('numpy').array([1]) + 1", ("f()",))
    await sandbox.run([Job("import numpy", ("1",))])
    assert await sandbox.run([job]) == [("=[2,]",)]


async def test_nobody_waits_for_libraries_on_the_word_of_an_error() -> None:
    other = Sandbox()
    if not await other.start():
        pytest.skip(f"nothing can be run here: {other.reason}")
    job = Job("def f():\n    raise ModuleNotFoundError('no', name='numpy')", ("f()",))
    assert await other.run([job]) == [("?numpy",)]
    assert set(other._links) == {PLAIN}
    await other.close()


async def test_plain_programs_do_not_wait_for_libraries(sandbox: Sandbox) -> None:
    plain, numeric = Job("def f():\n    return 1", ("f()",)), Job("import numpy", ("numpy.int64(1)",))
    assert await sandbox.run([plain, numeric, plain]) == [("=1",)] * 3
    assert set(sandbox._links) == {PLAIN, NUMPY}


async def test_programs_with_libraries_are_behind_the_same_walls(sandbox: Sandbox) -> None:
    program = "import numpy as np, os"
    calls = (
        "open('/etc/passwd')",
        "np.fromfile('/etc/passwd')",
        "os.fork()",
        "np.load('/tmp/x')",
        "np.zeros(10**11) + 1",
    )
    told = await sandbox.run([Job(program, calls)])
    assert told and all(outcome.startswith("!") for outcome in told[0])
    told = await sandbox.run([Job(program, ("np.__file__",))])
    assert told and told[0][0].startswith("='/proc/self/fd/")  # not even where it lies is known in there


async def test_what_sympy_finds_can_be_compared(sandbox: Sandbox) -> None:
    if not imported_libraries(["import sympy"]):
        pytest.skip("sympy is not installed")
    calls = (
        "s.Integer(3)",
        "s.Rational(1, 2)",
        "s.solve(x - 2)",
        "x + 1 == 1 + x",
        "1 + x",
        "s.Matrix([[1]])",
        "s.factorint(12)",
    )
    told = await sandbox.run([Job("import sympy as s\nx = s.Symbol('x')", calls)])
    wanted_values = (3, 0.5, [2], True, None, [[1]], {2: 2, 3: 1})
    assert (
        told
        and [a for a, b in zip(told[0], wanted_values, strict=True) if b is not None and a != f"={canonical(b)}"] == []
    )
    assert told[0][4].startswith("=('sympy',")


def test_pandas_values_are_told_by_their_contents() -> None:
    pandas = pytest.importorskip("pandas")
    plain = scientific.of_pandas(pandas)
    assert plain[pandas.Series](pandas.Series([1, None])) != plain[pandas.Series](pandas.Series([1, 2]))
    assert plain[pandas.DataFrame](pandas.DataFrame({"a": [1]})) == ("DataFrame", ["a"], [[1]], [0])


def test_what_was_lacking_is_asked_for_only_where_it_can_be_had() -> None:
    assert lacking_libraries(("=1", "?numpy.linalg", "?nonesuch", "!numpy")) == NUMPY


def test_a_server_with_libraries_ends_when_nobody_wants_it() -> None:
    links = {which: Link(ServerSetting("landlock", 1), used=100.0) for which in (PLAIN, NUMPY)}
    assert idle(links, 100.0 + host.SERVER_IDLE_S + 1) == [NUMPY] and idle(links, 200.0) == []


def test_the_server_that_was_unused_longest_makes_room_and_the_plain_one_never() -> None:
    names = [PLAIN, NUMPY, frozenset({"scipy"}), frozenset({"sympy"})]
    links = {which: Link(ServerSetting("landlock", 1), used=float(at)) for at, which in enumerate(names)}
    assert surplus(links) == [NUMPY]
    links[NUMPY].votes[1] = {}
    assert surplus(links) == [frozenset({"scipy"})]
    assert surplus({which: links[which] for which in names[:3]}) == []


async def test_votes_that_want_different_libraries_in_turn_end_up_with_one_server_for_all(sandbox: Sandbox) -> None:
    some = ["regex", "sortedcontainers", "networkx", "yaml", "typing_extensions"]
    here = [name for name in some if imported_libraries([f"import {name}"])]
    for name in [*here, *here]:
        assert await sandbox.run([Job(f"import {name}", ("1",))]) == [("=1",)]
    assert sum(map(bool, sandbox._links)) <= host.MOST_SERVERS


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted on Linux")
async def test_a_library_that_starts_threads_has_no_server(sandbox: Sandbox) -> None:
    assert sandbox.tier
    thread = "import threading, time; threading.Thread(target=time.sleep, args=(5,), daemon=True).start()"
    problem = await Link(ServerSetting(sandbox.tier, 1, ("json",), (), (thread,))).start()
    assert problem and "threads" in problem.words
