"""A dataclass in, its fields as settings out: by which key each is set, of what type, within what range, and what it means."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the most that a number may be; None is no bound."""

    low: float
    high: float | None = None

    def allows(self, number: float) -> bool:
        return self.low <= number and (self.high is None or number <= self.high)

    @property
    def words(self) -> str:
        return f"at least {self.low:g}" if self.high is None else f"between {self.low:g} and {self.high:g}"


@dataclass(frozen=True, slots=True)
class Key:
    """The name of a setting in files, where the field has another."""

    name: str


@dataclass(frozen=True, slots=True)
class Doc:
    """What a setting means, in a sentence."""

    text: str


class Commas:
    """On a tuple of texts: they may also be written as one text, with commas between them. There must be one at least."""


@dataclass(frozen=True, slots=True)
class SettingField:
    """`hint`: its type without annotations. `required`: a file must set it, unless others that are read with it do."""

    key: str
    name: str
    hint: Any
    required: bool
    default: Any
    notes: tuple[Any, ...]

    @property
    def doc(self) -> str | None:
        return next((note.text for note in self.notes if isinstance(note, Doc)), None)

    @property
    def range(self) -> Range | None:
        return next((note for note in self.notes if isinstance(note, Range)), None)

    @property
    def commas(self) -> bool:
        return any(note is Commas for note in self.notes)


@cache
def fields_of(kind: type) -> tuple[SettingField, ...]:
    """In the order of the dataclass."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(setting_field(one, hints[one.name]) for one in dataclasses.fields(kind))


def setting_field(field: dataclasses.Field[Any], hint: Any) -> SettingField:
    notes = tuple(notes_of(hint))
    key = next((note.name for note in notes if isinstance(note, Key)), field.name)
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    default = None if field.default is dataclasses.MISSING else field.default
    return SettingField(key, field.name, hint, required=required, default=default, notes=notes)


def notes_of(hint: Any) -> Iterator[Any]:
    """The annotations of a type, and of the types that it is a union of."""
    if get_origin(hint) is Annotated:
        yield from hint.__metadata__
        yield from notes_of(get_args(hint)[0])
    elif is_union(hint):
        for option in get_args(hint):
            yield from notes_of(option)


def bare(hint: Any) -> Any:
    """A type without its annotations."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def is_settings(hint: Any) -> bool:
    """Whether a type is a dataclass, and so a mapping in a file."""
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def dotted_keys(kind: type, prefix: str = "") -> list[str]:
    """The name of every setting, as `server.port`."""
    found: list[str] = []
    for field in fields_of(kind):
        inner = bare(field.hint)
        name = f"{prefix}{field.key}"
        found += dotted_keys(inner, f"{name}.") if is_settings(inner) else [name]
    return found
