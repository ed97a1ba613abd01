"""Calls and values written as in Python in, the same as in JavaScript out. Pure."""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import replace

from local_swarm.chat.python_source import parse_expression
from local_swarm.sandbox.job import SCRIPT, STDIN
from local_swarm.voting.behaviour.calls import Example

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.Eq: "===",
    ast.NotEq: "!==",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.And: "&&",
    ast.Or: "||",
    ast.Not: "!",
    ast.USub: "-",
    ast.UAdd: "+",
}
CONSTANTS = {True: "true", False: "false", None: "null"}
TEXT_OR_KEY = re.compile(r"""'(?:[^'\\]++|\\.)*+'|"(?:[^"\\]++|\\.)*+"|(?<=[{,])(?P<key>-?\d++)(?=:)""", re.DOTALL)
AROUND = ("bool", "list", "tuple")  # what examples put around a call that says the same without
DEEPEST_CALL = 40  # of a call's own nesting


class NotInJavaScript(Exception):
    """An expression that has no like there, or that calls something else."""


def in_javascript(example: Example, name: str) -> Example | None:
    """Its call as the sandbox takes it, and what it must give, where numbers that are keys are texts."""
    call = javascript_call(example.call, name)
    wanted = TEXT_OR_KEY.sub(lambda found: f"'{found['key']}'" if found["key"] else found[0], example.wanted)
    return replace(example, call=call, wanted=wanted) if call else None


def javascript_call(call: str, name: str) -> str | None:
    """A call from Python's writing, as the sandbox takes it; None where it is other than the function called with
    plain data."""
    if call.startswith(SCRIPT):
        return script_call(call.removeprefix(SCRIPT))
    if call.startswith(STDIN):
        told = literal(call.removeprefix(STDIN))
        return reading_call(told) if isinstance(told, str) else None
    tree = parse_expression(call)
    if (
        isinstance(tree, ast.Call)
        and isinstance(tree.func, ast.Name)
        and tree.func.id in AROUND
        and len(tree.args) == 1
    ):
        tree = tree.args[0]
    if not isinstance(tree, ast.Call) or tree.keywords or (called := callee(tree.func, name)) is None:
        return None
    try:
        return json.dumps({"call": called, "given": ", ".join(javascript_text(one, 0) for one in tree.args)})
    except (NotInJavaScript, RecursionError):
        return None


def reading_call(text: str) -> str:
    """The whole program, with that as its standard input."""
    return json.dumps({"input": text})


def callee(node: ast.expr, name: str) -> str | None:
    """The function itself, or a method of what a class makes without arguments."""
    if isinstance(node, ast.Name) and node.id == name:
        return name
    made = node.value if isinstance(node, ast.Attribute) and node.attr == name else None
    plain = isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and not made.args
    return f"new {ast.unparse(made)}.{name}" if made and plain else None


def script_call(told: str) -> str | None:
    """`[class, [constructor arguments], [[method, [arguments]], ...]]`"""
    tree = parse_expression(told)
    try:
        match tree:
            case ast.List(elts=[ast.Constant(value=str(made)), ast.List() as given, ast.List() as steps]):
                pairs = [(one.elts[0], one.elts[1]) for one in steps.elts if isinstance(one, ast.List)]
                written = [[ast.literal_eval(method), inner_text(more)] for method, more in pairs]
                return json.dumps({"call": made, "given": inner_text(given), "steps": written})
    except (NotInJavaScript, RecursionError, ValueError, IndexError):
        pass
    return None


def inner_text(listed: ast.expr) -> str:
    """The elements of a list."""
    return javascript_text(listed, 0)[1:-1]


def literal(written: str) -> object:
    tree = parse_expression(written)
    return tree.value if isinstance(tree, ast.Constant) else None


def javascript_text(node: ast.AST, depth: int) -> str:
    """Data, and functions of one expression. Raises NotInJavaScript."""
    if depth > DEEPEST_CALL:
        raise NotInJavaScript
    inner = [javascript_text(child, depth + 1) for child in parts_of(node)]
    match node:
        case ast.Constant():
            return constant(node.value)
        case ast.List() | ast.Tuple():
            return f"[{', '.join(inner)}]"
        case ast.Set():
            return f"new Set([{', '.join(inner)}])"
        case ast.Dict():
            half = len(inner) // 2
            return (
                f"({{{', '.join(f'[{key}]: {value}' for key, value in zip(inner[:half], inner[half:], strict=True))}}})"
            )
        case ast.UnaryOp() if type(node.op) in OPERATORS:
            return f"({OPERATORS[type(node.op)]}{inner[0]})"
        case ast.BinOp() if type(node.op) in OPERATORS:
            return f"({inner[0]} {OPERATORS[type(node.op)]} {inner[1]})"
        case ast.BoolOp():
            return f"({f' {OPERATORS[type(node.op)]} '.join(inner)})"
        case ast.Compare() if len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
            return f"({inner[0]} {OPERATORS[type(node.ops[0])]} {inner[1]})"
        case ast.Name():
            return node.id
        case ast.Lambda():
            names = ", ".join(argument.arg for argument in node.args.args)
            return f"(({names}) => {inner[0]})"
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return f"new Set({', '.join(inner)})"
        case ast.Call(func=ast.Name(id="float")) if inner in (['"inf"'], ['"-inf"'], ['"nan"']):
            return {'"inf"': "Infinity", '"-inf"': "-Infinity"}.get(inner[0], "NaN")
    raise NotInJavaScript


def parts_of(node: ast.AST) -> list[ast.AST]:
    """What is written within it."""
    match node:
        case ast.List() | ast.Tuple() | ast.Set():
            return list(node.elts)
        case ast.Dict():
            return [*(key for key in node.keys if key is not None), *node.values]
        case ast.UnaryOp():
            return [node.operand]
        case ast.BinOp():
            return [node.left, node.right]
        case ast.BoolOp():
            return list(node.values)
        case ast.Compare():
            return [node.left, *node.comparators]
        case ast.Lambda():
            return [node.body]
        case ast.Call():
            return list(node.args)
    return []


def constant(value: object) -> str:
    if value is None or isinstance(value, bool):
        return CONSTANTS[value]
    if isinstance(value, bytes):
        return f"Uint8Array.from({list(value)})"
    if isinstance(value, float) and math.isinf(value):
        return "Infinity"
    if not isinstance(value, (str, int, float)):
        raise NotInJavaScript
    return json.dumps(value)
