"""Parts of messages that a text model cannot read: something stands in for them, and the conversation goes on."""

from __future__ import annotations

from typing import Any

import pytest

from local_swarm.testing.fake_backend import FakeBackend
from tests.api.test_ends import events, post

pytestmark = pytest.mark.anyio

PICTURE = {"url": "data:image/png;base64," + "iVBORw0KGgo" * 5_000}


def listening() -> tuple[FakeBackend, list[str]]:
    """An engine that answers `yes`, and what it was asked."""
    seen: list[str] = []

    def script(prompt: Any, _seat: Any) -> str:
        seen[:] = [message.content for message in prompt.messages]
        return "yes"

    return FakeBackend(script), seen


def held(kind: str) -> str:
    return f"[{kind} left out: this model reads text only]"


PARTS: dict[str, tuple[dict[str, Any], str]] = {
    "an image": ({"type": "image_url", "image_url": PICTURE}, "image"),
    "an image of responses": ({"type": "input_image", "image_url": PICTURE["url"], "detail": "auto"}, "image"),
    "an image of Anthropic's": ({"type": "image", "source": {"type": "base64", "data": PICTURE["url"]}}, "image"),
    "sound": ({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}, "audio"),
    "a film": ({"type": "video_url", "video_url": {"url": "file:///x"}}, "video"),
    "a file": ({"type": "file", "file": {"file_data": "JVBERi0="}}, "file"),
    "a document": ({"type": "document", "source": {}}, "document"),
    "something nobody knows": ({"type": "hologram", "depth": 3}, "hologram"),
    "something without a name": ({"type": "???"}, "part"),
}


@pytest.mark.parametrize("kind", list(PARTS))
async def test_what_cannot_be_read_is_replaced_and_told(open_a_door: Any, kind: str) -> None:
    part, word = PARTS[kind]
    content = [{"type": "text", "text": "What is it?"}, part]
    for role, extra in (("user", {}), ("tool", {"tool_call_id": "c"})):
        engine, seen = listening()
        messages = [{"role": "user", "content": "go"}, {"role": role, "content": content, **extra}]
        async with open_a_door(engine) as door:
            body = await post(door, {"messages": messages})
        assert body["choices"][0]["message"]["content"] == "yes" and body["usage"]["prompt_tokens"] < 20
        assert seen[1] == f"What is it?\n{held(word)}"
        assert f"parts of the messages were left out: {word}." in body["swarm"]["note"]


async def test_an_image_stays_in_the_history_and_every_later_turn_is_answered(open_a_door: Any) -> None:
    engine, seen = listening()
    messages: list[Any] = [{"role": "user", "content": [{"type": "image_url", "image_url": PICTURE}]}]
    async with open_a_door(engine) as door:
        for turn in ("and now?", "and now?"):
            messages += [{"role": "assistant", "content": "yes"}, {"role": "user", "content": turn}]
            assert (await post(door, {"messages": messages}))["choices"][0]["finish_reason"] == "stop"
        chunks = await events(door, "chat/completions", {"messages": messages})
    assert seen[0] == held("image") and "left out: image." in chunks[-1]["swarm"]["note"]


async def test_a_response_takes_images_in_messages_and_in_what_functions_return(open_a_door: Any) -> None:
    engine, seen = listening()
    part = {"type": "input_image", "image_url": PICTURE["url"]}
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "look"}, part]},
        {"type": "function_call", "call_id": "c", "name": "shot", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [part]},
    ]
    async with open_a_door(engine) as door:
        body = await post(door, {"input": items}, "responses")
        last = (await events(door, "responses", {"input": items}))[-1]["response"]
    assert seen == [f"look\n{held('image')}", "", held("image")]
    assert body["swarm"]["note"] == last["swarm"]["note"] and body["status"] == "completed"


async def test_thoughts_among_the_parts_are_thoughts_and_an_answer_without_images_has_no_note(open_a_door: Any) -> None:
    engine, seen = listening()
    content = [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": "so"}]
    async with open_a_door(engine) as door:
        body = await post(door, {"messages": [{"role": "assistant", "content": content}]})
    assert seen == ["so"] and "left out" not in body["swarm"]["note"]


async def test_arguments_that_come_back_as_an_object_are_taken(open_a_door: Any) -> None:
    engine, _ = listening()
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    history = [{"role": "user", "content": "go"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    async with open_a_door(engine) as door:
        body = await post(
            door, {"messages": [*history, {"role": "tool", "content": "1", "tool_call_id": "c"}], "top_k": -1}
        )
    assert body["choices"][0]["message"]["content"] == "yes"
