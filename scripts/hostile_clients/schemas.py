"""Nothing in, JSON schemas out: those that crashed, hung or bloated an engine once, more of their kinds, and some honest ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Schema = Any  # what is sent may be no schema at all


def thing(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False}


def text(**more: Schema) -> Schema:
    return {"type": "string", **more}


def nested(depth: int, inner: Schema, wrap: Callable[[Schema], Schema]) -> Schema:
    for _ in range(depth):
        inner = wrap(inner)
    return inner


def chain(length: int) -> Schema:
    """References that double at each step."""
    steps = {f"d{n}": thing(a={"$ref": f"#/$defs/d{n + 1}"}, b={"$ref": f"#/$defs/d{n + 1}"}) for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**steps, f"d{length}": {"type": "null"}}}


TREE: Schema = {
    "$ref": "#/$defs/node",
    "$defs": {"node": thing(value={"type": "integer"}, children={"type": "array", "items": {"$ref": "#/$defs/node"}})},
}
LOOP: Schema = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
AGENT: Schema = thing(filePath=text(maxLength=4096), content=text(maxLength=65536))
BANG = "a" * 40 + "!"

PATTERNS = (
    "^((((((((((*?{{{[[[\\\\$",
    "^a{0,2000000000}$",
    "^((a{1,1000}){1,1000}){1,1000}$",
    "^(a|a|a|a|a|a)*$",
    "(?=a)b|(?!c)d",
    "(?<=a)b",
    "\\p{L}+",
    "^(?P<n>a)(?P=n)$",
    "(a)\\1",
    "[",
    "(",
    "*",
    "a**",
    "^[z-a]$",
    "^.{65536}$",
    "^(.*)*(.*)*(.*)*$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "^" + "(a?" * 500 + ")" * 500 + "$",
    "^" + "a?" * 3000 + "$",
    "^\\d{1,99999}$",
    "\\",
    "^\\u12$",
    "^[\\s\\S]*$",
    "(?i)abc",
    "^a$\n^b$",
    "^\ud800$",
    "\x00",
    "^([0-9]{1,3}\\.){3}[0-9]{1,3}$",
    "x" * 60000,
)

HOSTILE: Mapping[str, Schema] = {
    "pattern ^(a+)+$ with const": text(pattern="^(a+)+$", const=BANG),
    "pattern ^(a+)+$ with enum": text(pattern="^(a+)+$", enum=[BANG]),
    "patternProperties ^(a+)+$": {**thing(**{BANG: text()}), "patternProperties": {"^(a+)+$": {"type": "string"}}},
    "propertyNames ^(a+)+$": {**thing(**{BANG: text()}), "propertyNames": {"pattern": "^(a+)+$"}},
    "pattern within not": {"const": BANG, "not": {"type": "string", "pattern": "^(a|aa)+$"}},
    "pattern within if": {"const": BANG, "if": {"pattern": "^(a|a)*$"}, "then": {"type": "null"}},
    "pattern within contains": {"const": [BANG], "contains": {"pattern": "^(a*)*$"}},
    **{f"maxLength {n}": text(maxLength=n) for n in (50_000, 65_536, 10**9, 10**30)},
    **{f"minLength {n}": text(minLength=n) for n in (50_000, 10**9)},
    "maxLength -1": text(maxLength=-1),
    "maxLength 1.5": text(maxLength=1.5),
    "maxLength as text": text(maxLength="many"),
    "enum with NUL": {"enum": ["\x00"]},
    "enum with a surrogate": {"enum": ["\ud800", "\udfff"]},
    "const with a surrogate": {"const": "\ud83d"},
    "enum of 20,000": {"enum": [f"value {n}" for n in range(20_000)]},
    "enum of long words": {"enum": [f"{n}" + "x" * 5_000 for n in range(100)]},
    "enum of nothing": {"enum": []},
    "enum of everything": {"enum": [None, True, 1.5, "a", [1, [2]], {"a": {"b": [1]}}]},
    "property named NUL": thing(**{"\x00": text(), "\ud800": text(), '"\\\n': text(), "": text()}),
    **{f"pattern {p[:30]!r}": text(pattern=p) for p in PATTERNS},
    **{f"pattern {p[:30]!r} in an object": thing(a=text(pattern=p)) for p in PATTERNS[:8]},
    "format of every kind": thing(
        **{f"a{n}": text(format=f) for n, f in enumerate(("date", "uuid", "regex", "ipv6", "x" * 999))}
    ),
    "minItems 10^9": {"type": "array", "items": text(), "minItems": 10**9},
    "maxItems 10^9": {"type": "array", "items": text(), "maxItems": 10**9},
    "minItems above maxItems": {"type": "array", "items": {}, "minItems": 5, "maxItems": 2},
    "arrays of bounded arrays": nested(
        8, text(), lambda one: {"type": "array", "items": one, "minItems": 50, "maxItems": 99}
    ),
    "prefixItems of 5,000": {"type": "array", "prefixItems": [text()] * 5_000},
    "uniqueItems": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "minItems": 900},
    "minProperties 10^9": {"type": "object", "minProperties": 10**9},
    "minimum 10^300": {"type": "integer", "minimum": 10**300},
    "minimum and maximum of 40 digits": {"type": "integer", "minimum": -(10**40), "maximum": 10**40},
    "multipleOf 0": {"type": "integer", "multipleOf": 0},
    "multipleOf 1e-320": {"type": "number", "multipleOf": 1e-320},
    "multipleOf 10^400": {"type": "integer", "multipleOf": 10**400},
    "an unknown type": {"type": "nonsense"},
    "a list of types": {"type": ["string", "null", "array", "object"], "maxLength": 70_000},
    "a list of unknown types": {"type": ["nonsense", 5, None]},
    "type that is a number": {"type": 7},
    "a tree": TREE,
    "a loop of references": LOOP,
    "a reference to itself": {"$ref": "#"},
    "a reference to nowhere": {"$ref": "#/$defs/nothing"},
    "a reference to a file": {"$ref": "file:///etc/passwd"},
    "a reference to a page": {"$ref": "http://127.0.0.1:9/schema.json"},
    "a reference of odd letters": {"$ref": "#/%00/~2/\ud800"},
    "references that double 24 times": chain(24),
    "allOf that doubles": nested(16, {"type": "object"}, lambda one: {"allOf": [one, one]}),
    "anyOf that doubles": nested(14, text(), lambda one: {"anyOf": [one, one]}),
    "oneOf of 3,000": {"oneOf": [{"const": n} for n in range(3_000)]},
    "not within not": nested(200, text(), lambda one: {"not": one}),
    "objects 300 deep": nested(300, text(), lambda one: thing(a=one)),
    "arrays 900 deep": nested(900, text(), lambda one: {"type": "array", "items": one}),
    "3,000 properties": thing(**{f"p{n}": text() for n in range(3_000)}),
    "3,000 optional properties": {"type": "object", "properties": {f"p{n}": text() for n in range(3_000)}},
    "a default that is huge": text(default="x" * 500_000),
    "a description that is huge": text(description="x " * 500_000),
    "dependentSchemas of itself": {"type": "object", "dependentSchemas": {"a": {"$ref": "#"}}},
    "unevaluatedProperties": {"type": "object", "unevaluatedProperties": {"$ref": "#"}, "anyOf": [{"$ref": "#"}]},
    "dynamicRef": {"$dynamicAnchor": "a", "items": {"$dynamicRef": "#a"}, "type": "array"},
    "an odd $schema": {"$schema": "http://json-schema.org/draft-03/schema#", "type": "any", "divisibleBy": 0},
    "an odd $id": {"$id": "\x00://[", "type": "string"},
    "false": False,
    "a list": [1, 2],
    "nothing": {},
    "properties that are a list": {"type": "object", "properties": ["a"]},
    "required that is a text": {"type": "object", "required": "abc", "properties": {"a": text()}},
    "items that are a number": {"type": "array", "items": 5},
}

# What honest agents send; these must be served.
HONEST: Mapping[str, Schema] = {
    "parity": thing(even={"type": "boolean"}),
    "a write tool": AGENT,
    "with definitions": {
        **thing(point={"$ref": "#/$defs/point"}),
        "$defs": {"point": thing(x={"type": "integer", "minimum": 0, "maximum": 9}, y={"enum": [1, 2]})},
    },
    "a nullable value": thing(name={"type": ["string", "null"], "maxLength": 5}),
}
