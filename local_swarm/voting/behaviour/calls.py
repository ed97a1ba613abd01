"""The words of a call or a comparison in, a call on literals and the value it must give out. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from local_swarm.chat.python_source import parse_expression, unparse
from local_swarm.sandbox.canonical import canonical
from local_swarm.voting.behaviour.literals import literal
from local_swarm.voting.scanner import LONGEST_LITERAL

SAFE = frozenset(
    {"True", "False", "None", "float", "int", "str", "set", "list", "tuple", "dict", "frozenset", "range", "round"}
    | {"abs", "sorted", "len", "sum", "min", "max", "bool", "repr"}
)
ASSIGNED = re.compile(r"(?:^|,|\band\b|;)\s*+([A-Za-z_]\w*+)\s*+=(?!=)")


@dataclass(frozen=True, slots=True)
class Example:
    """`call` must give the value whose canonical form is `wanted`, or raise it where it is `!` and an error's name.

    `how` they are compared: a "value" by the digits that are shown, "exact" by all; in "any order"; or as "shown" where
    texts may stand without quotes, as a print and a table show them.
    """

    call: str
    wanted: str
    how: str = "value"


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
