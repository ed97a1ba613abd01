"""A function's signature and some example calls in, calls to compare behaviour on out. Pure, and the same every time.

No model writes these: kinds of arguments are known from type hints, defaults and examples, else guessed from names, and each kind
has a handful of ordinary and awkward values. Changed examples come first, since their arguments are sure to make sense.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

MOST_INPUTS = 24
MOST_CHANGED = 14
GUESSED = 8  # values of a kind that is guessed; the rest are of all kinds
LONGEST_CALL = 2_000  # characters

NUMBERS: tuple[Any, ...] = (0, 1, 2, 3, 5, 7, 10, 12, 25, 100, -1, -4)
REALS: tuple[Any, ...] = (0.5, 1.0, 2.5, 0.0, -3.75, 10.0, 3.14159, 7.25)
TEXTS: tuple[Any, ...] = (
    "abc",
    "Hello World",
    "",
    "a",
    "aabbcc",
    "one two three",
    "1 2 3",
    "xyz XYZ, 123!",
    "level",
    "(a[b]{c})",
    "-17.5",
    "zebra,apple",
)
NUMBER_LISTS: tuple[Any, ...] = (
    [1, 2, 3],
    [3, 1, 2, 2],
    [],
    [5, 5, 5],
    [-1, 0, 5, -7],
    [10, 4, 6, 8, 1],
    [1],
    [2, 4, 8, 3, 9, 11],
    [9, 7, 3, 1],
    [0, 0, 1, 13],
)
REAL_LISTS: tuple[Any, ...] = (
    [1.0, 2.0, 3.5],
    [2.5],
    [1.0, 1.1, 5.0, 5.9],
    [0.5, -1.25],
    [],
    [3.0, 2.0, 2.0, 10.0, 0.1],
)
TEXT_LISTS: tuple[Any, ...] = (
    ["a", "bb", "abc"],
    ["one", "two", "three"],
    [],
    ["x"],
    ["aa", "b", "aa", "c"],
    ["Hello", "World", "hi"],
    ["12", "3", "45"],
)
TABLES: tuple[Any, ...] = (
    [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    [[1]],
    [[0, 1], [1, 0]],
    [],
    [[5, 1, 2], [3, 3, 3]],
    [[1, 2], [3, 4], [5, 6]],
    [[-1, 4], [2, -8]],
)
MAPS: tuple[Any, ...] = ({"a": 1, "b": 2}, {}, {"x": 10}, {"a": 3, "b": 3, "c": -1}, {"k": 0, "z": 5})

KINDS: dict[str, tuple[Any, ...]] = {
    "int": NUMBERS, "float": REALS, "complex": (1 + 2j, 0j), "str": TEXTS, "bool": (True, False),
    "bytes": (b"abc", b""), "none": (None,),
    "list[int]": NUMBER_LISTS, "list[float]": REAL_LISTS, "list[str]": TEXT_LISTS, "list[list]": TABLES, "dict": MAPS,
    "any": (5, "abc", [3, 1, 2], 0, "", [], 2.5, -1, "Hello World", [1, 1, 2], ["a", "bb", "a"], True, 12, [[1, 2], [3]]),
}  # fmt: skip
NAMES = (
    ("list[list]", "matrix grid board table rows points intervals pairs edges graph"),
    ("list[str]", "words strings strs names tokens lines sentences"),
    (
        "list[int]",
        "l lst list.* arr.* a?nums numbers values items data seq.* elements xs ys prices digits scores integers",
    ),
    (
        "str",
        "s st s[0-9] str.* text string.* word name sentence message txt char.* substring pattern prefix suffix path url line "
        "date .*_str",
    ),
    ("dict", "d dict.* map.* counts? mapping"),
    ("bool", "is_.+ has_.+ flag reverse strict"),
    ("float", ".*rate .*threshold radius price weight epsilon tolerance temperature .*ratio average"),
    (
        "int",
        "n m k i j x y z a b c p q num.* number count size length index limit start end step year value width height age digit "
        "integer target base shift",
    ),
)  # what arguments are usually called, as patterns


@dataclass(frozen=True, slots=True)
class Signature:
    """`kinds`: for each argument that must be given, a name of `KINDS`, after `?` where it is guessed from the argument's
    name."""

    name: str
    parameters: tuple[str, ...]
    kinds: tuple[str, ...]


def in_words(text: str, name: str) -> Signature | None:
    """What a request such as "a function area(width, height)" tells."""
    found = re.search(rf"\b{re.escape(name)}\(\s*([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*\)", text)
    if not found:
        return None
    parameters = tuple(re.split(r"\s*,\s*", found[1]))
    return Signature(name, parameters, tuple(map(guessed, parameters)))


def signature(node: ast.AST | None, name: str) -> Signature | None:
    """Of a function's definition; None for what is no plain function."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    given = [*node.args.posonlyargs, *node.args.args]
    if node.args.kwonlyargs or (given and given[0].arg in ("self", "cls")):
        return None
    needed = given[: len(given) - len(node.args.defaults)]
    return Signature(name, tuple(one.arg for one in given), tuple(kind_of(one) for one in needed))


def kind_of(argument: ast.arg) -> str:
    if argument.annotation is not None and (hinted := kind_of_hint(ast.unparse(argument.annotation))):
        return hinted
    return guessed(argument.arg)


