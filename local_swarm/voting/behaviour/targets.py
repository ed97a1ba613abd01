"""A question and the Python that answers it in, what is to be called out: a function, a method, a class or a whole program. Pure.

Linked lists and trees are written as lists in prompts, LeetCode's way, and made and told as such.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from local_swarm.chat.python_source import parse_expression, unparse
from local_swarm.sandbox.job import SPARE
from local_swarm.voting.behaviour.inputs import Signature, in_words, signature
from local_swarm.voting.behaviour.program import NODES, definition, whole_text
from local_swarm.voting.question import Question, function, function_names

Form = Literal["function", "method", "class", "program"]
Word = TypeVar("Word")

READS = re.compile(r"\binput\s*+\(|\bsys\.stdin\b|\bopen\(0\)")
PRINTS = re.compile(r"\bprint\s*+\(|\bsys\.stdout\b")
SCRIPT_WORDS = re.compile(r"\b(?:program|script)\b", re.IGNORECASE)
LISTED = re.compile(r"(?:a|b|l|list|head|linked_?list)_?[1-9ab]?|first|second|node", re.IGNORECASE)
ROOTED = re.compile(r"(?:root|tree|t|sub_?root|p|q|node)_?[1-9ab]?", re.IGNORECASE)
MOST_METHODS = 12
# Runs beside the program where arguments are linked lists or trees.
PRELUDE = """
def _linked(values, kind):
    if not isinstance(values, list) or any(isinstance(one, list) for one in values):
        return [_linked(one, kind) for one in values] if isinstance(values, list) else values
    first = None
    for value in reversed(values):
        node = kind(value)
        node.next, first = first, node
    return first

def _rooted(values, kind):
    if not isinstance(values, list) or not values or values[0] is None:
        return values if not isinstance(values, list) else None
    root = kind(values[0])
    waiting, rest = [root], iter(values[1:])
    for node in waiting:
        node.left = node.right = None
        for side in ("left", "right"):
            value = next(rest, None)
            if value is not None:
                setattr(node, side, kind(value))
                waiting.append(getattr(node, side))
    return root

def _value(node):
    return next((vars(node)[name] for name in ("val", "value", "data", "key", "item") if name in vars(node)), None)

def _listed(found, least=None):
    if isinstance(found, (list, tuple)):
        return type(found)([_listed(one) for one in found]) if type(found) in (list, tuple) else found
    if not hasattr(found, "__dict__"):
        return least if found is None else found
    if "next" in vars(found):
        values, seen = [], set()
        while found is not None and id(found) not in seen and len(values) < 1000:
            seen.add(id(found))
            values.append(_value(found))
            found = found.next
        return values if found is None else [values, "and so on"]
    if "left" in vars(found) and "right" in vars(found):
        values, waiting = [], [found]
        while waiting and len(values) < 1000:
            node = waiting.pop(0)
            values.append(None if node is None else _value(node))
            waiting += [] if node is None else [node.left, node.right]
        while values and values[-1] is None:
            values.pop()
        return values
    return found

def _by_lists(function, least, *given, **named):
    before = _listed(list(given))
    found = function(*given, **named)
    if found is None and least is None and _listed(list(given)) != before:
        return _listed(given[0])
    return _listed(found, least)
