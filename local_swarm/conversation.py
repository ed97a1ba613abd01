"""Words in, answers out, with a memory: a conversation with a swarm, the daemon or any OpenAI-compatible API.

    chat = Chat()                                  # the daemon on this machine
    chat = Chat("local")                           # a swarm started in this process
    chat = Chat("https://api.example.org/v1", model="some-model", key=...)
    answer = await chat.ask("What is a monad?")    # or chat.ask_sync(...)

`another()` makes more conversations over the same models, each with a memory of its own: one for each agent of a
program.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

from local_swarm.api.key import base_url, key_to_send
from local_swarm.backends.openai_compatible.backend import OpenAICompatible, ServerTarget, normalize_url
from local_swarm.commands import command
from local_swarm.config import Config, load
from local_swarm.confined.process import ConfinedPool
from local_swarm.errors import BadRequest, DaemonAbsent, EngineLost, UsageError
from local_swarm.events import election_of
from local_swarm.launch import Launch, launch_named, name_models
from local_swarm.limits import check_prompt
from local_swarm.node import run_node
from local_swarm.settings.reader import nearest
from local_swarm.survey import Survey
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.worker import Worker
from local_swarm.types import Delta, Election, Event, FinishReason, Message, Prompt, Sampling, ToolCall, Usage, Voice
from local_swarm.voting.similarity.no_embedder import NoEmbedder

LOCAL = "local"
REMEMBERED = 40  # messages, the oldest are forgotten first

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said. `agreement`: how likely it is to be right, 0 to 1; None where one voice answered. See
    `types.Election`."""

    text: str
    usage: Usage
    finish_reason: FinishReason
    agreement: float | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    provider: str | None = None

    def __str__(self) -> str:
        return self.text


class ChatSource:
    """Where the answers come from. Opened at first use, in the event loop of its first user, and closed by `close`."""

    def __init__(self, source: str | Voice | None, model: str | None, key: str | None, config: Config | None) -> None:
        if problem := mistake(source, model, key):
            raise UsageError(problem)
        self.source, self.model, self.key, self.config = source, model, key, config
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._voice: Voice | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def voice(self) -> Voice:
        """Raises UsageError from another event loop than the first, and whatever keeps the source from answering."""
        async with self._opening:
            if self._voice is None:
                try:
                    self._voice, self._loop = await self._open(), asyncio.get_running_loop()
                except BaseException:
                    await self._stack.aclose()
                    raise
            if self._loop is not asyncio.get_running_loop():
                raise UsageError("A Chat is used from one event loop: either with ask or with ask_sync.")
            return self._voice

    async def _open(self) -> Voice:
        if self.source is not None and not isinstance(self.source, str):
            return self.source
        if self.source == LOCAL:
            launch = await asyncio.to_thread(self._launch)
            node = await self._stack.enter_async_context(run_node(launch.config, launch, serve=False))
            return node.voice
        key = self.key if self.source else self.key or key_to_send((self.config or load()).server)
        server = OpenAICompatible(ServerTarget(self._url(), self.model or (None if self.source else "swarm"), key))
        self._stack.push_async_callback(server.close)
        await self._reach(server)
        confined = ConfinedPool()
        self._stack.push_async_callback(confined.close)
        return Swarm(self._url(), [Worker("api", 1, server)], NoEmbedder(), confined=confined)

    async def _reach(self, server: OpenAICompatible) -> None:
        """Raises DaemonAbsent where that is what was to answer, EngineLost for another server, UsageError for its models."""
        try:
            await server.start()
        except EngineLost as problem:
            if self.source:
                raise
            said = f"No swarm answers at {self._url()}. Start one: {command()}. Or start one in this program: Chat({LOCAL!r})."
            raise DaemonAbsent(said) from problem

    def _launch(self) -> Launch:
        """Of a swarm in this process: `model` is what `--model` would be. Raises UsageError where it would run nowhere."""
        config, survey = self.config or load(), Survey()
        if self.model:
            config = replace(config, models=replace(config.models, model=self.model))
        named = name_models(config, survey)
        if self.model and named.left_out:
            raise UsageError(f"{named.left_out} Leave out the model or the roster.")
        return launch_named(named, survey)

    def _url(self) -> str:
        if isinstance(self.source, str):
            return normalize_url(self.source)
        return normalize_url(base_url((self.config or load()).server))

    async def close(self) -> None:
        await self._stack.aclose()
        self._voice = None


