"""The words of a prompt in, the examples that stand in it out: calls and what they must give. Pure.

People write examples in many ways, which `notations` reads; here are `f(2) -> 4`, with any arrow or with words, and what
becomes of a call of which several values are told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from local_swarm.voting import scanner
from local_swarm.voting.behaviour.calls import Example, expression
from local_swarm.voting.behaviour.literals import leading_literal, leading_literals
from local_swarm.voting.behaviour.matching import same
from local_swarm.voting.behaviour.notations.every import NOTATIONS
from local_swarm.voting.behaviour.notations.unit_tests import unit_tests
from local_swarm.voting.behaviour.reports import edges, required_examples, without_observed
from local_swarm.voting.scanner import LONGEST_LITERAL, MOST_TEXT, Attention, closing

MOST_EXAMPLES = 12
MOST_TOLD = 4  # values of one call
MOST_PARAMETERS = 64
NEAR = 8  # characters before a call
LONGEST_NAME = 200  # characters of a function's name

ARROW = re.compile(
    r"\s*+[`'\";*]*+\s*+(?:(?:#|//)\s*+)?(?:=++>|-++>|[➞→⇒➜]|==|=|:|(?:(?:#|//)\s*+)?(?:=++>|-++>)?\s*+,?\s*+"
    r"(?:(?:should|must|will|would|ought\s++to|needs\s++to|has\s++to|to)\s++)?"
    r"(?:returns?|be|gives?|yields?|outputs?|prints?|produces?|equals?|evaluates?\s++to|is|becomes?|results?\s++in)\b)\s*+[:`*]*+\s*+"
)
GIVEN_BACK = r"\b(?:return(?:ed|s)?|output|answers?|results?|print(?:ed)?|accepted|valid)\b"
ANY_ORDER = re.compile(
    rf"{GIVEN_BACK}(?![^.\n]{{0,80}}\bsorted\b)[^.\n]{{0,80}}\b(?:any|arbitrary|no\s++particular)\s++order\b"
    r"|\border\b[^.\n]{0,60}(?:not|n't)\s++(?:matter|important|relevant|checked)"
    r"|\b(?:any|arbitrary)\s++order\s++(?:is|are)\s++(?:fine|accepted|ok)",
    re.IGNORECASE,
)
DIGITS = re.compile(  # to which a result is to be rounded
    r"\b(?:\d|one|two|three|four|five|six)\s++(?:decimals?|decimal\s++(?:places|digits|points)|digits\s++after|"
    r"fractional\s++digits|places|significant)\b",
    re.IGNORECASE,
)
TERM = re.compile(r"[\d)\]]\s*+[-+*/%]\s*+$")  # before a call that is a part of a sum
LISTED = re.compile(r"[`*\s]*+(?:,|;|and\b|&)[`*\s]*+(?:and\b)?[`*\s]*+")


def examples(text: str, name: str, parameters: Sequence[str] = ()) -> list[Example]:
    """Examples of calling `name`, each call once, in the order in which they stand. `parameters`: its names of
    arguments. A call of which two values are told has the one that is expected, asserted or must be, else none."""
    if len(name) > LONGEST_NAME:
        return []
    text = text[:MOST_TEXT].translate(str.maketrans("“”‘’", "\"\"''"))
    plain = without_observed(text, name)
    certain = by_call(chain(required_examples(text, name), arrows(plain, name, least=2)))
    told = by_call(ways(plain, name, parameters[:MOST_PARAMETERS]))
    if any(len(values) > 1 for values in told.values()):
        certain = by_call(unit_tests(plain, name)) | certain
    found = [values[0] for call in told | certain if len(values := certain.get(call) or told[call]) == 1]
    how = how_compared(text)
    return [
        one if one.how == "shown" and how != "any order" else replace(one, how=how) for one in found[:MOST_EXAMPLES]
    ]


def ways(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    return chain(arrows(text, name), *(read(text, name, parameters) for read in NOTATIONS))


def by_call(given: Iterable[Example]) -> dict[str, list[Example]]:
    """Examples that want something else of a call, by the call."""
    found: dict[str, list[Example]] = {}
    for one in given:
        values = found.get(one.call)
        if values is None and len(found) < 2 * MOST_EXAMPLES:
            found[one.call] = [one]
        elif values and len(values) < MOST_TOLD and not any(same(one.wanted, other.wanted) for other in values):
            values.append(one)
    return found


def how_compared(text: str) -> str:
    told = edges(text)
    if ANY_ORDER.search(told):
        return "any order"
    return "exact" if DIGITS.search(told) else "value"


def arrows(text: str, name: str, least: int = 1) -> Iterator[Example]:
    """`f(2) -> 4`, `f(2) == 4`, "f(2) should return 4", "f(2), f(3) => 4, 9"; of `f(2) = 1 + 3 = 4` the last.
    `least`: how many calls must stand together."""
    attention = Attention()
    waiting, before = list[str](), 0
    for start in scanner.calls(text, name):
        opening = start + len(name)
        end = closing(text, opening)
        if not attention.spend((end or opening + LONGEST_LITERAL) - start):
            return
        call = expression(text[start:end], name) if end else None
        if not end or not call or TERM.search(text[max(0, start - NEAR) : start]):
            waiting = []
            continue
        waiting = (
            [*waiting[-MOST_EXAMPLES:], ast.unparse(call)]
            if LISTED.fullmatch(text, before, start)
            else [ast.unparse(call)]
        )
        before = end
        arrow = ARROW.match(text, end)
        if not arrow:
            continue
        told = text[arrow.end() : arrow.end() + LONGEST_LITERAL]
        attention.spend(len(told))
        if len(waiting) >= least:
            yield from map(Example, waiting, values_of(told, len(waiting)))
        waiting = []


def values_of(told: str, count: int) -> list[str]:
    """Values of so many calls, which stand one after another; none where there are as many of them not."""
    if count > 1:
        values = leading_literals(told)
        return values if len(values) == count else []
    value = leading_literal(told)
    if value is None:
        line = told.split("\n", 1)[0]
        value = leading_literal(line.rsplit("=", 1)[1]) if "=" in line else None
    return [] if value is None else [value]
