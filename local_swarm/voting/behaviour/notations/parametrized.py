"""A text in, the examples in its tests over many values out: pytest's `parametrize` and jest's `each`. Pure.

Each row of values is put where the test names them; then the test says what any other says.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from local_swarm.chat.python_source import parse_expression
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.notations.unit_tests import parts_of, unit_tests
from local_swarm.voting.scanner import LONGEST_LITERAL, Attention, closing

MOST_ROWS = 12
LONGEST_TEST = 500  # characters
OVER = re.compile(r"\b(?:parametrize|each)\s*+\(")
NEXT = re.compile(r"\n[ \t]*+(?:@|(?:test|it)\b)|\n[ \t]*+\n[ \t]*+def\b")
NAMES = re.compile(r"\(\s*+[\[{]?([\w$, ]{1,100}+)[\]}]?\s*+\)\s*+=>")


def row_tests(text: str, name: str, parameters: Sequence[str] = ()) -> Iterator[Example]:
    attention = Attention()
    for match in OVER.finditer(text):
        end = closing(text, match.end() - 1)
        if not attention.spend((end or match.end() + LONGEST_LITERAL) - match.end()):
            return
        if end is None or name not in (test := test_after(text, end)):
            continue
        names, rows = table_of(parts_of(text[match.end() : end - 1]), test)
        for row in rows[:MOST_ROWS]:
            if not attention.spend(4 * len(test)):
                return
            if len(row) == len(names):
                yield from unit_tests(with_values(test, dict(zip(names, row, strict=True))), name, parameters)


def test_after(text: str, start: int) -> str:
    following = text[start : start + LONGEST_TEST]
    end = NEXT.search(following)
    return following[: end.start()] if end else following


def table_of(parts: Sequence[str], test: str) -> tuple[list[str], list[list[str]]]:
    """Names and the rows of what they stand for, as they are written."""
    told = NAMES.search(test)
    header = parts[0] if len(parts) > 1 else told[1] if told else ""
    rows = parse_expression(parts[min(1, len(parts) - 1)]) if parts else None
    if not isinstance(rows, (ast.List, ast.Tuple)):
        return [], []
    names = re.findall(r"[A-Za-z_$][\w$]*+", header)
    return names, [row_of(one, len(names)) for one in rows.elts]


def row_of(row: ast.expr, width: int) -> list[str]:
    if isinstance(row, ast.Call):  # pytest.param(3, 9)
        return [ast.unparse(one) for one in row.args]
    values = row.elts if isinstance(row, (ast.Tuple, ast.List)) and width > 1 else [row]
    return [ast.unparse(one) for one in values]


def with_values(test: str, values: dict[str, str]) -> str:
    return re.sub(r"(?<![\w.$])[A-Za-z_$][\w$]*+", lambda word: values.get(word[0], word[0]), test)
