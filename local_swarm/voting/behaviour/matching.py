"""What a call gave and what an example wants of it in, whether they are the same as far as an example tells out. Pure.

People round what they show, write lists for tuples, and print what a function returns. Where a value has digits behind
its point, half of the last one is borne.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Sequence

from local_swarm.chat.python_source import parse_expression
from local_swarm.sandbox.canonical import DIGITS
from local_swarm.sandbox.job import CHANGED, PRINTED
from local_swarm.sandbox.messages import DEFINED, DIED, TOO_MUCH
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.literals import literal

TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*+'?|"(?:[^"\\]|\\.)*+"?|[\[\](){},:]|[^\s'"\[\](){},:]++""")
NUMBER = re.compile(r"-?\d++(?:\.(?P<digits>\d++))?(?:e(?P<power>[-+]?\d{1,3}+))?")
BRACKETS = str.maketrans("()", "[]")
ROUNDED = 10.0 ** (1 - DIGITS)  # of a number, by which the canonical forms of two may be off
UNMEANT = frozenset({"NameError", "SyntaxError", "ReferenceError", "UnboundLocalError"})  # nobody's way of refusing


def matches(outcome: str, example: Example) -> bool:
    """Whether an outcome of the sandbox is what an example wants."""
    wanted = example.wanted
    if wanted.startswith("!"):
        return fails_as(outcome, wanted[1:])
    if outcome.startswith(PRINTED):
        return printed_alike(outcome.removeprefix(PRINTED), wanted, example.how)
    if not outcome.startswith(DEFINED):
        return False
    value = outcome.removeprefix(CHANGED).removeprefix(DEFINED)
    return (
        same(value, wanted, example.how)
        or (value == "None" and wanted == first_argument(example.call))
        or (example.how == "shown" and text_in(value) is not None and printed_alike(value, wanted))
    )


def fails_as(outcome: str, wanted: str) -> bool:
    """Whether it raised `wanted`, or one of its kind; nothing wanted is any error that a program may mean."""
    raised = outcome.removeprefix("!")
    if raised == outcome or outcome in (DIED, TOO_MUCH):
        return False
    if raised == wanted:
        return True
    if raised in UNMEANT:
        return False
    kind, kinds = getattr(builtins, raised, None), getattr(builtins, wanted or "Exception", None)
    known = isinstance(kind, type) and isinstance(kinds, type) and issubclass(kind, kinds)
    return known or wanted in ("", "Error", "Exception")


def printed_alike(told: str, wanted: str, how: str = "value") -> bool:
    """Texts by their words, numbers among them by the digits shown; or the value that was printed."""
    printed, shown = text_in(told), text_in(wanted)
    if printed is None:
        return told == wanted
    given, words = printed.split(), (wanted if shown is None else shown).split()
    if len(given) == len(words) and all(near(*pair) for pair in zip(given, words, strict=True)):
        return True
    value = literal(printed)
    return value is not None and same(value, wanted, how)


def text_in(value: str) -> str | None:
    """The text whose canonical form this is."""
    tree = parse_expression(value) if value[:1] in "'\"" else None
    return tree.value if isinstance(tree, ast.Constant) and isinstance(tree.value, str) else None


def same(given: str, wanted: str, how: str = "value") -> bool:
    """Whether two canonical forms say the same: `how` is one of Example's."""
    if given == wanted:
        return True
    ours, theirs = tokens(given), tokens(wanted)
    if how == "any order":
        ours, theirs = tokens(in_order(ours)), tokens(in_order(theirs))
    return len(ours) == len(theirs) and all(
        one == other or (how != "exact" and near(one, other)) for one, other in zip(ours, theirs, strict=True)
    )


def tokens(value: str) -> list[str]:
    return [one.translate(BRACKETS) if one in "()" else one for one in TOKEN.findall(value)]


def in_order(parts: Sequence[str]) -> str:
    """The items of every list sorted, whatever they nest; pairs of dictionaries stay together."""
    stack: list[list[str]] = [[]]
    for part in parts:
        if part in "[{":
            stack.append([])
        elif part in "]}":
            items = stack.pop()
            if not stack:
                return "".join(parts)
            stack[-1].append(f"[{','.join(items if ':' in items else sorted(items))}]")
        elif part != ",":
            stack[-1].append(part)
    return ",".join(stack[0])


def near(given: str, wanted: str) -> bool:
    if given == wanted:
        return True
    shown, number = NUMBER.fullmatch(wanted), NUMBER.fullmatch(given)
    if not shown or not (shown["digits"] or shown["power"]) or not number:
        return False
    half: float = 0.5 * 10.0 ** (int(shown["power"] or 0) - len(shown["digits"] or ""))
    return abs(float(given) - float(wanted)) <= half + ROUNDED * abs(float(wanted))


def first_argument(call: str) -> str | None:
    """The canonical form of what a call is given first."""
    tree = parse_expression(call)
    return literal(ast.unparse(tree.args[0])) if isinstance(tree, ast.Call) and tree.args else None
