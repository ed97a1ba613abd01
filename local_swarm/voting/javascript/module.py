"""JavaScript or TypeScript in, what it defines out: functions and classes, and how those are reached that do not stand at
the top. Pure.

By a grammar where one is installed; else patterns find what stands at the top of a program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from local_swarm.sandbox.job import Language
from local_swarm.voting.similarity.syntax import MOST_CODE, parser, syntax_root

TAGS: dict[str, Language] = {
    **dict.fromkeys(("js", "javascript", "mjs", "cjs", "jsx", "node", "nodejs", "ecmascript", "es6"), "javascript"),
    **dict.fromkeys(("ts", "typescript", "mts", "cts", "tsx"), "typescript"),
}
FUNCTIONS = frozenset(
    {"function_declaration", "generator_function_declaration", "function_expression", "generator_function"}
    | {"arrow_function", "method_definition"}
)
CLASSES = frozenset({"class_declaration", "class", "abstract_class_declaration"})
DATA = frozenset(
    {"number", "string", "template_string", "array", "regex", "true", "false", "null", "undefined", "unary_expression"}
    | {"binary_expression", "new_expression", "object"}
)
EXPORTS = ("module.exports", "exports")
GLOBALS = ("window", "global", "globalThis", "self", "this", "root")
READS = re.compile(
    r"\bprocess\.stdin\b|/dev/stdin|\breadFile(?:Sync)?\(\s*+(?:0|process)|['\"](?:node:)?readline|\bprompt\("
)
DEFINED = re.compile(
    r"^(?:export\s++(?:default\s++)?)?(?:(?:async\s++)?function\s*+\*?\s*+(?P<name>[A-Za-z_$][\w$]*+)\s*+(?:<[^>\n]*+>)?\s*+\((?P<given>[^)]{0,500}+)\)"
    r"|(?:const|let|var)\s++(?P<bound>[A-Za-z_$][\w$]*+)\s*+(?::[^=\n]++)?=\s*+(?:async\s++)?(?:function\s*+\*?\s*+[\w$]*+\s*+)?"
    r"(?:\((?P<listed>[^)]{0,500}+)\)|(?P<single>[A-Za-z_$][\w$]*+)\s*+=>))",
    re.MULTILINE,
)
WORDS_OF_CODE = re.compile(r"=>|\bfunction\b|\breturn\b|;[ \t]*+$", re.MULTILINE)

Parameters = tuple[str, ...]  # as they are written, with types and defaults


@dataclass(frozen=True, slots=True)
class JavaScriptModule:
    """`functions`: by name with their parameters, None where those are not to be seen; of classes the methods, `constructor`
    among them. `reached`: names that do not stand at the top, with the words that call them, `default` for what is
    exported without one. `idle`: functions without a body."""

    language: Language
    parses: bool
    functions: Mapping[str, Parameters | None] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, Parameters]] = field(default_factory=dict)
    reached: Mapping[str, str] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()
    reads_input: bool = False

    @property
    def names(self) -> list[str]:
        """Of the functions, as they stand; those at the top last."""
        return sorted((name for name, given in self.functions.items() if given is not None), key=self.at_top)

    def at_top(self, name: str) -> bool:
        return name not in self.reached

    def defines(self, name: str) -> bool:
        """What a program exports without a name may be called anything."""
        return name in self.functions or name in self.classes or name in self.reached or "default" in self.reached


@dataclass(slots=True)
class Definitions:
    """What is found on the way through a program."""

    functions: dict[str, Parameters | None] = field(default_factory=dict)
    inner: dict[str, Parameters | None] = field(default_factory=dict)
    classes: dict[str, dict[str, Parameters]] = field(default_factory=dict)
    reached: dict[str, str] = field(default_factory=dict)
    idle: set[str] = field(default_factory=set)

    def bind(self, name: str, value: Any) -> None:
        """A name at the top with what it is given."""
        if value.type in FUNCTIONS:
            self.functions[name] = parameters_of(value)
            if does_nothing(value):
                self.idle.add(name)
        elif value.type in CLASSES:
            self.classes[name] = {
                text(found.child_by_field_name("name")): parameters_of(found) for found in methods(value)
            }
            self.reach_methods(name, value)
        elif value.type == "object":
            self.reach_members(name, value)
        elif value.type == "identifier" and text(value) in self.functions:
            self.functions[name] = self.functions[text(value)]
        elif value.type == "identifier" and text(value) in self.classes:
            self.classes[name] = self.classes[text(value)]
        elif value.type not in DATA:
            self.functions[name] = None

    def reach(self, name: str, words: str, value: Any) -> None:
        """A name that is called by other words than itself."""
        if value.type in CLASSES or (value.type == "identifier" and text(value) in self.classes):
            self.classes.setdefault(name, {})
        elif value.type in DATA:
            return
        self.reached.setdefault(name, words)
        known = self.functions.get(text(value)) if value.type == "identifier" else None
        self.inner.setdefault(name, parameters_of(value) if value.type in FUNCTIONS else known)

    def reach_members(self, whole: str, made: Any) -> None:
        for member in made.named_children:
            if member.type == "method_definition":
                self.reach(name := text(member.child_by_field_name("name")), f"{whole}.{name}", member)
            elif member.type == "pair":
                name, value = text(member.child_by_field_name("key")), member.child_by_field_name("value")
                if name.isidentifier() and value:
                    self.reach(name, f"{whole}.{name}", value)
            elif member.type == "shorthand_property_identifier" and whole in EXPORTS:
                self.reach(text(member), text(member), member)

    def reach_methods(self, name: str, made: Any) -> None:
        """Of a class that is made without arguments."""
        if any("=" not in one for one in self.classes[name].get("constructor", ())):
            return
        for method in methods(made):
            called = text(method.child_by_field_name("name"))
            if called != "constructor" and not called.startswith("#"):
                owner = name if any(child.type == "static" for child in method.children) else f"new {name}()"
                self.reach(called, f"{owner}.{called}", method)


@lru_cache(maxsize=64)
def javascript_module(code: str, tag: str = "") -> JavaScriptModule:
    """`tag`: what the fence calls it; what is no JavaScript may be TypeScript all the same."""
    language = TAGS.get(tag, "javascript")
    reads = bool(READS.search(code[:MOST_CODE]))
    if parser(language) is None:
        return module_by_patterns(code, language, reads)
    for tried in dict.fromkeys((language, "javascript", "typescript")):
        root = syntax_root(code, tried)
        if root is not None and not root.has_error:
            found = definitions(root)
            functions = {**{name: given for name, given in found.inner.items() if name != "default"}, **found.functions}
            idle, reached = frozenset(found.idle), {k: v for k, v in found.reached.items() if k not in found.functions}
            return JavaScriptModule(tried, True, functions, found.classes, reached, idle, reads)
    return JavaScriptModule(language, False, reads_input=reads)


def has_grammar() -> bool:
    """Whether JavaScript and TypeScript are read by their grammars, so that types can be taken out."""
    return parser("javascript") is not None and parser("typescript") is not None


def module_by_patterns(code: str, language: Language, reads: bool) -> JavaScriptModule:
    functions: dict[str, Parameters | None] = {}
    code = code[:MOST_CODE]
    for match in DEFINED.finditer(code):
        given = match["given"] or match["listed"] or match["single"] or ""
        functions[match["name"] or match["bound"]] = tuple(one.strip() for one in given.split(",") if one.strip())
    balanced = all(code.count(one) == code.count(other) for one, other in ("()", "[]", "{}"))
    return JavaScriptModule(language, balanced and bool(WORDS_OF_CODE.search(code)), functions, reads_input=reads)


def definitions(root: Any) -> Definitions:
    found = Definitions()
    for statement in sorted(
        root.named_children, key=lambda one: one.type not in FUNCTIONS
    ):  # which are there from the start
        for name, value in bindings(statement):
            if name in EXPORTS or name == "default":
                if value.type == "object":
                    found.reach_members(name, value)
                else:
                    found.reach("default", "module.exports", value)
                    if own := value.child_by_field_name("name"):
                        found.reach(text(own), "module.exports", value)
            elif "." in name:
                found.reach(name.rpartition(".")[2], name, value)
            else:
                found.bind(name, value)
    return found


def bindings(statement: Any) -> Iterator[tuple[str, Any]]:
    """(name, what it is given); `exports` with a dot before what is exported, `default` for what has no name."""
    if statement.type in FUNCTIONS or statement.type in CLASSES:
        if name := statement.child_by_field_name("name"):
            yield text(name), statement
    elif statement.type in ("lexical_declaration", "variable_declaration"):
        for declarator in statement.named_children:
            name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
            if name and value and name.type == "identifier":
                yield text(name), value
    elif statement.type == "export_statement":
        yield from export_bindings(statement)
    elif statement.type == "expression_statement" and statement.named_children:
        yield from assignment_bindings(statement.named_children[0])


def export_bindings(statement: Any) -> Iterator[tuple[str, Any]]:
    if declared := statement.child_by_field_name("declaration"):
        named = list(bindings(declared))
        default = any(child.type == "default" for child in statement.children)
        yield from named or ([("default", declared)] if default else [])
    elif value := statement.child_by_field_name("value"):
        yield "default", value
    for clause in statement.named_children:
        for one in clause.named_children if clause.type == "export_clause" else ():
            if (alias := one.child_by_field_name("alias")) and text(alias) != "default":
                yield text(alias), one.child_by_field_name("name")


def assignment_bindings(expression: Any) -> Iterator[tuple[str, Any]]:
    """Also within a function that is called where it stands, where it gives something away."""
    if expression.type == "assignment_expression":
        names, value = list[str](), expression
        while value.type == "assignment_expression":
            names.append(text(value.child_by_field_name("left")))
            value = value.child_by_field_name("right")
        for name in reversed(names):
            owner, _, last = name.rpartition(".")
            if owner in GLOBALS:
                yield last, value
            elif name in EXPORTS or owner in EXPORTS or name.isidentifier():
                yield ("default" if name in EXPORTS and value.type != "object" else name), value
    elif body := body_called(expression):
        for statement in body.named_children:
            if statement.type == "expression_statement":
                yield from ((name, value) for name, value in bindings(statement))


def body_called(expression: Any) -> Any | None:
    """The body of a function in brackets that is called where it stands."""
    while (
        expression.type in ("call_expression", "parenthesized_expression", "unary_expression")
        and expression.named_children
    ):
        expression = expression.child_by_field_name("function") or expression.named_children[0]
    return expression.child_by_field_name("body") if expression.type in FUNCTIONS else None


def methods(made: Any) -> list[Any]:
    body = made.child_by_field_name("body")
    found = [one for one in body.named_children if one.type == "method_definition"] if body else []
    return [one for one in found if not any(child.type in ("get", "set") for child in one.children)]


def parameters_of(function: Any) -> Parameters:
    if single := function.child_by_field_name("parameter"):
        return (text(single),)
    listed = function.child_by_field_name("parameters")
    return tuple(text(one) for one in listed.named_children if one.type != "comment") if listed else ()


def does_nothing(function: Any) -> bool:
    """Whether there is nothing in its body but words."""
    body = function.child_by_field_name("body")
    return bool(body) and body.type == "statement_block" and all(one.type == "comment" for one in body.named_children)


def text(node: Any) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text else ""
