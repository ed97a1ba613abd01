"""JavaScript and TypeScript: what they define, what of them is run, and which answer is another name's."""

from __future__ import annotations

import json

import pytest

from local_swarm.sandbox.canonical import canonical
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.javascript import in_javascript, javascript_call
from local_swarm.voting.behaviour.javascript_targets import javascript_target, signature_in
from local_swarm.voting.javascript.answer import is_javascript, javascript_answer, javascript_span
from local_swarm.voting.javascript.module import has_grammar, javascript_module, module_by_patterns
from local_swarm.voting.javascript.program import APART, program_of, whole_program
from local_swarm.voting.javascript.typescript import without_types
from local_swarm.voting.question import Question, question

parsed = pytest.mark.skipif(not has_grammar(), reason="the grammars of JavaScript are not installed")

FORMS = [
    "function area(w, h) { return w * h; }",
    "async function area(w, h) { return w * h; }",
    "function* area(w, h) { yield w * h; }",
    "const area = (w, h) => w * h;",
    "let area = async (w, h) => { return w * h; };",
    "var area = function (w, h) { return w * h; };",
    "const area = function inner(w, h) { return w * h; };",
    "export function area(w, h) { return w * h; }",
    "export default function area(w, h) { return w * h; }",
    "export const area = (w, h) => w * h;",
    "module.exports = function area(w, h) { return w * h; };",
    "module.exports = { area(w, h) { return w * h; } };",
    "module.exports.area = (w, h) => w * h;",
    "exports.area = function (w, h) { return w * h; };",
    "const shapes = { area: (w, h) => w * h };",
    "const shapes = { area(w, h) { return w * h; } };",
    "class Solution { area(w, h) { return w * h; } }",
    "class Shapes { static area(w, h) { return w * h; } }",
    "(function () { window.area = function (w, h) { return w * h; }; })();",
    "globalThis.area = (w, h) => w * h;",
]


@parsed
@pytest.mark.parametrize("code", FORMS)
def test_a_function_is_found_in_every_form_with_its_parameters(code: str) -> None:
    module = javascript_module(code)
    found = signature_in(module, "area")
    assert module.defines("area") and found and (found.parameters, len(found.kinds)) == (("w", "h"), 2)


@parsed
@pytest.mark.parametrize("code", ["module.exports = (w, h) => w * h;", "export default (w, h) => w * h;"])
def test_what_is_exported_without_a_name_may_be_called_by_any(code: str) -> None:
    assert javascript_answer(code, "js", Question(entry_point="area")).valid
    assert "var area = " in program_of(code, javascript_module(code), "area")


@parsed
@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("function areaOf(w, h) { return w * h; }", "does not define area"),
        ("const area = 5;", "does not define area"),
        ("function area(w, h) { // to be done\n}", "does nothing"),
        ("function area(w, h) { return w * ; }", "does not parse"),
        ("", "empty"),
    ],
)
def test_what_is_not_the_function_asked_for_has_a_complaint(code: str, complaint: str) -> None:
    assert javascript_answer(code, "js", Question(entry_point="area")).complaint == complaint


@parsed
def test_what_merely_uses_a_function_is_taken_away_and_what_it_needs_stays() -> None:
    code = """const table = [];
for (let n = 0; n < 3; n += 1) table.push(n);
function at(n) { return table[n]; }
console.log(at(1));
at(2);
for (const n of [1, 2]) { show(at(n)); }
at.limit = 3;
"""
    scripts = program_of(code, javascript_module(code), "at").split(APART)
    assert scripts == [
        "function at(n) { return table[n]; }",
        "const table = [];",
        "for (let n = 0; n < 3; n += 1) table.push(n);",
        "at.limit = 3;",
    ]


@parsed
def test_imports_and_exports_are_written_as_a_script_may_have_them() -> None:
    code = (
        "import fs, { a as b } from 'fs';\nimport * as p from \"path\";\nexport const f = () => b;\nexport { f as g };"
    )
    assert program_of(code, javascript_module(code), "f").replace(APART, "\n").split("\n") == [
        "const fs = require('fs');",
        "const { a: b } = require('fs');",
        'const p = require("path");',
        "const f = () => b;",
        "var g = f;",
    ]


@parsed
def test_a_whole_program_that_waits_at_its_top_runs_within_a_function() -> None:
    code = "const main = async () => 3;\nawait main();"
    assert whole_program(code, javascript_module(code)).startswith("(async () => {\n")


@parsed
def test_a_function_that_waits_stays_and_waiting_at_the_top_goes() -> None:
    code = (
        "async function f(x) { return await x; }\nconst y = await f(1);\nfor await (const z of g()) h(z);\nconst k = 2;"
    )
    assert program_of(code, javascript_module(code), "f").split(APART) == [code.split("\n")[0], "const k = 2;"]


