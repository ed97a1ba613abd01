"""The words of a prompt in, the examples that stand in it out: calls and what they must give. Pure.

People write examples in many ways; read are doctests, asserts, `f(2) -> 4` with any arrow or with words, input and
output lines, "for x = 2 the output should be 4" and tables.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from local_swarm.voting import scanner
from local_swarm.voting.behaviour.calls import Example, call_of, equation, expression, expression_arguments, truth
from local_swarm.voting.behaviour.literals import leading_literal, literal
from local_swarm.voting.behaviour.notations.every import NOTATIONS
from local_swarm.voting.scanner import LONGEST_LITERAL, MOST_TEXT, Attention, closing

MOST_EXAMPLES = 12
MOST_PARAMETERS = 64
LONGEST_NAME = 200  # characters of a function's name

ARROW = re.compile(
    r"\s*+[`'\";*]*+\s*+(?:(?:#|//)\s*+)?(?:=++>|-++>|[➞→⇒➜]|==|=|:|(?:(?:#|//)\s*+)?(?:=++>|-++>)?\s*+,?\s*+"
    r"(?:(?:should|must|will|would)\s++)?"
    r"(?:returns?|be|gives?|yields?|outputs?|prints?|produces?|equals?|evaluates?\s++to|is|results?\s++in)\b)\s*+[:`*]*+\s*+"
)
ASSERT = re.compile(r"^[ \t>]*+assert\s++(.+)$", re.MULTILINE)


def examples(text: str, name: str, parameters: Sequence[str] = ()) -> list[Example]:
    """Examples of calling `name`, each call once, in the order in which they stand. `parameters`: its names of
    arguments."""
    if len(name) > LONGEST_NAME:
        return []
    text = text[:MOST_TEXT].translate(str.maketrans("“”‘’", "\"\"''"))
    parameters = parameters[:MOST_PARAMETERS]
    ways = (
        doctests(text, name),
        assertions_on(text, name),
        arrows(text, name),
        lines(text, name, parameters),
        tables(text, name, parameters),
        *(read(text, name, parameters) for read in NOTATIONS),
    )
    found: dict[str, Example] = {}
    for example in chain.from_iterable(ways):
        found.setdefault(example.call, example)
        if len(found) == MOST_EXAMPLES:
            break
    return list(found.values())


def doctests(text: str, name: str) -> Iterator[Example]:
    attention = Attention()
    for source, wanted in scanner.doctests(text):
        if name not in source:
            continue
        if not attention.spend(len(source)):
            return
        call = expression(source, name)
        if not call:
            continue
        compared = equation(call, name)
        if compared:
            yield compared
        elif (value := literal("\n".join(line.strip() for line in wanted.strip().split("\n")))) is not None:
            yield Example(ast.unparse(call), value)


def assertions_on(text: str, name: str) -> Iterator[Example]:
    attention = Attention()
    for match in ASSERT.finditer(text):
        line = match[1]
        if name not in line or len(line) > 4 * LONGEST_LITERAL:
            continue
        if not attention.spend(len(line)):
            return
        tested = expression(line, name) or expression(line.rsplit(",", 1)[0], name)
        if isinstance(tested, ast.Tuple):  # `assert f(2) == 4, "why"`
            tested = tested.elts[0]
        if tested and (example := equation(tested, name) or truth(tested)):
            yield example


def arrows(text: str, name: str) -> Iterator[Example]:
    """`f(2) -> 4`, `f(2) == 4`, "f(2) should return 4"; of `f(2) = 1 + 3 = 4` the last."""
    attention = Attention()
    for start in scanner.calls(text, name):
        opening = start + len(name)
        end = closing(text, opening)
        if not attention.spend((end or opening + LONGEST_LITERAL) - start):
            return
        call = expression(text[start:end], name) if end else None
        arrow = ARROW.match(text, end) if end and call else None
        if not call or not arrow:
            continue
        told = text[arrow.end() : arrow.end() + LONGEST_LITERAL]
        attention.spend(len(told))
        value = leading_literal(told)
        if value is None:
            line = told.split("\n", 1)[0]
            value = leading_literal(line.rsplit("=", 1)[1]) if "=" in line else None
        if value is not None:
            yield Example(ast.unparse(call), value)


def lines(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    attention = Attention()
    for given, wanted in chain(scanner.labeled_pairs(text), scanner.should_be_pairs(text)):
        if not attention.spend(min(len(given), LONGEST_LITERAL)):
            return
        call, value = call_of(given, name, parameters), leading_literal(wanted)
        if call and value is not None:
            yield Example(call, value)


def tables(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    wanted, attention = None, Attention()
    for row in scanner.rows(text):
        cells = [cell.strip().strip("`") for cell in row.split("|")]
        if len(cells) > 1 and re.search(r"output|expected|result|return", cells[-1].lower()):
            wanted = len(cells)
        elif wanted == len(cells):
            if not attention.spend(min(len(row), LONGEST_LITERAL)):
                return
            if (value := literal(cells[-1])) is not None:
                given = expression_arguments(cells[0], name) or ", ".join(cells[:-1])
                if call := call_of(given, name, parameters):
                    yield Example(call, value)
