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
DEEPEST = 200  # levels of a tree: `ast.unparse` takes three frames for each, and Python allows a thousand

# Between what counts by itself stand names, numbers and operators, which are only counted.
PART = re.compile(
    r"""(?P<blank>\\\n|\#[^\n]*+)
    |(?P<line>\n)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    |(?P<string>\"{3}(?:[^\"\\]++|\\.|\"(?!\"\"))*+(?:\"{3})?
        |'{3}(?:[^'\\]++|\\.|'(?!''))*+(?:'{3})?
        |\"(?:[^\"\\\n]++|\\.)*+\"?
        |'(?:[^'\\\n]++|\\.)*+'?)
    |(?P<words>[^\n()\[\]{}\"'\#\\]++)
    |.""",
    re.VERBOSE | re.DOTALL,
)
WORD = re.compile(r"\w++|[^\w\s]")
GOES_ON = re.compile(r"(?:else|elif|except|finally)\b")
FORMAT, FORMATTED = re.compile("[fFtT]"), re.compile("[fFtT][rR]?[\"']")


@dataclass(slots=True)
class SourceScan:
    """What is known of a source at one place of it: open brackets, and what it will cost to parse since the last cut."""

    depth: int = 0
    cost: int = 0
    total: int = 0
    # An f-string ended within a field: from Python 3.12 on quotes may nest, so what follows may be code.
    nested: bool = False

    def spend(self, tokens: int) -> bool:
        """Whether the parser may be given so much more."""
        self.cost += tokens
        self.total += tokens
        return self.cost <= MOST_AT_ONCE and self.total <= MOST_TOKENS

    def price(self, kind: str | None, part: str, prefix: str) -> int:
        """What a part costs, in tokens: the parser of 3.11 looks for each field of an f-string from its beginning on."""
        if kind == "words":
            return len(WORD.findall(part))
        if kind != "string":
            return 1
        fields = part.count("{") if FORMAT.search(prefix) else 0
        self.nested = self.nested or (fields > 0 and fields != part.count("}"))
        return 1 + (len(part) // 4 if fields or self.nested else 0) + 6 * fields + fields * len(part) // 10_000


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
    fields = code.count("{") if FORMATTED.search(code) else 0
    if len(code) + fields * (6 + len(code) // 10_000) <= MOST_AT_ONCE:  # no token is shorter than a character
        return [code]
    cuts, scan, edge = [0], SourceScan(), 0
    before, last, decorated = 0, "line", False  # `before`: what the statement's predecessors cost
    for part in PART.finditer(code):
        kind, at = part.lastgroup, part.start()
        if kind == "blank":
            last = "joined" if part[0][0] == "\\" else last
            continue
        leftmost = last == "line" and scan.depth == 0 and (not at or code[at - 1] == "\n") and not part[0][0].isspace()
        if leftmost and not GOES_ON.match(part[0]):
            if not decorated:
                edge, before = at, scan.cost
            decorated = part[0][0] == "@"
        last = kind or ""
        scan.depth += (kind == "open") - (kind == "close")
        if not scan.spend(scan.price(kind, part[0], code[max(0, at - 2) : at])):
            if edge <= cuts[-1] or scan.total > MOST_TOKENS:
                raise ValueError("too many tokens")
            cuts.append(edge)
            scan.cost -= before
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


def unparse(tree: ast.AST) -> str | None:
    """The source of a tree; None where it cannot be written, as an integer of 5,000 digits."""
    try:
        return ast.unparse(tree)
    except (ValueError, RecursionError, MemoryError):
        return None