def guessed(name: str) -> str:
    """A kind from an argument's name, in snake or camel case."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return "?" + next((kind for kind, names in NAMES if any(re.fullmatch(one, name) for one in names.split())), "any")


def kind_of_hint(hint: str) -> str | None:
    """None for types that we cannot make values of."""
    hint = re.sub(r"\b(?:typing|t|collections\.abc)\.|['\"\s]", "", hint).replace("Optional[", "").lower()
    hint = hint.split("|")[0].removeprefix("union[")
    outer, _, inner = hint.partition("[")
    inner = inner.split(",")[0].rstrip("]")
    if outer in ("list", "sequence", "iterable", "collection", "tuple", "set", "frozenset", "iterator"):
        listed = "list[list]" if inner.startswith(("list", "sequence", "tuple")) else f"list[{inner or 'int'}]"
        return listed if listed in KINDS else "list[int]"
    if outer in ("dict", "mapping", "defaultdict", "counter"):
        return "dict"
    return outer if outer in KINDS else {"number": "int", "decimal": "float", "object": "any"}.get(outer)


def inputs(found: Signature | None, name: str, example_calls: Sequence[str]) -> list[str]:
    """At most `MOST_INPUTS` calls: the examples changed a little, then values by kind."""
    known = [arguments for call in example_calls if (arguments := literals(call, name)) is not None]
    calls = [written(name, arguments) for arguments in islice(changed(known), MOST_CHANGED)]
    if found and found.kinds:
        pools = [
            pool(kind, [one[at] for one in known if len(one) == len(found.kinds)])
            for at, kind in enumerate(found.kinds)
        ]
        calls += [written(name, arguments) for arguments in combined(pools, name)]
    fresh = [call for call in dict.fromkeys(calls) if call not in example_calls and len(call) <= LONGEST_CALL]
    return fresh[:MOST_INPUTS]


def literals(call: str, name: str) -> list[Any] | None:
    """The arguments of the call of `name` in an expression, if they are literals."""
    try:
        nodes = ast.walk(ast.parse(call, mode="eval"))
        made = next(n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name)
        return None if made.keywords else [ast.literal_eval(argument) for argument in made.args]
    except (SyntaxError, ValueError, TypeError, StopIteration, RecursionError, MemoryError):
        return None


def written(name: str, arguments: Iterable[Any]) -> str:
    return f"{name}({', '.join(map(repr, arguments))})"


def pool(kind: str, seen: Sequence[Any]) -> list[Any]:
    """Values for one argument: what examples show of its kind counts more than hints, and hints more than names."""
    shown = {kind_of_value(value) for value in seen}
    sure = kind.lstrip("?")
    if shown and sure not in shown and (kind[0] == "?" or not any(one.startswith(sure.split("[")[0]) for one in shown)):
        return [*KINDS[min(shown)]]
    guess = kind[0] == "?" and not shown and sure != "any"
    return [*KINDS[sure][:GUESSED], *KINDS["any"][:GUESSED]] if guess else [*KINDS[sure]]


def kind_of_value(value: Any) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        first = next(iter(value), 0)
        kind = "list[list]" if isinstance(first, (list, tuple, dict)) else f"list[{type(first).__name__}]"
        return kind if kind in KINDS else "list[int]"
    return type(value).__name__ if type(value).__name__ in KINDS else "any"


def combined(pools: Sequence[Sequence[Any]], name: str) -> list[tuple[Any, ...]]:
    """Every value of every argument at least once, as far as there is room; the same choice for the same name."""
    if len(pools) == 1:
        return [(value,) for value in pools[0]]
    draw = random.Random(name)
    longest = max(map(len, pools))
    rows = [tuple(values[(at + shift) % len(values)] for shift, values in enumerate(pools)) for at in range(longest)]
    every = list(islice(product(*(values[:8] for values in pools)), 4000))
    return [*rows, *draw.sample(every, min(len(every), MOST_INPUTS))]


def changed(known: Sequence[Sequence[Any]]) -> Iterable[list[Any]]:
    """Each example with one argument changed, going round the examples so that all have their share."""
    ways = [
        [
            [*arguments[:at], other, *arguments[at + 1 :]]
            for at in range(len(arguments))
            for other in near(arguments[at])
        ]
        for arguments in known
    ]
    for turn in range(max(map(len, ways), default=0)):
        for variants in ways:
            if turn < len(variants):
                yield variants[turn]


def near(value: Any) -> list[Any]:
    """Values like the given one that a program could treat in another way."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1, value * 2 + 3] if abs(value) < 10**6 else [value - 1]
    if isinstance(value, float):
        return [value + 0.5, -value, value * 3]
    if isinstance(value, str):
        words = value.split(" ")
        other = " ".join(reversed(words)) if len(words) > 1 else value[::-1]
        return [one for one in (other, value + value[:1], value[1:], value.swapcase()) if one != value]
    if isinstance(value, list):
        longer = [*value, value[0]] if value else []
        return [one for one in (value[::-1], longer, value[1:], value[: len(value) // 2 + 1]) if one != value]
    if isinstance(value, tuple):
        return [tuple(one) for one in near(list(value))]
    return []