"""


@dataclass(frozen=True, slots=True)
class Target:
    """What is called. `described`: what is known of its arguments, of a class those of its constructor; `owner`: a
    method's class; `nodes`: by the name of a parameter, which function of `PRELUDE` makes it of a list, and of which class;
    `methods` of a class; `gives_nodes`: whether None is the empty one."""

    form: Form
    name: str
    described: Signature | None = None
    owner: str = ""
    nodes: tuple[tuple[str, str, str], ...] = ()
    methods: tuple[Signature, ...] = ()
    gives_nodes: bool = False


def python_target(question: Question, trees: Sequence[ast.Module], programs: Sequence[str]) -> Target | None:
    """None where there is nothing to call."""
    if is_whole_program(question, programs):
        return Target("program", "")
    found = common([made for tree in trees if (made := offer(tree, question))])
    if found is None:
        return None
    form, name, owner = found
    defined = [node for tree in trees if (node := within(tree, name, owner))]
    if form == "class":
        return class_target(name, defined)
    stub = function(question.stub.tree, name) if question.stub else None
    told: Signature | None = signature(stub, name) if stub and form == "function" else in_words(question.text, name)
    described = told or usual([one for node in defined if (one := signature(node, name))])
    nodes = nodes_of(defined, [*trees, *([question.stub.tree] if question.stub else [])], question.text)
    return Target(form, name, described, owner, nodes, gives_nodes=not any(map(gives_other, defined)))


def gives_other(node: ast.stmt) -> bool:
    """Whether it says that it returns something else than nodes."""
    hint = getattr(node, "returns", None)
    return hint is not None and "Node" not in (unparse(hint) or "")


def is_whole_program(question: Question, programs: Sequence[str]) -> bool:
    """Whether a program is asked for: most read their standard input, or print and nothing else is named."""
    asked = question.asked
    if question.entry_point or asked.kind in ("function", "class"):
        return False
    if asked.kind == "program":
        return True
    texts = [whole_text(program) for program in programs]
    reading, printing = (sum(bool(pattern.search(text)) for text in texts) for pattern in (READS, PRINTS))
    scripted = not asked.names and bool(SCRIPT_WORDS.search(question.text))
    return 2 * reading > len(texts) or (scripted and 2 * printing > len(texts))


def offer(tree: ast.Module, question: Question) -> tuple[Form, str, str] | None:
    """(form, name, class) of what one answer has to be called."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not is_node_class(node)]
    wanted = question.entry_point
    if wanted is None:
        names = [name for name in function_names(tree) if not name.startswith("_")]
        defined = [name for name in question.asked.names if definition(tree, name)]
        if question.asked.kind != "class" and names:
            wanted = next((name for name in defined if name in names), names[-1])
        elif classes:
            return class_offer(classes[-1], defined)
        else:
            return None
    for node in reversed(classes):
        if node.name == wanted:
            return class_offer(node, [])
    if isinstance(
        definition(ast.Module([n for n in tree.body if not isinstance(n, ast.ClassDef)], []), wanted), ast.stmt
    ):
        return "function", wanted, ""
    owner = next((node.name for node in classes if any(method.name == wanted for method in methods_of(node))), None)
    return ("method", wanted, owner) if owner else ("function", wanted, "")


def class_offer(node: ast.ClassDef, wanted: Sequence[str]) -> tuple[Form, str, str]:
    """A class that exists for one method is called by that; others are driven by scripts."""
    public = [method.name for method in methods_of(node) if not method.name.startswith("_")]
    plain = not any(method.name == "__init__" and len(method.args.args) > 1 for method in methods_of(node))
    if plain and (node.name == "Solution" or len(public) == 1) and public:
        return (
            "method",
            next((name for name in wanted if name in public), public[0 if len(public) == 1 else -1]),
            node.name,
        )
    return "class", node.name, ""


def methods_of(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [one for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]


def within(tree: ast.Module, name: str, owner: str) -> ast.stmt | None:
    if not owner:
        return definition(tree, name)
    home = function(tree, owner)
    return next((one for one in methods_of(home) if one.name == name), None) if isinstance(home, ast.ClassDef) else None


def class_target(name: str, defined: Sequence[ast.stmt]) -> Target | None:
    """With the methods that most of the classes have, in the order of their names."""
    classes = [node for node in defined if isinstance(node, ast.ClassDef)]
    told: dict[str, list[Signature]] = {}
    for node in classes:
        for method in methods_of(node):
            if described := signature(method, method.name):
                told.setdefault(method.name, []).append(described)
    most = [method for method, all_of_it in told.items() if 2 * len(all_of_it) > len(classes)]
    used = sorted(method for method in most if not method.startswith("_") or method in ("__len__", "__str__"))
    if not used:
        return None
    methods = tuple(one for method in used[:MOST_METHODS] if (one := usual(told[method])))
    return Target("class", name, usual(told.get("__init__", [])), methods=methods)


# ------------------------------------------------------------------------------------------ linked lists and trees


def nodes_of(defined: Sequence[ast.stmt], trees: Sequence[ast.Module], text: str) -> tuple[tuple[str, str, str], ...]:
    """(parameter, what makes it, its class) of those that most of the functions expect to be nodes."""
    lists, rooted = node_class(trees, text, "next", "ListNode"), node_class(trees, text, "left", "TreeNode")
    if not (lists or rooted):
        return ()
    told = Counter(
        (given.arg, *made)
        for node in defined
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for given in [*node.args.args, *node.args.kwonlyargs]
        if (made := maker(given, lists, rooted))
    )
    return tuple(sorted(key for key, count in told.items() if 2 * count >= len(defined)))


def maker(given: ast.arg, lists: str, rooted: str) -> tuple[str, str] | None:
    hint = unparse(given.annotation) or "" if given.annotation is not None else None
    for kind, made, usual_name in ((lists, "_linked", LISTED), (rooted, "_rooted", ROOTED)):
        named = hint is None and usual_name.fullmatch(given.arg)
        if kind and (named or (hint and re.search(rf"\b{kind}\b", hint))):
            return made, kind
    return None


def node_class(trees: Sequence[ast.Module], text: str, link: str, usual_name: str) -> str:
    """The name of the class whose objects have such a link; empty where nothing speaks of one."""
    found = [
        node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef) and link in attributes(node)
    ]
    hinted = any(isinstance(one, ast.Name) and one.id == usual_name for tree in trees for one in ast.walk(tree))
    return common(found) or (usual_name if hinted or usual_name in text else "")


