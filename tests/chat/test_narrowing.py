"""Schemas lose what is costly to enforce, wherever it is a keyword and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from local_swarm.chat.narrowing import loosened, modest

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
    assert modest(schema) == narrow


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
    assert loosened(schema) == {
        "type": "object",
        "properties": {"format": {"type": "string"}, "n": {"enum": [1]}},
        "required": ["format"],
        "$defs": {"pattern": {"type": "string"}},
    }
    assert loosened(NAMED_LIKE_KEYWORDS) == NAMED_LIKE_KEYWORDS
