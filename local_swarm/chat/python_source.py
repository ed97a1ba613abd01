"""Python source in, syntax trees out, whatever the source is: in linear time and memory, and never long at a stretch.

CPython's parser holds the interpreter while it runs, so a long source goes to it statement by statement, and one that would
cost too much is refused by a scan that costs little. Measured on CPython 3.11: 1 to 2.5 microseconds a token, however it nests.
"""

from __future__ import annotations

import ast
import re
import threading
from dataclasses import dataclass

# CPython 3.11 counts the depth of all trees in the making in one place and fails where two threads take turns (gh-106905).
ONE_AT_A_TIME = threading.Lock()
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, SystemError)

MOST_SOURCE = 200_000  # characters; a tree takes up to 400 bytes for each of them
MOST_TOKENS = 40_000  # of one source: what 140,000 characters of ordinary code have
MOST_AT_ONCE = 12_000  # tokens that the parser takes in one go: at most 30 ms
MOST_UNARY = 100  # operators in a row that bind to what follows: each is a level of the parser's own recursion
DEEPEST = 200  # levels of a tree: `ast.unparse` takes three frames for each, and Python allows a thousand

TOKEN = re.compile(
    r"""(?P<blank>[ \t\f]++|\\\n|\#[^\n]*+)
    |(?P<line>\n)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    |(?P<string>[rbuftRBUFT]{0,2}(?:
        \"{3}(?:[^\"\\]++|\\.|\"(?!\"\"))*+(?:\"{3})?
        |'{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3})?
        |\"(?:[^\"\\\n]++|\\.)*+\"?
        |'(?:[^'\\\n]++|\\.)*+'?))
    |(?P<unary>(?:not|lambda|await)\b|[-+~*:])
    |(?P<goes_on>(?:else|elif|except|finally)\b)
    |\w++|.""",
    re.VERBOSE | re.DOTALL,
)
FORMATS = re.compile("[rR]?[fFtT]")


@dataclass(slots=True)
class Scan:
    """What is known of a source at one place of it: open brackets, and what it will cost to parse since the last cut."""

    depth: int = 0
    cost: int = 0
    total: int = 0
    unary: int = 0
    nested: bool = (
        False  # an f-string ended within a field: from Python 3.12 on quotes may nest, so what follows may be code
    )

    def spend(self, tokens: int) -> bool:
        """Whether the parser may be given so much more."""
        self.cost += tokens
        self.total += tokens
        return self.cost <= MOST_AT_ONCE and self.total <= MOST_TOKENS

    def price(self, string: str) -> int:
        """What a string costs, in tokens: the parser of 3.11 looks for each field of an f-string from its beginning on."""
        fields = string.count("{") if FORMATS.match(string) else 0
        self.nested = self.nested or (fields > 0 and fields != string.count("}"))
        return 1 + (len(string) // 4 if fields or self.nested else 0) + 6 * fields + fields * len(string) // 10_000


def parse(code: str) -> ast.Module | None:
    """None for what is no Python, nests too deep or is otherwise beyond the parser."""
    code = code.replace("\r\n", "\n").replace("\r", "\n")  # as the parser does
    found = ast.Module([], [])
    try:
        for piece in pieces(code):
            with ONE_AT_A_TIME:
                found.body += ast.parse(piece).body
    except UNREADABLE:
        return None
    return found if shallow(found) else None


def parse_expression(code: str) -> ast.expr | None:
    """The same for a single expression, which may stand on several lines only within brackets."""
    code = code.strip().replace("\r\n", "\n").replace("\r", "\n")
    try:
        if len(pieces(code)) != 1:
            return None
        with ONE_AT_A_TIME:
            found = ast.parse(code, mode="eval").body
    except UNREADABLE:
        return None
    return found if shallow(found) else None


def pieces(code: str) -> list[str]:
    """The source in as few pieces as the parser may be given, cut between statements at its left edge. ValueError where there are
    none."""
    if len(code) > MOST_SOURCE:
        raise ValueError("too long")
    cuts, scan, edge = [0], Scan(), 0
    statement_cost, last, decorated = 0, "line", False
    for token in TOKEN.finditer(code):
        kind, at = token.lastgroup, token.start()
        if kind == "blank":
            last = last if token[0][0] != "\\" else "joined"
            continue
        starts = (
            last == "line" and scan.depth == 0 and kind not in ("line", "goes_on") and (not at or code[at - 1] == "\n")
        )
        if starts:
            if not decorated:
                edge, statement_cost = at, scan.cost
            decorated = token[0] == "@"
        last = kind or ""
        scan.depth += (kind == "open") - (kind == "close")
        scan.unary = scan.unary + 1 if kind == "unary" else 0
        if scan.unary > MOST_UNARY:
            raise ValueError("too many operators")
        if not scan.spend(scan.price(token[0]) if kind == "string" else 1):
            if edge <= cuts[-1] or scan.total > MOST_TOKENS:
                raise ValueError("too many tokens")
            cuts.append(edge)
            scan.cost -= statement_cost
            if scan.cost > MOST_AT_ONCE:
                raise ValueError("too many tokens")
    return [code[start:end] for start, end in zip(cuts, [*cuts[1:], len(code)], strict=True)]


def shallow(tree: ast.AST) -> bool:
    """Whether whoever walks the tree by recursion comes back from it."""
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False


def unparsed(tree: ast.AST) -> str | None:
    """The source of a tree; None where it cannot be written, as an integer of 5,000 digits."""
    try:
        return ast.unparse(tree)
    except (ValueError, RecursionError, MemoryError):
        return None
