"""A frozen dataclass and a tree of values with their lines in, an instance of it out. Pure.

Every mistake is a UsageError that names the file, the line, the setting and, where there is one, the nearest right word.
The types of the fields are what is read: texts, numbers, truth values, Literals, dataclasses, tuples of them, unions with None.

A dataclass may say more. `mistake()` returns what is wrong with values that are each right, or None. `OPEN = True` lets keys pass
that it does not know, unless they look like one that it does. `NAMED_BY` is the key whose value names a mapping in messages.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

from local_swarm.errors import UsageError
from local_swarm.intake import sanitize_text
from local_swarm.settings.fields import SettingField, bare, fields_of, is_settings, is_union
from local_swarm.settings.tree import LONGEST_SHOWN, YamlNode

Kind = TypeVar("Kind")
WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
ALIKE = 0.8  # how like a known key an unknown one must be to be taken for a misspelling where unknown ones are allowed
FEW = 20  # names that a message lists


@dataclass(frozen=True, slots=True)
class NamedNode:
    """A value and what messages call it. `label`: of the mapping that it is a part of, where that has a name of its own."""

    node: YamlNode
    name: str = ""
    label: str = ""

    def inner(self, key: object, node: YamlNode) -> NamedNode:
        return NamedNode(node, f"{self.name}.{key}" if self.name else str(key), self.label)

    def mistake(self, message: str) -> UsageError:
        return self.node.mistake(f"{self.label}: {message}" if self.label else message)


def read_settings(kind: type[Kind], node: YamlNode) -> Kind:
    """Raises UsageError."""
    return read_mapping(kind, NamedNode(node))


def read_mapping(kind: type[Kind], given: NamedNode) -> Kind:
    if not isinstance(given.node.value, dict):
        raise given.mistake(f"{given.name or 'this'} must be a mapping of settings, not {given.node.shown}.")
    given = with_label(kind, given)
    known = {field.key: field for field in fields_of(cast(type, kind))}
    values: dict[str, Any] = {}
    for key, node in given.node.value.items():
        if field := known.get(key):
            values[field.name] = read_value(field.hint, field, given.inner(key, node))
        elif not getattr(kind, "OPEN", False) or difflib.get_close_matches(str(key), known, n=1, cutoff=ALIKE):
            raise unknown_setting(given.inner(key, node), [given.inner(one, node).name for one in known])
    missing = [field.key for field in known.values() if field.required and field.name not in values]
    if missing:
        raise given.mistake(f"{given.inner(missing[0], given.node).name} is missing.")
    made = kind(**values)
    if problem := made.mistake() if hasattr(made, "mistake") else None:
        raise given.mistake(problem)
    return made


def with_label(kind: type, given: NamedNode) -> NamedNode:
    key = getattr(kind, "NAMED_BY", None)
    found = given.node.value.get(key) if key else None
    if found is None or not isinstance(found.value, str):
        return given
    return NamedNode(given.node, given.name, found.value[:LONGEST_SHOWN])


def read_value(hint: Any, field: SettingField, given: NamedNode) -> Any:
    """The value as its type demands."""
    hint = bare(hint)
    if is_union(hint):
        return read_union([bare(one) for one in get_args(hint)], field, given)
    if get_origin(hint) is tuple:
        return read_names(given) if field.commas else read_list(bare(get_args(hint)[0]), field, given)
    if get_origin(hint) is Literal:
        return read_choice(get_args(hint), given)
    if is_settings(hint):
        return read_mapping(hint, given)
    if hint is Any or get_origin(hint) is Mapping:
        return given.node.plain()
    return read_scalar(hint, field, given)


def read_union(kinds: list[Any], field: SettingField, given: NamedNode) -> Any:
    """One of several types: null, a mapping where one of them is a dataclass, or the plain one."""
    if given.node.value is None and type(None) in kinds:
        return None
    mappings = [one for one in kinds if is_settings(one)]
    plain = [one for one in kinds if one is not type(None) and one not in mappings]
    chosen = mappings if mappings and (isinstance(given.node.value, dict) or not plain) else plain
    return read_value(chosen[0], field, given)


def read_list(kind: Any, field: SettingField, given: NamedNode) -> tuple[Any, ...]:
    """Settings of a mapping in a list go by their bare names: its line, or its own name, tells which one is meant."""
    if not isinstance(given.node.value, list):
        raise given.mistake(f"{given.name} must be a list, not {given.node.shown}.")
    found: list[Any] = []
    for number, node in enumerate(given.node.value):
        if is_settings(kind) and isinstance(node.value, dict):
            found.append(read_mapping(kind, NamedNode(node, "", given.label)))
        else:
            found.append(read_value(kind, field, NamedNode(node, f"{given.name}[{number}]", given.label)))
    return tuple(found)


def read_names(given: NamedNode) -> tuple[str, ...]:
    """Names in a list or with commas between them, one at least."""
    value = given.node.value
    listed = [one.value for one in value] if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in listed):
        raise given.mistake(f"{given.name} must be a list of names, not {given.node.shown}.")
    names = tuple(sanitize_text(name.strip()) for one in listed for name in one.split(",") if name.strip())
    if not names:
        raise given.mistake(f"{given.name} must be a list of names, not {given.node.shown}.")
    return names


def read_choice(choices: tuple[str, ...], given: NamedNode) -> str:
    value = given.node.value
    if isinstance(value, str) and value in choices:
        return value
    hint = nearest(given.node.shown.strip("'"), choices)
    raise given.mistake(f"{given.name} cannot be {given.node.shown}.{hint} It must be one of {', '.join(choices)}.")


def read_scalar(kind: type, field: SettingField, given: NamedNode) -> Any:
    value = given.node.value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise given.mistake(f"{given.name} must be {WORDS[kind]}, not {given.node.shown}.")
    if field.range and not field.range.allows(cast(float, value)):
        raise given.mistake(f"{given.name} must be {field.range.words}, not {given.node.shown}.")
    return sanitize_text(value) if isinstance(value, str) else value


def unknown_setting(given: NamedNode, known: Iterable[str]) -> UsageError:
    """The error for a key that is none."""
    names = list(known)
    hint = nearest(given.name, names) or (f" There are: {', '.join(names)}." if len(names) <= FEW else "")
    return given.mistake(f"there is no setting {given.name[:LONGEST_SHOWN]!r}.{hint}")


def nearest(word: str, known: Iterable[str]) -> str:
    """A question that offers the word that may be meant; empty where none is like it."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""
