"""JavaScript or TypeScript in, the program to run out: its statements as scripts of their own, without what merely uses it.
Pure.

Scripts are parted by `APART`, and one that fails takes none of the others with it. Imports and exports are written as a
script may have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from local_swarm.voting.javascript.module import FUNCTIONS, JavaScriptModule, text
from local_swarm.voting.javascript.typescript import without_types
from local_swarm.voting.similarity.syntax import syntax_root

APART = "\x01"
DECLARED = FUNCTIONS | {"class_declaration", "lexical_declaration", "variable_declaration"}
MODULES_OWN = {"import_statement", "export_statement"}
SHOWS = ("console.", "alert(", "document.", "process.stdout.", "assert", "test(", "describe(", "it(")


def program_of(code: str, module: JavaScriptModule, name: str | None) -> str:
    """What defines `name`, which is called by that name. As it is where there is no grammar."""
    plain = without_types(code) if module.language == "typescript" else code
    root = syntax_root(clean(plain), "javascript")
    if root is None:
        return plain
    used = name or next(reversed(module.names), None)  # the last is usually what the others are for
    kept = [one for one in root.named_children if one.type != "comment" and not merely_uses(one, used)]
    functions = [one for one in map(script_of, kept) if one and one.startswith(("function", "async function"))]
    others = [one for one in map(script_of, kept) if one and one not in functions]
    words = alias(module, name) if name else ""
    return APART.join(filter(None, ["\n".join(functions), *others, words]))


def whole_program(code: str, module: JavaScriptModule) -> str:
    """Everything, as it would run by itself."""
    plain = without_types(code) if module.language == "typescript" else code
    root = syntax_root(clean(plain), "javascript")
    if root is None:
        return plain
    scripts = [script_of(one) for one in root.named_children if one.type != "comment"]
    if any(waits(one) for one in root.named_children):
        return "(async () => {\n" + "\n".join(scripts) + "\n})();"
    return "\n".join(scripts)


def clean(code: str) -> str:
    """Without what parts scripts, and texts of a job."""
    return code.replace(APART, "").replace("\0", "")


def alias(module: JavaScriptModule, name: str) -> str:
    """Gives the name to what is called by other words."""
    top = name in module.functions or name in module.classes
    words = module.reached.get(name, "" if top else module.reached.get("default", ""))
    return f"var {name} = (...given) => {words}(...given);" if words and words != name else ""


def merely_uses(statement: Any, name: str | None) -> bool:
    """A statement that shows something, or does something with the function; what it assigns it keeps."""
    if waits(statement):
        return True
    if statement.type in DECLARED | MODULES_OWN:
        return False
    words = text(statement)
    if statement.type != "expression_statement":
        return mentions(statement, name)
    if words.startswith(SHOWS):
        return True
    return statement.named_children[0].type != "assignment_expression" and mentions(statement, name)


def waits(statement: Any) -> bool:
    """Whether it waits for a promise, outside of functions, which scripts may not."""
    waiting = [] if statement.type in FUNCTIONS else [statement]
    while waiting:
        one = waiting.pop()
        if one.type == "await_expression" or (one.type == "for_in_statement" and text(one).startswith("for await")):
            return True
        waiting += [child for child in one.named_children if child.type not in FUNCTIONS]
    return False


def mentions(node: Any, name: str | None) -> bool:
    """Whether a name stands in it, among those that are no other object's."""
    waiting = [node] if name else []
    while waiting:
        one = waiting.pop()
        if one.type == "identifier" and text(one) == name:
            return True
        waiting += one.named_children
    return False


def script_of(statement: Any) -> str:
    """A statement of a module as one of a script."""
    if statement.type == "import_statement":
        return "\n".join(import_lines(statement))
    if statement.type != "export_statement":
        return text(statement)
    declared, value = statement.child_by_field_name("declaration"), statement.child_by_field_name("value")
    if declared is not None and (declared.child_by_field_name("name") or "default" not in text(statement)[:20]):
        return text(declared)
    if declared is not None or value is not None:
        return f"module.exports = {text(declared or value)};"
    clauses = [
        one for clause in statement.named_children if clause.type == "export_clause" for one in clause.named_children
    ]
    pairs = [(text(one.child_by_field_name("alias")), text(one.child_by_field_name("name"))) for one in clauses]
    return "\n".join(f"var {alias} = {name};" for alias, name in pairs if alias.isidentifier() and alias != "default")


def import_lines(statement: Any) -> Iterator[str]:
    source = text(statement.child_by_field_name("source"))
    clauses = [one for one in statement.named_children if one.type == "import_clause"]
    for clause in clauses[0].named_children if clauses else ():
        if clause.type == "identifier":
            yield f"const {text(clause)} = require({source});"
        elif clause.type == "namespace_import":
            yield f"const {text(clause.named_children[-1])} = require({source});"
        elif clause.type == "named_imports":
            named = [text(one).replace(" as ", ": ") for one in clause.named_children]
            yield f"const {{ {', '.join(named)} }} = require({source});"
