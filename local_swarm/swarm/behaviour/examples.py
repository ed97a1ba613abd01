"""The words of a prompt in, the examples that stand in it out: calls and what they must give. Pure.

People write examples in many ways; read are doctests, asserts, `f(2) -> 4` with any arrow or with words, input and output lines,
"for x = 2 the output should be 4" and tables.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from local_swarm.sandbox.canonical import TooLarge, canonical
from local_swarm.swarm.parsing import parse_expression

MOST_EXAMPLES = 12
LONGEST_LITERAL = 2_000  # characters
SAFE = frozenset(
    {"True", "False", "None", "float", "int", "str", "set", "list", "tuple", "dict", "frozenset", "range", "round"}
    | {"abs", "sorted", "len", "sum", "min", "max", "bool", "repr"}
)

ARROW = re.compile(
    r"\s*(?:[`'\";*]*\s*)?(?:(?:#|//)\s*)?(?:=+>|-+>|[➞→⇒➜]|==|=|:|(?:(?:#|//)\s*)?(?:=+>|-+>)?\s*,?\s*(?:(?:should|must|will|would)\s+)?"
    r"(?:returns?|be|gives?|yields?|outputs?|prints?|produces?|equals?|evaluates?\s+to|is|results?\s+in)\b)\s*[:`*]*\s*"
)
DOCTEST = re.compile(r"^([ \t]*)>>> ?(.*(?:\n\1\.\.\. ?.*)*)((?:\n(?!\1>>>)(?!\s*(?:\"\"\"|'''|$)).*)*)", re.MULTILINE)
ASSERT = re.compile(r"^[ \t>]*assert\s+(.+)$", re.MULTILINE)
INPUT_OUTPUT = re.compile(
    r"\*{0,2}\binput\b\s*\d*\*{0,2}\s*[:=]\*{0,2}\s*(?P<given>.+?)\s*(?:[,;]|\n|->|=>|→)\s*(?:[-*]\s*)?"
    r"\*{0,2}\b(?:expected\s+)?(?:output|result|returns?|answer)\b\s*\d*\*{0,2}\s*[:=]\*{0,2}\s*(?P<wanted>.+)",
    re.IGNORECASE,
)
FOR = re.compile(
    r"\bfor\s+(?P<given>[A-Za-z_]\w*\s*=\s*.+?)\s*,?\s+(?:the\s+)?(?:expected\s+)?"
    r"(?:output|result|answer|function|it|return value)\s+"
    r"(?:should|must|will|would)?\s*(?:be|is|returns?|give|equals?)\s*:?\s*(?P<wanted>.+)",
    re.IGNORECASE,
)
ROW = re.compile(r"^\s*\|(.+)\|\s*$", re.MULTILINE)
ASSIGNED = re.compile(r"(?:^|,|\band\b|;)\s*([A-Za-z_]\w*)\s*=(?!=)")
WORDS = {"true": "True", "false": "False", "null": "None", "nil": "None", "none": "None"}


@dataclass(frozen=True, slots=True)
class Example:
    """`call` must give the value whose canonical form is `wanted`."""

    call: str
    wanted: str


def examples(text: str, name: str, parameters: Sequence[str] = ()) -> list[Example]:
    """Examples of calling `name`, each call once, in the order in which they stand. `parameters`: its names of arguments."""
    text = text.translate(str.maketrans("“”‘’", "\"\"''"))
    ways = (
        doctests(text, name),
        asserted(text, name),
        arrows(text, name),
        lines(text, name, parameters),
        tables(text, name, parameters),
    )
    found: dict[str, Example] = {}
    for way in ways:
        for example in way:
            found.setdefault(example.call, example)
    return list(found.values())[:MOST_EXAMPLES]


def doctests(text: str, name: str) -> Iterator[Example]:
    for _, source, wanted in DOCTEST.findall(text):
        call = expression(re.sub(r"\n\s*\.\.\. ?", "\n", source), name)
        if not call:
            continue
        compared = equation(call, name)
        if compared:
            yield compared
        elif (value := literal("\n".join(line.strip() for line in wanted.strip().split("\n")))) is not None:
            yield Example(ast.unparse(call), value)


def asserted(text: str, name: str) -> Iterator[Example]:
    for line in ASSERT.findall(text):
        tested = expression(line, name) or expression(line.rsplit(",", 1)[0], name)
        if isinstance(tested, ast.Tuple):  # `assert f(2) == 4, "why"`
            tested = tested.elts[0]
        if tested and (example := equation(tested, name) or truth(tested)):
            yield example


def equation(tested: ast.expr, name: str) -> Example | None:
    """`f(2) == 4`, `f(2) is None`, either way round."""
    if not isinstance(tested, ast.Compare) or len(tested.ops) != 1 or not isinstance(tested.ops[0], (ast.Eq, ast.Is)):
        return None
    left, right = tested.left, tested.comparators[0]
    if not mentions(left, name):
        left, right = right, left
    value = literal(ast.unparse(right))
    return Example(ast.unparse(left), value) if value is not None and mentions(left, name) else None


def truth(tested: ast.expr) -> Example | None:
    """`f(2)` and `not f(2)`; other comparisons are values themselves."""
    if isinstance(tested, ast.UnaryOp) and isinstance(tested.op, ast.Not):
        return Example(f"bool({ast.unparse(tested.operand)})", canonical(False))
    return Example(f"bool({ast.unparse(tested)})", canonical(True))


def arrows(text: str, name: str) -> Iterator[Example]:
    """`f(2) -> 4`, `f(2) == 4`, "f(2) should return 4"; of `f(2) = 1 + 3 = 4` the last."""
    for start in re.finditer(rf"(?<![\w.])(?:{re.escape(name)})\(", text):
        end = closing(text, start.end() - 1)
        call = expression(text[start.start() : end], name) if end else None
        arrow = ARROW.match(text, end) if end and call else None
        if not call or not arrow:
            continue
        value = leading_literal(text[arrow.end() : arrow.end() + LONGEST_LITERAL])
        if value is None:
            line = text[arrow.end() :].split("\n", 1)[0]
            value = leading_literal(line.rsplit("=", 1)[1]) if "=" in line else None
        if value is not None:
            yield Example(ast.unparse(call), value)


def lines(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    for match in (*INPUT_OUTPUT.finditer(text), *FOR.finditer(text)):
        call, value = called(match["given"], name, parameters), leading_literal(match["wanted"])
        if call and value is not None:
            yield Example(call, value)


def tables(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    rows = [[cell.strip().strip("`") for cell in row.split("|")] for row in ROW.findall(text)]
    wanted = None
    for cells in rows:
        heads = [cell.lower() for cell in cells]
        if len(heads) > 1 and re.search(r"output|expected|result|return", heads[-1]):
            wanted = len(cells)
        elif wanted == len(cells) and (value := literal(cells[-1])) is not None:
            given = ", ".join(cells[:-1])
            if call := called(expression_arguments(cells[0], name) or given, name, parameters):
                yield Example(call, value)


def expression_arguments(text: str, name: str) -> str | None:
    call = expression(text, name)
    return ", ".join(map(ast.unparse, call.args)) if isinstance(call, ast.Call) else None


def called(given: str, name: str, parameters: Sequence[str]) -> str | None:
    """The call that `x = 2, y = 3`, `2, 3` or `[1, 2]` stands for."""
    given = given.strip().strip("`").rstrip(".,; ")
    marks = list(ASSIGNED.finditer(given))
    if marks:
        ends = [*(mark.start() for mark in marks[1:]), len(given)]
        pairs = {mark[1]: given[mark.end() : end].strip(" ,;") for mark, end in zip(marks, ends, strict=True)}
        order = (
            [pairs[one] for one in parameters if one in pairs]
            if set(pairs) <= set(parameters)
            else list(pairs.values())
        )
        given = ", ".join(order)
    call = f"{name}({given})"
    found = expression(call, name)
    return ast.unparse(found) if isinstance(found, ast.Call) and given else None


def expression(source: str, name: str) -> ast.expr | None:
    """An expression that calls `name` on nothing but literals."""
    if len(source) > 2 * LONGEST_LITERAL:
        return None
    tree = parse_expression(source)
    if tree is None:
        return None
    try:
        found: ast.expr = Words().visit(tree)
        ast.unparse(found)  # whoever gets it may write it out
    except RecursionError:
        return None
    return found if mentions(found, name) and all(safe(node, name) for node in ast.walk(found)) else None


class Words(ast.NodeTransformer):
    """`true`, `false` and `null` of other languages as Python's."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        values = {"true": True, "false": False, "null": None, "undefined": None}
        return ast.copy_location(ast.Constant(values[node.id]), node) if node.id in values else node


