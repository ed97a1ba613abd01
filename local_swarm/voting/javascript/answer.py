"""A block of code and its question in, the JavaScript answer that it is out; and the JavaScript that stands in a text. Pure."""

from __future__ import annotations

import re
from typing import Any

from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.javascript.module import javascript_module, text
from local_swarm.voting.javascript.program import program_of, whole_program
from local_swarm.voting.question import Question
from local_swarm.voting.similarity.syntax import syntax_root

START = re.compile(
    r"^(?:export\b|async\s++function\b|function\b|(?:const|let|var)\s++[\w${\[]|class\s++\w|import\s++[\w{*'\"]"
    r"|module\.exports\b|exports\.|['\"]use strict|/\*\*|//)",
    re.MULTILINE,
)
MOST_STARTS = 3
MOST_ENDS = 6


def is_javascript(code: str, tag: str = "") -> bool:
    """Whether it parses and defines something, or reads its input."""
    module = javascript_module(code, tag)
    return module.parses and bool(module.functions or module.classes or module.reached or module.reads_input)


def defines_in_javascript(code: str, name: str) -> bool:
    module = javascript_module(code)
    return module.parses and module.defines(name)


def javascript_answer(code: str, tag: str, question: Question) -> ExtractedAnswer:
    module, name = javascript_module(code, tag), question.entry_point or question.asked.name or None
    complaint = None
    if not code.strip():
        complaint = "empty"
    elif not module.parses:
        complaint = "does not parse"
    elif name in module.idle:
        complaint = "does nothing"
    elif name and not module.defines(name):
        complaint = f"does not define {name}"
    reads = module.reads_input and (not name or not module.defines(name))
    program = None
    if module.parses:
        program = whole_program(code, module) if reads else program_of(code, module, name)
    return ExtractedAnswer("code", code, module.language, program=program, complaint=complaint)


def javascript_span(reply: str) -> str | None:
    """The JavaScript in a text without a fence, the words around it left out."""
    for start in [match.start() for match in START.finditer(reply)][:MOST_STARTS]:
        if span := code_from(reply[start:]):
            return span
    return None


def code_from(reply: str) -> str | None:
    """The statements at the beginning of a text up to where words follow; None where they define nothing."""
    if is_javascript(reply):
        return reply
    root = syntax_root(reply, "javascript")
    if root is None:
        return span_by_patterns(reply)
    end = 0
    for statement in root.named_children:
        if statement.has_error or statement.type == "ERROR" or is_words(statement):
            break
        end = statement.end_byte
    span = reply.encode("utf-8", "replace")[:end].decode("utf-8", "replace")
    return span if end and is_javascript(span) else span_by_patterns(reply)


def is_words(statement: Any) -> bool:
    """A name alone is a word of a sentence."""
    return statement.type == "expression_statement" and text(statement).strip(" ;").isidentifier()


def span_by_patterns(reply: str) -> str | None:
    """Up to one of the last lines at the left edge that end a block or a statement."""
    lines = reply.split("\n")
    ends = [at for at, line in enumerate(lines) if line.rstrip().endswith(("}", ";", ")")) and not line[0].isspace()]
    spans = ("\n".join(lines[: at + 1]) for at in ends[: -MOST_ENDS - 1 : -1])
    return next((span for span in spans if is_javascript(span)), None)
