"""TypeScript in, the same as JavaScript out: types taken out, enums and properties among parameters written out. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_swarm.voting.javascript.module import text
from local_swarm.voting.similarity.syntax import syntax_root

TYPES = frozenset(
    {"type_annotation", "type_parameters", "type_arguments", "asserts_annotation", "type_predicate_annotation"}
    | {"accessibility_modifier", "override_modifier", "implements_clause", "interface_declaration", "index_signature"}
    | {"type_alias_declaration", "ambient_declaration", "function_signature", "abstract_method_signature"}
    | {"method_signature", "readonly", "abstract", "declare"}
)
MARKED = frozenset({"optional_parameter", "public_field_definition", "method_definition", "variable_declarator"})

Edit = tuple[int, int, str]  # from and to, in bytes, and what stands there instead


def without_types(code: str) -> str:
    """As it is where there is no grammar for it."""
    root = syntax_root(code, "typescript")
    if root is None:
        return code
    source, made, at = code.encode("utf-8", "replace"), list[bytes](), 0
    for start, end, instead in sorted(edits(root)):
        if start >= at:
            made += [source[at:start], instead.encode()]
            at = end
    return b"".join([*made, source[at:]]).decode("utf-8", "replace")


def edits(root: Any) -> Iterator[Edit]:
    """Without recursion, and without asking a node for its parent, which walks down from the root."""
    waiting = [(root, root, root)]
    while waiting:
        node, parent, above = waiting.pop()
        edit = edit_of(node, parent, above)
        if edit:
            yield edit
        if not edit or edit[0] > node.start_byte or edit[1] < node.end_byte:
            waiting += [(child, node, parent) for child in node.children]


def edit_of(node: Any, parent: Any, above: Any) -> Edit | None:
    cut = node.start_byte, node.end_byte, ""
    if node.type in TYPES or is_type_only(node, parent):
        return cut
    if (node.type in "?!" and parent.type in MARKED) or (node.type == "!" and parent.type == "non_null_expression"):
        return cut
    if node.type in ("as", "satisfies") and parent.type in ("as_expression", "satisfies_expression"):
        return node.start_byte, parent.end_byte, ""
    if node.type == "enum_declaration":
        return node.start_byte, node.end_byte, enum(node)
    if parent.type == "statement_block" and node.type == "{" and (kept := kept_parameters(above)):
        begun = next((one.end_byte for one in parent.named_children if text(one).startswith("super(")), node.end_byte)
        return begun, begun, kept
    return None


def is_type_only(node: Any, parent: Any) -> bool:
    """`import type`, `export type`, `const` before an enum, a field that is only declared."""
    if node.type in ("import_statement", "export_statement"):
        return any(child.type == "type" for child in node.children)
    if node.type == "const":
        return bool(parent.type == "enum_declaration")
    return node.type == "public_field_definition" and any(child.type == "declare" for child in node.children)


def enum(node: Any) -> str:
    made, last = [], -1
    body = node.child_by_field_name("body")
    for member in body.named_children if body else ():
        name = text(member.child_by_field_name("name") or member).strip("'\"")
        value = text(member.child_by_field_name("value"))
        if not value:
            last += 1
            value = str(last)
        elif value.lstrip("-").isdigit():
            last = int(value)
        made.append(f"{name!r}: {value}")
    return f"const {text(node.child_by_field_name('name'))} = {{{', '.join(made)}}};"


def kept_parameters(method: Any) -> str:
    """What a constructor keeps of its parameters."""
    if method.type != "method_definition" or text(method.child_by_field_name("name")) != "constructor":
        return ""
    listed = method.child_by_field_name("parameters")
    kept = [
        text(one.child_by_field_name("pattern"))
        for one in (listed.named_children if listed else ())
        if any(child.type in ("accessibility_modifier", "readonly") for child in one.children)
    ]
    return "".join(f" this.{name} = {name};" for name in kept)
