"""Schemas lose what is costly to enforce, wherever it is a keyword and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from local_swarm.chat.narrowing import loosen, simplify_schema
from local_swarm.chat.schemas import is_unfit, violation

NAMED_LIKE_KEYWORDS = {
    "type": "object",
    "properties": {"pattern": {"type": "string"}, "maxLength": {"type": "integer"}},
}


@pytest.mark.parametrize(
    ("schema", "narrow"),
    [
        ({"type": "string", "maxLength": 65536}, {"type": "string"}),
        ({"type": "string", "maxLength": 80}, {"type": "string", "maxLength": 80}),
        ({"type": "string", "pattern": "^a{0,2000000000}$"}, {"type": "string"}),
        ({"type": "string", "pattern": "^[a-z]+$"}, {"type": "string", "pattern": "^[a-z]+$"}),
        ({"type": "string", "pattern": "^(?=x).*$"}, {"type": "string"}),
        ({"items": [{"minItems": 10**9, "type": "array"}]}, {"items": [{"type": "array"}]}),
        ({"patternProperties": {"^(a+)+$": {}}, "type": "object"}, {"type": "object"}),
        (
            {"enum": [{"maxLength": 10**9}], "const": {"pattern": "{"}},
            {"enum": [{"maxLength": 10**9}], "const": {"pattern": "{"}},
        ),
        (NAMED_LIKE_KEYWORDS, NAMED_LIKE_KEYWORDS),
        (True, True),
    ],
)
def test_servers_are_spared_what_makes_grammars_large(schema: Any, narrow: Any) -> None:
    assert simplify_schema(schema) == narrow


def test_a_loosened_schema_keeps_kinds_names_and_choices() -> None:
    schema = {
        "type": "object",
        "properties": {
            "format": {"type": "string", "format": "date", "minLength": 3},
            "n": {"enum": [1], "maximum": 2},
        },
        "required": ["format"],
        "$defs": {"pattern": {"type": "string", "pattern": "x"}},
    }
    assert loosen(schema) == {
        "type": "object",
        "properties": {"format": {"type": "string"}, "n": {"enum": [1]}},
        "required": ["format"],
        "$defs": {"pattern": {"type": "string"}},
    }
    assert loosen(NAMED_LIKE_KEYWORDS) == NAMED_LIKE_KEYWORDS


X: dict[str, Any] = {"^x-{1,}": {}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"patternProperties": X, "additionalProperties": False}, {"x-a": 1}),
        ({"patternProperties": X, "unevaluatedProperties": False}, {"x-a": 1}),
        ({"not": {"minimum": 2000}}, 1),
        ({"oneOf": [{"maximum": 1}, {"minimum": 2000}]}, 1),
        ({"if": {"minLength": 2000}, "then": {"const": "b"}}, "a"),
        ({"contains": {"minimum": 2000}, "maxContains": 0, "minContains": 0}, [1]),
        ({"not": {"$ref": "#/$defs/d"}, "$defs": {"d": {"minimum": 2000}}}, 1),
        ({"allOf": [{"type": "integer"}], "oneOf": [{"maximum": 1}, {"minimum": 2000}]}, 1),
    ],
)
def test_a_schema_without_bounds_forbids_nothing_that_it_allowed(schema: Any, value: Any) -> None:
    assert violation(schema, value) is None
    assert violation(loosen(schema), value) is None and violation(simplify_schema(schema), value) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", "x-a", "aaa"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x-a"]), inner, max_size=3),
    max_leaves=6,
)
SIMPLE = st.sampled_from(
    [
        {},
        True,
        False,
        {"type": "string"},
        {"type": "integer"},
        {"minimum": 1},
        {"maximum": 2000},
        {"maxLength": 2000},
        {"minLength": 2},
        {"pattern": "^a{1,2}$"},
        {"pattern": "x"},
        {"enum": ["a", 1]},
        {"const": {"a": 1}},
        {"maxItems": 1},
        {"minProperties": 1},
        {"type": "object", "required": ["a"]},
        {"$ref": "#/$defs/d"},
    ]
)


def larger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one, named = inner, st.dictionaries(st.sampled_from(["a", "b", "x-a"]), inner, max_size=2)
    keywords = {
        "not": one,
        "if": one,
        "then": one,
        "else": one,
        "contains": one,
        "items": one,
        "additionalProperties": one,
        "unevaluatedProperties": one,
        "properties": named,
        "patternProperties": st.dictionaries(st.just("^x-{1,}"), inner),
        "dependentSchemas": named,
        "oneOf": st.lists(one, min_size=1, max_size=3),
        "anyOf": st.lists(one, min_size=1, max_size=2),
        "allOf": st.lists(one, min_size=1, max_size=2),
        "propertyNames": one,
        "minContains": st.integers(0, 2),
        "maxItems": st.integers(0, 3),
        "minimum": st.integers(-2000, 2),
    }
    return st.fixed_dictionaries({}, optional=keywords)


SCHEMAS = st.recursive(SIMPLE, larger, max_leaves=8)


@given(SCHEMAS, SCHEMAS, VALUES)
@settings(max_examples=400, suppress_health_check=list(HealthCheck), deadline=None)
def test_what_obeys_a_schema_obeys_the_looser_one(schema: Any, defined: Any, value: Any) -> None:
    whole = {**schema, "$defs": {"d": defined}} if isinstance(schema, dict) else schema
    try:
        obeyed = Draft202012Validator(whole, registry=Registry()).is_valid(value)
        looser = [loosen(whole), simplify_schema(whole)] if obeyed else []
    except BaseException as problem:  # as where a schema is what it must not be: no value can be held against it
        if not is_unfit(problem):
            raise
        return
    assert [violation(one, value) for one in looser] == [None] * len(looser)
