"""A value in, a short text out that is equal for equal values. Standard library alone: it runs inside the sandbox and outside.

Values come from hostile programs: only the methods of the built-in types are called, never those of the value's own class, and
size and depth are bounded, so neither a lying `__eq__` nor an endless structure can do anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

MOST_PARTS = 20_000  # of one value
DEEPEST = 60
LONGEST = 400  # characters of a text; longer ones are told by their digest
DIGITS = 9  # of a float: sums in another order are still the same


class TooLarge(Exception):
    """The value has more parts, or nests deeper, than is looked at."""


def canonical(value: object) -> str:
    """Equal for values that `==` calls equal, as far as built-in types go: 1, 1.0 and True are one. Raises TooLarge."""
    text = "".join(parts(value, 0, Budget(MOST_PARTS)))
    if len(text) <= LONGEST:
        return text
    return f"{text[:16]}#{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


class Budget:
    """How many parts may still be looked at."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooLarge


def parts(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    budget.spend()
    if depth > DEEPEST:
        raise TooLarge
    for kind, write in WRITERS:
        if issubclass(type(value), kind):
            yield from write(value, depth, budget)
            return
    yield f"<{type(value).__name__[:40]}"
    if isinstance(state := getattr_static(value), dict):
        yield from keyed(state, depth, budget)
    yield ">"


def getattr_static(value: object) -> object:
    """The instance's dictionary without asking its class; None where it has none."""
    try:
        return object.__getattribute__(value, "__dict__")
    except Exception:
        return None


def number(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    if issubclass(type(value), int):
        whole = int.__index__(value)
    else:
        real = float.__float__(value)
        if real != real or real in (float("inf"), float("-inf")) or not float.is_integer(real):
            yield f"{real:.{DIGITS}g}"
            return
        whole = int(real) if abs(real) < 1e15 else int(float(f"{real:.{DIGITS}g}"))
    yield str(whole) if abs(whole) < 10**18 else hex(whole)


def complex_number(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    plain = complex.__complex__(value)
    yield "c"
    yield from number(plain.real, depth, budget)
    yield from number(plain.imag, depth, budget)


def text(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    yield str.__repr__(value)


def octets(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    yield repr(bytes(memoryview(value)))


def listed(opening: str, closing: str, iterate: Callable[[Any], Iterator[Any]]) -> Callable[..., Iterator[str]]:
    def write(value: Any, depth: int, budget: Budget) -> Iterator[str]:
        yield opening
        for item in iterate(value):
            yield from parts(item, depth + 1, budget)
            yield ","
        yield closing

    return write


def unordered(iterate: Callable[[Any], Iterator[Any]]) -> Callable[..., Iterator[str]]:
    def write(value: Any, depth: int, budget: Budget) -> Iterator[str]:
        yield "{" + ",".join(sorted("".join(parts(item, depth + 1, budget)) for item in iterate(value))) + "}"

    return write


def keyed(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    pairs = [
        "".join(parts(key, depth + 1, budget)) + ":" + "".join(parts(item, depth + 1, budget))
        for key, item in dict.items(value)
    ]
    yield "{" + ",".join(sorted(pairs)) + "}"


def drawn(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    """Generators and the like count as the list of what they give."""
    yield "["
    for item in islice(value, MOST_PARTS + 1):
        yield from parts(item, depth + 1, budget)
        yield ","
    yield "]"


def nothing(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    yield "None"


WRITERS: tuple[tuple[type, Callable[..., Iterator[str]]], ...] = (
    (type(None), nothing),
    (int, number),
    (float, number),
    (complex, complex_number),
    (str, text),
    (bytes, octets),
    (bytearray, octets),
    (list, listed("[", "]", list.__iter__)),
    (tuple, listed("(", ")", tuple.__iter__)),
    (set, unordered(set.__iter__)),
    (frozenset, unordered(frozenset.__iter__)),
    (dict, keyed),
    (range, listed("[", "]", range.__iter__)),
    (map, drawn),
    (filter, drawn),
    (zip, drawn),
    (enumerate, drawn),
    (reversed, drawn),
    (type(_ for _ in ()), drawn),
    (type({}.keys()), listed("[", "]", iter)),
    (type({}.values()), listed("[", "]", iter)),
    (type({}.items()), listed("[", "]", iter)),
)
