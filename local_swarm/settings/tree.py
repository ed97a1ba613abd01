"""A value of a settings file and where it was said: what the reader takes, and what every message about a mistake names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_swarm.errors import UsageError

LONGEST_SHOWN = 80  # characters of a value that a message repeats


@dataclass(frozen=True, slots=True, eq=False)
class YamlNode:
    """`value`: nodes by key, a list of nodes, or a plain value. `source`: a file, an environment variable or the command line.
    `line` counts from 1; None where the source has no lines."""

    value: Any
    source: str
    line: int | None = None

    @classmethod
    def of(cls, value: Any, source: str) -> YamlNode:
        """A plain value that comes from no file."""
        if isinstance(value, Mapping):
            return cls({key: cls.of(inner, source) for key, inner in value.items()}, source)
        if isinstance(value, (list, tuple)):
            return cls([cls.of(inner, source) for inner in value], source)
        return cls(value, source)

    @property
    def where(self) -> str:
        return self.source if self.line is None else f"{self.source}, line {self.line}"

    @property
    def shown(self) -> str:
        """The value as a message repeats it."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, list):
            return "a list"
        text = "null" if self.value is None else repr(self.value)
        text = text.lower() if isinstance(self.value, bool) else text
        return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: inner.plain() for key, inner in self.value.items()}
        if isinstance(self.value, list):
            return [inner.plain() for inner in self.value]
        return self.value

    def at(self, line: int) -> YamlNode:
        """The same value, said on another line."""
        return YamlNode(self.value, self.source, line)

    def mistake(self, message: str) -> UsageError:
        """The error to raise about this value."""
        return UsageError(f"{self.where}: {message}" if self.where else message)


def leaves(node: YamlNode, prefix: str = "") -> dict[str, YamlNode]:
    """`{"server": {"port": 1}}` as `{"server.port": 1}`. A list is one value."""
    found: dict[str, YamlNode] = {}
    for name, value in node.value.items():
        if isinstance(value.value, dict):
            found |= leaves(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def tree_of(values: Mapping[str, YamlNode]) -> YamlNode:
    """`{"server.port": 1}` as `{"server": {"port": 1}}`."""
    root: dict[str, Any] = {}
    for key, node in values.items():
        *sections, name = key.split(".")
        inner = root
        for section in sections:
            inner = inner.setdefault(section, YamlNode({}, "")).value
        inner[name] = node
    return YamlNode(root, "")
