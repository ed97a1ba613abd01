"""A dataclass of settings in, its JSON schema out (draft 2020-12), by which editors complete and check a file. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from local_swarm.settings.fields import SettingField, bare, fields_of, is_settings, is_union

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """What a file of settings is laid over, by dotted key: `defaults`, so that it may leave out every one, and `meanings`."""

    defaults: Mapping[str, Any]
    meanings: Mapping[str, str]


def schema_of(kind: type, title: str, over: Layer | None = None) -> Schema:
    """Without a layer beneath it, a file must set what its dataclass has no default for."""
    return {"$schema": DIALECT, "title": title, **mapping_schema(kind, over)}


def mapping_schema(kind: type, over: Layer | None, prefix: str = "") -> Schema:
    fields = fields_of(kind)
    required = [field.key for field in fields if field.required] if over is None else []
    return {
        "type": "object",
        **description(over.meanings.get(prefix.rstrip(".")) if over else summary_of(kind)),
        "properties": {field.key: setting_schema(field, over, f"{prefix}{field.key}") for field in fields},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def setting_schema(field: SettingField, over: Layer | None, name: str) -> Schema:
    if over is None:
        told = description(field.doc) | ({} if field.required or field.default == () else {"default": field.default})
    else:
        told = description(over.meanings.get(name)) | (
            {"default": over.defaults[name]} if name in over.defaults else {}
        )
    return type_schema(field.hint, field, over, name) | told


def type_schema(hint: Any, field: SettingField, over: Layer | None, name: str) -> Schema:
    hint = bare(hint)
    if is_union(hint):
        return union_schema([type_schema(one, field, over, name) for one in get_args(hint)])
    if get_origin(hint) is tuple:
        items = type_schema(get_args(hint)[0], field, over, name)
        listed = {"type": "array", "items": items}
        return {"anyOf": [listed | {"minItems": 1}, {"type": "string"}]} if field.commas else listed
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if is_settings(hint):
        return mapping_schema(hint, over, f"{name}.")
    return {"type": TYPES[hint], **(bounds(field) if hint in (int, float) else {})}


def union_schema(options: list[Schema]) -> Schema:
    """Null joins the one other type there is, or the values of a choice."""
    others = [one for one in options if one != {"type": "null"}]
    if len(others) != 1 or len(others) == len(options):
        return {"anyOf": options}
    [only] = others
    if "anyOf" in only:
        return {"anyOf": [*only["anyOf"], {"type": "null"}]}
    if "enum" in only:
        return {"enum": [*only["enum"], None]}
    return only | {"type": [only["type"], "null"]}


def bounds(field: SettingField) -> Schema:
    if field.range is None:
        return {}
    return {"minimum": field.range.low} | ({} if field.range.high is None else {"maximum": field.range.high})


def description(text: str | None) -> Schema:
    return {"description": text} if text else {}


def summary_of(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").split())
