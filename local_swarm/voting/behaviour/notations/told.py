"""A piece of a prompt in, the call or the value that it tells out. Pure.

A value ends at a boundary: `9 apples` and `3 + 1` tell none. Words without quotes are a text only where they cannot be
words about a text.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Sequence

from local_swarm.chat.python_source import parse_expression
from local_swarm.sandbox.canonical import canonical
from local_swarm.voting.behaviour.calls import call_of, expression
from local_swarm.voting.behaviour.literals import leading_literal, literal
from local_swarm.voting.scanner import LONGEST_LITERAL, closing

LONGEST_WORDS = 60  # characters of a text without quotes
ANY_ERROR = "!"  # wanted where a call must fail, no matter how
ALIASES = ("candidate",)  # what test suites call the function that is asked for
SCALAR = re.compile(
    r"""[rbu]?(?:"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')|[A-Za-z]++\b"""
    r"""|[-+]?(?:\d[\d_]*+(?:\.\d++)?(?:[eE][-+]?\d++)?|\.\d++)(?![\w%])"""
)
BOUNDARY = re.compile(
    r"[`*\"')\]]*+(?:[ \t]*+(?:$|\n)|[.,;:!?](?=\s|$)|\s*+<"
    r"|\s++(?:[(#–—]|--|//|because|since|as|and|when|if|for|while|but|with|which|where|or))"
)
ERROR = re.compile(r"`?(?:[a-z_]\w*+\.)*+([A-Z]\w*+)\b")
KEY = re.compile(r"([{,]\s*+)([A-Za-z_$][\w$]*+)\s*+(?=:)")
TAG = re.compile(
    r"</?(pre|strong|b|i|code|p|em|br|div|span|li|ul|ol|font|table|tbody|thead|tr|td|th)\b[^<>]*+>", re.IGNORECASE
)
CELL_END = re.compile(r"</(?:t[dhr]|li)>", re.IGNORECASE)
MEANS = {**dict.fromkeys(("p", "br", "div", "li", "tr", "pre", "table"), "\n"), "td": "|", "th": "|"}
ABOUT = re.compile(  # words that speak of a value instead of being one
    r"\b(?:an?|the|of|that|is|are|with|each|any|all|some|list|lists|array|string|strings|str|ints?|integers?|numbers?|floats?|bool|"
    r"boolean|dict|dictionary|object|tuple|sets?|value|values|none|null|error|exception|function|returns?|input|output|result|text|"
    r"word|words|characters?|matrix|unchanged|same|wrong|bug|todo|fails?|works?|raises?|throws?|invalid|any|see|below|above)\b",
    re.IGNORECASE,
)
WORDS = re.compile(r"[A-Za-z][\w'-]*+[!?.]?(?: [\w'-]++[!?.,]?)*+")


def call_in(source: str, name: str) -> ast.expr | None:
    """`Solution().f(3)`, `module.f(3)` and `candidate(3)` are `f(3)`; objects of JavaScript are dictionaries."""
    if len(source) > 2 * LONGEST_LITERAL:
        return None
    source = re.sub(rf"\b(?:new\s++)?[A-Za-z_]\w*+(?:\(\))?\.(?={re.escape(name)}\()", "", source.strip())
    for alias in ALIASES:
        source = re.sub(rf"\b{alias}(?=\()", lambda _: name, source)
    source = re.sub(r"(?<=[=!])==", "=", source)
    return expression(source, name) or expression(KEY.sub(r'\1"\2"', source), name)


def call_with(given: str, name: str, parameters: Sequence[str], least: int = 1) -> str | None:
    """The call that a text of arguments stands for, if it has as many of them as there are parameters, or `least`."""
    told = call_in(given.strip().strip("`").rstrip(".,; "), name)
    if isinstance(told, ast.Call):
        return ast.unparse(told)
    tree = (
        parse_expression(call)
        if (call := call_of(given, name, parameters) or call_of(KEY.sub(r'\1"\2"', given), name, parameters))
        else None
    )
    if not isinstance(tree, ast.Call):
        return None
    only = tree.args[0] if len(tree.args) == 1 and not tree.keywords else None
    several = only.elts if isinstance(only, ast.Tuple) else only.values if isinstance(only, ast.BoolOp) else []
    if len(parameters) == len(several) > 1:  # `(2, 3)` and "2 and 3"
        tree.args = list(several)
    count = len(tree.args) + len(tree.keywords)
    fits = not parameters or least <= count <= len(parameters)
    return ast.unparse(tree) if fits and not any(isinstance(one, (ast.Name, ast.BoolOp)) for one in tree.args) else None


def value_at(text: str) -> str | None:
    """The canonical form of the value that a text begins with."""
    text = text.lstrip(" \t*`:")[: 2 * LONGEST_LITERAL]
    end = literal_end(text)
    if not end or not BOUNDARY.match(text, end):
        return None
    return leading_literal(text) if text[0] not in "[({" else literal_in(text[:end])


def literal_end(text: str) -> int | None:
    """Where what may be a literal ends, at the beginning of a text."""
    if text[:1] in ("[", "(", "{"):
        return closing(text, 0)
    scalar = SCALAR.match(text)
    return scalar.end() if scalar else None


def literal_in(text: str) -> str | None:
    """The canonical form of a text that is nothing but a literal of Python or JavaScript."""
    text = text.strip().strip("`").strip()
    value = literal(text)
    if value is None and text[:1] in ("[", "{"):
        value = literal(KEY.sub(r'\1"\2"', text))
    return value if value is not None and "<ellipsis" not in value else None


def words_in(line: str) -> str | None:
    """The text that a line without quotes is: a word or a few that do not speak of a value."""
    line = line.strip().strip("`*").strip()
    if len(line) > LONGEST_WORDS or len(line) < 2 or error_in(line) or not WORDS.fullmatch(line) or ABOUT.search(line):
        return None
    return line


def wanted_in(text: str) -> str | None:
    """The error or the value at the beginning of a text, else the words of its first line."""
    value = error_in(text) or value_at(text)
    if value is not None:
        return value
    words = words_in(text.strip().split("\n", 1)[0])
    return canonical(words) if words else None


def error_in(text: str) -> str | None:
    """`!ValueError` of "ValueError: no number"."""
    found = ERROR.match(text)
    return (
        f"!{found[1]}"
        if found and re.search(r"(?:Error|Exception|Exit|Interrupt|Iteration|Warning)$", found[1])
        else None
    )


def without_tags(text: str) -> str:
    """Statements copied from a page, as they look there."""
    if not TAG.search(text):
        return text
    plain = TAG.sub(lambda tag: MEANS.get(tag[1].lower(), ""), CELL_END.sub("", text))
    return html.unescape(plain).replace("\xa0", " ")
