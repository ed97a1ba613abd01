"""The words of a request in, between what numbers its arguments lie out, or the lengths of these. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_REQUEST = 8_000  # characters looked at
N = r"(-?\d[\d,_]{0,15}+(?:\s?(?:\^|\*\*|e)\s?\d{1,2})?)"
NAME = r"(?:len\()?([A-Za-z_]\w{0,30}+(?:\.length|\.size)?)\)?"
LESS = r"\s?(<=|<|≤|&lt;=?|\\leq?)\s?"
BETWEEN = re.compile(N + LESS + NAME + LESS + N)
BELOW, ABOVE = re.compile(NAME + LESS + N), re.compile(NAME + r"\s?(>=|>|≥)\s?" + N)
FROM = re.compile(N + LESS + NAME)
SPAN = re.compile(rf"{N}\s?\.\.\.?\s?{N}")
WORDED = re.compile(
    rf"(?:\b(?:between|from|in the range(?: of)?|range)\s|\bfor\s|[\[(]|\bin\s){{1,2}}+{N}\s?(\.\.\.?|to|and|-|–)\s?{N}"
)
POSITIVE = re.compile(r"\b(?:(non-?negative)|positive|natural)\s(?:integers?|numbers?|int)\b(?!s)")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of numbers, both ends included."""

    low: float = float("-inf")
    high: float = float("inf")

    def within(self, other: Bounds) -> Bounds:
        return Bounds(max(self.low, other.low), min(self.high, other.high))

    def hold(self, number: float) -> bool:
        return self.low <= number <= self.high

    def values(self) -> list[int]:
        """Some numbers from end to end, where both ends are known."""
        if self.high == float("inf") or self.low == float("-inf") or self.high < self.low:
            return []
        low, high = int(self.low), int(self.high)
        step = max(1, (high - low) // 12)
        return list(dict.fromkeys([low, high, low + 1, high - 1, *range(low, high, step)]))


Ranges = Mapping[
    str, Bounds
]  # by an argument's name, `name.length` for what has one; without a name of whatever is a number


def ranges(text: str) -> dict[str, Bounds]:
    text = text[:LONGEST_REQUEST]
    found: dict[str, Bounds] = {}

    def note(name: str, bounds: Bounds) -> None:
        name = name.replace(".size", ".length")
        found[name] = found.get(name, Bounds()).within(bounds)

    for one in BETWEEN.finditer(text):
        note(bounded_name(one[0], one[3]), Bounds(number(one[1]) + is_open(one[2]), number(one[5]) - is_open(one[4])))
    for pattern in (BELOW, ABOVE, FROM):
        for one in pattern.finditer(text):
            note(*one_end(pattern, one))
    for one in (*WORDED.finditer(text), *SPAN.finditer(text)):
        low, high = number(one[1]), number(one[one.re.groups])
        if low < high:
            note("", Bounds(low, high))
    if "" not in found and (sign := POSITIVE.search(text)):
        note("", Bounds(0 if sign[1] else 1))
    return {name: bounds for name, bounds in found.items() if bounds.low <= bounds.high}


def one_end(pattern: re.Pattern[str], one: re.Match[str]) -> tuple[str, Bounds]:
    if pattern is FROM:
        return bounded_name(one[0], one[3]), Bounds(low=number(one[1]) + is_open(one[2]))
    limit = number(one[3])
    if pattern is BELOW:
        return bounded_name(one[0], one[1]), Bounds(high=limit - is_open(one[2]))
    return bounded_name(one[0], one[1]), Bounds(low=limit + is_open(one[2]))


def bounded_name(words: str, name: str) -> str:
    return f"{name}.length" if "len(" in words and not name.endswith((".length", ".size")) else name


def is_open(sign: str) -> bool:
    return sign in ("<", ">", "&lt;")


def number(text: str) -> float:
    base, *power = re.split(r"\s?(?:\^|\*\*|e)\s?", re.sub("[,_]", "", text))
    if not power:
        return float(base)
    return float(base) * 10.0 ** int(power[0]) if "e" in text else float(base) ** int(power[0])


def fits(arguments: Sequence[Any], parameters: Sequence[str], limits: Ranges) -> bool:
    """Whether each argument lies where it should."""
    if not limits:
        return True
    names = [*parameters, *[""] * len(arguments)]
    return all(lies(value, name, limits) for name, value in zip(names, arguments, strict=False))


def lies(value: Any, name: str, limits: Ranges) -> bool:
    if isinstance(value, (str, list, tuple, dict)):
        return limits.get(f"{name}.length", Bounds()).hold(len(value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    return limits.get(name, limits.get("", Bounds())).hold(value)
