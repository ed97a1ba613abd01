"""Python before and after an edit in, what the edit changed in a form that is equal for equal changes out. Pure."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local_swarm.chat.python_source import parse, unparse
from local_swarm.voting.similarity.structure import has_docstring

WORD = re.compile(r"\w++|[^\w\s]")
Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Difference:
    """`name`: where the statement stands, as `Class.method`; `node` None where it is gone, and then `text` says what
    it was."""

    name: str
    text: str
    node: ast.stmt | None


def differences(before: Sequence[ast.stmt], after: Sequence[ast.stmt], within: str = "") -> list[Difference]:
    """What came, in the order of the file, then what went. Methods count one by one."""
    old, new = sources(before), sources(after)
    had, has = Counter(text for text, _ in old), Counter(text for text, _ in new)
    classes = {node.name: node for _, node in old if isinstance(node, ast.ClassDef)}
    found: list[Difference] = []
    for text, node in new:
        if had[text] > 0:
            had[text] -= 1
        elif isinstance(node, ast.ClassDef) and (known := classes.get(node.name)) and same_head(known, node):
            found += differences(known.body, node.body, f"{within}{node.name}.")
        else:
            found.append(Difference(within + name_of(node), text, node))
    defined = {name_of(node) for _, node in new}
    for text, node in old:
        if has[text] > 0:
            has[text] -= 1
        elif not (isinstance(node, Definition) and name_of(node) in defined):
            found.append(Difference(within + name_of(node), text, None))
    return found


def sources(statements: Sequence[ast.stmt]) -> list[tuple[str, ast.stmt]]:
    """(its source without comments, docstrings and the writer's layout, itself)."""
    return [(unparse(bare(node)) or "", node) for node in statements if not is_docstring(node)]


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def bare(node: ast.stmt) -> ast.stmt:
    """Without docstrings. Of an own copy, where something is taken away."""
    for inner in ast.walk(node):
        if isinstance(inner, Definition) and has_docstring(inner.body):
            inner.body = inner.body[1:] or [ast.Pass()]
    return node


def compared_words(text: str) -> list[str]:
    """A statement's words, variables of a function numbered as they appear. Attributes and keywords keep their names."""
    tree = parse(text)
    if tree is None or not tree.body:
        return WORD.findall(text)
    if isinstance(tree.body[0], (ast.FunctionDef, ast.AsyncFunctionDef)):
        number_variables(tree.body[0])
    return WORD.findall(unparse(tree) or text)


def number_variables(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    nodes = list(ast.walk(function))
    shared = {name for node in nodes if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names}
    numbers: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.arg) or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)):
            name = node.arg if isinstance(node, ast.arg) else node.id
            numbers.setdefault(name, name if name in shared else f"v{len(numbers)}")
    for node in nodes:
        if isinstance(node, ast.arg):
            node.arg = numbers[node.arg]
        elif isinstance(node, ast.Name):
            node.id = numbers.get(node.id, node.id)


def same_head(one: ast.ClassDef, other: ast.ClassDef) -> bool:
    def head(node: ast.ClassDef) -> str:
        return ast.dump(ast.ClassDef(node.name, node.bases, node.keywords, [], node.decorator_list))

    return head(one) == head(other)


def name_of(node: ast.stmt) -> str:
    return node.name if isinstance(node, Definition) else type(node).__name__


def merge(file: ast.Module, piece: ast.Module) -> ast.Module | None:
    """A file with the definitions of a piece in place of its own; new ones at the end. A function that only a class
    has stands for its method. None where the piece defines nothing."""
    body = list(file.body)
    told = [node for node in piece.body if isinstance(node, (*Definition, ast.Import, ast.ImportFrom, ast.Assign))]
    if not any(isinstance(node, Definition) for node in told):
        return None
    for node in told:
        if not isinstance(node, Definition):
            same = {ast.dump(one) for one in body}
            body = body if ast.dump(node) in same else put_beside(body, node)
            continue
        places = [at for at, one in enumerate(body) if isinstance(one, Definition) and one.name == node.name]
        homes = list(methods_named(body, node.name)) if not places else []
        if places:
            body[places[-1]] = with_methods(body[places[-1]], node)
        elif len(homes) == 1:
            body[homes[0]] = with_methods(body[homes[0]], ast.ClassDef("", [], [], [node], []))
        else:
            body.append(node)
    return ast.Module(body, [])


def put_beside(body: list[ast.stmt], node: ast.stmt) -> list[ast.stmt]:
    """An import or a setting before the first definition, or in place of the setting of that name."""
    if isinstance(node, ast.Assign):
        targets = ast.dump(node.targets[0])
        for at, one in enumerate(body):
            if isinstance(one, ast.Assign) and ast.dump(one.targets[0]) == targets:
                return [*body[:at], node, *body[at + 1 :]]
    first = next((at for at, one in enumerate(body) if isinstance(one, Definition)), len(body))
    return [*body[:first], node, *body[first:]]


def methods_named(body: Sequence[ast.stmt], name: str) -> Iterator[int]:
    for at, one in enumerate(body):
        if isinstance(one, ast.ClassDef) and any(isinstance(m, Definition) and m.name == name for m in one.body):
            yield at


def with_methods(old: ast.stmt, new: ast.stmt) -> ast.stmt:
    """A class keeps the methods that its new form does not tell."""
    if not (isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef)):
        return new
    body = list(old.body)
    for node in new.body:
        at = next(
            (at for at, one in enumerate(body) if isinstance(one, Definition) and one.name == name_of(node)), None
        )
        if at is not None:
            body[at] = node
        elif isinstance(node, Definition) or ast.dump(node) not in {ast.dump(one) for one in body}:
            body.append(node)
    head = new if new.name else old
    return ast.ClassDef(head.name, head.bases, head.keywords, body, head.decorator_list)