def safe(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id in SAFE or node.id == name
    return not isinstance(node, (ast.Attribute, ast.Lambda, ast.NamedExpr, ast.Await, ast.Yield)) and not (
        isinstance(node, ast.Constant) and node.value is Ellipsis
    )


def mentions(tree: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(tree)
    )


def closing(text: str, opening: int) -> int | None:
    """The place after the bracket that closes the one at `opening`; brackets within strings do not count."""
    depth, quote, at = 0, "", opening
    limit = min(len(text), opening + LONGEST_LITERAL)
    while at < limit:
        character = text[at]
        if quote:
            at += character == "\\"
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character in "([{") - (character in ")]}")
            if depth == 0:
                return at + 1
        at += 1
    return None


def leading_literal(text: str) -> str | None:
    """The canonical form of the literal that a text begins with, if what follows is no operator."""
    text = text.lstrip(" \t*`")
    if text[:1] in ("[", "(", "{"):
        end = closing(text, 0)
        return literal(text[:end]) if end and not continues(text[end:]) else None
    match = re.match(
        r"""[rbu]?("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|[-+]?(?:\d[\d_]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|[A-Za-z]+\b""",
        text,
    )
    return literal(match[0]) if match and not continues(text[match.end() :]) else None


def continues(rest: str) -> bool:
    """Whether what follows a literal makes it part of something larger."""
    return bool(re.match(r"\s*(?:[-+*/%^<]|==|=(?!>)|\w*\()|[\w\"']", rest.split("\n", 1)[0]))


def literal(text: str) -> str | None:
    """The canonical form of a literal, None where it is none."""
    text = text.strip().strip("`").strip()
    text = WORDS.get(text.lower(), text)
    if not text or len(text) > LONGEST_LITERAL:
        return None
    if text[0] in "[({":
        text = re.sub(r"\b(true|false|null)\b", lambda word: WORDS[word[0]], text)
    tree = parse_expression(text)
    try:
        value: Any = ast.literal_eval(tree) if tree else Ellipsis
        return None if value is Ellipsis else canonical(value)
    except (ValueError, TypeError, RecursionError, MemoryError, TooLarge):
        return None
