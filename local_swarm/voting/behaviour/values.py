"""Kinds of arguments, their values, and the words by which people call them. Data, and the look-ups in it.

Values are of the sorts that any program meets: none and one, few and many, sorted and not, repeated, negative, odd
characters.
"""

from __future__ import annotations

import re
from typing import Any

NUMBERS = (0, 1, 2, 3, 5, 8, 10, 12, 7, 25, 100, -1, -4, 4, 15, 6)
REALS = (0.5, 1.0, 2.5, 0.0, -3.75, 10.0, 3.14159, 7.25, 99.99, -0.5)
TEXTS = (
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
    "AbCdE",
    "Is it so? I am not sure. No!",
    "3/4",
    "12-31-1999",
    "10110",
    "eieio",
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
    [4, 2],
    [1, 2, 4, 3, 5],
    [1, 2, 1],
    [-3, -2, -1],
    [100, 37, 21, 5, 44, 2, 18],
    [6, 1, 6, 2, 2, 3, 3, 3],
)
REAL_LISTS: tuple[Any, ...] = (
    [1.0, 2.0, 3.5],
    [2.5],
    [1.0, 1.1, 5.0, 5.9],
    [0.5, -1.25],
    [],
    [3.0, 2.0, 2.0, 10.0, 0.1],
    [-2.5, 7.5, 0.0],
)
TEXT_LISTS: tuple[Any, ...] = (
    ["a", "bb", "abc"],
    ["one", "two", "three"],
    [],
    ["x"],
    ["aa", "b", "aa", "c"],
    ["Hello", "World", "hi"],
    ["12", "3", "45"],
    ["level", "noon", "apple", "Zebra"],
    ["(", ")"],
    ["echo", "cocoa", "aaaa"],
)
TABLES: tuple[Any, ...] = (
    [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    [[1]],
    [[0, 1], [1, 0]],
    [],
    [[5, 1, 2], [3, 3, 3]],
    [[1, 2], [3, 4], [5, 6]],
    [[-1, 4], [2, -8]],
    [[], [1], [2, 1, 2]],
    [[0, 0, 1], [0, 1, 1], [1, 1, 1]],
)
MAPS: tuple[Any, ...] = (
    {"a": 1, "b": 2},
    {},
    {"x": 10},
    {"a": 3, "b": 3, "c": -1},
    {"k": 0, "z": 5},
    {"A": "b", "c": "D"},
)


class Written:
    """A value that is made where it is used: `repr` is its text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


# The first tells how often it has been called.
FUNCTIONS: tuple[Any, ...] = (
    Written("(lambda seen: lambda *given, **named: (seen.append(given), len(seen))[1])([])"),
    Written("(lambda x: x + 1)"),
    Written("(lambda *given: ' '.join(map(str, given)))"),
    Written("(lambda x: x % 2 == 0)"),
    Written("(lambda a, b: a + b)"),
    Written("(lambda: 'done')"),
)
ANYTHING: tuple[Any, ...] = (
    5,
    "abc",
    [3, 1, 2],
    0,
    "",
    [],
    2.5,
    -1,
    "Hello World",
    [1, 1, 2],
    ["a", "bb", "a"],
    True,
    12,
    [[1, 2], [3]],
)

KINDS: dict[str, tuple[Any, ...]] = {
    "int": NUMBERS,
    "float": REALS,
    "complex": (1 + 2j, 0j),
    "str": TEXTS,
    "bool": (True, False),
    "bytes": (b"abc", b""),
    "none": (None,),
    "list[int]": NUMBER_LISTS,
    "list[float]": REAL_LISTS,
    "list[str]": TEXT_LISTS,
    "list[list]": TABLES,
    "dict": MAPS,
    "function": FUNCTIONS,
    "any": ANYTHING,
}
USUAL = ("any", "str", "list[int]", "int")

LONGEST_NAME = 80  # characters of an argument's name that can tell anything

# What arguments are usually called, as patterns.
NAMES = (
    ("function", "f fn func function callback predicate operation handler mapper reducer transform(er)? wrapped g h"),
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
)

# How requests speak of what is given, the more special first.
WORDED = re.compile(
    r"(?P<list_list>\b(?:matrix|grid|2d|two[- ]dimensional|nested lists?|(?:lists?|arrays?) of (?:lists|arrays|pairs|tuples))\b)"
    r"|(?P<list_str>\b(?:lists?|arrays?|sequence) of (?:\w+ )?(?:strings|words|names)\b)"
    r"|(?P<list_float>\b(?:lists?|arrays?) of (?:floats|real numbers|floating)\b)"
    r"|(?P<list_int>\b(?:lists?|arrays?|sequence)\b)"
    r"|(?P<dict>\b(?:dictionary|dict|mapping)\b)"
    r"|(?P<str>\b(?:strings?|words?|texts?|sentences?|messages?|characters)\b)"
    r"|(?P<float>\b(?:floats?|floating[- ]point|real number|decimal number)\b)"
    r"|(?P<bool>\bboolean\b)"
    r"|(?P<int>\b(?:integers?|numbers?|int|gcd|lcm|greatest common|least common|divis\w+|factorials?|fibonacci|primes?)\b)",
    re.IGNORECASE,
)


def guess_kind(name: str) -> str:
    """`?` and a kind, from an argument's name in snake or camel case."""
    if len(name) > LONGEST_NAME:
        return "?any"
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return "?" + next((kind for kind, names in NAMES if any(re.fullmatch(one, name) for one in names.split())), "any")


def kinds_in(text: str) -> list[str]:
    """The kinds of things that a request speaks of, each once, in the order in which it does."""
    found = (match.lastgroup or "" for match in WORDED.finditer(text[:4000]))
    return list(dict.fromkeys(f"list[{name[5:]}]" if name.startswith("list_") else name for name in found))
