"""A prompt becomes text and what the model writes becomes an answer: bound calls, schemas, thoughts, second tries."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from local_swarm.backends.process.enforcement import enforceable
from local_swarm.chat.schemas import violation
from local_swarm.chat.template import ChatTemplate
from local_swarm.chat.turn import Turn, again
from local_swarm.chat.turn import turn as turn_in
from local_swarm.confined.process import Unconfined
from local_swarm.types import Candidate, Message, Prompt, ToolCall, Usage
from tests.chat.samples import HARMONY, HERMES, LLAMA, MISTRAL, READ, TOOLS, XML

BODY = "{% for m in messages %}{{ m.role }}:{{ m.content }}|{% endfor %}"
ASKED = Prompt((Message("user", "go"),), TOOLS)


def turn(prompt: Prompt, template: ChatTemplate) -> Turn:
    return asyncio.run(turn_in(prompt, template, Unconfined()))


def template(kind: str, end: str = "") -> ChatTemplate:
    return ChatTemplate(f"{{# {kind.replace('#', '')} #}}{BODY}{{% if tools %}}T{{% endif %}}{end}")


@pytest.mark.parametrize(
    ("kind", "cue"),
    [
        (HERMES, '<tool_call>\n{"name": "read", "arguments": '),
        (XML, '<tool_call>\n{"name": "read", "arguments": '),
        (MISTRAL, "[TOOL_CALLS]read[ARGS]"),
        (HARMONY, "<|channel|>commentary to=functions.read <|constrain|>json<|message|>"),
        (LLAMA, '{"name": "read", "arguments": '),
    ],
)
def test_a_named_tool_leaves_its_arguments_to_write(kind: str, cue: str) -> None:
    made = turn(replace(ASKED, must_call=("read",)), template(kind))
    assert made.text.endswith(cue) and made.schema == READ["function"]["parameters"]  # type: ignore[index]
    reader = made.reader()
    assert reader.push('{"filePath": "a"}') == []
    said = reader.close()
    assert [(call.name, json.loads(call.arguments)) for call in said.calls] == [
        ("read", {"filePath": "a"})
    ] and not said.flaw


def test_one_of_several_tools_is_chosen_within_the_schema() -> None:
    made = turn(replace(ASKED, must_call=("read", "write")), template(HERMES))
    assert made.schema and [one["properties"]["name"] for one in made.schema["anyOf"]] == [
        {"const": "read"},
        {"const": "write"},
    ]
    assert made.loose and made.loose["properties"]["name"] == {"enum": ["read", "write"]}
    reader = made.reader()
    reader.push('{"name": "read", "arguments": {"filePath": "a"}}')
    assert reader.close().calls[0].name == "read"


def test_each_tools_references_lead_to_its_own_definitions() -> None:
    def tool(name: str, kind: str) -> dict[str, Any]:
        inner = {"type": "object", "properties": {"x": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": kind}}}
        return {"type": "function", "function": {"name": name, "parameters": inner}}

    made = turn(
        Prompt(
            (Message("user", "go"),), (tool("f", "integer"), tool("g", "string"), READ), must_call=("f", "g", "read")
        ),
        template(HERMES),
    )
    for name, right, wrong in (("f", 1, "a"), ("g", "a", 1)):
        assert violation(made.schema, {"name": name, "arguments": {"x": right}}) is None
        assert violation(made.schema, {"name": name, "arguments": {"x": wrong}})
    assert enforceable(json.dumps(made.schema), "{}") == {"schema": json.dumps(made.schema)}


def test_thoughts_opened_by_the_prompt_are_known_and_can_be_closed() -> None:
    thinker = template(HERMES, "<think>\n")
    assert turn(ASKED, thinker).thinking
    calm = turn(replace(ASKED, thinking=False), thinker)
    assert not calm.thinking and calm.text.endswith("<think>\n\n</think>\n\n")
    assert turn(replace(ASKED, must_call=("read",)), thinker).text.count("</think>") == 1


def test_a_schema_binds_the_reply_but_leaves_tools_to_be_called() -> None:
    schema = {"type": "object", "required": ["a"]}
    assert turn(replace(ASKED, tools=(), schema=schema), template(HERMES)).schema == schema
    free = turn(replace(ASKED, schema=schema), template(HERMES))
    assert free.schema is None
    reader = free.reader()
    reader.push('{"b": 1}')
    assert reader.close().words == '{"b": 1}'


def test_a_call_that_nobody_can_read_is_shown_in_a_stream_too() -> None:
    reader = turn(ASKED, template(HERMES)).reader()
    shown = reader.push("Look: <tool_call>\n{gibberish\n</tool_call>")
    said = reader.close()
    assert "".join(piece.text for piece in (*shown, *said.last)) == said.words == "Look:\n{gibberish"


def test_raw_text_is_continued_as_it_stands() -> None:
    made = turn(Prompt((), text="def f("), template(HERMES))
    assert made.text == "def f(" and made.kept == []
    reader = made.reader()
    assert [piece.text for piece in reader.push("<tool_call>x")] == ["<tool_call>x"]


def candidate(**facts: Any) -> Candidate:
    known: dict[str, Any] = {
        "text": "",
        "voter": "w1",
        "finish_reason": "stop",
        "usage": Usage(1, 1),
        "seconds": 0.1,
        **facts,
    }
    return Candidate(**known)


@pytest.mark.parametrize(
    ("facts", "better"),
    [
        ({"text": "fine"}, None),
        ({"flaw": "x", "tool_calls": (ToolCall("1", "read", "{}"),)}, {"must_call": ("read",)}),
        ({"flaw": "x", "tool_calls": (ToolCall("1", "raed", "{}"),)}, {"must_call": ("read", "write")}),
        ({"flaw": "x", "text": "{broken"}, {"must_call": ("read", "write")}),
        ({"flaw": "x", "reasoning": "hm"}, {"thinking": False}),
        ({"flaw": "x", "reasoning": "hm", "finish_reason": "length"}, {"thinking": False}),
        ({"flaw": "x", "text": "cut", "finish_reason": "length"}, None),
    ],
)
def test_what_cannot_be_used_is_asked_for_again_in_another_way(
    facts: dict[str, Any], better: dict[str, Any] | None
) -> None:
    assert again(ASKED, candidate(**facts)) == (replace(ASKED, **better) if better else None)


def test_a_second_try_is_the_last() -> None:
    flawed = candidate(flaw="x", tool_calls=(ToolCall("1", "read", "{}"),))
    assert again(replace(ASKED, must_call=("read",)), flawed) is None
    assert again(replace(ASKED, thinking=False), candidate(flaw="x", reasoning="hm")) is None


def test_an_answer_that_breaks_its_schema_is_asked_for_without_tools() -> None:
    asked = replace(ASKED, schema={"type": "object"})
    assert again(asked, candidate(flaw="x", text="words")) == replace(asked, tools=())
    assert again(replace(asked, tools=()), candidate(flaw="x", text="words")) is None


# --------------------------------------------------------------------------------- what templates demand


def test_developers_become_the_system_where_a_template_knows_none() -> None:
    assert (
        turn(Prompt((Message("developer", "be brief"), Message("user", "hi"))), template("x")).text
        == "system:be brief|user:hi|"
    )


def test_questions_in_a_row_are_joined_where_turns_must_alternate() -> None:
    strict = ChatTemplate(
        "{% set ns = namespace(last='') %}{% for m in messages %}{% if m.role == ns.last %}{{ raise_exception('alternate') }}{% endif %}"
        "{% set ns.last = m.role %}{{ m.role }}:{{ m.content }}|{% endfor %}"
    )
    assert turn(Prompt((Message("user", "a"), Message("user", "b"))), strict).text == "user:a\n\nb|"


def test_a_template_without_a_system_role_reads_it_with_the_first_question() -> None:
    gemma = ChatTemplate(
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ m.content }}|{% endfor %}"
    )
    assert turn(Prompt((Message("system", "s"), Message("user", "q"))), gemma).text == "s\n\nq|"


def test_mistrals_templates_get_identifiers_of_nine_characters() -> None:
    source = "{# [TOOL_CALLS] #}{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.id }}{% endfor %} {{ m.tool_call_id }}{% endfor %}"
    messages = (
        Message("assistant", tool_calls=(ToolCall("call_abcdefghijklm", "f", "{}"),)),
        Message("tool", "x", tool_call_id="call_abcdefghijklm"),
    )
    one, _, other = turn(Prompt(messages), ChatTemplate(source)).text.split(" ")
    assert one == other and len(one) == 9 and one.isalnum()


def test_a_template_that_knows_no_tools_is_told_of_them_in_words() -> None:
    call = ToolCall("1", "read", '{"filePath": "a"}')
    messages = (
        Message("user", "go"),
        Message("assistant", tool_calls=(call,)),
        Message("tool", "the text", tool_call_id="1"),
    )
    text = turn(replace(ASKED, messages=messages), ChatTemplate(BODY)).text
    assert text.startswith("system:You can use these tools") and '"filePath"' in text
    assert (
        '<tool_call>\n{"name": "read", "arguments": {"filePath": "a"}}' in text and "<tool_response>\nthe text" in text
    )


def test_options_for_the_template_reach_it_but_cannot_replace_the_conversation() -> None:
    asked = Prompt(
        (Message("user", "hi"),), template={"enable_thinking": True, "messages": [], "reasoning_effort": "high"}
    )
    assert (
        turn(asked, ChatTemplate("{{ messages | length }}{{ enable_thinking }}{{ reasoning_effort }}")).text
        == "1Truehigh"
    )


def test_templates_that_take_everything_for_granted_get_it() -> None:
    bare = {"type": "function", "function": {"name": "f"}}
    demanding = ChatTemplate(
        "{% for t in tools %}{{ t.function.name }}:{{ t.function.description | upper }}:{{ t.function.parameters | tojson }}{% endfor %}"
    )
    assert turn(Prompt((Message("user", "x"),), (bare,)), demanding).text == 'f::{"type": "object", "properties": {}}'
    assert turn(Prompt((Message("user", "x"),)), demanding).text == ""  # though it asks for no list before it walks it


def test_marks_of_trainers_and_other_names_for_tools_are_known() -> None:
    source = (
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}{{ xml_tools | length }}"
    )
    assert turn(ASKED, ChatTemplate(source)).text == "go2"
