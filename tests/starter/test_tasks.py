"""The starter model's lessons: every answer they teach is right."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any, cast

import pytest

from local_swarm.chat.families import HERMES
from local_swarm.chat.reply import ReplyParser
from local_swarm.chat.template import ChatTemplate
from local_swarm.chat.tools import Toolbox, settle_calls
from local_swarm.confined.process import Unconfined
from local_swarm.models import starter
from local_swarm.models.gguf import read_header
from local_swarm.types import Message, Prompt, ToolCall
from starter.conversations import KINDS, SHARES, conversation
from starter.tasks import DOMAIN_WEIGHTS, Task, task
from starter.tools import reading


def results(made: Task, body: int) -> list[str]:
    space: dict[str, object] = {}
    exec(made.code("f", body), space)
    return [repr(eval(f"f({arguments})", dict(space))) for arguments in made.inputs]


@pytest.mark.parametrize("domain", DOMAIN_WEIGHTS)
@pytest.mark.parametrize("held_out", [False, True])
def test_all_ways_to_write_a_task_do_the_same(domain: str, held_out: bool) -> None:
    random = Random(3)
    for _ in range(150):
        made = task(random, held_out, domain)
        assert made.held_out is held_out
        reference = results(made, 0)
        assert all(results(made, body) == reference for body in range(1, len(made.bodies)))


def test_the_inputs_tell_compositions_apart() -> None:
    """Else a wrong program would be taken for a right one when the model is measured."""
    random = Random(5)
    programs: dict[tuple[str, ...], Task] = {}
    for _ in range(400):
        made = task(random, False, "numbers")
        programs.setdefault(made.composition, made)
    judged = list(programs.values())[:60]
    confused = 0
    for made in judged:
        for other in judged:
            if made is not other:
                space: dict[str, object] = {}
                exec(other.code("f"), space)
                theirs = [repr(eval(f"f({arguments})", dict(space))) for arguments in made.inputs]
                confused += theirs == results(made, 0)
    assert confused / (len(judged) * (len(judged) - 1)) < 0.01


def test_held_out_compositions_are_chosen_by_name_alone() -> None:
    random = Random(9)
    seen = {(made.domain, made.composition) for made in (task(random, False) for _ in range(2000))}
    held = {(made.domain, made.composition) for made in (task(random, True) for _ in range(500))}
    assert not seen & held and len(held) > 50


def test_conversations_end_with_the_assistant_and_calls_are_valid() -> None:
    random = Random(1)
    assert set(SHARES) == set(KINDS)
    for _ in range(1000):
        messages = conversation(random)
        assert messages[-1]["role"] == "assistant"
        for message in messages:
            for call in cast(list[Any], message.get("tool_calls", [])):
                assert isinstance(json.loads(call["function"]["arguments"]), dict)


def test_the_template_in_the_model_renders_what_it_was_trained_on() -> None:
    """The product's renderer and the trainer's agree, so that the model is asked as it was taught."""
    from starter.corpus import render

    template = ChatTemplate(read_header(starter.PATH).chat_template)
    random = Random(2)
    for _ in range(50):
        lesson = reading(random)
        tools = lesson[0]["tools"]
        messages = tuple(as_message(message) for message in lesson[:3])
        made = asyncio.run(template.render(Prompt(messages, tuple(tools)), Unconfined()))  # type: ignore[arg-type]
        assert made.text == render(lesson[:3])


def as_message(message: dict[str, object]) -> Message:
    made = cast(list[Any], message.get("tool_calls", []))
    calls = [ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in made]
    return Message(message["role"], str(message["content"]), tuple(calls))  # type: ignore[arg-type]


def test_what_the_model_learns_to_write_is_what_the_parser_reads() -> None:
    from starter.corpus import turns

    random = Random(4)
    for _ in range(50):
        lesson = reading(random)
        _, written = next(turns(lesson))
        box = Toolbox(lesson[0]["tools"])  # type: ignore[arg-type]
        parser = ReplyParser(HERMES, box)
        parser.push(written.removesuffix("<|im_end|>"))
        parser.close()
        [call], flaw = settle_calls(parser.calls, parser.broken, box)
        assert flaw is None
        taught = lesson[1]["tool_calls"][0]["function"]  # type: ignore[index]
        assert (call.name, json.loads(call.arguments)) == (taught["name"], json.loads(taught["arguments"]))
