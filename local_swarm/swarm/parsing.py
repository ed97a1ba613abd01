"""Python source in, syntax trees out, whatever the source is. Pure but for a lock."""

from __future__ import annotations

import ast
import threading

# CPython 3.11 counts the depth of all trees in the making in one place and fails where two threads take turns (gh-106905).
ONE_AT_A_TIME = threading.Lock()
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, SystemError)


def parse(code: str) -> ast.Module | None:
    """None for what is no Python, nests too deep or is otherwise beyond the parser."""
    try:
        with ONE_AT_A_TIME:
            return ast.parse(code)
    except UNREADABLE:
        return None


def parse_expression(code: str) -> ast.expr | None:
    """The same for a single expression."""
    try:
        with ONE_AT_A_TIME:
            return ast.parse(code.strip(), mode="eval").body
    except UNREADABLE:
        return None