class Background:
    """An event loop in a thread of its own, for programs that have none. Started at first use."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        begun = self.begin(work)
        try:
            return begun.result()
        finally:
            begun.cancel()  # who no longer waits, as after Ctrl-C, wants no answer; of one that is there nothing changes

    def begin(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="local-swarm-chat", daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = None


class Chat:
    """A conversation. `source`: None for the daemon, "local", an address, or a Voice. `model`: what runs, or which of the
    server's; `key`: of the server. `usage` adds up all answers. Raises UsageError for what cannot be meant."""

    def __init__(
        self,
        source: str | Voice | None = None,
        *,
        model: str | None = None,
        key: str | None = None,
        system: str | None = None,
        remembered: int = REMEMBERED,
        config: Config | None = None,
    ) -> None:
        self.system, self.remembered = system, remembered
        self.messages: list[Message] = []
        self.usage = Usage(0, 0)
        self._source, self._background = ChatSource(source, model, key, config), Background()

    def another(self, system: str | None = None) -> Chat:
        """A new conversation over the same models."""
        other = Chat.__new__(Chat)
        other.system, other.remembered, other.messages, other.usage = system, self.remembered, [], Usage(0, 0)
        other._source, other._background = self._source, self._background
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the models, for all conversations over them."""
        await self._source.close()

    async def ask(self, text: str, tools: Sequence[dict[str, Any]] = (), **sampling: Any) -> Answer:
        """One answer. `sampling` as in `types.Sampling`: temperature, seed, max_tokens ... Raises SwarmErrors; what
        failed is not remembered."""
        return self._remember(text, await election_of(await self._events(text, tools, sampling)))

    async def stream(self, text: str, **sampling: Any) -> AsyncGenerator[str, None]:
        """The answer's words as they come; of several voices at once, when they have voted."""
        heard = 0
        async with aclosing(await self._events(text, (), sampling)) as events:
            async for event in events:
                words = ""
                if isinstance(event, Delta):
                    words = event.text
                elif isinstance(event, Election):
                    words = self._remember(text, event).text[heard:]
                heard += len(words)
                if words:
                    yield words

    async def _events(
        self, text: str, tools: Sequence[dict[str, Any]], sampling: dict[str, Any]
    ) -> AsyncGenerator[Event, None]:
        system = [Message("system", self.system)] if self.system else []
        asked = prompt_of((*system, *self.messages, Message("user", text)), tools, sampling)
        return (await self._source.voice()).answer(asked)

    def _remember(self, text: str, election: Election) -> Answer:
        answer = answer_of(election)
        self.messages += [Message("user", text), Message("assistant", answer.text, answer.tool_calls)]
        del self.messages[: max(0, len(self.messages) - self.remembered)]
        read, written = self.usage.prompt_tokens, self.usage.completion_tokens
        cached = self.usage.cached_tokens + answer.usage.cached_tokens
        self.usage = Usage(read + answer.usage.prompt_tokens, written + answer.usage.completion_tokens, cached)
        return answer

    # -- for programs without an event loop

    def ask_sync(self, text: str, tools: Sequence[dict[str, Any]] = (), **sampling: Any) -> Answer:
        """`ask`, from a program without an event loop."""
        return self._background.run(self.ask(text, tools, **sampling))

    def stream_sync(self, text: str, **sampling: Any) -> Iterator[str]:
        """`stream`, from a program without an event loop. Closing the iterator cancels the answer."""
        heard: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()

        async def listen() -> None:
            try:
                async with aclosing(self.stream(text, **sampling)) as words:
                    async for piece in words:
                        heard.put(piece)
                heard.put(None)
            except BaseException as problem:
                heard.put(problem)

        begun = self._background.begin(listen())
        try:
            while (piece := heard.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            begun.cancel()

    def close_sync(self) -> None:
        self._background.run(self.close())
        self._background.stop()


def mistake(source: object, model: object, key: object) -> str | None:
    """What cannot be meant; nothing that was named is left out in silence."""
    named = isinstance(source, str)
    for name, value in (("model", model), ("key", key)):
        if value is not None and not isinstance(value, str):
            return f"Chat's {name} is text, not {type(value).__name__}."
    if source is not None and not named:
        if not hasattr(source, "answer"):
            return f"Chat answers from None, {LOCAL!r}, an address or a Voice, not {type(source).__name__}."
        return "A Voice has its model and key already: leave them out." if model or key else None
    return f"Chat({LOCAL!r}) asks no server, and needs no key." if source == LOCAL and key else None


def prompt_of(messages: tuple[Message, ...], tools: Sequence[dict[str, Any]], sampling: dict[str, Any]) -> Prompt:
    """Raises UsageError for a sampling parameter that does not exist, BadRequest for values that cannot be."""
    known = [one.name for one in fields(Sampling)]
    for name in sampling:
        if name not in known:
            raise UsageError(f"There is no sampling parameter {name!r}.{nearest(name, known)}")
    if not isinstance(messages[-1].content, str):
        raise BadRequest(f"A question is text, not {type(messages[-1].content).__name__}.")
    try:
        return check_prompt(Prompt(messages, tuple(tools), sampling=Sampling(**sampling)))
    except (TypeError, AttributeError, ValueError) as problem:
        raise BadRequest(f"The tools or sampling parameters are of a wrong kind: {problem}.") from problem


def answer_of(election: Election) -> Answer:
    elected = election.elected
    agreement = election.agreement if len(election.candidates) > 1 else None
    return Answer(
        text=elected.text,
        usage=elected.usage,
        finish_reason=elected.finish_reason,
        agreement=agreement,
        tool_calls=elected.tool_calls,
        provider=election.provider,
    )
