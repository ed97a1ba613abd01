"""Words in, the canonical form of the literal that stands there out. Pure.

A literal ends at a boundary: what goes on, as `1:30`, `50%`, `4 digits` and `3 + 1` do, is none.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from local_swarm.chat.python_source import parse_expression
from local_swarm.sandbox.canonical import ValueTooLarge, canonical
from local_swarm.voting.scanner import EACH, LONGEST_LITERAL, closing

MOST_VALUES = 8  # that are told one after another
WORDS = {"true": "True", "false": "False", "null": "None", "nil": "None", "none": "None", "undefined": "None"}
QUOTED = r""""(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'"""
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})++(?![\d,])(?:\.\d++)?")
SCALAR = re.compile(
    rf"[rbu]?(?:{QUOTED})|[-+]?0[xXbBoO][\da-fA-F_]++|[-+]?(?:\d[\d_]*+(?:\.\d++)?(?:[eE][-+]?\d++)?|\.\d++)|[-+]?inf\b|[A-Za-z]++\b"
)
AND = re.compile(r"[`\"*]*+(?:,\s++(?:and\s++)?|\s++and\s++)`?(?=[-+.\d\"'\[({TFN])")
EQUATES = re.compile(
    r"[`*\s]*+(?:[-=]++>|[➞→⇒➜⟶⟹↦=:]|(?:should|must|will|would|returns?|gives?|becomes?|yields?|outputs?|produces?|is|are|equals?|if|when|for|unless|otherwise|being)\b)"
)
ATTACHED = re.compile(r"[\w%\"'°€$£/\\^]|[.,:](?=\w)|\.\.(?!\.)")
OPERATOR = re.compile(r"\s*+(?:[-+*/%^<!|&](?!-+(?:\s|>))(?!/)(?!!)(?![*`])\s*+[\w(\[{\"'<=]|==|=(?!>)|\w++\()")
GOING_ON = re.compile(  # what may follow a number that counts nothing
    r"\s*+(?:$|\n|[-#(\[–—/=<>→`*|\"')\]},.;:!?])|\s++(?:a[cn]d?|as|because|since|when|whenever|if|for|while|whereas|but|with|which|where|"
    r"or|so|not|instead|rather|then|on|unless|otherwise|else|after|before|here|again|al?though|due|thus|hence|from|yet|too|"
    r"to\s++(?:indicate|show|signal)|in\s++(?:this|that|all|both|the|our|such)|should|must|expected|correctly|respectively|"
    r"aber|soll|sollte|statt|und|weil|da|wenn|liefern|ergeben|sein|zur(?:ü|ue)ckgeben|ausgeben|mais|au|pero|sino|en)\b",
    re.IGNORECASE,
)


def leading_literal(text: str) -> str | None:
    """The canonical form of the literal that a text begins with, of several after commas that of their tuple."""
    found = leading_literals(text)
    return found[0] if len(found) == 1 else f"({','.join(found)},)" if found else None


def leading_literals(text: str) -> list[str]:
    """The canonical forms of the literals, parted by commas, that a text begins with; none where more belongs to the last."""
    text = text.lstrip(" \t*`")[: MOST_VALUES * LONGEST_LITERAL + EACH]
    found, at, first = list[str](), 0, 0
    while len(found) < MOST_VALUES:
        end, value = literal_at(text, at)
        if value is None:
            return found[:1] if found and not continues(text[first:], text[:first]) and EQUATES.match(text, end) else []
        found.append(value)
        first, at, begun = first or end, end, at
        more = AND.match(text, at)
        if not more:
            break
        at = more.end()
    if len(found) > 1 and EQUATES.match(text, at):  # "3 gives 9, 4 gives 16"
        return found[:1]
    return [] if continues(text[at:], text[begun:at]) else found


def literal_at(text: str, at: int) -> tuple[int, str | None]:
    """(end, canonical form) of the literal at a place."""
    if text[at : at + 1] in ("[", "(", "{"):
        end = closing(text, at)
        return (end, literal(text[at:end])) if end else (at, None)
    if found := THOUSANDS.match(text, at):
        return found.end(), literal(found[0].replace(",", ""))
    match = SCALAR.match(text, at)
    return (match.end(), literal(match[0])) if match else (at, None)


def continues(rest: str, before: str) -> bool:
    """Whether what follows a literal makes it part of something larger."""
    rest = rest.split("\n", 1)[0][: 4 * EACH]
    if ATTACHED.match(rest) and not (rest[0] in "\"'" and not rest[1:2].isalnum()):
        return True
    if OPERATOR.match(rest):
        return True
    if before[-1:] in "])}\"'" or before[:1].isupper():
        return False
    return not GOING_ON.match(rest)


def literal(text: str) -> str | None:
    """The canonical form of a literal, None where it is none."""
    text = text.strip().strip("`").strip()
    if not text or len(text) > LONGEST_LITERAL:
        return None
    text = WORDS.get(text.lower(), text)
    if text[0] in "[({":
        text = re.sub(r"\b(true|false|null|undefined)\b", lambda word: WORDS[word[0]], text)
    tree = parse_expression(text)
    try:
        value: Any = ast.literal_eval(tree) if tree else Ellipsis
        return None if value is Ellipsis else canonical(value)
    except (ValueError, TypeError, RecursionError, MemoryError, ValueTooLarge):
        return None
