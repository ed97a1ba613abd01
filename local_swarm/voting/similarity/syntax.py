"""Code of any language that has a tree-sitter grammar in, the words of its syntax out. Pure.

Comments are dropped, and the code's own names become numbers.
Grammars are optional packages; without the one that is needed code is compared by its plain words.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

# Tag of a fence -> (package, the function that gives its grammar)
GRAMMARS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("js", "javascript", "mjs", "jsx", "node"), ("tree_sitter_javascript", "language")),
    **dict.fromkeys(("ts", "typescript"), ("tree_sitter_typescript", "language_typescript")),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "java": ("tree_sitter_java", "language"),
    **dict.fromkeys(("go", "golang"), ("tree_sitter_go", "language")),
    **dict.fromkeys(("rust", "rs"), ("tree_sitter_rust", "language")),
    **dict.fromkeys(("c", "h"), ("tree_sitter_c", "language")),
    **dict.fromkeys(("cpp", "c++", "cc", "hpp"), ("tree_sitter_cpp", "language")),
    **dict.fromkeys(("csharp", "c#", "cs"), ("tree_sitter_c_sharp", "language")),
    **dict.fromkeys(("ruby", "rb"), ("tree_sitter_ruby", "language")),
    "php": ("tree_sitter_php", "language_php"),
    **dict.fromkeys(("bash", "sh", "shell"), ("tree_sitter_bash", "language")),
}
# An identifier below such a node is given a meaning there; calls, operators and returns only use one.
BINDS = re.compile(
    r"param|declarat|definition|pattern|assignment|^let|binding|function_item|^method$|foreach|range|for_|catch|closure|lambda|arrow|block_var"
)
MOST_CODE = 40_000  # characters parsed: nonsense may take seconds all the same, so a child does it: see `reading`
MOST_OPEN = 8  # comments that no end follows
LEAST_PARSE_S, PARSE_S = 0.01, 4e-6  # of processor time, at least and for each byte: code takes a twentieth of it
CHUNK = 4096  # bytes that the parser is given at a time
NAMES = ("identifier", "name", "variable_name")
BOUND_FIELDS = (None, "name", "pattern", "left", "declarator", "parameter", "key")


@cache
def parser(language: str) -> Any | None:
    """None for a language that is not known or whose grammar is not installed."""
    package, function = GRAMMARS.get(language, ("", ""))
    if not package:
        return None
    try:
        library = importlib.import_module("tree_sitter")
        grammar = getattr(importlib.import_module(package), function)()
        return library.Parser(library.Language(grammar))
    except (ImportError, AttributeError, ValueError):  # ValueError: a grammar for another version of the library
        return None


def syntax_root(code: str, language: str) -> Any | None:
    """None where the language cannot be parsed here, for more code than is parsed, and for what takes far more time than code of
    its length does: looking for the sense in nonsense, the parser is not linear."""
    found = parser(language)
    open_comments = code.count("/*", code.rfind("*/") + 1)  # each of which it follows to the end, not to be stopped
    if found is None or len(code) > MOST_CODE or open_comments > MOST_OPEN:
        return None
    source = code.encode("utf-8", "replace")
    until = time.process_time() + LEAST_PARSE_S + len(source) * PARSE_S
    try:
        found.parse(
            lambda at, _place: source[at : at + CHUNK],
            progress_callback=lambda _at, _error: time.process_time() > until,
        )
    except ValueError:  # stopped
        found.reset()
        return None
    return found.parse(
        source
    ).root_node  # again, since only so its nodes know their text without asking for each character


def syntax_words(code: str, language: str, most: int) -> list[str] | None:
    """At most so many words; None where the language cannot be parsed here."""
    root = syntax_root(code[:MOST_CODE], language)
    if root is None:
        return None
    leaves = list(leaves_of(root, most))
    names: dict[str, str] = {}
    for kind, text, bound in leaves:
        if kind in NAMES and bound:
            names.setdefault(text, f"v{len(names)}")
    return [names.get(text, text) if kind in NAMES else text for kind, text, _ in leaves]


def leaves_of(root: Any, most: int) -> Iterator[tuple[str, str, bool]]:
    """(kind, text, whether it is bound there) of the leaves, comments left out. Without recursion: code may nest as
    deep as it likes."""
    cursor, told = root.walk(), 0
    above: list[
        str
    ] = []  # kinds of the nodes around the present one: asking a node for its parent walks down from the root
    while told < most:
        node = cursor.node
        comment = "comment" in node.type
        if not comment and cursor.goto_first_child():
            above.append(node.type)
            continue
        if not comment and node.child_count == 0 and node.text:
            bound = cursor.field_name in BOUND_FIELDS and binds(node.type, above)
            yield node.type, node.text.decode("utf-8", "replace")[:80], bound
            told += 1
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
            above.pop()


def binds(kind: str, above: list[str]) -> bool:
    """Whether an identifier is given a meaning where it stands, `a, b := 1, 2` included."""
    place = -2 if above and above[-1] == "expression_list" else -1
    parent = above[place] if len(above) >= -place else ""
    return bool(parent) and ("variable_name" in (kind, parent) or bool(BINDS.search(parent)))
