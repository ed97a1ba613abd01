from __future__ import annotations

import asyncio
import contextlib

import pytest

from local_swarm.chat.template import CHATML, ChatTemplate
from local_swarm.confined.process import CallLimits, ConfinedPool, Unconfined
from local_swarm.errors import BadModelFile, BadRequest
from local_swarm.types import Message, Prompt, ToolCall


def render(source: str | None, *messages: Message, tools: tuple[dict[str, object], ...] = ()) -> str:
    asked = Prompt(messages, tools)
    return asyncio.run(ChatTemplate(source, "<s>", "</s>").render(asked, Unconfined())).text


def test_a_model_without_a_template_gets_chatml() -> None:
    assert render(None, Message("user", "Hi")) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert ChatTemplate(CHATML)


def test_special_tokens_tools_and_the_date_are_at_hand() -> None:
    assert (
        render("{{ bos_token }}{{ eos_token }}{{ tools[0].name }}", Message("user", "x"), tools=({"name": "t"},))
        == "<s></s>t"
    )
    assert len(render("{{ strftime_now('%Y') }}", Message("user", "x"))) == 4
    assert render("{{ tools is none }}", Message("user", "x")) == "True"


def test_json_is_not_escaped_for_html() -> None:
    assert render("{{ messages[0].content | tojson }}", Message("user", "<a> & 'é'")) == "\"<a> & 'é'\""


def test_arguments_of_calls_are_objects_even_where_they_were_broken() -> None:
    source = "{% for c in messages[0].tool_calls %}{{ c.function.arguments is mapping }} {% endfor %}"
    calls = (ToolCall("1", "f", '{"a": 1}'), ToolCall("2", "f", "{broken"), ToolCall("3", "f", ""))
    assert render(source, Message("assistant", tool_calls=calls)) == "True True True "


def test_blocks_leave_no_blank_lines_as_model_makers_expect() -> None:
    assert render("{% if true %}\nyes\n{% endif %}\n", Message("user", "x")) == "yes\n"


def test_loops_may_be_left_early() -> None:
    assert (
        render(
            "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}x{% endfor %}",
            *[Message("user", "")] * 3,
        )
        == "x"
    )


def test_a_refusal_of_the_template_is_the_clients_mistake() -> None:
    with pytest.raises(BadRequest, match="must alternate"):
        render("{{ raise_exception('roles must alternate') }}", Message("user", "x"))


@pytest.mark.parametrize(
    "source", ["{{ messages[7].content.x }}", "{{ 1 / 0 }}", "{{ 'a' + 1 }}", "{{ undefined.thing.more }}"]
)
def test_a_template_that_stumbles_is_no_crash(source: str) -> None:
    with pytest.raises(BadRequest):
        render(source, Message("user", "x"))


def test_a_broken_template_is_a_bad_model_file() -> None:
    with pytest.raises(BadModelFile, match="template"):
        asyncio.run(ChatTemplate("{% if %}").check(Unconfined()))


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% set x = messages.append(1) %}",
        "{{ messages.__class__ }}{{ messages.clear() }}",
        "{% for i in range(999999999) %}x{% endfor %}",
    ],
)
def test_a_hostile_template_gets_nowhere(source: str) -> None:
    with contextlib.suppress(BadRequest):
        assert "subclasses" not in render(source, Message("user", "x"))


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% for k in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ 'a' * 10**10 }}",
        "{{ lipsum(n=10**7) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    ],
)
def test_a_template_without_an_end_costs_its_own_conversation_only(source: str) -> None:
    async def both() -> str:
        pool = ConfinedPool(1, CallLimits(cpu_s=0.3, memory_bytes=64 << 20))
        try:
            with pytest.raises(BadRequest, match="template"):
                await ChatTemplate(source).render(Prompt((Message("user", "x"),)), pool)
            return (await ChatTemplate(None).render(Prompt((Message("user", "Hi"),)), pool)).text
        finally:
            await pool.close()

    assert "Hi" in asyncio.run(both())
