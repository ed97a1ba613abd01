from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.types import ToolCall
from local_swarm.voting.similarity.calls import call_likeness, calls_text


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("call_0", name, json.dumps(arguments))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([call("read", path="b.md", line=7)], [call("read", line=7.0, path="b.md")]),
        ([call("read", path="b.md", limit=None)], [call("read", path="b.md")]),
        ([call("read", path="./b.md")], [call("read", path="b.md")]),
        ([call("list", directory="src/")], [call("list", directory="./src")]),
        ([call("edit", filePath="./b.md", old="x")], [call("edit", old="x", filePath="b.md")]),
        (
            [call("weather", city="Bern"), call("weather", city="Rome")],
            [call("weather", city="Rome"), call("weather", city="Bern")],
        ),
        ([call("f", a={"b": None, "c": [1.0, 2]})], [call("f", a={"c": [1, 2.0]})]),
        ([ToolCall("1", "f", '{"a":1}')], [ToolCall("2", "f", ' { "a" : 1 } ')]),
    ],
)
def test_calls_that_do_the_same_are_the_same(one: list[ToolCall], other: list[ToolCall]) -> None:
    assert calls_text(one) == calls_text(other)
    assert call_likeness([one, other])[0, 1] == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([call("read", path="b.md", line=7)], [call("read", path="b.md", line=8)]),
        ([call("run", command="./b.sh")], [call("run", command="b.sh")]),
        ([call("f", a=True)], [call("f", a=1)]),
        ([call("f", a=7)], [call("f", a=7.5)]),
        ([call("f", a=0)], [call("f")]),
        ([call("list", path="/")], [call("list", path="./")]),
        (
            [call("write", path="b", text="1"), call("read", path="b")],
            [call("read", path="b"), call("write", path="b", text="1")],
        ),
        ([call("f")], [call("g")]),
        ([call("f")], [call("f"), call("f")]),
    ],
)
def test_calls_that_do_something_else_are_different(one: list[ToolCall], other: list[ToolCall]) -> None:
    assert calls_text(one) != calls_text(other)
    assert call_likeness([one, other])[0, 1] < 1


def test_arguments_that_are_no_json_are_compared_as_they_are_written() -> None:
    assert calls_text([ToolCall("1", "f", " {broken ")]) == "f({broken)"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), st.randoms())
def test_the_order_of_keys_decides_nothing(arguments: dict[str, Any], chance: Any) -> None:
    keys = list(arguments)
    chance.shuffle(keys)
    one, other = (
        ToolCall("1", "f", json.dumps(arguments)),
        ToolCall("2", "f", json.dumps({k: arguments[k] for k in keys})),
    )
    assert calls_text([one]) == calls_text([other])