def is_node_class(node: ast.ClassDef) -> bool:
    return node.name in ("ListNode", "TreeNode", "Node") and len(methods_of(node)) <= 2


def attributes(node: ast.ClassDef) -> set[str]:
    """Of its objects, as the constructor or the class's own lines name them."""
    own = (one for one in ast.walk(node) if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store))
    stored = {one.attr for one in own if isinstance(one.value, ast.Name) and one.value.id == "self"}
    return stored | {
        one.target.id for one in node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }


# ------------------------------------------------------------------------------------------------------ calls


def shaped_call(call: str, target: Target) -> str:
    """A call of the bare name, as the program wants it."""
    if target.form not in ("function", "method") or not (target.owner or target.nodes):
        return call
    tree = parse_expression(call)
    return (unparse(Shaping(target).visit(tree)) if tree else None) or call


class Shaping(ast.NodeTransformer):
    def __init__(self, target: Target) -> None:
        self.target = target
        self.nodes = {name: (made, kind) for name, made, kind in target.nodes}
        self.parameters = target.described.parameters if target.described else ()

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != self.target.name:
            return node
        function: ast.expr = node.func
        if self.target.owner:
            new = ast.Call(ast.Name(self.target.owner, ast.Load()), [], [])
            function = ast.Attribute(new, self.target.name, ast.Load())
        if not self.nodes:
            return ast.Call(function, node.args, node.keywords)
        names = [*self.parameters, *[""] * len(node.args)]
        given = [self.node_maker(name, value) for name, value in zip(names, node.args, strict=False)]
        named = [ast.keyword(one.arg, self.node_maker(one.arg or "", one.value)) for one in node.keywords]
        least = ast.List([], ast.Load()) if self.target.gives_nodes else ast.Constant(None)
        return ast.Call(ast.Name("_by_lists", ast.Load()), [function, least, *given], named)

    def node_maker(self, name: str, value: ast.expr) -> ast.expr:
        if name not in self.nodes:
            return value
        made, kind = self.nodes[name]
        return ast.Call(ast.Name(made, ast.Load()), [value, ast.Name(kind, ast.Load())], [])


def beside(program: str, target: Target) -> str:
    """The program with what makes and tells its nodes, and with the classes of nodes that are only spoken of."""
    if not target.nodes:
        return program
    return SPARE.join(f"{heads(text, target)}{text}\n{PRELUDE}" if text else "" for text in program.split(SPARE))


def heads(text: str, target: Target) -> str:
    kinds = {kind for _, _, kind in target.nodes}
    return "".join(NODES[kind] for kind in sorted(kinds) if kind in NODES and f"class {kind}" not in text)


def usual(described: Sequence[Signature]) -> Signature | None:
    """One with the kinds of arguments that most programs expect; of equals the first by its words, so that order
    decides nothing."""
    counts = Counter(one.kinds for one in described)
    return min(described, key=lambda one: (-counts[one.kinds], one.kinds, one.parameters)) if described else None


def common(words: Iterable[Word]) -> Word | None:
    """The most frequent one, of equals the first by the alphabet."""
    counts = Counter(words)
    return min(counts, key=lambda word: (-counts[word], str(word))) if counts else None
