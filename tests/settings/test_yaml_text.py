"""YAML is read as PyYAML reads it, with lines, and no file makes it long, deep or large."""

from __future__ import annotations

import time

import pytest
import yaml

from local_swarm.settings.yaml_text import comments, parse_yaml

TEXTS = (
    "",
    "a: 1\nb: [x, 'y', 2.5, ~, yes, 0x1f, 1_000]\nc: {d: {e: 2020-01-01}}\n",
    "base: &base {a: 1, b: 2}\nother:\n  <<: *base\n  b: 3\n",
    "one: &one {a: 1}\ntwo: &two {a: 2, b: 2}\nboth:\n  c: 3\n  <<: [*one, *two]\n",
    "a: 1\na: 2\n",
    "- - - x\n- ? a\n  : b\n",
    "list: &l [1, 2]\nagain: [*l, *l]\n",
    "=: 1\n1: a\ntrue: b\nnull: c\n",
)


@pytest.mark.parametrize("text", TEXTS)
def test_values_are_those_of_pyyaml(text: str) -> None:
    assert parse_yaml(text, "x").plain() == yaml.safe_load(text)


def test_every_key_knows_its_line() -> None:
    tree = parse_yaml("a: 1\n\nb:\n  c:\n    - 1\n    - d: 2\n", "x")
    b = tree.value["b"]
    assert (tree.value["a"].line, b.line, b.value["c"].line) == (1, 3, 4)
    assert b.value["c"].value[1].where == "x, line 6"


def test_an_alias_stands_on_its_own_line() -> None:
    tree = parse_yaml("a: &a [1]\nb: *a\n", "x")
    assert tree.value["b"].line == 2 and tree.value["b"].value is tree.value["a"].value


def bomb(inner: str) -> str:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{{inner}}}".replace("*", f"*a{n - 1}") for n in range(1, 9)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (bomb("<<: [" + ", ".join("*" for _ in range(9)) + " ]"), "more than 100000 values"),
        (bomb(", ".join(f"k{n}: *" for n in range(9)) + " "), "more than 100000 values"),
        (
            "a: &a {" + ", ".join(f"k{n}: 1" for n in range(5000)) + "}\nb: {<<: [" + "*a ," * 5000 + "]}",
            "more than 100000",
        ),
        ("&a [*a ]", "too deeply"),
        ("a: " + "[" * 50 + "]" * 50, "brackets within each other"),
        ("- " * 60 + "x", "too deeply"),
        ("a: " + "1" * 300, "too large"),
        ("a: " + ":".join("1" * 9_000), "too large"),
        ("a" * (300 << 10), "characters"),
        ("a: !!set {x}", "cannot stand here"),
        ("? [a]\n: b", "cannot stand here"),
        ("<<: 1", "takes mappings"),
        ("a: 2020-99-99", "month must be"),
    ],
)
def test_hostile_texts_are_refused_at_once(text: str, words: str) -> None:
    began = time.process_time()
    with pytest.raises(yaml.YAMLError, match=words):
        parse_yaml(text, "x")
    assert time.process_time() - began < 1


def test_comments_belong_to_the_keys_of_their_lines() -> None:
    text = "# none\na: # all of it\n  b: 1 # one # two\n  c: x#y\nd: [1] # three\n"
    assert comments(text, "x") == {"a": "all of it", "a.b": "one # two", "d": "three"}
