"""Schemas as strangers send them: enforced as far as a grammar can, else checked, and refused only where neither can be."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("llguidance", reason="llguidance is not installed")

from local_swarm.backends.process.enforcement import ANYTHING, enforceable
from local_swarm.confined.process import CallLimits, Confined, ConfinedPool
from local_swarm.errors import Overrun

TASK = "local_swarm.backends.process.enforcement:enforced"


def nested(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        made = {"type": "object", "properties": {"a": made}, "required": ["a"]}
    return made


WHOLE: list[dict[str, Any]] = [
    {"type": "string", "maxLength": 50_000},
    {"type": "object", "properties": {"content": {"type": "string", "maxLength": 65_536}}},
    {"type": "string", "maxLength": 10**9},
    {"enum": ["\u0000"]},
    {"type": "string", "pattern": "^a{0,2000000000}$"},
    {"type": "string", "pattern": "((a{1,1000}){1,1000}){1,1000}"},
    {"type": "string", "pattern": "[a-z]+\\d"},
    {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"type": "object", "properties": {"x": {"$ref": "#/$defs/b"}}}, "b": {"type": "integer"}},
    },
    {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}}},
    {"type": ["string", "null"], "enum": ["a", None]},
    {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    {"type": "array", "uniqueItems": True, "items": {"type": "integer"}},
    {"type": "string", "format": "banana"},
    nested(40),
]


@pytest.mark.parametrize("schema", WHOLE, ids=lambda schema: json.dumps(schema)[:50])
def test_what_agents_and_strangers_send_is_enforced_as_it_stands(schema: dict[str, Any]) -> None:
    assert enforceable(json.dumps(schema), ANYTHING) == {"schema": json.dumps(schema)}


@pytest.mark.parametrize(
    ("schema", "left"),
    [
        ({"type": "string", "pattern": "^(?=.*[A-Z]).+$"}, {"type": "string"}),
        ({"type": "string", "pattern": "^(a)\\1$"}, {"type": "string"}),
        ({"type": "integer", "minimum": -(10**300)}, {"type": "integer"}),
        ({"$ref": "#"}, {}),
    ],
)
def test_what_no_grammar_expresses_is_left_to_the_check(schema: dict[str, Any], left: dict[str, Any]) -> None:
    assert json.loads(enforceable(json.dumps(schema), ANYTHING)["schema"]) == left


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"type": "string", "pattern": "^((((((((((*?{{{[[[\\\\$"}, "pattern"),
        ({"type": "banana"}, "type"),
        ({"$ref": "https://example.org/x"}, "$ref"),
        ({"properties": {"a": {"$ref": "#/nowhere"}}}, "$ref"),
        ({"type": "string", "pattern": "^(a+)+$", "const": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}, "no answer"),
    ],
)
def test_what_can_neither_be_enforced_nor_checked_is_refused_by_its_keyword(
    schema: dict[str, Any], keyword: str
) -> None:
    assert keyword in enforceable(json.dumps(schema), ANYTHING)["problem"]


def test_a_tool_whose_schema_is_none_is_bound_to_the_loosest_one() -> None:
    loosest = json.dumps({"type": "object"})
    assert enforceable(json.dumps({"$ref": "#/nowhere"}), loosest) == {"schema": loosest}


@pytest.fixture(scope="module")
async def confined() -> AsyncIterator[Confined]:
    pool = ConfinedPool(2, CallLimits(cpu_s=1.0))
    yield pool
    await pool.close()


BOMBS: list[Any] = [
    {"enum": [f"value {number}" * 50 for number in range(20_000)]},
    {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(20_000)}},
    {"anyOf": [{"type": "string", "pattern": f"^(a|b{number})*c{{1,{number}}}$"} for number in range(2_000)]},
    {
        "$ref": "#/$defs/a0",
        "$defs": {
            **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}, {"$ref": f"#/$defs/a{n + 1}"}]} for n in range(40)},
            "a40": {"type": "integer"},
        },
    },
]


TEXTS = [*map(json.dumps, BOMBS), '{"items":' * 50_000 + "{}" + "}" * 50_000, "[" * 100_000, "7", "null", "false"]


@pytest.mark.anyio
@pytest.mark.parametrize("schema", TEXTS, ids=lambda text: text[:20])
async def test_a_schema_of_any_size_ends_in_bounds(schema: str, confined: Confined) -> None:
    try:
        said = await confined.call(TASK, schema, ANYTHING)
    except Overrun:
        return
    assert "schema" in said or "problem" in said
