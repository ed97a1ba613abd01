"""A text in, the examples in its comments and printed lines out: `print(f(3))  # 9`, and outputs told beneath. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from local_swarm.sandbox.canonical import canonical
from local_swarm.voting import scanner
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.notations.told import call_in, error_in, literal_in, value_at, words_in
from local_swarm.voting.scanner import LONGEST_LITERAL, Attention, closing

BEGINNING = 20_000  # characters in which a text says what language it speaks of
MOST_AROUND = 4  # lines of fences and empty ones
WRAPPED = re.compile(
    r"^[\s>`*+-]*+(?:\d++[.)]\s++)?(?:(?:const|let|var)\s++)?(?:[A-Za-z_]\w*+\s*+=(?!=)\s*+)?(print|console\.log|puts|println)\((.*)\)[;`\s]*+$"
)
BARE = re.compile(r"^[\s>`*+-]*+(?:(?:const|let|var)\s++)?(?:[A-Za-z_]\w*+\s*+=(?!=)\s*+)?(.*+)$")
MARK = re.compile(r"(?<=[\s;)`])(#|//)(?!/)\s*+")
LABEL = re.compile(
    r"(?:(?:the\s++)?(?:expected|actual\s++)?\s*+(?:output|result|value)|expected|expects|expect|prints?|outputs?|returns?|gives?|"
    r"should\s++(?:be|print|return|output|give)|must\s++(?:be|return)|evaluates?\s++to|=>|->|→|➞|==)\s*+(?:is\b|(?:to\s++)?be\b)?\s*+[:=]?\s*+",
    re.IGNORECASE,
)
RAISES = re.compile(r"(?:(?:should|must|will)\s++)?(?:raises?|throws?)\s++(?:an?\s++)?", re.IGNORECASE)
JAVASCRIPT = re.compile(r"javascript|typescript|\bnode\b|\bconst\b|console\.log|```\s*+[jt]sx?\b", re.IGNORECASE)
OUTPUT = re.compile(r"\W*+(?:(?:expected|sample|the)\s++)?(?:output|prints|result)s?\W*+$", re.IGNORECASE)
FENCE = re.compile(r"\s*+(?:```|~~~)")


def comments(text: str, name: str, _parameters: Sequence[str] = ()) -> Iterator[Example]:
    return chain(beside(text, name), sentences_of_errors(text, name), outputs_beneath(text, name))


def beside(text: str, name: str) -> Iterator[Example]:
    """What a comment behind a call, or on the next line, says that it gives."""
    attention, slashes = Attention(), bool(JAVASCRIPT.search(text, 0, BEGINNING))
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if (f"{name}(" not in line and "candidate(" not in line) or len(line) > LONGEST_LITERAL:
            continue
        if not attention.spend(2 * len(line)):
            return
        mark = MARK.search(line, max(line.rfind(")"), 0)) or next(MARK.finditer(line), None)
        code = line[: mark.start()] if mark else line
        told = line[mark.end() :] if mark else labelled_comment(lines[at + 1] if at + 1 < len(lines) else "")
        if mark and mark[1] == "//" and not (slashes or code.rstrip().endswith(";")):
            continue
        if told and (example := comment_example(code, told, name)):
            yield example


def labelled_comment(line: str) -> str:
    """What a line that is nothing but a comment with a label says."""
    found = re.match(r"\s*+(?:#|//)\s*+", line)
    return line[found.end() :] if found and LABEL.match(line, found.end()) else ""


def comment_example(code: str, told: str, name: str) -> Example | None:
    wrapped = WRAPPED.match(code)
    call = call_in(wrapped[2] if wrapped else BARE.sub(r"\1", code).rstrip("; `"), name)
    if call is None:
        return None
    label = LABEL.match(told)
    rest = told[label.end() :] if label else told
    raises = RAISES.match(rest)
    value = error_in(rest[raises.end() if raises else 0 :]) or value_at(rest)
    if value is None and (wrapped or label):
        words = words_in(rest)
        texts = any(isinstance(node, ast.Constant) and isinstance(node.value, str) for node in ast.walk(call))
        value = canonical(words) if words and (label or (texts and " " not in words)) else None
    how = "shown" if wrapped else "value"
    return Example(ast.unparse(call), value, how) if value is not None else None


def sentences_of_errors(text: str, name: str) -> Iterator[Example]:
    """`f(-1)` raises ValueError."""
    attention = Attention()
    for start in scanner.calls(text, name):
        end = closing(text, start + len(name))
        if not attention.spend((end or start + LONGEST_LITERAL) - start):
            return
        between = re.compile(r"[`*\s:,-]*+(?:[=>→⇒]++\s*+)?").match(text, end) if end else None
        found = RAISES.match(text, between.end()) if between else None
        if between and not found and between[0][-1:].isspace() and between[0].rstrip()[-1:] in (">", "→", "⇒"):
            found = between
        error = error_in(text[found.end() : found.end() + LONGEST_LITERAL]) if found else None
        call = call_in(text[start:end], name) if error else None
        if error and call is not None:
            yield Example(ast.unparse(call), error)


def outputs_beneath(text: str, name: str) -> Iterator[Example]:
    """Lines that print, then as many lines beneath a heading "Output"."""
    attention = Attention()
    waiting: list[str] = []
    lines = text.split("\n")
    for at, line in enumerate(lines):
        wrapped = WRAPPED.match(line) if len(line) <= LONGEST_LITERAL else None
        if wrapped:
            waiting.append(wrapped[2])
        elif waiting and OUTPUT.match(line):
            shown = [one.strip() for one in until_gap(lines, at + 1, len(waiting) + MOST_AROUND)]
            if not attention.spend(sum(map(len, waiting))):
                return
            if len(shown) == len(waiting):
                yield from output_pairs(waiting, shown, name)
            waiting = []
        elif line.strip() and not FENCE.match(line):
            waiting = []


def until_gap(lines: Sequence[str], start: int, most: int) -> Iterator[str]:
    """Lines up to an empty one or the end of a fenced block."""
    begun = False
    for line in lines[start : start + most]:
        if FENCE.match(line) or not line.strip():
            if begun:
                return
            continue
        begun = True
        yield line


def output_pairs(sources: Sequence[str], shown: Sequence[str], name: str) -> Iterator[Example]:
    for source, line in zip(sources, shown, strict=True):
        call = call_in(source, name)
        value = literal_in(line)
        if call is not None:
            yield Example(ast.unparse(call), value if value is not None else canonical(line), "shown")
