"""Answers in, a matrix of likeness out, from structure alone: syntax for code, words for all else. Pure, no model.

Overlap of n-grams (n up to 4), as in BLEU (Papineni et al. 2002), of the tree's tokens with local names renamed in
order of appearance and docstrings dropped, so that neither spelling nor comments count.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.similarity.syntax import syntax_words

LONGEST_GRAM = 4
MOST_IN_ALL = 64_000  # tokens: each answer is compared with each other
MOST_TOKENS = 4000  # of one answer: bounds the time of a comparison
WORD = re.compile(r"\w+|[^\w\s]")

Grams = Counter[tuple[str, ...]]


def structural(answers: Sequence[ExtractedAnswer]) -> NDArray[np.float64]:
    """Likeness (n, n) between 0 and 1; 1 on the diagonal."""
    most = min(MOST_TOKENS, MOST_IN_ALL // max(1, len(answers)))
    written = [tuple(tokens(answer)[:most]) for answer in answers]
    different = list(dict.fromkeys(written))
    grams = [ngrams(words) for words in different]
    between = np.eye(len(different))
    for i, mine in enumerate(grams):
        for j in range(i):
            between[i, j] = between[j, i] = overlap(mine, grams[j])
    place = {words: at for at, words in enumerate(different)}
    places = [place[words] for words in written]
    matrix: NDArray[np.float64] = between[np.ix_(places, places)]
    return matrix


def tokens(answer: ExtractedAnswer) -> list[str]:
    if answer.words is not None:
        return list(answer.words)
    if answer.tree:
        return tree_tokens(answer.tree)
    found = syntax_words(answer.body, answer.language, MOST_TOKENS) if answer.kind == "code" else None
    return found if found is not None else [word[0].lower() for word in islice(WORD.finditer(answer.body), MOST_TOKENS)]


def ngrams(words: Sequence[str]) -> Grams:
    return Counter(tuple(words[at : at + n]) for n in range(1, LONGEST_GRAM + 1) for at in range(len(words) - n + 1))


def overlap(one: Grams, other: Grams) -> float:
    """Shared n-grams over all (Dice), counted with repetition; two empty answers are alike."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def tree_tokens(tree: ast.Module) -> list[str]:
    """The tree as words, in source order: kinds of nodes, names (local ones by number), constants, operators."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        for name in names_bound_by(node):
            names.setdefault(name, f"v{len(names)}")
    return list(islice(words(tree, names), MOST_TOKENS))


def names_bound_by(node: ast.AST) -> Iterator[str]:
    """Names that a node gives a meaning to."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name


def words(root: ast.AST, names: dict[str, str]) -> Iterator[str]:
    """Depth first and without recursion: a hostile answer may nest as deep as the parser allows."""
    stack: list[ast.AST] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Load, ast.Store, ast.Del)):
            continue
        if isinstance(node, ast.Name):
            yield names.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            yield names[node.arg]
        elif isinstance(node, ast.Constant):
            yield constant_text(node.value)
        else:
            yield type(node).__name__
            if isinstance(node, ast.Attribute):
                yield node.attr
        stack.extend(reversed(children(node)))


def constant_text(constant: object) -> str:
    try:
        return repr(constant)[:80]
    except ValueError:  # an integer that has more digits than Python writes
        return hex(constant)[:80] if isinstance(constant, int) else type(constant).__name__


def children(node: ast.AST) -> list[ast.AST]:
    found = list(ast.iter_child_nodes(node))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)) and has_docstring(node.body):
        found.remove(node.body[0])
    return found


def has_docstring(body: Sequence[ast.stmt]) -> bool:
    return (
        bool(body)
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )
