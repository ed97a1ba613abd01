"""A value in, a short text out that is equal for equal values. Standard library alone: it runs inside the sandbox and outside.

Values come from hostile programs: only the methods of the built-in types are called, never those of the value's own class, and
size and depth are bounded, so neither a lying `__eq__` nor an endless structure can do anything. What libraries make is written
as the plain values that say the same, once it has learned how.
"""

from __future__ import annotations

import array
import datetime
import decimal
import fractions
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

MOST_PARTS = 20_000  # of one value
MOST_DRAWN = 200  # items of an iterator: endless ones are told by their beginnings
DEEPEST_VALUE = 60
LONGEST = 400  # characters of a text; longer ones are told by their digest
DIGITS = 9  # of a float: sums in another order are still the same


class ValueTooLarge(Exception):
    """The value has more parts, or nests deeper, than is looked at."""


def canonical(value: object) -> str:
    """Equal for values that `==` calls equal, as far as built-in types go: 1, 1.0 and True are one. Raises TooLarge."""
    return shorten_text("".join(parts(value, 0, Budget(MOST_PARTS))))


def shorten_text(text: str) -> str:
    """A long canonical text by its beginning and its digest."""
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
            raise ValueTooLarge


def parts(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    budget.spend()
    if depth > DEEPEST_VALUE:
        raise ValueTooLarge
    for kind, write in WRITERS:
        if issubclass(type(value), kind):
            yield from write(value, depth, budget)
            return
    for kind, plain in LEARNED:
        if issubclass(type(value), kind):
            yield from parts(plain(value), depth + 1, budget)
            return
    yield f"<{type(value).__name__[:40]}"
    if isinstance(state := getattr_static(value), dict):
        yield from write_mapping(state, depth, budget)
    yield ">"


def learn(kinds: Mapping[type, Callable[[Any], object]]) -> None:
    """From now on values of these kinds are written as the plain values that the functions make of them."""
    LEARNED.extend(kinds.items())


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
    yield ","
    yield from number(plain.imag, depth, budget)


def text(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    yield str.__repr__(value)


def octets(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    yield repr(bytes(memoryview(value)))


def sequence_writer(
    opening: str, closing: str, iterate: Callable[[Any], Iterator[Any]]
) -> Callable[..., Iterator[str]]:
    def write(value: Any, depth: int, budget: Budget) -> Iterator[str]:
        yield opening
        for item in iterate(value):
            yield from parts(item, depth + 1, budget)
            yield ","
        yield closing

    return write


def unordered_writer(iterate: Callable[[Any], Iterator[Any]]) -> Callable[..., Iterator[str]]:
    def write(value: Any, depth: int, budget: Budget) -> Iterator[str]:
        yield "{" + ",".join(sorted("".join(parts(item, depth + 1, budget)) for item in iterate(value))) + "}"

    return write


def write_mapping(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    pairs = [
        "".join(parts(key, depth + 1, budget)) + ":" + "".join(parts(item, depth + 1, budget))
        for key, item in dict.items(value)
    ]
    yield "{" + ",".join(sorted(pairs)) + "}"


def write_iterator(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    """Generators and the like count as the list of what they give first."""
    yield "["
    for item in islice(value, MOST_DRAWN):
        yield from parts(item, depth + 1, budget)
        yield ","
    yield "]"


def exact(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    """Decimals and fractions are numbers, as `==` has it; where no float is near enough they are told by their digits."""
    kind = fractions.Fraction if issubclass(type(value), fractions.Fraction) else decimal.Decimal
    try:
        plain: Any = kind.__float__(value)
        whole = kind.__int__(value)
    except (ValueError, OverflowError):  # no number, or one beyond floats
        yield kind.__repr__(value)
        return
    yield from number(whole if kind.__eq__(value, whole) is True else plain, depth, budget)


def moment(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    kind = next(one for one in MOMENTS if issubclass(type(value), one))
    yield f"<{kind.__repr__(value)}>"


def write_nothing(value: Any, depth: int, budget: Budget) -> Iterator[str]:
    yield "None"


MOMENTS = (datetime.datetime, datetime.date, datetime.time, datetime.timedelta)
LEARNED: list[tuple[type, Callable[[Any], object]]] = []
WRITERS: tuple[tuple[type, Callable[..., Iterator[str]]], ...] = (
    (type(None), write_nothing),
    (int, number),
    (float, number),
    (complex, complex_number),
    (str, text),
    (bytes, octets),
    (bytearray, octets),
    (list, sequence_writer("[", "]", list.__iter__)),
    (deque, sequence_writer("[", "]", deque.__iter__)),
    (array.array, sequence_writer("[", "]", array.array.__iter__)),
    (tuple, sequence_writer("(", ")", tuple.__iter__)),
    (set, unordered_writer(set.__iter__)),
    (frozenset, unordered_writer(frozenset.__iter__)),
    (dict, write_mapping),
    (range, sequence_writer("[", "]", range.__iter__)),
    (map, write_iterator),
    (filter, write_iterator),
    (zip, write_iterator),
    (enumerate, write_iterator),
    (reversed, write_iterator),
    (type(_ for _ in ()), write_iterator),
    (decimal.Decimal, exact),
    (fractions.Fraction, exact),
    *((kind, moment) for kind in MOMENTS),
    (type({}.keys()), sequence_writer("[", "]", iter)),
    (type({}.values()), sequence_writer("[", "]", iter)),
    (type({}.items()), sequence_writer("[", "]", iter)),
)
