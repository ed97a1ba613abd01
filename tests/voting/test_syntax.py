from __future__ import annotations

import pytest

from local_swarm.voting.extract import extract_text
from local_swarm.voting.similarity.structure import structural
from local_swarm.voting.similarity.syntax import GRAMMARS, parser, syntax_words

pytest.importorskip("tree_sitter", reason="tree-sitter is not installed")

SAME = {
    "js": (
        "function f(xs) { let t = 0; for (const x of xs) t += x; return t }",
        "function g(a) {\n  // add\n  let s = 0;\n  for (const v of a) s += v;\n  return s }",
    ),
    "java": (
        "int f(int[] a) { int s = 0; for (int v : a) s += v; return s; }",
        "int sum(int[] xs) { /* add */ int t = 0; for (int x : xs) t += x; return t; }",
    ),
    "go": (
        "func f(xs []int) int { t := 0; for _, x := range xs { t += x }; return t }",
        "func g(a []int) int { s := 0; for _, v := range a { s += v }; return s }",
    ),
    "rust": (
        "fn f(xs: &[i32]) -> i32 { let mut t = 0; for x in xs { t += x; } t }",
        "fn g(a: &[i32]) -> i32 { let mut s = 0; for v in a { s += v; } s }",
    ),
    "c": (
        "int f(int *a, int n) { int s = 0; return s + a[n]; }",
        "int g(int *b, int m) { int t = 0; return t + b[m]; }",
    ),
    "php": ("<?php function f($a) { return array_sum($a); }", "<?php function g($xs) { return array_sum($xs); }"),
    "ruby": ("def f(xs)\n  xs.map { |x| x * 2 }\nend", "def g(a)\n  a.map { |v| v * 2 }\nend"),
}


def alike(one: str, other: str, language: str) -> float:
    return float(structural([extract_text(f"```{language}\n{code}\n```") for code in (one, other)])[0, 1])


@pytest.mark.parametrize("language", SAME)
def test_own_names_and_comments_do_not_count(language: str) -> None:
    assert alike(*SAME[language], language) == 1.0


@pytest.mark.parametrize("language", SAME)
def test_what_is_done_counts(language: str) -> None:
    one = SAME[language][0]
    assert alike(one, one.replace("+", "-").replace("array_sum", "max").replace("* 2", "* 3"), language) < 1.0


def test_which_function_is_called_counts() -> None:
    assert alike("f = (x) => Math.max(x, 1)", "f = (x) => Math.min(x, 1)", "js") < 1.0
    assert alike("const f = (x) => parse(x)", "const f = (x) => print(x)", "js") < 1.0


@pytest.mark.parametrize("language", GRAMMARS)
def test_every_grammar_loads(language: str) -> None:
    assert parser(language) and syntax_words("x", language, 10) is not None


def test_a_language_without_grammar_is_compared_by_its_words() -> None:
    assert syntax_words("x", "cobol", 10) is None
    assert alike("MOVE A TO B.", "move a to b.", "cobol") == 1.0


def test_deep_nesting_and_nonsense_are_no_danger() -> None:
    for code in ("(" * 50_000, "{" * 50_000 + "}" * 50_000, "\x00\ud800", "a" * 100_000):
        words = syntax_words(code, "js", 100)
        assert words is not None and len(words) <= 100
