"""No pattern that our modules compile has two repeats side by side that can share characters: such a pair can split a run in as
many ways as it is long, and three of them in its square."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import types
from collections.abc import Iterator
from pathlib import Path
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import local_swarm

READING = (
    "chat",
    "voting",
    "swarm",
    "network",
    "api",
    "integrations",
    "models",
    "hardware",
    "environment",
    "config",
    "settings",
    "roster",
    "cli.vote_file",
    "intake",
    "terminal",
    "limits",
    "backends.openai_compatible",
    "backends.process.stop_strings",
)
LETTERS = [chr(number) for number in range(128)] + ["é", "\u2028", "→"]
REPEATS = (code.MAX_REPEAT, code.MIN_REPEAT)  # possessive ones give nothing back


def module_names() -> list[str]:
    """Below `local_swarm.`."""
    found = pkgutil.walk_packages(local_swarm.__path__, "local_swarm.")
    return [one.name.removeprefix("local_swarm.") for one in found]


def is_within(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def modules() -> Iterator[types.ModuleType]:
    for module in module_names():
        if any(is_within(module, name) for name in READING) and "embedding" not in module:
            yield importlib.import_module(f"local_swarm.{module}")


def patterns(module: types.ModuleType) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Those that stand at the top of a module, in tuples and mappings too."""
    for name, value in vars(module).items():
        held = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else (value,)
        yield from ((name, one) for one in held if isinstance(one, re.Pattern) and isinstance(one.pattern, str))


def inline(module: types.ModuleType) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Those that stand within functions, as far as they are written out."""
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        call = node if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
        owner = call.func.value if call and isinstance(call.func, ast.Attribute) else None
        first = call.args[0] if call and call.args and isinstance(owner, ast.Name) and owner.id == "re" else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield f"line {node.lineno}", re.compile(first.value)  # type: ignore[attr-defined]


def pairs(tree: Any, flags: int) -> Iterator[tuple[set[str], set[str]]]:
    """The letters of each two endless repeats between which nothing need stand."""
    open_repeats: list[set[str]] = []
    for kind, value in tree:
        endless = kind in REPEATS and value[1] == code.MAXREPEAT
        letters = letters_of(value[2], flags) if endless else set()
        if endless:
            yield from ((before, letters) for before in open_repeats)
        for inner in inside(kind, value):
            yield from pairs(inner, flags)
        repeats = kind in (*REPEATS, code.POSSESSIVE_REPEAT)
        needed = (not repeats or value[0] > 0) and kind not in (code.AT, code.ASSERT, code.ASSERT_NOT)
        if needed and not endless:
            open_repeats = []
        elif endless and value[0] > 0:
            open_repeats = [letters]
        elif endless:
            open_repeats.append(letters)


def inside(kind: Any, value: Any) -> list[Any]:
    if kind in (*REPEATS, code.POSSESSIVE_REPEAT):
        return [value[2]]
    if kind == code.SUBPATTERN:
        return [value[3]]
    if kind == code.BRANCH:
        return list(value[1])
    return [value[1]] if kind in (code.ASSERT, code.ASSERT_NOT) else []


def letters_of(tree: Any, flags: int) -> set[str]:
    """Of a repeat of single letters, which they are; nothing for what is longer, which this test does not judge."""
    if len(tree) != 1:
        return set()
    kind, value = tree[0]
    if kind not in (code.IN, code.LITERAL, code.NOT_LITERAL, code.ANY):
        return set()
    one = parser.SubPattern(parser.State(), [(kind, value)])
    one.state.flags = flags
    made = re._compiler.compile(one)  # type: ignore[attr-defined]
    return {letter for letter in LETTERS if made.match(letter)}


def test_every_part_that_is_searched_exists() -> None:
    known = module_names()
    assert [name for name in READING if not any(is_within(module, name) for module in known)] == []


def test_repeats_that_stand_side_by_side_share_no_characters() -> None:
    found = [
        f"{module.__name__}.{name}: {pattern.pattern}"
        for module in modules()
        for name, pattern in (*patterns(module), *inline(module))
        for before, after in pairs(parser.parse(pattern.pattern, pattern.flags), pattern.flags)
        if before & after
    ]
    assert sorted(set(found)) == []


def test_such_a_pair_is_seen() -> None:
    for pattern in (r"a\s*\s+b", r"\w+[a-z]*x", r"\s*,?\s*x", r".+?\s*x"):
        flags = re.compile(pattern).flags
        assert any(before & after for before, after in pairs(parser.parse(pattern, flags), flags)), pattern
    for pattern in (r"\s*+\s*x", r"\s*,\s*x", r"[a-z]+\d*x", r"\w+x\w+"):
        flags = re.compile(pattern).flags
        assert not any(before & after for before, after in pairs(parser.parse(pattern, flags), flags)), pattern
