"""A text in, the examples in its sessions with an interpreter out: Python, IPython and node. Pure.

Variables are put where they are used; what a call changes in place is what is shown of its argument afterwards.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from local_swarm.chat.python_source import parse, unparse
from local_swarm.sandbox.canonical import canonical
from local_swarm.voting import scanner
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.notations.told import call_in, error_in, literal_in
from local_swarm.voting.scanner import LONGEST_LITERAL, Attention

MOST_VARIABLES = 32
LONGEST_PRINTED = 400  # characters
IPYTHON = re.compile(r"^([ \t]*+)(?:In ?\[\d++\]: ?|(Out ?\[\d++\]: ?))", re.MULTILINE)
NODE = re.compile(r"[ \t]*+> (?![> ])(\S.*+)")
DECLARED = re.compile(r"^(?:const|let|var)\s++")
SHOWN = re.compile(r"^(?:print|console\.log)\((.*)\)$", re.DOTALL)
OPAQUE = re.compile(r"<|\.\.\.")  # of an object, or a part of what comes out


@dataclass(slots=True)
class Session:
    """What the variables of a session stand for and how long that is, and which call each was last given to to be
    changed."""

    name: str
    variables: dict[str, tuple[ast.expr, int]] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)

    def example(self, source: str, shown: str) -> Example | None:
        """What one input and what is shown after it say together."""
        source = DECLARED.sub("", source.strip()).rstrip(";")
        tree = parse(source)
        statement = tree.body[0] if tree and len(tree.body) == 1 else None
        if isinstance(statement, ast.Assign):
            self.assign(statement)
            return None
        if not isinstance(statement, ast.Expr):
            return None
        printed = SHOWN.match(ast.unparse(statement.value))
        told = printed[1] if printed else ast.unparse(statement.value)
        if told in self.changed:
            wanted = literal_in(shown)
            return Example(self.changed[told], wanted) if wanted is not None else None
        call = self.call_of_source(told)
        if call is None:
            return None
        if not shown.strip():
            self.note_change(statement.value, call)
            return None
        wanted = wanted_of(shown, bool(printed))
        how = "shown" if printed else "value"
        return Example(ast.unparse(call), wanted, how) if wanted is not None else None

    def assign(self, statement: ast.Assign) -> None:
        target = statement.targets[0]
        if not isinstance(target, ast.Name):
            return
        self.changed.pop(target.id, None)
        value = self.fill(statement.value)
        source = unparse(value) if value else None
        self.variables.pop(target.id, None)
        if value and source and len(source) <= LONGEST_LITERAL and len(self.variables) < MOST_VARIABLES:
            self.variables[target.id] = (value, len(source))

    def fill(self, tree: ast.expr) -> ast.expr | None:
        """Variables replaced by what they stand for, where that does not become long."""
        used = [
            self.variables[one.id] for one in ast.walk(tree) if isinstance(one, ast.Name) and one.id in self.variables
        ]
        if sum(length for _, length in used) > LONGEST_LITERAL:
            return None
        filled: ast.expr = Filling({name: value for name, (value, _) in self.variables.items()}).visit(tree)
        return filled

    def call_of_source(self, source: str) -> ast.expr | None:
        tree = parse(source)
        if not tree or not isinstance(tree.body[0], ast.Expr):
            return None
        value = self.fill(tree.body[0].value)
        filled = unparse(value) if value else None
        return call_in(filled, self.name) if filled else None

    def note_change(self, told: ast.expr, call: ast.expr) -> None:
        """A call that shows nothing may have changed the variable that it was given."""
        given = [node.id for node in told.args if isinstance(node, ast.Name)] if isinstance(told, ast.Call) else []
        if len(given) == 1 and given[0] in self.variables:
            self.changed[given[0]] = ast.unparse(call)


class Filling(ast.NodeTransformer):
    """Variables replaced by what they stand for."""

    def __init__(self, variables: dict[str, ast.expr]) -> None:
        self.variables = variables

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.variables.get(node.id, node)


def sessions(text: str, name: str, _parameters: Sequence[str] = ()) -> Iterator[Example]:
    attention, session = Attention(), Session(name)
    python = IPYTHON.sub(lambda found: found[1] if found[2] else f"{found[1]}>>> ", text)
    for source, shown in (*scanner.doctests(python), *node_inputs(text)):
        if not attention.spend(4 * len(source)):
            return
        if len(source) <= LONGEST_LITERAL and (example := session.example(source, shown)):
            yield example


def node_inputs(text: str) -> Iterator[tuple[str, str]]:
    """Lines after `> `, and what is beneath up to the next; a quote's lines all begin so, and nothing is beneath."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if found := NODE.fullmatch(line):
            below = lines[at + 1].strip() if at + 1 < len(lines) else ""
            quoted = below.startswith((">", "```"))
            yield found[1], "" if quoted or below == "undefined" else below


def wanted_of(shown: str, printed: bool) -> str | None:
    """What a call gives, of what is shown after it: an error, a value, or words that were printed."""
    lines = [line.strip() for line in shown.strip().split("\n")]
    if lines[0].startswith("Traceback"):
        return error_in(lines[-1])
    if lines[0].startswith("Uncaught "):
        return error_in(lines[0].removeprefix("Uncaught "))
    value = literal_in("\n".join(lines))
    if value is not None or len(shown) > LONGEST_PRINTED or OPAQUE.search(shown):
        return value
    return canonical(lines[0]) if printed and len(lines) == 1 else None
