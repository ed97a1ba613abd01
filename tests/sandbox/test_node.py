"""JavaScript in the sandbox: what it returns, and that it cannot get out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_swarm.sandbox.canonical import canonical
from local_swarm.sandbox.job import Job
from local_swarm.sandbox.node import LEAST_S, JavaScriptRunner, VoteBudget

pytestmark = pytest.mark.anyio

OUT = """
const p = this.constructor.constructor('return process')();
const get = (name) => p.getBuiltinModule(name);
function spawn(file) { const r = get('child_process').spawnSync(file); if (r.error) throw r.error; return r.status; }
"""


@pytest.fixture(scope="module")
async def node() -> AsyncIterator[JavaScriptRunner]:
    made = JavaScriptRunner(2)
    if await made.run([Job("", ("1",), "javascript")]) is None:
        pytest.skip(str(made.reason))
    yield made


async def outcomes(node: JavaScriptRunner, program: str, *calls: str) -> tuple[str, ...]:
    found = await node.run([Job(program, calls, "javascript")])
    assert found
    return found[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("3", 3),
        ("3.0", 3),
        ("0.1 + 0.2", 0.3),
        ("'a\\'b'", "a'b"),
        ("[1, [2, 'x']]", [1, [2, "x"]]),
        ("null", None),
        ("undefined", None),
        ("true", True),
        ("({b: 1, a: [null]})", {"a": [None], "b": 1}),
        ("new Set([2, 1])", {1, 2}),
        ("10n ** 15n", 10**15),
        ("'x'.repeat(1000)", "x" * 1000),
        ("NaN", float("nan")),
        ("-Infinity", float("-inf")),
    ],
)
async def test_values_are_written_as_python_writes_them(node: JavaScriptRunner, written: str, value: object) -> None:
    assert await outcomes(node, "", written) == (f"={canonical(value)}",)


async def test_programs_of_all_styles_can_be_called(node: JavaScriptRunner) -> None:
    for program in (
        "function f(x) { return x + 1 }",
        "export const f = (x) => x + 1;",
        "export default function f(x) { console.log(x); return x + 1 }",
    ):
        assert await outcomes(node, program, "f(1)") == ("=2",)


async def test_what_goes_wrong_has_a_name(node: JavaScriptRunner) -> None:
    assert await outcomes(node, "function f( {", "f()") == ("!SyntaxError",)
    assert await outcomes(node, "", "g()", "null.x", "(() => { throw 3 })()") == (
        "!ReferenceError",
        "!TypeError",
        "!Error",
    )
    endless = await outcomes(node, "function f() { while (true); }", "f()", "f()", "f()")
    assert endless == ("~", "~", "~")
    assert (await outcomes(node, "", "(() => { const a = []; while (true) a.push(new Array(1e6).fill(1)) })()"))[0][
        0
    ] in "!~"


@pytest.mark.parametrize(
    "call",
    [
        "get('fs').readFileSync('/etc/passwd', 'utf8')",
        "get('fs').readdirSync('/')",
        "get('fs').writeFileSync('ESCAPED', 'x')",
        "get('fs').readFileSync('/proc/self/environ', 'utf8')",
        "spawn('/bin/true')",
        "spawn(p.execPath)",
        "p.kill(p.ppid, 0)",
        "p.kill(1, 9)",
        "get('fs').opendirSync('/proc/self/fd')",
        "(() => { const {TCP} = p.binding('tcp_wrap'); const s = new TCP(0); if (s.bind('127.0.0.1', 0)) throw Error(); })()",
        "p.dlopen({exports: {}}, '/lib/x86_64-linux-gnu/libc.so.6')",
        "p.setuid(0) || get('fs').readFileSync('/etc/shadow')",
        "p.env.HOME.length",
        "new WebAssembly.Module(new Uint8Array([0]))",
    ],
)
async def test_there_is_no_way_out(node: JavaScriptRunner, call: str, tmp_path: Path) -> None:
    marker = tmp_path / "escaped"
    outcome = (await outcomes(node, OUT, call.replace("ESCAPED", str(marker)), "1"))[0]
    assert outcome.startswith("!") and not marker.exists()


async def test_floods_and_sudden_ends_are_bounded(node: JavaScriptRunner) -> None:
    flood = "while (true) get('fs').writeSync(1, '=1\\n'.repeat(1000))"
    assert set(await outcomes(node, OUT, f"(() => {{ {flood} }})()", "1")) <= {"=1", "~", "!TooMuch", "!Died"}
    assert await outcomes(node, OUT, "p.reallyExit(0)", "1") == ("!Died", "!Died")
    assert await outcomes(node, "", "1 + 1") == ("=2",)


async def test_no_call_is_there_before_its_turn(node: JavaScriptRunner) -> None:
    reads = "get('fs').readSync(0, Buffer)"
    early = f"(() => {{ const b = p.getBuiltinModule('buffer').Buffer.alloc(99); {reads.replace('Buffer', 'b')}; return b }})()"
    outcomes_told = await outcomes(node, OUT, early, "1 + 1")
    assert outcomes_told[0] == "~" or outcomes_told[0].startswith("!")  # it waits for what does not come


async def test_whoever_sleeps_costs_a_second_and_votes_share_the_places(node: JavaScriptRunner) -> None:
    sleep = "function f(x) { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1e6) }"
    began = time.monotonic()
    sleepers = [Job(f"{sleep} // {number}", ("f(1)", "f(2)"), "javascript") for number in range(8)]
    honest = [Job("function f(x) { return x + 1 }", ("f(1)", "f(2)"), "javascript")] * 3
    hostile = asyncio.create_task(node.run([*sleepers, *honest]))
    await asyncio.sleep(0)
    beside = await node.run(honest)
    assert beside == [("=2", "=3")] * 3 and time.monotonic() - began < 3.0
    told = await hostile
    assert told and told[8:] == [("=2", "=3")] * 3 and set(told[0]) == {"~"}
    assert time.monotonic() - began < 5.0


def test_a_program_has_its_share_of_what_its_vote_has_left() -> None:
    vote = VoteBudget(2.0, 8)
    assert (vote.of_one(0.0), vote.of_one(0.1)) == (0.25, 0.15)
    vote.spend(0.0)
    assert vote.of_one(0.0) > 0.25
    for _ in range(6):
        vote.spend(0.3)
    assert LEAST_S <= vote.of_one(0.0) <= 0.2 and vote.of_one(9.0) == LEAST_S
