"""An answer's Python and the prompt's in, the text to run out: all of it but what merely uses what it defines. Pure."""

from __future__ import annotations

import ast
import sys
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from local_swarm.chat.python_source import unparse
from local_swarm.sandbox.job import SPARE
from local_swarm.voting.question import Question, definitions

SPEAKING = frozenset({"print", "pprint", "input", "exit", "quit", "breakpoint", "display", "help"})
SPEAKERS = frozenset({"unittest", "doctest", "pytest", "plt", "timeit", "cProfile", "webbrowser"})  # all that they do
SPEAKING_OF = {"sys": {"exit", "stdin", "stdout", "stderr"}, "asyncio": {"run"}, "time": {"sleep"}, "os": {"_exit"}}
TYPES = frozenset(typing.__all__)
# What LeetCode has imported before a solution begins.
FAMILIAR = {
    "collections": "deque defaultdict Counter OrderedDict namedtuple",
    "heapq": "heappush heappop heapify heapreplace heappushpop nlargest nsmallest",
    "math": "inf gcd lcm sqrt ceil floor comb factorial isqrt log log2 log10 pi",
    "bisect": "bisect_left bisect_right insort",
    "functools": "lru_cache cache reduce cmp_to_key",
    "itertools": "accumulate product permutations combinations chain groupby pairwise zip_longest",
}
MODULES = frozenset(FAMILIAR) | {"re", "random", "string", "operator", "typing", "copy", "sys"}
NODES = {
    "ListNode": "class ListNode:\n    def __init__(self, val=0, next=None):\n        self.val, self.next = val, next\n",
    "TreeNode": (
        "class TreeNode:\n    def __init__(self, val=0, left=None, right=None):\n"
        "        self.val, self.left, self.right = val, left, right\n"
    ),
}
KNOWN = TYPES | MODULES | frozenset(NODES) | {name for names in FAMILIAR.values() for name in names.split()}
Function = (ast.FunctionDef, ast.AsyncFunctionDef)
Named = (*Function, ast.ClassDef)
Import = (ast.Import, ast.ImportFrom)
TESTING = ("pytest", "unittest")
Compound = (ast.If, ast.Try, ast.With, ast.For, ast.While)


def runnable(tree: ast.Module, whole: str, question: Question) -> str | None:
    """What defines everything; where that is not the whole text, then `SPARE`, its bare definitions, `SPARE` and the whole
    text. `whole`: the answer as it stands, empty where it is no program by itself. None where the tree is too deep to be
    written out."""
    shown = definitions(question.stub.tree) if question.stub else []
    given = foreign_imports_only([node for node in shown if not is_test(node)], tree)
    kept, bare = module_body(tree, question), needed_nodes(foreign_imports_only(definitions(tree), tree))
    texts = [unparse(ast.Module(in_order([*given, *kept]), []))]
    texts.append(texts[0] if bare == kept else unparse(ast.Module(in_order([*given, *bare]), [])))
    if texts[0] is None or texts[1] is None:
        return None
    missing = missing_names([*given, *tree.body])
    head = header(
        missing, question, any(isinstance(node, ast.ClassDef) and node.name == "Solution" for node in tree.body)
    )
    main, spare = (after_future(head, text) for text in texts if text is not None)
    if len(kept) == len(tree.body) and main == spare:
        return main
    before = after_future(head, unparse(ast.Module(given, [])) or "")
    text = f"{before}\n{whole}" if before.strip() and "from __future__" not in whole else whole
    return SPARE.join([main, "" if spare == main else spare, text])


def is_test(node: ast.stmt) -> bool:
    """Tests in a prompt are examples, and need what need not be here."""
    if isinstance(node, ast.ClassDef):
        return any(ast.unparse(base).endswith("TestCase") for base in node.bases) or node.name.startswith("Test")
    if isinstance(node, ast.Import):
        return any(alias.name in TESTING for alias in node.names)
    return isinstance(node, Function) and node.name.startswith("test_")


def whole_text(program: str) -> str:
    """The text as it was written, where it does more than to define what can be run; else nothing."""
    return program.split(SPARE)[2] if SPARE in program else ""


def in_order(nodes: Sequence[ast.stmt]) -> list[ast.stmt]:
    """What only stands at the top goes there."""
    return sorted(nodes, key=lambda node: not is_future(node))


def after_future(head: str, text: str) -> str:
    lines = text.split("\n")
    at = next((number for number, line in enumerate(lines) if not line.startswith("from __future__")), len(lines))
    return "\n".join([*lines[:at], *([head.rstrip("\n")] if head else []), *lines[at:]])


def definition(tree: ast.Module, name: str) -> ast.stmt | None:
    """The last function, class or method of that name, also within an `if` or a `try`."""
    found = [node for node in definitions_within(tree) if node.name == name]
    return found[-1] if found else None


