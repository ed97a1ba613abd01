"""JavaScript in the sandbox: what it returns, and that it cannot get out."""

from __future__ import annotations

import asyncio
import json
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
    await made.close()


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


def call(name: str, given: str = "") -> str:
    return json.dumps({"call": name, "given": given})


@pytest.mark.parametrize(
    ("program", "given", "outcome"),
    [
        ("async function f(x) { await null; return x + 1 }", "1", "=2"),
        ("const f = (x) => new Promise((done) => setTimeout(() => done(x), 60000))", "7", "=7"),
        ("async function f() { throw new TypeError('no') }", "", "!TypeError"),
        ("const f = () => new Promise(() => {})", "", "!Error"),
        ("function* f(n) { for (let i = 0; i < n; i++) yield i }", "3", "=[0,1,2,]"),
        ("async function* f(n) { for (let i = 0; i < n; i++) yield i }", "3", "=[0,1,2,]"),
        ("const f = (a) => (b) => a + b", "1", "=called:[nan,2,3,'1ab','13,1,2',]"),
        ("const f = (xs) => { xs.sort() }", "[3, 1, 2]", "=changed:[1,2,3,]"),
        ("const f = (xs) => { console.log(xs.length, 'left') }", "[3]", "=print:'1 left\\n'"),
        ("class f { constructor(x) { this.x = x } }", "5", "={'x':5}"),
        ("const f = () => new Map([['a', 1], [2, undefined]])", "", "={'2':None,'a':1}"),
        ("const f = () => ({ 2: 'b', a: new Uint8Array([1, 2]) })", "", "={'2':'b','a':[1,2,]}"),
        ("const f = () => [new Date(0), /a/g, -0, new Number(3)]", "", "=[<1970-01-01T00:00:00.000Z>,</a/g>,0,3,]"),
        ("const f = () => require('util').format('%s!', require('path').join('a', 'b'))", "", "='a/b!'"),
    ],
)
async def test_what_a_call_comes_to(node: JavaScriptRunner, program: str, given: str, outcome: str) -> None:
    assert await outcomes(node, program, call("f", given)) == (outcome,)


@pytest.mark.parametrize("value", [1e-07, 1234567.12, 12345678901.5, 10**15 + 1, 10.0**20, "a\u200bb\x07é"])
async def test_numbers_and_texts_are_written_digit_by_digit_as_in_python(node: JavaScriptRunner, value: object) -> None:
    assert await outcomes(node, "", json.dumps(value)) == (f"={canonical(value)}",)


async def test_a_demonstration_that_crashes_or_never_ends_harms_nothing(node: JavaScriptRunner) -> None:
    scripts = ["const f = (x) => g(x)", "document.title = f(1)", "while (true) {}", "const g = (x) => 2 * x"]
    assert await outcomes(node, "\x01".join(scripts), call("f", "4")) == ("=8",)


async def test_a_module_that_is_not_here_is_named_where_it_is_used(node: JavaScriptRunner) -> None:
    program = "const { sum } = require('nonesuch')\x01const f = (x) => x\x01const g = (x) => sum(x)"
    assert await outcomes(node, program, call("f", "1"), call("g", "[1]")) == ("=1", "?nonesuch")


async def test_an_object_is_driven_by_a_script_that_goes_on_after_an_error(node: JavaScriptRunner) -> None:
    program = (
        "class S { constructor(n) { this.n = n } take(m) { if (m > this.n) throw new RangeError(); this.n -= m } }"
    )
    script = {"call": "S", "given": "5", "steps": [["take", "2"], ["take", "9"], ["n", ""], ["give", ""]]}
    assert await outcomes(node, program, json.dumps(script)) == ("=[None,'!RangeError',3,'!TypeError',]",)


READERS = {
    "read at once": "const t = require('fs').readFileSync(0, 'utf8').trim().split('\\n'); console.log(t[1] + t[0]);",
    "as a stream": "let s = ''; process.stdin.on('data', (c) => s += c); "
    "process.stdin.on('end', () => { const t = s.split('\\n'); console.log(t[1] + t[0]) });",
    "line by line": "const rl = require('readline').createInterface({ input: process.stdin }); const t = []; "
    "rl.on('line', (l) => t.push(l)).on('close', () => console.log(t[1] + t[0]));",
    "by questions": "const rl = require('readline').createInterface({ input: process.stdin }); "
    "rl.question('', (a) => rl.question('', (b) => { console.log(b + a); rl.close() }));",
    "in a loop": "(async () => { const t = []; for await (const l of require('readline').createInterface({})) t.push(l); "
    "console.log(t[1] + t[0]) })();",
}


@pytest.mark.parametrize("program", READERS.values(), ids=list(READERS))
async def test_programs_read_their_standard_input(node: JavaScriptRunner, program: str) -> None:
    assert await outcomes(node, program, json.dumps({"input": "3\n4\n"})) == ("=print:'43'",)


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
