from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.chat.notations import WrittenCall
from local_swarm.chat.tools import Toolbox, settle_calls
from tests.chat.samples import TOOLS

BOX = Toolbox(TOOLS)


@pytest.mark.parametrize(
    ("call", "flaw"),
    [
        (WrittenCall("read", {"filePath": "a"}), None),
        (WrittenCall("READ", {"filePath": "a"}), None),
        (WrittenCall("functions.read", {"filePath": "a"}), None),
        (WrittenCall("reed", {}), "no tool 'reed'"),
        (WrittenCall("read", "{cut"), "no JSON object"),
        (WrittenCall("read", [1]), "no JSON object"),
    ],
)
def test_a_call_must_be_of_a_tool_and_an_object(call: WrittenCall, flaw: str | None) -> None:
    calls, found = settle_calls([call], [], BOX)
    assert len(calls) == 1 and (flaw is None) == (found is None)
    assert flaw is None or flaw in (found or "")


def test_a_broken_call_of_a_known_tool_is_handed_on_as_it_is() -> None:
    [call], flaw = settle_calls([], ['{"name": "read", "arguments": {"filePath": "a'], BOX)
    assert (call.name, call.arguments) == ("read", '{"filePath": "a') and flaw
    assert settle_calls([], ["{gibberish"], BOX) == ((), "a call could not be read")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
)
def test_any_arguments_can_be_judged(arguments: Any) -> None:
    calls, _ = settle_calls([WrittenCall("read", arguments)], [], BOX)
    assert isinstance(calls[0].arguments, str)
