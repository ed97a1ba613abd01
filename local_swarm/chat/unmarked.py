"""The beginning of a line in, whether a call without its family's marks may begin there, and the calls of such a text out. Pure.

Small models write calls as bare JSON, in code fences, as Python, as tags or as an agent's log. What names no tool that is offered
is no call: a file's content, an example, an answer in JSON.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Literal

from local_swarm.chat.almost_json import values_in_row
from local_swarm.chat.notations import (
    ARGUMENTS,
    CALL_KEYS,
    NOISE,
    WrittenCall,
    leading_calls,
    object_of,
    python_call,
    read_xml,
    strip_frame,
    value_as,
)
from local_swarm.chat.python_source import parse
from local_swarm.chat.tools import Toolbox
from local_swarm.types import Prompt

# Behind these JSON is shown; and what a log of an agent observes is no call.
EXAMPLE = re.compile(r"\b(?:examples?|samples?|e\.g\.|for instance|looks? like)(?!\w)|^\s*+Observation:", re.IGNORECASE)
SHOWN = re.compile(
    r"\b(?:examples?|samples?|looks? (?:like|in)|illustrations?|Beispiele?|Muster|sähe|aussehen)\b", re.IGNORECASE
)
JSON_WORD = re.compile(r"(?<![.\w/])(?:json|payload|tool call)\b", re.IGNORECASE)  # not that of a file's name
LONGEST_QUESTION = 2_000  # characters that are looked at

Kind = Literal["json", "fence", "python", "tags", "action"]

LONGEST_BEGINNING = 200  # characters that tell whether a call may begin
WRAPPERS = ("<tool_call>", "<function_call>", "<tool_use>", "<tool_code>")
FUNCTIONS = ("<function=", "<function name=", "<invoke name=")
QUOTE = "[\"'\u201c\u201d\u2018\u2019]?+"
FENCE = re.compile(r"```[\w.+-]*+\s*+")
FIRST_KEY = re.compile(rf"[\[{{\s]*+{QUOTE}([\w.$-]++){QUOTE}\s*+[:=]")
NO_KEY_YET = re.compile(rf"[\[{{\s]*+{QUOTE}[\w.$-]*+{QUOTE}\s*+")
LIST_OF_CALLS = re.compile(r"\[\s*+([\w.-]++)\(")
ACTION = re.compile(r"Action:[ \t`*]*+([\w.-]++)[ \t`*]*+\n\s*+Action Input:\s*+(?:```\w*+\s*+)?")
STATED = re.compile(rf"{QUOTE}(?:{'|'.join(ARGUMENTS)}){QUOTE}\s*+[:=]")
TAG = re.compile(r"<([\w.-]++)>")
TAG_NEXT = re.compile(rf"\s*+{TAG.pattern}")


def shows_json(prompt: Prompt) -> bool:
    """Whether the answer itself shall be JSON, or show some: then what has no marks is no call."""
    asked = next((one.content for one in reversed(prompt.messages) if one.role == "user"), "")[:LONGEST_QUESTION]
    return prompt.schema is not None or bool(SHOWN.search(asked) and JSON_WORD.search(asked))


class Unmarked:
    """What calls of these tools may look like."""

    def __init__(self, tools: Toolbox) -> None:
        self.tools = tools
        named = tuple(f"<{name}>" for name in tools.tools)
        self._beginnings = (
            *("{", "[", "```", "Action:"),
            *(*WRAPPERS, *FUNCTIONS, *named),
            *(f"{name}(" for name in tools.tools),
        )
        self._longest = max(map(len, self._beginnings))

    def may_begin(self, text: str) -> bool | None:
        """Whether a text may be a call; None where more of it must be known. What was said once stays true."""
        text = text[:LONGEST_BEGINNING]
        if not text.startswith(self._beginnings):
            unsure = len(text) < self._longest and any(one.startswith(text) for one in self._beginnings)
            return None if unsure else False
        said = self._judge(text)
        return False if said is None and len(text) == LONGEST_BEGINNING else said

    def _judge(self, text: str) -> bool | None:
        kind = kind_of(text)
        if kind == "fence":
            inner = text[FENCE.match(text).end() :]  # type: ignore[union-attr]
            return self.may_begin(inner) if inner and not inner.startswith("`") else None if not inner else False
        if kind == "json":
            return self._judge_json(text)
        if kind == "action":
            line, ended, _ = text.partition("\n")
            return self.tools.knows(line.removeprefix("Action:").strip(" \t`*")) if ended else None
        return True

    def _judge_json(self, text: str) -> bool | None:
        if found := LIST_OF_CALLS.match(text):
            return self.tools.knows(found[1])
        if found := FIRST_KEY.match(text):
            return found[1] in CALL_KEYS or self.tools.knows(found[1])
        return None if NO_KEY_YET.fullmatch(text) else False

    def read(self, text: str) -> list[WrittenCall] | None:
        """The calls that a text without other words stands for."""
        calls = self._read(text.strip())
        if not calls or not all(self._is_offered(call) for call in calls):
            return None
        stated = STATED.search(text) or ACTION.match(text)
        return calls if stated or all(self.tools.fits(call.name, call.arguments) for call in calls) else None

    def _read(self, text: str) -> list[WrittenCall] | None:
        if fence := FENCE.match(text):
            text = text[fence.end() :].rstrip().removesuffix("```").strip()
        for wrapper in WRAPPERS:
            text = text.removeprefix(wrapper).lstrip()
        if not text:
            return None
        if text[0] == "<":
            return read_xml(text, self.tools.types) or self._read_tags(text)
        if found := ACTION.match(text):
            return read_action(found[1], text[found.end() :])
        if text[0] in "{[" and not LIST_OF_CALLS.match(text):
            found_calls, end = leading_calls(text)
            return found_calls or self._read_by_name(text) if NOISE.fullmatch(text, end) or not found_calls else None
        return read_calls_in_python(text)

    def _read_by_name(self, text: str) -> list[WrittenCall] | None:
        """`{"read": {"path": "x"}}`."""
        values, end = values_in_row(text)
        if len(values) != 1 or not NOISE.fullmatch(text, end) or not isinstance(values[0], dict) or len(values[0]) != 1:
            return None
        [(name, arguments)] = values[0].items()
        return [WrittenCall(name, arguments)] if self.tools.knows(name) else None

    def _read_tags(self, text: str) -> list[WrittenCall] | None:
        """`<read><path>x</path></read>`."""
        calls, at = [], 0
        while (found := TAG_NEXT.match(text, at)) and self.tools.knows(found[1]):
            closing = f"</{found[1]}>"
            end = text.find(closing, found.end())
            end = len(text) if end < 0 else end
            calls.append(WrittenCall(found[1], self._arguments(found[1], text[found.end() : end])))
            at = min(end + len(closing), len(text))
        return calls if NOISE.fullmatch(text, at) else None

    def _arguments(self, name: str, inside: str) -> Any:
        if inside.lstrip().startswith("{"):
            return object_of(inside, closes=True)
        return {key: value_as(strip_frame(value), self.tools.types(name, key)) for key, value in tag_values(inside)}

    def _is_offered(self, call: WrittenCall) -> bool:
        """A tool's own description has its name too, and a schema in place of arguments."""
        described = isinstance(call.arguments, dict) and {"type", "properties"} <= call.arguments.keys()
        return isinstance(call.arguments, dict) and self.tools.knows(call.name) and not described


