"""Words in, the canonical form of the literal that stands there out. Pure."""

from __future__ import annotations

import ast
import re
from typing import Any

from local_swarm.chat.python_source import parse_expression
from local_swarm.sandbox.canonical import ValueTooLarge, canonical
from local_swarm.voting.scanner import EACH, LONGEST_LITERAL, closing

WORDS = {"true": "True", "false": "False", "null": "None", "nil": "None", "none": "None"}


def leading_literal(text: str) -> str | None:
    """The canonical form of the literal that a text begins with, if what follows is no operator."""
    text = text.lstrip(" \t*`")[: LONGEST_LITERAL + EACH]
    if text[:1] in ("[", "(", "{"):
        end = closing(text, 0)
        return literal(text[:end]) if end and not continues(text[end:]) else None
    match = re.match(
        r"""[rbu]?("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|[-+]?(?:\d[\d_]*+\.?\d*+(?:[eE][-+]?\d+)?|\.\d+)|[A-Za-z]+\b""",
        text,
    )
    return literal(match[0]) if match and not continues(text[match.end() :]) else None


def continues(rest: str) -> bool:
    """Whether what follows a literal makes it part of something larger."""
    return bool(re.match(r"\s*(?:[-+*/%^<]|==|=(?!>)|\w*\()|[\w\"']", rest.split("\n", 1)[0]))


def literal(text: str) -> str | None:
    """The canonical form of a literal, None where it is none."""
    text = text.strip().strip("`").strip()
    if not text or len(text) > LONGEST_LITERAL:
        return None
    text = WORDS.get(text.lower(), text)
    if text[0] in "[({":
        text = re.sub(r"\b(true|false|null)\b", lambda word: WORDS[word[0]], text)
    tree = parse_expression(text)
    try:
        value: Any = ast.literal_eval(tree) if tree else Ellipsis
        return None if value is Ellipsis else canonical(value)
    except (ValueError, TypeError, RecursionError, MemoryError, ValueTooLarge):
        return None
