"""Conversations as clients really send them, told to templates as strict as those of real families."""

from __future__ import annotations

import asyncio

import pytest

from local_swarm.chat.template import ChatTemplate
from local_swarm.confined.process import Unconfined
from local_swarm.errors import BadRequest
from local_swarm.types import Message, Prompt, ToolCall
from tests.chat.samples import TOOLS

CALLS = "{% for c in m.tool_calls or [] %}<call {{ c.function.name }} {{ ARGUMENTS }}>{% endfor %}"
WRITTEN = CALLS.replace("ARGUMENTS", "c.function.arguments | tojson")
ITEMS = "{% for k, v in c.function.arguments | items %}{{ k }}={{ v }} {% endfor %}"
LISTED = CALLS.replace("{{ ARGUMENTS }}", ITEMS)
JOINED = CALLS.replace("{{ ARGUMENTS }}", "{{ 'arguments: ' + c.function.arguments }}")
END = "{% if add_generation_prompt %}<assistant>{% endif %}"

FAMILIES = {
    "takes everything": "{% for m in messages %}<{{ m.role }}>{{ m.content }}" + WRITTEN + "{% endfor %}" + END,
    "Qwen3.5: a later system message is refused, a user is needed, arguments are walked": (
        "{% if not messages | selectattr('role', 'equalto', 'user') | list %}{{ raise_exception('No user query') }}{% endif %}"
        "{% for m in messages %}{% if m.role == 'system' and not loop.first %}{{ raise_exception('must be first') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}" + LISTED + "{% endfor %}" + END
    ),
    "DeepSeek: all system messages go to the head, arguments are text": (
        "{% set ns = namespace(s='') %}{% for m in messages if m.role == 'system' %}{% set ns.s = ns.s + m.content %}{% endfor %}"
        "{{ ns.s }}{% for m in messages %}{% if m.role != 'system' %}<{{ m.role }}>{{ m.content }}"
        + JOINED
        + "{% endif %}{% endfor %}"
        + END
    ),
    "SmolLM3: later system messages are left out": (
        "{% for m in messages %}{% if m.role != 'system' or loop.first %}<{{ m.role }}>{{ m.content }}"
        + WRITTEN
        + "{% endif %}{% endfor %}"
        + END
    ),
    "Mistral: turns alternate, identifiers have nine letters, calls are answered": (
        "{# [TOOL_CALLS] #}{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}<system>{{ messages[0].content }}"
        "{% else %}{% set rest = messages %}{% endif %}{% set ns = namespace(n=0) %}"
        "{% for m in rest %}{% if m.role == 'user' or (m.role == 'assistant' and not m.tool_calls) %}"
        "{% if (m.role == 'user') != (ns.n % 2 == 0) %}{{ raise_exception('must alternate') }}{% endif %}"
        "{% set ns.n = ns.n + 1 %}{% elif m.role not in ('assistant', 'tool') %}{{ raise_exception('unknown role') }}{% endif %}"
        "{% if m.role == 'tool' and m.tool_call_id | length != 9 %}{{ raise_exception('nine') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}" + WRITTEN + "{% endfor %}" + END
    ),
    "Gemma: no system message, a user comes first, turns alternate": (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}{% if m.role != 'tool' and (m.role == 'user') != (loop.index0 % 2 == 0) and not m.tool_calls "
        "and messages[loop.index0 - 1].role != 'tool' %}{{ raise_exception('must alternate') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}" + WRITTEN + "{% endfor %}" + END
    ),
    "Llama 3: one call at a time": (
        "{% for m in messages %}{% if m.tool_calls and m.tool_calls | length != 1 %}"
        "{{ raise_exception('single tool-calls') }}{% endif %}"
        "<{{ m.role }}>{{ m.content }}" + WRITTEN + "{% endfor %}" + END
    ),
    "gpt-oss: results follow their calls": (
        "{% set ns = namespace(name=none) %}{% for m in messages %}"
        "{% if m.role == 'tool' %}{% if ns.name is none %}{{ raise_exception('no previous call') }}{% endif %}"
        "<{{ ns.name + '>' }}{% endif %}"
        "{% for c in m.tool_calls or [] %}{% set ns.name = c.function.name %}{% endfor %}"
        "<{{ m.role }}>{{ m.content }}" + WRITTEN + "{% endfor %}" + END
    ),
    "Gemma 4: results say whose they are": (
        "{% for m in messages %}<{{ m.role }}>{% if m.role == 'tool' %}{{ m.name + ':' }}{% endif %}{{ m.content }}"
        + WRITTEN
        + "{% endfor %}"
        + END
    ),
    "a model that knows no calls": "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}" + END,
}


def called(arguments: str = '{"filePath": "a.txt"}', identifier: str = "call_1", name: str = "read") -> ToolCall:
    return ToolCall(identifier, name, arguments)