def kind_of(text: str) -> Kind:
    """Of a text that may be a call, by its beginning."""
    if text.startswith("Action:"):
        return "action"
    kinds: dict[str, Kind] = {"{": "json", "[": "json", "`": "fence", "<": "tags"}
    return kinds.get(text[0], "python")


def closing_tag(text: str) -> str:
    """What ends a call that begins with a tag."""
    found = re.match(r"<([\w.-]++)", text)
    return f"</{found[1]}>" if found else ">"


def tag_values(text: str) -> Iterator[tuple[str, str]]:
    """Keys and values; what is not closed ends the search, since nothing after it is."""
    at = 0
    while (found := TAG.search(text, at)) and (end := text.find(f"</{found[1]}>", found.end())) >= 0:
        yield found[1], text[found.end() : end]
        at = end + len(found[1]) + 3


def read_action(name: str, rest: str) -> list[WrittenCall] | None:
    """`Action: read`, `Action Input: {"path": "x"}`, as agents keep a log."""
    values, _ = values_in_row(rest)
    return [WrittenCall(name, values[0])] if values and isinstance(values[0], dict) else None


def read_calls_in_python(text: str) -> list[WrittenCall] | None:
    """Nothing but calls, one after another or in a list."""
    tree = parse(text)
    calls: list[WrittenCall | None] = []
    for statement in tree.body if tree else ():
        value = statement.value if isinstance(statement, ast.Expr) else None
        calls += [python_call(part) for part in value.elts] if isinstance(value, ast.List) else [call_in(value)]
    return [call for call in calls if call] if calls and all(calls) else None


def call_in(value: ast.expr | None) -> WrittenCall | None:
    return python_call(value) if value else None
