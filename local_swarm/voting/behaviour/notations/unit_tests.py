"""A text in, the examples in its unit tests out: unittest, pytest, jest, chai, node's assert. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from local_swarm.chat.python_source import parse_expression, unparse
from local_swarm.sandbox.canonical import canonical
from local_swarm.voting.behaviour.calls import Example, equation, truth
from local_swarm.voting.behaviour.notations.told import ANY_ERROR, call_in, error_in, literal_in
from local_swarm.voting.scanner import LONGEST_LITERAL, Attention, closing, end_of_line

CHECK = re.compile(
    r"\b(?:self\.|cls\.|assert\.|t\.|unittest\.|np\.testing\.|testing\.){0,2}+"
    r"(assert\w*+|equal|strictEqual|deepEqual|deepStrictEqual|strict_equal|ok|is|same|throws|rejects|raises)\s*+\("
)
STATEMENT = re.compile(r"\bassert\s++(?!\()")
EXPECT = re.compile(r"\bexpect\s*+\(")
MATCHER = re.compile(r"\s*+\.\s*+((?:(?:resolves|rejects|to|be|deep|and|not)\s*+\.\s*+)*+\w++)\s*+(\()?")
RAISING = re.compile(
    r"\bwith\s++(?:self\.assertRaises|pytest\.raises|assertRaises|raises)(?:Regex)?\s*+\(\s*+([\w.]++)"
    r"[^\n]{0,200}+\n[ \t]*+([^\n]{1,400}+)"
)
EQUAL = {
    *("assertequal", "assertequals", "assertlistequal", "assertdictequal", "asserttupleequal", "assertsetequal"),
    *(
        "assertsequenceequal",
        "assertmultilineequal",
        "assertis",
        "assert_equal",
        "assert_array_equal",
        "equal",
        "assert_equals",
    ),
    *(
        "strictequal",
        "deepequal",
        "deepstrictequal",
        "is",
        "same",
        "tobe",
        "toequal",
        "tostrictequal",
        "eql",
        "eq",
        "assertstrictequals",
    ),
}
NEAR = {
    "assertalmostequal": 7,
    "assertalmostequals": 7,
    "assert_almost_equal": 7,
    "tobecloseto": 2,
}  # digits where none are given
CONSTANT = {
    **dict.fromkeys(("assertisnone", "tobenull", "null", "tobeundefined", "undefined"), None),
    **dict.fromkeys(("true",), True),
    **dict.fromkeys(("false",), False),
}
TRUE, FALSE = {"asserttrue", "assert", "ok", "assert_true", "tobetruthy"}, {"assertfalse", "assert_false", "tobefalsy"}
ERRORS = {
    "assertraises",
    "assertraisesregex",
    "throws",
    "rejects",
    "raises",
    "assertthrows",
    "tothrow",
    "throw",
    "tothrowerror",
}
ARROWED = re.compile(
    r"^\s*+(?:async\s++)?(?:\(\s*+\)\s*+=>|function\s*+\(\s*+\)|lambda\s*+:)\s*+\{?\s*+(?:return\b|await\b)?\s*+([^{};]++)"
)


def unit_tests(text: str, name: str, _parameters: Sequence[str] = ()) -> Iterator[Example]:
    return chain(checks(text, name), statements(text, name), expectations(text, name), error_blocks(text, name))


def checks(text: str, name: str) -> Iterator[Example]:
    """`self.assertEqual(f(3), 9)`, `assert.deepEqual(f([1]), [1])`."""
    attention = Attention()
    for match in CHECK.finditer(text):
        end = closing(text, match.end() - 1)
        if not attention.spend(4 * ((end or match.end() + LONGEST_LITERAL) - match.end())):
            return
        example = check_example(match[1].lower(), parts_of(text[match.end() : end - 1]), name) if end else None
        if example:
            yield example


def check_example(check: str, parts: list[str], name: str) -> Example | None:
    """What a check of so many parts says."""
    if not parts:
        return None
    if check in ERRORS:
        return failure(parts, name)
    if len(parts) > 1 and (check in EQUAL or check in NEAR) and call_in(parts[0], name) is None:
        parts = [parts[1], parts[0], *parts[2:]]
    return example_of_check(check, parts[0], parts[1:], name)


def example_of_check(check: str, source: str, others: Sequence[str], name: str) -> Example | None:
    tested = call_in(source, name)
    if tested is None:
        return None
    if check in CONSTANT:
        return Example(ast.unparse(tested), canonical(CONSTANT[check]))
    if check in TRUE:
        return equation(tested, name) or truth(tested)
    if check in FALSE:
        return truth(ast.UnaryOp(ast.Not(), tested))
    wanted = others[0] if others else ""
    if check == "assertcountequal":
        return sorted_equal(tested, wanted, name)
    if check in NEAR:
        digits = others[1].rpartition("=")[2].strip() if len(others) > 1 else str(NEAR[check])
        return nearness(tested, wanted, int(digits)) if digits.isdecimal() and len(digits) < 3 else None
    value = literal_in(wanted) if check in EQUAL else None
    return Example(ast.unparse(tested), value) if value is not None else None


def nearness(tested: ast.expr, wanted: str, digits: int) -> Example | None:
    if literal_in(wanted) is None:
        return None
    return Example(f"bool(abs({ast.unparse(tested)} - {wanted.strip()}) <= {0.5 * 10**-digits!r})", canonical(True))


def sorted_equal(tested: ast.expr, wanted: str, name: str) -> Example | None:
    try:
        value = canonical(sorted(ast.literal_eval(wanted.strip())))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return Example(f"sorted({ast.unparse(tested)})", value)


def failure(parts: Sequence[str], name: str) -> Example | None:
    """`assertRaises(ValueError, f, 3)`, `assert.throws(() => f(3), RangeError)`."""
    first = ARROWED.match(parts[0])
    call = call_in(first[1], name) if first else None
    if call is not None:
        return Example(ast.unparse(call), (error_in(parts[1].strip()) if len(parts) > 1 else None) or ANY_ERROR)
    error = error_in(parts[0].strip())
    if not error or len(parts) < 2:
        return None
    inner = ARROWED.match(parts[1])
    source = inner[1] if inner else f"{parts[1].strip()}({', '.join(parts[2:])})"
    call = call_in(source, name)
    return Example(ast.unparse(call), error) if call is not None else None


def statements(text: str, name: str) -> Iterator[Example]:
    """`assert candidate(3) == 9`, `assert Solution().f(3) == 9, "why"`, `assert f(1) == pytest.approx(0.5)`."""
    attention = Attention()
    for match in STATEMENT.finditer(text):
        line = text[match.end() : min(end_of_line(text, match.end()), match.end() + LONGEST_LITERAL)]
        if not attention.spend(2 * len(line)):
            return
        example = equal_sides(line, name)
        if example:
            yield example


def equal_sides(line: str, name: str) -> Example | None:
    tree = parse_expression(line.split("  #", 1)[0].rstrip("; "))
    tested = tree.elts[0] if isinstance(tree, ast.Tuple) and tree.elts else tree
    source = unparse(tested) if tested is not None else None
    if not source:
        return None
    about = re.fullmatch(r"(.*?) == (?:pytest\.)?approx\(([-\d.e]++)(?:, .*+)?\)", source)
    if about:
        call = call_in(about[1], name)
        return nearness(call, about[2], 6) if call is not None else None
    found = call_in(source, name)
    return (equation(found, name) or truth(found)) if found is not None else None


def expectations(text: str, name: str) -> Iterator[Example]:
    """`expect(f(3)).toBe(9)`, `expect(f(3)).to.equal(9)`, `expect(() => f(-1)).toThrow(RangeError)`."""
    attention = Attention()
    for match in EXPECT.finditer(text):
        end = closing(text, match.end() - 1)
        if not attention.spend(4 * ((end or match.end() + LONGEST_LITERAL) - match.end())):
            return
        found = MATCHER.match(text, end) if end else None
        if not end or not found or "not" in found[1].split("."):
            continue
        after = closing(text, found.end() - 1) if found[2] else None
        if not attention.spend((after or found.end()) - found.end()):
            return
        other = text[found.end() : after - 1] if after else ""
        if example := expectation_example(text[match.end() : end - 1], found[1], other, name):
            yield example


def expectation_example(source: str, matcher: str, other: str, name: str) -> Example | None:
    check = matcher.rpartition(".")[2].strip().lower()
    if check not in ERRORS:
        return example_of_check(check, re.sub(r"^\s*+await\b", "", source), parts_of(other), name)
    inner = ARROWED.match(source)
    call = call_in(inner[1] if inner else source, name)
    return Example(ast.unparse(call), error_in(other.strip()) or ANY_ERROR) if call is not None else None


def error_blocks(text: str, name: str) -> Iterator[Example]:
    """`with pytest.raises(ValueError):` and the call beneath."""
    attention = Attention()
    for match in RAISING.finditer(text):
        if not attention.spend(2 * len(match[0])):
            return
        error, call = error_in(match[1]), call_in(match[2].partition("#")[0], name)
        if error and call is not None:
            yield Example(ast.unparse(call), error)


def parts_of(source: str) -> list[str]:
    """What commas outside of brackets and strings part."""
    parts, start, at = list[str](), 0, 0
    skip: Callable[[int], int] = lambda where: closing(source, where) or len(source)  # noqa: E731
    marks = re.compile(r"[\"'\[({,]")
    while found := marks.search(source, at):
        if found[0] == ",":
            parts.append(source[start : found.start()])
            start = at = found.end()
        elif found[0] in "[({":
            at = skip(found.start())
        else:
            end = re.compile(rf"(?:[^{found[0]}\\]|\\.)*+{found[0]}", re.DOTALL).match(source, found.end())
            at = end.end() if end else len(source)
    return [one for one in [*parts, source[start:]] if one.strip()]
