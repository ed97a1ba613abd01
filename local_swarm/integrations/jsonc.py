"""A JSON text with comments in, the same text with some values set out. Everything else stays as its author wrote it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_swarm.errors import UsageError

BLANK = re.compile(r"(?:\s++|//[^\n]*+|/\*.*?\*/)*+", re.DOTALL)
STRING = re.compile(r'"(?:[^"\\\n]++|\\.)*+"')
LITERAL = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
DEEPEST = 100
LONGEST_JSONC = 256 << 10  # characters
LONGEST_INDENT = 200  # characters


@dataclass(slots=True)
class JsonNode:
    """A value's place in the text. `members` are those of an object, by name; None for all other values."""

    start: int
    end: int = 0
    members: dict[str, JsonNode] | None = None
    indent: str = ""
    trailing_comma: bool = False


class JsonScan:
    """One pass over the text. Raises UsageError where it is no JSON, comments and trailing commas aside."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        if len(text) > LONGEST_JSONC:
            raise UsageError(f"it has more than {LONGEST_JSONC} characters")
        self.skip()
        self.root = self.value(0)
        self.skip()
        if self.at < len(text):
            self.fail()

    def fail(self) -> None:
        line = self.text.count("\n", 0, self.at) + 1
        raise UsageError(f"it is no valid JSON in line {line}")

    def skip(self) -> None:
        found = BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def take(self, mark: str) -> bool:
        """Whether the mark comes next. If so, moves on past it and the blanks after it."""
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        self.skip()
        return True

    def value(self, depth: int) -> JsonNode:
        node = JsonNode(self.at)
        if depth > DEEPEST:
            self.fail()
        if self.text.startswith("{", self.at):
            self.members(node, depth)
        elif self.text.startswith("[", self.at):
            self.at += 1
            self.skip()
            while not self.text.startswith("]", self.at):
                self.value(depth + 1)
                self.skip()
                if not self.take(",") and not self.text.startswith("]", self.at):
                    self.fail()
            self.at += 1
        else:
            found = STRING.match(self.text, self.at) or LITERAL.match(self.text, self.at)
            if not found:
                self.fail()
            self.at = found.end() if found else self.at
        node.end = self.at
        return node

    def members(self, node: JsonNode, depth: int) -> None:
        node.members = {}
        self.at += 1
        self.skip()
        while not self.text.startswith("}", self.at):
            name = STRING.match(self.text, self.at)
            if not name:
                self.fail()
                return
            line = self.text.rfind("\n", max(0, self.at - LONGEST_INDENT), self.at) + 1
            if line and not self.text[line : self.at].strip():
                node.indent = self.text[line : self.at]
            self.at = name.end()
            self.skip()
            if not self.take(":"):
                self.fail()
            node.members[load_json(name[0])] = self.value(depth + 1)
            self.skip()
            node.trailing_comma = self.take(",")
            if not node.trailing_comma and not self.text.startswith("}", self.at):
                self.fail()
        self.at += 1


def load_json(text: str) -> Any:
    """The value of a JSON text. Raises UsageError for what our patterns accept and Python does not, as huge integers."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError) as problem:
        raise UsageError(f"it is no valid JSON: {str(problem)[:200]}") from problem


def read(text: str) -> Any:
    """The value of the whole text. Raises UsageError."""
    return value_at(text, JsonScan(text).root)


def value_at(text: str, node: JsonNode) -> Any:
    if node.members is not None:
        return {name: value_at(text, member) for name, member in node.members.items()}
    source = text[node.start : node.end]
    if not source.startswith("["):
        return load_json(source)
    plain = re.sub(r'("(?:[^"\\\n]++|\\.)*+")|//[^\n]*+|/\*.*?\*/', lambda m: m[1] or "", source, flags=re.DOTALL)
    return load_json(re.sub(r'("(?:[^"\\\n]++|\\.)*+")|,(?=\s*+[\]}])', lambda m: m[1] or "", plain))


def merge(text: str, values: Mapping[str, Any]) -> str:
    """The text with all these values in it. Objects are merged, everything else is replaced. Raises UsageError."""
    if BLANK.fullmatch(text):
        text = text + "{}"
    for path, value in leaves(values, ()):
        text = with_value(text, path, value)
    return text


def leaves(values: Mapping[str, Any], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, value in values.items():
        inner = isinstance(value, Mapping) and value
        found += leaves(value, (*path, name)) if inner else [((*path, name), value)]
    return found


def with_value(text: str, path: tuple[str, ...], value: Any) -> str:
    node = JsonScan(text).root
    for depth, name in enumerate(path):
        if node.members is None:
            raise UsageError(f"{'.'.join(path[:depth]) or 'it'} is no object")
        inner = node.members.get(name)
        if inner is None:
            for outer in reversed(path[depth + 1 :]):
                value = {outer: value}
            return insert_member(text, node, name, value)
        node = inner
    if value_at(text, node) == value or (value == {} and node.members is not None):
        return text
    return text[: node.start] + render_value(value, line_indent(text, node.start)) + text[node.end :]


def insert_member(text: str, node: JsonNode, name: str, value: Any) -> str:
    """A new member at the end of an object, indented as those before it."""
    outer = line_indent(text, node.start)
    indent = node.indent or outer + "  "
    entry = f"{json.dumps(name)}: {render_value(value, indent)}"
    if not node.members:
        return f"{text[: node.start]}{{\n{indent}{entry}\n{outer}}}{text[node.end :]}"
    last = max(member.end for member in node.members.values())
    if node.trailing_comma:
        last = text.index(",", last) + 1
    comma = "" if node.trailing_comma else ","
    closing = "" if "\n" in text[last : node.end] else f"\n{outer}"
    return f"{text[:last]}{comma}\n{indent}{entry}{closing}{text[last:].lstrip(' ') if closing else text[last:]}"


def render_value(value: Any, indent: str) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n" + indent)


def line_indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]
