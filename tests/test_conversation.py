"""Conversations: what is remembered, what is added up, and the same words from a voice, a daemon and a program without a loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from local_swarm import Chat
from local_swarm.backends.base import Seat
from local_swarm.config import load
from local_swarm.errors import DaemonAbsent, SwarmError, UnknownModel, UsageError
from local_swarm.swarm.manager import Swarm
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm
from local_swarm.types import Delta, Event, Prompt, VoteBasis
from local_swarm.voting.calibration import calibrated_agreement
from tests.api.conftest import open_door

pytestmark = pytest.mark.anyio


def recite(prompt: Prompt, _seat: Seat) -> str:
    """Everything that was said, so that a test can see what was remembered."""
    return " | ".join(f"{message.role}: {message.content}" for message in prompt.messages)


async def voice(workers: int = 1) -> Swarm:
    engine = FakeBackend(recite)
    await engine.start()
    return scripted_swarm(engine, workers)


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    async with Chat(await voice(), system="Be brief.") as made:
        yield made


async def test_a_conversation_is_remembered_and_counted(chat: Chat) -> None:
    first = await chat.ask("one")
    assert first.text == "system: Be brief. | user: one" and first.agreement is None
    second = await chat.ask("two")
    assert second.text.endswith(f"user: one | assistant: {first} | user: two")
    assert chat.usage.completion_tokens == first.usage.completion_tokens + second.usage.completion_tokens


async def test_a_model_that_is_named_is_what_a_local_chat_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    chat = Chat("local", model="no-such-model", config=load(None, {}, environment={}))
    with pytest.raises(UnknownModel, match="no-such-model"):
        await chat.ask("one")
    await chat.close()


async def test_the_oldest_is_forgotten_first() -> None:
    made = Chat(await voice(), remembered=2)
    for text in ("one", "two", "three"):
        answer = await made.ask(text)
    assert "two" in answer.text and not answer.text.startswith("user: one")


async def test_agents_share_a_model_and_no_memory(chat: Chat) -> None:
    others = [chat.another(system=f"You are {n}.") for n in range(5)]
    answers = await asyncio.gather(*(one.ask("who?") for one in others))
    assert [str(one) for one in answers] == [f"system: You are {n}. | user: who?" for n in range(5)]


async def test_words_come_as_they_are_written(chat: Chat) -> None:
    pieces = [piece async for piece in chat.stream("one")]
    assert len(pieces) > 1 and "".join(pieces) == "system: Be brief. | user: one"
    assert len(chat.messages) == 2


async def test_several_voices_tell_their_agreement() -> None:
    answer = await Chat(await voice(3)).ask("one")
    alike = [calibrated_agreement(VoteBasis("value", "exact", heard, heard)) for heard in (2, 3)]
    assert answer.agreement in alike  # the vote ends early where two of three say the same
    assert [piece async for piece in Chat(await voice(3)).stream("one")] == [answer.text]


async def test_the_daemon_is_asked_by_the_same_words() -> None:
    async with open_door(FakeBackend(recite)) as door, Chat(door.url, model="swarm") as chat:
        assert str(await chat.ask("one")) == "user: one"
        assert "".join([piece async for piece in chat.stream("two")]).endswith("user: two")


async def test_what_failed_is_not_remembered() -> None:
    chat = Chat("http://127.0.0.1:9/v1")
    with pytest.raises(SwarmError, match="cannot be reached"):
        await chat.ask("one")
    assert chat.messages == []
    await chat.close()


async def test_a_program_without_a_loop_asks_as_well() -> None:
    async with open_door(FakeBackend(recite)) as door:

        def program() -> tuple[str, str]:
            chat = Chat(door.url, model="swarm")
            said, streamed = str(chat.ask_sync("one")), "".join(chat.stream_sync("two"))
            chat.close_sync()
            return said, streamed

        said, streamed = await asyncio.to_thread(program)
    assert said == "user: one" and streamed.endswith("user: two")


class Endless:
    """A voice that says a word and never another. `ended` is set when nobody listens any more."""

    name = "endless"

    def __init__(self) -> None:
        self.ended = threading.Event()

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        try:
            yield Delta("w1", "word")
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def test_who_stops_listening_stops_the_answer() -> None:
    endless = Endless()

    def program() -> bool:
        words = Chat(endless).stream_sync("one")
        heard = next(words)
        words.close()
        return heard == "word" and endless.ended.wait(5)

    assert await asyncio.to_thread(program)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": 5}, "not int"),
        ({"model": 5}, "model is text, not int"),
        ({"key": b"k"}, "key is text, not bytes"),
        ({"source": "local", "key": "k"}, "needs no key"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Chat(**given)


async def test_a_voice_with_a_model_beside_it_is_refused() -> None:
    with pytest.raises(UsageError, match="has its model"):
        Chat(await voice(), model="x")


@pytest.mark.parametrize(
    ("text", "tools", "sampling", "words"),
    [
        ("x", [], {"temprature": 1}, "Did you mean temperature"),
        ("x", [], {"temperature": "hot"}, "wrong kind"),
        ("x", [], {"temperature": -3}, "temperature"),
        ("x", [5], {}, "tools"),
        (None, [], {}, "text, not NoneType"),
    ],
)
async def test_a_wrong_question_is_one_of_our_errors(
    chat: Chat, text: Any, tools: Any, sampling: dict[str, Any], words: str
) -> None:
    with pytest.raises(SwarmError, match=words):
        await chat.ask(text, tools, **sampling)
    assert not chat.messages


@pytest.mark.parametrize("model", ["no-such", "a/b", "qwen2.5-coder:3b:q4"])
async def test_a_server_without_the_model_that_is_named_is_told_with_those_it_has(model: str) -> None:
    async with open_door() as door, Chat(f"{door.url}/v1", model=model) as made:
        with pytest.raises(UsageError, match=rf"no model '{model}'\. It has swarm, swarm-fast, fake"):
            await made.ask("x")


async def test_without_a_daemon_the_command_that_starts_one_is_told() -> None:
    async with Chat(config=load(None, {"server.port": 9}, environment={})) as made:
        with pytest.raises(DaemonAbsent, match="Start one: "):
            await made.ask("x")


@pytest.mark.parametrize("members", ["[{model: other.gguf}]", "[{url: 'http://127.0.0.1:9'}]"])
async def test_a_model_that_no_member_of_the_roster_would_run_is_refused(
    members: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    (tmp_path / "roster.yaml").write_text(f"members: {members}\n", encoding="utf-8")
    config = load(None, {"swarm.roster": str(tmp_path / "roster.yaml")}, environment={})
    async with Chat("local", model="starter", config=config) as made:
        with pytest.raises(UsageError, match="starter runs nowhere"):
            await made.ask("x")
