"""A text of YAML in, its value with the line of every part out: bounded in length, depth and size, whatever its anchors say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from local_swarm.errors import UsageError
from local_swarm.settings.tree import YamlNode

LONGEST_YAML = 256 << 10  # characters: PyYAML takes a second for so many
DEEPEST = 40  # levels; within brackets PyYAML's time grows with their number times the length
LONGEST_NUMBER = 400  # characters: Python's time to read one in base 60 grows with their square
MOST_BITS = 128  # of a whole number: Python does not write those of 5,000 digits out again
MOST_VALUES = 100_000  # with every alias counted as often as it stands: nine of nine of nine fit into some lines
BRACKETS = re.compile(r"[][{}]")
# libyaml reads ten times as fast, where it is there.
LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAPPING, SEQUENCE, MERGE, EQUALS, TEXT, INTEGER, FLOAT = (
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "merge", "value", "str", "int", "float")
)


def read_file(path: Path, what: str) -> YamlNode:
    """`what`: such as "roster", for messages. An empty file is an empty mapping. Raises UsageError."""
    try:
        found = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as problem:
        raise UsageError(f"The {what} {path} cannot be read: {problem.strerror or problem}.") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise UsageError(f"The {what} {path} is no valid YAML: {' '.join(str(problem).split())}.") from problem
    return YamlNode({}, found.source, found.line) if found.value is None else found


def parse_yaml(text: str, source: str) -> YamlNode:
    """Raises yaml.YAMLError."""
    if len(text) > LONGEST_YAML:
        raise yaml.YAMLError(f"it has more than {LONGEST_YAML} characters")
    if brackets(text) > DEEPEST:
        raise yaml.YAMLError(f"it has more than {DEEPEST} brackets within each other")
    try:
        loader = LOADER(text)
        try:
            found = loader.get_single_node()
            return YamlNode(None, source, 1) if found is None else TreeBuilder(loader, source).build(found)
        finally:
            loader.dispose()
    except RecursionError as problem:
        raise yaml.YAMLError("it nests too deeply") from problem
    except (ValueError, TypeError, OverflowError, AttributeError) as problem:
        # Dates that there are not, half characters.
        raise yaml.YAMLError(str(problem)[:200]) from problem


def comments(text: str, source: str) -> dict[str, str]:
    """What stands behind `#` on the line of a key, by dotted key. Raises yaml.YAMLError."""
    lines = text.splitlines()
    found: dict[str, str] = {}

    def collect(node: YamlNode, prefix: str) -> None:
        for name, inner in node.value.items():
            comment = lines[(inner.line or 1) - 1].partition(" # ")[2].strip()
            found.update({f"{prefix}{name}": comment} if comment else {})
            if isinstance(inner.value, dict):
                collect(inner, f"{prefix}{name}.")

    collect(parse_yaml(text, source), "")
    return found


def brackets(text: str) -> int:
    """How many are open at most, those in quotes and comments counted too."""
    depth = most = 0
    for found in BRACKETS.finditer(text):
        if found[0] in "[{":
            depth += 1
            most = max(most, depth)
        else:
            depth = max(0, depth - 1)
    return most


class TreeBuilder:
    """PyYAML's nodes in, ours out: each built once however many aliases name it, and counted as often as they do."""

    def __init__(self, loader: Any, source: str) -> None:
        self._loader, self._source = loader, source
        self._known: dict[int, tuple[YamlNode, int]] = {}
        self._merged = 0

    def build(self, found: yaml.Node) -> YamlNode:
        """Raises yaml.YAMLError for too many values, or for one that contains itself."""
        return self._build(found, 0)[0]

    def _build(self, found: yaml.Node, depth: int) -> tuple[YamlNode, int]:
        """The node, and how many values it stands for."""
        if id(found) not in self._known:
            if depth > DEEPEST:
                raise yaml.YAMLError("it nests too deeply")
            value, size = self._value(found, depth)
            if size > MOST_VALUES:
                raise yaml.YAMLError(f"it stands for more than {MOST_VALUES} values")
            self._known[id(found)] = YamlNode(value, self._source, line_of(found)), size
        return self._known[id(found)]

    def _value(self, found: yaml.Node, depth: int) -> tuple[Any, int]:
        if isinstance(found, yaml.MappingNode) and found.tag == MAPPING:
            return self._build_mapping(found, depth)
        if isinstance(found, yaml.SequenceNode) and found.tag == SEQUENCE:
            built = [self._build(one, depth + 1) for one in found.value]
            return [node for node, _ in built], 1 + sum(size for _, size in built)
        return self._scalar(found), 1

    def _build_mapping(self, found: yaml.MappingNode, depth: int) -> tuple[dict[Any, YamlNode], int]:
        """A key's line is that of its value. What is merged in (`<<`) yields to what is said outright."""
        merged: dict[Any, YamlNode] = {}
        own: dict[Any, YamlNode] = {}
        total = 1
        for key, value in found.value:
            node, size = self._build(value, depth + 1)
            total += size
            if key.tag == MERGE:
                merged |= self._merge(node)
            else:
                own[self._key(key)] = node.at(line_of(key))
        return merged | own, total

    def _merge(self, node: YamlNode) -> dict[Any, YamlNode]:
        """The mappings of a `<<`, of which the earlier wins."""
        merged: dict[Any, YamlNode] = {}
        for one in reversed(node.value) if isinstance(node.value, list) else [node]:
            if not isinstance(one.value, dict):
                raise yaml.YAMLError(f"line {one.line}: << takes mappings")
            self._merged += len(one.value)
            if self._merged > MOST_VALUES:
                raise yaml.YAMLError(f"it stands for more than {MOST_VALUES} values")
            merged |= one.value
        return merged

    def _key(self, found: yaml.Node) -> Any:
        if found.tag == EQUALS:
            found.tag = TEXT
        return self._scalar(found)

    def _scalar(self, found: yaml.Node) -> Any:
        if not isinstance(found, yaml.ScalarNode):
            raise yaml.YAMLError(f"line {line_of(found)}: {found.tag} cannot stand here")
        if found.tag == TEXT:
            return found.value
        if found.tag in (INTEGER, FLOAT) and len(found.value) > LONGEST_NUMBER:
            raise yaml.YAMLError("a number in it is too large")
        value = self._loader.construct_object(found, deep=True)
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise yaml.YAMLError("a number in it is too large")
        return value


def line_of(found: yaml.Node) -> int:
    return int(found.start_mark.line) + 1