def definitions_within(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Functions and classes at the top, and those within its classes."""
    for node in outside(tree):
        if isinstance(node, Named):
            yield node
        if isinstance(node, ast.ClassDef):
            yield from (one for one in node.body if isinstance(one, Function))


# ------------------------------------------------------------------------------------------- what is taken away


def module_body(tree: ast.Module, question: Question) -> list[ast.stmt]:
    """The statements at the top without those that only use what they define."""
    if all(isinstance(node, (*Named, *Import)) for node in tree.body):
        return foreign_imports_only(tree.body, tree)
    names = [node.name for node in tree.body if isinstance(node, Named)]
    entry = question.entry_point or (names[-1] if names else "")
    noisy = noisy_names(tree, entry)
    read = frozenset(name for node in tree.body if isinstance(node, Named) for name in free_names(node))
    return kept_of(foreign_imports_only(tree.body, tree), partial(only_uses, noisy=noisy, read=read), set())


def kept_of(body: Sequence[ast.stmt], uses: Callable[[ast.stmt], bool], gone: set[str]) -> list[ast.stmt]:
    """`gone`: names that nobody sets any more."""
    kept: list[ast.stmt] = []
    for node in body:
        if isinstance(node, (*Named, *Import)):
            kept.append(node)
        elif not is_main_guard(node) and defines(node):
            kept.append(without_uses(node, uses, gone))
        elif is_main_guard(node) or uses(node) or (names_read(node) & gone):
            gone |= names_set(node)
        else:
            gone -= names_set(node)
            kept.append(node)
    return kept


def without_uses(node: ast.stmt, uses: Callable[[ast.stmt], bool], gone: set[str]) -> ast.stmt:
    """A statement around definitions, with what it does besides taken away."""
    made = type(node)(**{name: getattr(node, name) for name in node._fields})
    for name in ("body", "orelse", "finalbody"):
        if inner := getattr(node, name, None):
            setattr(made, name, kept_of(inner, uses, gone) or [ast.Pass()])
    return made


def defines(node: ast.stmt) -> bool:
    """Whether a definition stands within an `if`, a `try` or the like."""
    return isinstance(node, Compound) and any(isinstance(one, (*Named, *Import)) for one in outside(node))


def only_uses(node: ast.stmt, noisy: frozenset[str], read: frozenset[str]) -> bool:
    """Whether it says something or calls what is asked for, and nothing that a function reads comes of it."""
    if isinstance(node, ast.Assert):
        return True
    return any(speaks(one, noisy) for one in outside(node)) and not names_changed(node) & read


def speaks(node: ast.AST, noisy: frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in SPEAKERS
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr in SPEAKING_OF.get(node.value.id, ())
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in noisy


def noisy_names(tree: ast.Module, entry: str) -> frozenset[str]:
    """The function that is asked for, what prints and reads, and the functions of the program that call any of these."""
    noisy = {*SPEAKING, entry}
    callers = {node.name: node for node in tree.body if isinstance(node, Function)}
    while fresh := {
        name
        for name, node in callers.items()
        if name not in noisy and any(speaks(one, frozenset(noisy)) for one in ast.walk(node))
    }:
        noisy |= fresh
    return frozenset(noisy)


def is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(node.test)
    )


def foreign_imports_only(body: Sequence[ast.stmt], tree: ast.Module) -> list[ast.stmt]:
    """Without imports of what the program defines itself, from a module that only its writer has."""
    own = {node.name for node in tree.body if isinstance(node, Named)}
    return [
        node
        for node in body
        if not isinstance(node, ast.ImportFrom)
        or (node.module or "").partition(".")[0] in sys.stdlib_module_names
        or not own.issuperset(alias.name for alias in node.names)
    ]


def needed_nodes(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Without imports that nothing reads: a module that is not here may have been wanted for tests alone."""
    read = names_read(ast.Module([*body], []))
    return [
        node for node in body if not isinstance(node, Import) or names_bound(node) & (read | {"*"}) or is_future(node)
    ]


def is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


# ------------------------------------------------------------------------------------------------------- names


def outside(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is within it, but not within functions and classes, which do nothing yet."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        if one is node or not isinstance(one, (*Named, ast.Lambda)):
            waiting += ast.iter_child_nodes(one)


def names_read(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}


def names_set(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


def names_changed(node: ast.AST) -> set[str]:
    """Names that it sets, and names whose values it may change: by an item, an attribute or a method."""
    found = names_set(node)
    for one in outside(node):
        if isinstance(one, (ast.Subscript, ast.Attribute)) and not isinstance(one.ctx, ast.Load):
            found |= root(one)
        elif isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute):
            found |= root(one.func)
    return found


def root(node: ast.expr) -> set[str]:
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def names_bound(node: ast.AST) -> set[str]:
    """All names that stand for something anywhere within it."""
    found = names_set(node)
    for one in ast.walk(node):
        if isinstance(one, Named):
            found.add(one.name)
        elif isinstance(one, ast.arg):
            found.add(one.arg)
        elif isinstance(one, ast.alias):
            found.add((one.asname or one.name).partition(".")[0])
        elif isinstance(one, ast.ExceptHandler) and one.name:
            found.add(one.name)
    return found


def free_names(node: ast.AST) -> set[str]:
    """Names that a definition reads from around it."""
    told = {name for one in ast.walk(node) if isinstance(one, (ast.Global, ast.Nonlocal)) for name in one.names}
    return (names_read(node) - names_bound(node)) | told


# ---------------------------------------------------------------------------------------------- what is missing


def missing_names(body: Sequence[ast.stmt]) -> set[str]:
    """Of what prompts take as known, what is read and nowhere set."""
    module = ast.Module([*body], [])
    read = names_read(module) & KNOWN
    return read - names_bound(module) if read else read


def header(missing: set[str], question: Question, solution: bool) -> str:
    """What prompts take as known: names of types, kinds of nodes; for LeetCode's solutions what it imports itself."""
    lines = [f"from typing import {name}" for name in sorted(missing & TYPES)]
    if solution:
        lines += [f"import {name}" for name in sorted(missing & MODULES)]
        lines += [
            f"from {module} import {name}"
            for module, names in FAMILIAR.items()
            for name in names.split()
            if name in missing - TYPES
        ]
    lines += [text for name, text in NODES.items() if name in missing]
    return "".join(f"{line}\n" for line in lines)