@parsed
def test_a_constructor_is_given_what_it_must_have() -> None:
    begun = "class S {\n  constructor(private readonly all: number[] = []) {}\n  add(x: number) { this.all.push(x); }\n"
    code = begun + "  last() { return this.all.at(-1); }\n}"
    asked = question("Write a TypeScript class S with add and last.")
    target = javascript_target(asked, [javascript_answer(code, "ts", asked)])
    assert target and target.described and (target.described.kinds, target.methods[0].kinds) == ((), ("int",))


@parsed
def test_types_are_taken_out_and_what_typescript_adds_is_written_out() -> None:
    code = """interface P { x: number }
type Q = string | number;
function f<T extends string>(x: T, y?: number, z: Map<string, number[]> = new Map()): x is T { return (x as any)!; }
abstract class A<T> extends B<T> implements C {
  private readonly n: number = 3;
  declare y: string;
  constructor(private a: number, public b?: string) { super(); }
  abstract m(): void;
}
enum E { One, Four = 4, Five }
function g(x: number): number;
function g(x: any): any { return x satisfies P; }
"""
    plain = without_types(code)
    assert javascript_module(plain).language == "javascript"
    assert "this.a = a; this.b = b;" in plain and "'One': 0, 'Four': 4, 'Five': 5" in plain
    assert "function f(x, y, z = new Map())" in plain


@parsed
def test_kinds_of_parameters_come_from_types_and_from_names() -> None:
    module = javascript_module(
        "function f(a: number[], b: string, words, {x, y}, cb: (n: number) => void, k = 3) {}", "ts"
    )
    found = signature_in(module, "f")
    assert found and found.kinds == ("list[int]", "str", "?list[str]", "dict", "function")


def test_a_program_without_a_grammar_is_read_by_patterns() -> None:
    module = module_by_patterns("const f = async (x) => x;\nfunction g(a, b) { return a; }\n", "javascript", False)
    assert module.parses and dict(module.functions) == {"f": ("x",), "g": ("a", "b")}


@parsed
def test_javascript_is_told_from_other_languages_and_words() -> None:
    assert all(is_javascript(code) for code in FORMS)
    for other in (
        "def f(x):\n    return x",
        "SELECT a FROM b;",
        ".a { color: red }",
        "It is a function that returns x.",
        '{"a": 1}',
        "public class A { public static void main(String[] a) { } }",
        "package main\n\nfunc f(x int) int { return x }",
    ):
        assert not is_javascript(other)


@parsed
def test_code_between_words_is_found_without_a_fence() -> None:
    code = "function f(x) {\n  return x;\n}"
    assert javascript_span(f"Here it is:\n\n{code}\n\nThis function gives back what it gets. It's short.") == code
    assert javascript_span("The function is good; let me explain.") is None


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("f([1, (2, 'x')], None, True)", '[1, [2, "x"]], null, true'),
        ("bool(f({'a': -1.5}))", '({["a"]: (-1.5)})'),
        ("f({1, 2})", "new Set([1, 2])"),
        ("list(f(lambda x: x + 1))", "((x) => (x + 1))"),
        ("f(float('inf'))", "Infinity"),
    ],
)
def test_calls_are_written_as_in_javascript(call: str, given: str) -> None:
    made = javascript_call(call, "f")
    assert made and json.loads(made) == {"call": "f", "given": given}


def test_calls_of_something_else_or_with_names_are_none() -> None:
    assert [javascript_call(one, "f") for one in ("g(1)", "f(x=1)", "f(g(1))", "f(", "f(1)[0]")] == [None] * 5


def test_scripts_and_standard_input_are_written_as_the_sandbox_takes_them() -> None:
    script = javascript_call("script: ['Stack', [2], [['push', [1]], ['pop', []]]]", "Stack")
    assert script and json.loads(script) == {"call": "Stack", "given": "2", "steps": [["push", "1"], ["pop", ""]]}
    assert json.loads(javascript_call("stdin: '3\\n4\\n'", "") or "") == {"input": "3\n4\n"}


def test_numbers_that_are_keys_are_texts() -> None:
    made = in_javascript(Example("f(3)", canonical({2: "x,1:y", 3: {1: 0}})), "f")
    assert made and made.wanted == canonical({"2": "x,1:y", "3": {"1": 0}})


@parsed
def test_a_class_is_called_by_its_methods_and_a_program_as_a_whole() -> None:
    stack = """class Stack {
  constructor() { this.all = []; }
  push(x) { this.all.push(x); }
  pop() { return this.all.pop(); }
}"""
    answers = [javascript_answer(stack, "js", question("Write a JavaScript class Stack with push and pop."))]
    target = javascript_target(question("Write a JavaScript class Stack with push and pop."), answers)
    assert target and (target.form, target.name, [one.name for one in target.methods]) == (
        "class",
        "Stack",
        ["pop", "push"],
    )
    reads = "const n = Number(require('fs').readFileSync(0, 'utf8'));\nconsole.log(n * 2);"
    asked = question("Write a JavaScript program that reads a number from standard input and prints its double.")
    found = javascript_target(asked, [javascript_answer(reads, "js", asked)])
    assert found and found.form == "program"
