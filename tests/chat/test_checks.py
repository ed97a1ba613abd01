"""Answers are held against the schemas that a request names, by a child that no schema can stop."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from local_swarm.chat.checks import check_candidate
from local_swarm.chat.schemas import fault, violation
from local_swarm.confined.process import CallLimits, Confined, ConfinedPool
from local_swarm.errors import SchemaUnfit
from local_swarm.types import Candidate, Message, Prompt, ToolCall, Usage
from tests.chat.samples import TOOLS

pytestmark = pytest.mark.anyio

ASKED = Prompt((Message("user", "go"),), TOOLS)


@pytest.fixture(scope="module")
async def confined() -> AsyncIterator[Confined]:
    pool = ConfinedPool(2, CallLimits(cpu_s=0.5))
    yield pool
    await pool.close()


def said(text: str = "", *calls: ToolCall) -> Candidate:
    return Candidate(text, "w1", "tool_calls" if calls else "stop", Usage(1, 1), 0.1, tool_calls=calls)


@pytest.mark.parametrize(
    ("arguments", "flaw"),
    [
        ({"filePath": "a"}, None),
        ({}, "read: 'filePath' is a required property"),
        ({"filePath": "a", "limit": "x"}, "read: limit"),
    ],
)
async def test_a_call_is_checked_against_what_its_tool_takes(
    arguments: dict[str, Any], flaw: str | None, confined: Confined
) -> None:
    made = await check_candidate(ASKED, said("", ToolCall("1", "read", json.dumps(arguments))), confined)
    assert (made.flaw or "").startswith(flaw or "") and (made.flaw is None) == (flaw is None)


@pytest.mark.parametrize(
    ("text", "flaw"), [('{"a": 1}', None), ('{"b": 1}', "'a' is a required property"), ("so", "no JSON")]
)
async def test_an_answer_is_checked_against_the_schema(text: str, flaw: str | None, confined: Confined) -> None:
    asked = Prompt((Message("user", "go"),), schema={"type": "object", "required": ["a"]})
    made = await check_candidate(asked, said(text), confined)
    assert flaw in (made.flaw or "") if flaw else made.flaw is None


async def test_a_pattern_that_takes_for_ever_is_not_held_against_an_answer_but_all_else_is(confined: Confined) -> None:
    asked = Prompt((Message("user", "go"),), schema={"type": "string", "pattern": "^(a+)+$", "maxLength": 60})
    for _ in range(2):
        assert (await check_candidate(asked, said(json.dumps("a" * 40 + "!")), confined)).flaw is None
    made = await check_candidate(asked, said("7"), confined)
    assert made.flaw and "'string'" in made.flaw


async def test_a_schema_that_takes_for_ever_in_every_way_is_refused(confined: Confined) -> None:
    doubled: dict[str, Any] = {"type": "integer"}
    for _ in range(14):
        doubled = {"anyOf": [doubled, doubled]}
    asked = Prompt((Message("user", "go"),), schema={"items": doubled})
    with pytest.raises(SchemaUnfit, match="too long"):
        await check_candidate(asked, said(json.dumps(["x"] * 200)), confined)


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"$ref": "#/nowhere"}, {"$ref": "http://127.0.0.1:9/x"}, {"type": 7}]
)
def test_a_schema_that_is_none_forbids_nothing_and_is_never_fetched(schema: dict[str, Any]) -> None:
    assert violation(schema, {}) is None


def test_a_reference_that_leads_back_to_itself_forbids_nothing() -> None:
    circle = {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}
    assert violation({"$ref": "#/$defs/a", "$defs": circle}, {}) is None


def test_references_within_a_schema_are_followed() -> None:
    schema = {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}
    assert violation(schema, {"a": 1}) is None and violation(schema, {"a": "x"})


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"type": "string", "pattern": "(["}, "pattern"),
        ({"patternProperties": {"*": {}}}, "patternProperties"),
        ({"properties": {"a": {"$ref": "https://example.org/x"}}}, "$ref"),
        ({"properties": {"a": {"type": "banana"}}}, "type"),
        ({"properties": {"pattern": {"type": "string"}}}, None),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}, None),
    ],
)
def test_what_makes_a_schema_none_is_named(schema: dict[str, Any], keyword: str | None) -> None:
    found = fault(schema)
    assert (found[0] if found else None) == keyword
