from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.chat.tools import canonical, parse_reply
from local_swarm.types import ToolCall

CALL = '<tool_call>\n{"name": "read", "arguments": {"path": "a.txt"}}\n</tool_call>'


def test_a_call_is_taken_out_of_the_words() -> None:
    words, calls = parse_reply(f"Let me look.\n{CALL}")
    assert words == "Let me look."
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("read", {"path": "a.txt"})]


def test_several_calls_have_names_of_their_own() -> None:
    words, calls = parse_reply(CALL + "\n" + CALL)
    assert words == "" and len({call.id for call in calls}) == 2


def test_a_call_without_its_end_mark_counts() -> None:
    assert parse_reply(CALL.removesuffix("\n</tool_call>"))[1]


@pytest.mark.parametrize("body", ["{broken", "[]", '"text"', "{}", '{"name": 3}', '{"name": "f", "arguments": '])
def test_what_cannot_be_read_stays_visible(body: str) -> None:
    text = f"<tool_call>{body}</tool_call>"
    assert parse_reply(text) == (text, ())


def test_words_without_calls_stay_as_they_are() -> None:
    assert parse_reply("  plain words \n") == ("  plain words \n", ())


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    parse_reply("<tool_call>" + text)


def test_equal_calls_are_equal_in_canonical_form() -> None:
    one, other = ToolCall("1", "f", '{"b": 1, "a": [2]}'), ToolCall("2", "f", '{"a":[2],"b":1}')
    assert canonical(one) == canonical(other) != canonical(ToolCall("3", "f", '{"a": [2], "b": 2}'))
    assert canonical(ToolCall("4", "f", "{broken")) == "f({broken)"
