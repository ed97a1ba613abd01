"""The words of a prompt in, the examples that stand in it out: calls and what they must give. Pure.

People write examples in many ways; read are doctests, asserts, `f(2) -> 4` with any arrow or with words, input and
output lines, "for x = 2 the output should be 4" and tables.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from local_swarm.chat.python_source import parse_expression, unparse
from local_swarm.sandbox.canonical import ValueTooLarge, canonical
from local_swarm.voting import scanner
from local_swarm.voting.scanner import EACH, LONGEST_LITERAL, MOST_TEXT, Attention, closing

MOST_EXAMPLES = 12
MOST_PARAMETERS = 64
LONGEST_NAME = 200  # characters of a function's name
SAFE = frozenset(
    {"True", "False", "None", "float", "int", "str", "set", "list", "tuple", "dict", "frozenset", "range", "round"}
    | {"abs", "sorted", "len", "sum", "min", "max", "bool", "repr"}
)

ARROW = re.compile(
    r"\s*+[`'\";*]*+\s*+(?:(?:#|//)\s*+)?(?:=++>|-++>|[➞→⇒➜]|==|=|:|(?:(?:#|//)\s*+)?(?:=++>|-++>)?\s*+,?\s*+"
    r"(?:(?:should|must|will|would)\s++)?"
    r"(?:returns?|be|gives?|yields?|outputs?|prints?|produces?|equals?|evaluates?\s++to|is|results?\s++in)\b)\s*+[:`*]*+\s*+"
)
ASSERT = re.compile(r"^[ \t>]*+assert\s++(.+)$", re.MULTILINE)
ASSIGNED = re.compile(r"(?:^|,|\band\b|;)\s*+([A-Za-z_]\w*+)\s*+=(?!=)")
WORDS = {"true": "True", "false": "False", "null": "None", "nil": "None", "none": "None"}


@dataclass(frozen=True, slots=True)
class Example:
    """`call` must give the value whose canonical form is `wanted`."""

    call: str
    wanted: str


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


def equation(tested: ast.expr, name: str) -> Example | None:
    """`f(2) == 4`, `f(2) is None`, either way round."""
    if not isinstance(tested, ast.Compare) or len(tested.ops) != 1 or not isinstance(tested.ops[0], (ast.Eq, ast.Is)):
        return None
    left, right = tested.left, tested.comparators[0]
    if not mentions(left, name):
        left, right = right, left
    value = literal(ast.unparse(right))
    return Example(ast.unparse(left), value) if value is not None and mentions(left, name) else None


def truth(tested: ast.expr) -> Example | None:
    """`f(2)` and `not f(2)`; other comparisons are values themselves."""
    if isinstance(tested, ast.UnaryOp) and isinstance(tested.op, ast.Not):
        return Example(f"bool({ast.unparse(tested.operand)})", canonical(False))
    return Example(f"bool({ast.unparse(tested)})", canonical(True))


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


def expression_arguments(text: str, name: str) -> str | None:
    call = expression(text, name)
    return ", ".join(map(ast.unparse, call.args)) if isinstance(call, ast.Call) else None


def call_of(given: str, name: str, parameters: Sequence[str]) -> str | None:
    """The call that `x = 2, y = 3`, `2, 3` or `[1, 2]` stands for."""
    given = given.strip().strip("`").rstrip(".,; ")
    if len(given) > 2 * LONGEST_LITERAL:
        return None
    marks = list(ASSIGNED.finditer(given))
    if marks:
        ends = [*(mark.start() for mark in marks[1:]), len(given)]
        pairs = {mark[1]: given[mark.end() : end].strip(" ,;") for mark, end in zip(marks, ends, strict=True)}
        order = (
            [pairs[one] for one in parameters if one in pairs]
            if set(pairs) <= set(parameters)
            else list(pairs.values())
        )
        given = ", ".join(order)
    call = f"{name}({given})"
    found = expression(call, name)
    return ast.unparse(found) if isinstance(found, ast.Call) and given else None


def expression(source: str, name: str) -> ast.expr | None:
    """An expression that calls `name` on nothing but literals."""
    if len(source) > 2 * LONGEST_LITERAL:
        return None
    tree = parse_expression(source)
    if tree is None:
        return None
    found: ast.expr = Words().visit(tree)
    if unparse(found) is None:  # whoever gets it may write it out
        return None
    return found if mentions(found, name) and all(safe(node, name) for node in ast.walk(found)) else None


class Words(ast.NodeTransformer):
    """`true`, `false` and `null` of other languages as Python's."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        values = {"true": True, "false": False, "null": None, "undefined": None}
        return ast.copy_location(ast.Constant(values[node.id]), node) if node.id in values else node


def safe(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id in SAFE or node.id == name
    return not isinstance(node, (ast.Attribute, ast.Lambda, ast.NamedExpr, ast.Await, ast.Yield)) and not (
        isinstance(node, ast.Constant) and node.value is Ellipsis
    )


def mentions(tree: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(tree)
    )


def leading_literal(text: str) -> str | None:
    """The canonical form of the literal that a text begins with, if what follows is no operator."""
    text = text.lstrip(" \t*`")[: LONGEST_LITERAL + EACH]
    if text[:1] in ("[", "(", "{"):
        end = closing(text, 0)
        return literal(text[:end]) if end and not continues(text[end:]) else None
    match = re.match(
        r"""[rbu]?("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|[-+]?(?:\d[\d_]*+\.?\d*+(?:[eE][-+]?\d+)?|\.\d+)|[A-Za-z]+\b""",
        text,
    )
    return literal(match[0]) if match and not continues(text[match.end() :]) else None


def continues(rest: str) -> bool:
    """Whether what follows a literal makes it part of something larger."""
    return bool(re.match(r"\s*(?:[-+*/%^<]|==|=(?!>)|\w*\()|[\w\"']", rest.split("\n", 1)[0]))


def literal(text: str) -> str | None:
    """The canonical form of a literal, None where it is none."""
    text = text.strip().strip("`").strip()
    if not text or len(text) > LONGEST_LITERAL:
        return None
    text = WORDS.get(text.lower(), text)
    if text[0] in "[({":
        text = re.sub(r"\b(true|false|null)\b", lambda word: WORDS[word[0]], text)
    tree = parse_expression(text)
    try:
        value: Any = ast.literal_eval(tree) if tree else Ellipsis
        return None if value is Ellipsis else canonical(value)
    except (ValueError, TypeError, RecursionError, MemoryError, ValueTooLarge):
        return None
