"""Answers in JavaScript and calls written as in Python in, the function to call, its signature and the calls as in JavaScript
out. Pure."""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Mapping

from local_swarm.chat.python_source import parse_expression
from local_swarm.sandbox.job import SCRIPT, STDIN
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.behaviour.inputs import Signature
from local_swarm.voting.behaviour.values import guess_kind
from local_swarm.voting.javascript.module import JavaScriptModule, javascript_module

HINTS = {
    "number": "int",
    "bigint": "int",
    "string": "str",
    "boolean": "bool",
    "number[]": "list[int]",
    "string[]": "list[str]",
    "array<number>": "list[int]",
    "array<string>": "list[str]",
    "readonlyarray<number>": "list[int]",
    "number[][]": "list[list]",
    "string[][]": "list[list]",
    "object": "dict",
    "any": "any",
}
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
KEY = re.compile(r"'((?:0|-?[1-9]\d{0,14}))'(?=:)")
AROUND = ("bool", "list", "tuple")  # what examples put around a call that says the same without
DEEPEST_CALL = 40  # of a call's own nesting


class NotInJavaScript(Exception):
    """An expression that has no like there, or that calls something else."""


def module_of(answer: ExtractedAnswer) -> JavaScriptModule:
    return javascript_module(answer.body, answer.language)


def signature_in_javascript(module: JavaScriptModule, name: str) -> Signature | None:
    """None where its parameters are not to be seen, or not told one by one."""
    given = module.functions.get(name)
    if given is None or any("{" in one or "..." in one for one in given):
        return None
    needed = [one for one in given if "=" not in one and "?" not in one]
    return Signature(name, tuple(map(bare, given)), tuple(map(kind_of_parameter, needed)))


def bare(parameter: str) -> str:
    return re.split(r"[:=?\s]", parameter, maxsplit=1)[0]


def kind_of_parameter(parameter: str) -> str:
    _, _, hint = parameter.partition(":")
    if kind := HINTS.get(hint.replace(" ", "").lower()):
        return kind
    return guess_kind(bare(parameter))


def javascript_name(question_name: str | None, answers: Mapping[int, ExtractedAnswer]) -> str | None:
    """Of the function to call: the one asked for, where it is defined, else the last function of most."""
    modules = [module_of(answer) for answer in answers.values()]
    if question_name and any(module.defines(question_name) for module in modules):
        return question_name
    counts = Counter(module.names[-1] for module in modules if module.names)
    return min(counts, key=lambda word: (-counts[word], word)) if counts else None


def javascript_call(call: str, name: str) -> str | None:
    """A call from Python's writing, as the sandbox takes it; None where it is other than the function called with
    plain data."""
    if call.startswith(SCRIPT):
        return script_call(call.removeprefix(SCRIPT))
    if call.startswith(STDIN):
        told = literal(call.removeprefix(STDIN))
        return json.dumps({"input": told}) if isinstance(told, str) else None
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
