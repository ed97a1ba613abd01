"""JavaScript and TypeScript in, the functions that it defines and their signatures out.

Calls written as in Python become calls as in JavaScript. It works by patterns, not by a parser. That finds functions at
the top of a program, which are the ones that a prompt asks for.
"""

from __future__ import annotations

import ast
import json
import re

from local_swarm.chat.python_source import parse_expression
from local_swarm.sandbox.job import Language
from local_swarm.voting.behaviour.inputs import Signature
from local_swarm.voting.behaviour.values import guess_kind
from local_swarm.voting.scanner import MOST_TEXT

LANGUAGES: dict[str, Language] = {
    "js": "javascript",
    "javascript": "javascript",
    "mjs": "javascript",
    "cjs": "javascript",
    "node": "javascript",
    "ts": "typescript",
    "typescript": "typescript",
}
DEFINED = re.compile(
    r"^(?:export\s++(?:default\s++)?)?(?:(?:async\s++)?function\s*+\*?\s*+(?P<name>[A-Za-z_$][\w$]*+)\s*+(?:<[^>\n]*+>)?\s*+\((?P<given>[^)]{0,500}+)\)"
    r"|(?:const|let|var)\s++(?P<bound>[A-Za-z_$][\w$]*+)\s*+(?::[^=\n]++)?=\s*+(?:async\s++)?(?:function\s*+[\w$]*+\s*+)?"
    r"(?:\((?P<listed>[^)]{0,500}+)\)|(?P<single>[A-Za-z_$][\w$]*+)\s*+=>))",
    re.MULTILINE,
)
HINTS = {
    "number": "int",
    "string": "str",
    "boolean": "bool",
    "number[]": "list[int]",
    "string[]": "list[str]",
    "array<number>": "list[int]",
    "array<string>": "list[str]",
    "number[][]": "list[list]",
    "string[][]": "list[list]",
    "object": "dict",
    "any": "any",
}


def functions(program: str) -> dict[str, str]:
    """Names of functions at the top of a program with their lists of parameters."""
    return {
        match["name"] or match["bound"]: match["given"] or match["listed"] or match["single"] or ""
        for match in DEFINED.finditer(program[:MOST_TEXT])
    }


def javascript_signature(program: str, name: str) -> Signature | None:
    given = functions(program).get(name)
    if given is None or "{" in given or "..." in given:
        return None
    parameters = [part.strip() for part in given.split(",") if part.strip()]
    needed = [part for part in parameters if "=" not in part and "?" not in part]
    return Signature(name, tuple(bare(part) for part in parameters), tuple(map(kind_of_parameter, needed)))


def bare(parameter: str) -> str:
    return re.split(r"[:=?\s]", parameter, maxsplit=1)[0]


def kind_of_parameter(parameter: str) -> str:
    _, _, hint = parameter.partition(":")
    if kind := HINTS.get(hint.strip().lower()):
        return kind
    return guess_kind(bare(parameter))


def javascript_call(call: str, name: str) -> str | None:
    """A call from Python's writing; None where it is other than the function called with plain data."""
    tree = parse_expression(call)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "bool" and tree.args:
        tree = tree.args[0]
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or tree.func.id != name or tree.keywords:
        return None
    try:
        return f"{name}({', '.join(json.dumps(ast.literal_eval(argument)) for argument in tree.args)})"
    except (ValueError, TypeError, RecursionError, MemoryError):
        return None
