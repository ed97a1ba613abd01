"""Values are set in a file with comments, and everything else in it stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.errors import UsageError
from local_swarm.integrations.jsonc import merge, read

USERS = """{
  // my own settings
  "theme": "dark", /* not light */
  "provider": {
    "other": { "url": "http://x//y" }, // keep
    "mine": {
      "options": { "timeout": 5, "extra": [1, 2, /* three */ 3,], },
    },
  },
}
"""


def test_comments_and_foreign_keys_stay() -> None:
    made = merge(USERS, {"provider": {"mine": {"options": {"timeout": 9, "url": "u"}, "npm": "n"}}, "model": "m"})
    for kept in ("// my own settings", "/* not light */", "// keep", "/* three */", '"http://x//y"'):
        assert kept in made
    assert read(made) == {
        "theme": "dark",
        "provider": {
            "other": {"url": "http://x//y"},
            "mine": {"options": {"timeout": 9, "extra": [1, 2, 3], "url": "u"}, "npm": "n"},
        },
        "model": "m",
    }


def test_what_is_right_already_is_not_touched() -> None:
    assert merge(USERS, {"theme": "dark", "provider": {"mine": {"options": {"timeout": 5}}}}) == USERS


@pytest.mark.parametrize(
    "text", ["", "{}", "  {}\n", "{ }", '{"a": 1}', '{"a": 1,}', '{"a": {}}', "// only words\n", '{\n\t"a": 1\n}']
)
def test_any_beginning_will_do(text: str) -> None:
    assert read(merge(text, {"b": {"c": [1]}}))["b"] == {"c": [1]}


def test_new_members_are_indented_as_the_others() -> None:
    assert merge('{\n\t"a": 1\n}', {"b": 2}) == '{\n\t"a": 1,\n\t"b": 2\n}'


@pytest.mark.parametrize(
    "text", ["{", "[1", '{"a" 1}', "{a: 1}", '{"a": 1} x', '{"a": nope}', '{"a": 1 "b": 2}', "[" * 500]
)
def test_what_is_no_json_is_told_with_its_line(text: str) -> None:
    with pytest.raises(UsageError, match="line 1"):
        read(text)


def test_a_value_in_the_way_is_told() -> None:
    with pytest.raises(UsageError, match="a is no object"):
        merge('{"a": 3}', {"a": {"b": 1}})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=4), values, max_size=4)


@given(objects, objects, st.sampled_from([None, 1, 2]))
def test_merging_is_what_merging_of_values_is(one: dict[str, Any], other: dict[str, Any], indent: int | None) -> None:
    try:
        made = read(merge(json.dumps(one, indent=indent), other))
    except UsageError as problem:
        assert "is no object" in problem.message
        return
    assert made == together(one, other)


def together(one: Any, other: Any) -> Any:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return other
    return {**one, **{key: together(one.get(key), value) for key, value in other.items()}}
