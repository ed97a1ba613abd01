"""A chat request in, a chat completion out: from the daemon that runs on this machine, or from a swarm started for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from local_swarm.api.chat import ChatReply, ChatRequest
from local_swarm.api.envelope import new_envelope
from local_swarm.cli.console import err
from local_swarm.config import Config
from local_swarm.daemon import SWARM, DaemonClient
from local_swarm.errors import DaemonAbsent, DaemonRefused, SwarmError, UsageError
from local_swarm.events import election_of
from local_swarm.node import Node, run_node
from local_swarm.types import Candidate, Event

ANSWER_S = 1800.0
START_S = 900.0  # a large model takes its time to load
PAUSE_S = 1.0

Say = Callable[[str], None]


def quiet(_words: str) -> None:
    """Says nothing."""


def answer_to(wish: dict[str, Any], config: Config, own: bool, say: Say = quiet) -> dict[str, Any]:
    """With `own` never the daemon's answer. `say` hears what goes on meanwhile.

    Raises UsageError for a wrong wish, DaemonAbsent where a swarm runs on another port alone, SwarmError for what is refused."""
    try:
        request = ChatRequest.model_validate(wish)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from problem
    daemon = DaemonClient(config.server)
    if not own and daemon.runs():
        return from_daemon(daemon, wish, say)
    if not own and (elsewhere := daemon.elsewhere()):
        raise DaemonAbsent(f"No swarm runs on port {config.server.port}. {elsewhere}")
    if not own:
        err.print(f"No swarm runs on port {config.server.port}, so one is started for this question.", style="dim")
    return asyncio.run(from_own_swarm(request, config, say))


def from_daemon(daemon: DaemonClient, wish: dict[str, Any], say: Say) -> dict[str, Any]:
    wait_for_start(daemon, say)
    with told_by(daemon, say):
        completion: dict[str, Any] = daemon.ask("/v1/chat/completions", wish, ANSWER_S)
        return completion


def wait_for_start(daemon: DaemonClient, say: Say, pause_s: float = PAUSE_S) -> None:
    """Until the swarm does not say any more that it is starting. Raises DaemonRefused where that takes too long."""
    began = time.monotonic()
    while daemon.state() == "starting":
        waited = time.monotonic() - began
        if waited > START_S:
            raise DaemonRefused(f"The swarm on port {daemon.server.port} is still starting. Try again later.", 503)
        say(f"The swarm is starting, {waited:.0f} s ...")
        time.sleep(pause_s)


@contextlib.contextmanager
def told_by(daemon: DaemonClient, say: Say) -> Iterator[None]:
    """While the context lasts, `say` hears how far the daemon is."""
    over = threading.Event()

    def watch() -> None:
        with contextlib.suppress(SwarmError, KeyError, TypeError):
            before = daemon.ask(SWARM)
            while not over.wait(PAUSE_S):
                say(progress_in_words(before, daemon.ask(SWARM)))

    watcher = threading.Thread(target=watch, name="progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join(PAUSE_S)


def progress_in_words(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What `/v1/swarm` said when a question was asked, and says now, as words for the one who waits."""
    then = {one["id"]: one["requests"] for one in before["workers"]}
    answered = sum(one["requests"] > then.get(one["id"], 0) for one in now["workers"])
    busy = sum(bool(one["busy"]) for one in now["workers"])
    written = tokens_written(now) - tokens_written(before)
    if written <= 0 and not answered:
        return "Reading the question ..."
    return f"{answered} of {max(answered, busy)} have answered, {written:,} tokens written ..."


def tokens_written(told: Mapping[str, Any]) -> int:
    """Tokens that the engines have written, all workers together."""
    return round(sum((one.get("steps") or 0) * (one.get("batch_size") or 0.0) for one in told["engines"]))


async def from_own_swarm(request: ChatRequest, config: Config, say: Say) -> dict[str, Any]:
    say("Starting a swarm for this question ...")
    async with run_node(config, serve=False) as node:
        election = await election_of(
            count_answers(node.voice.answer(request.prompt(fast=False, session=None)), node, say)
        )
        envelope = new_envelope(request.model, node.swarm.name, node.status().note)
        return ChatReply(envelope, request).completion(election).json_value()


async def count_answers(events: AsyncGenerator[Event, None], node: Node, say: Say) -> AsyncGenerator[Event, None]:
    """The events; `say` hears how many have answered."""
    answered = 0
    say("Asking the swarm ...")
    async with contextlib.aclosing(events):
        async for event in events:
            if isinstance(event, Candidate):
                answered += 1
                say(f"{answered} of {max(answered, len(node.swarm.workers))} have answered ...")
            yield event