def system(text: str) -> Message:
    return Message("system", text)


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str = "", *calls: ToolCall) -> Message:
    return Message("assistant", text, calls)


def result(text: str, identifier: str | None = "call_1") -> Message:
    return Message("tool", text, tool_call_id=identifier)


HISTORIES: dict[str, list[Message]] = {
    "two system messages": [system("S1"), system("S2"), user("Q1")],
    "a system message alone": [system("S1")],
    "a system message in the middle": [system("S1"), user("Q1"), assistant("A1"), system("S2"), user("Q2")],
    "a system message at the end": [system("S1"), user("Q1"), assistant("A1"), user("Q2"), system("S2")],
    "a system message after a result": [user("Q1"), assistant("", called()), result("R1"), system("S2")],
    "developers in the middle": [Message("developer", "S1"), user("Q1"), assistant("A1"), Message("developer", "S2")],
    "a question after a result": [user("Q1"), assistant("", called()), result("R1"), user("Q2")],
    "unreadable arguments": [user("Q1"), assistant("", called("{")), result("R1"), user("Q2")],
    "cut arguments": [user("Q1"), assistant("", called('{"filePath": "a')), result("R1"), user("Q2")],
    "arguments that are a list": [user("Q1"), assistant("", called("[1]")), result("R1")],
    "arguments that are null": [user("Q1"), assistant("", called("null")), result("R1")],
    "arguments as text of text": [user("Q1"), assistant("", called('"{\\"filePath\\": \\"a\\"}"')), result("R1")],
    "nested arguments": [user("Q1"), assistant("", called('{"q": [{"type": "web"}], "n": null}')), result("R1")],
    "a result without a call": [user("Q1"), result("R1"), user("Q2")],
    "a result first": [result("R1"), user("Q1")],
    "a result after the next question": [user("Q1"), assistant("", called()), user("Q2"), result("R1")],
    "a call without a result": [user("Q1"), assistant("", called()), user("Q2")],
    "a call at the end": [user("Q1"), assistant("", called())],
    "an empty answer": [user("Q1"), assistant(""), user("Q2")],
    "an empty question": [user(""), assistant("A1"), user("Q2")],
    "questions in a row": [user("Q1"), user("Q2")],
    "answers in a row": [user("Q1"), assistant("A1"), assistant("A2"), user("Q2")],
    "an answer first": [assistant("A1"), user("Q1")],
    "an answer alone": [assistant("A1")],
    "an answer last": [user("Q1"), assistant("A1")],
    "two calls at once": [
        user("Q1"),
        assistant("", called(), called('{"filePath": "b"}', "call_2")),
        result("R1"),
        result("R2", "call_2"),
    ],
    "equal identifiers": [user("Q1"), assistant("", called(), called()), result("R1"), result("R2")],
    "no identifiers": [user("Q1"), assistant("", called(identifier="")), result("R1", None), user("Q2")],
    "a tool that is not offered": [user("Q1"), assistant("", called(name="zzz")), result("R1")],
    "a tool with an odd name": [user("Q1"), assistant("", called(name="re ad/ü<x>")), result("R1")],
}


def render(source: str, messages: list[Message]) -> str:
    asked = Prompt(tuple(messages), TOOLS)
    return asyncio.run(ChatTemplate(source, "<s>", "</s>").render(asked, Unconfined())).text


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_history_reaches_every_family_whole_and_in_order(family: str, history: str) -> None:
    messages = HISTORIES[history]
    text = render(FAMILIES[family], messages)
    said = [message.content for message in messages if message.content]
    places = [text.find(content) for content in said]
    assert min(places) >= 0 and places == sorted(places)


REMINDED = [system("S1"), user("Q1"), assistant("A1"), system("S2"), user("Q2"), assistant("A2"), user("Q3")]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reminder_in_the_middle_leaves_all_before_it_as_it_was(family: str) -> None:
    first, second, third = (render(FAMILIES[family], REMINDED[:end]) for end in (2, 5, 7))
    assert second.startswith(first[: first.index("Q1") + 2])
    assert third.startswith(second[: second.index("Q2") + 2])


def test_what_a_model_wrote_as_arguments_is_told_as_an_object_as_far_as_it_can_be_read() -> None:
    source = "{% for c in messages[-1].tool_calls %}{{ c.function.arguments | tojson }} {% endfor %}"
    calls = tuple(called(text) for text in ('{"a": 1}', "{", "[1]", "{'a': True,}", '"{\\"a\\": 1}"', ""))
    assert render(source, [assistant("", *calls)]) == '{"a": 1} {} {} {"a": true} {"a": 1} {} '


def test_a_template_that_takes_no_form_at_all_says_why() -> None:
    with pytest.raises(BadRequest, match="never"):
        render("{{ raise_exception('never') }}", [system("S1"), user("Q1"), assistant("", called()), result("R1")])
