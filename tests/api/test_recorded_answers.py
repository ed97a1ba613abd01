"""Answers to fixed votes, byte for byte as they were recorded: what clients parse must not change by accident.

After a change that is meant: delete the file in `tests/api/recorded` and run this twice.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.metrics import Metrics
from local_swarm.api.server import create_app, listen, serve_app
from local_swarm.api.status import EngineStatus, Status, WorkerStatus
from local_swarm.types import (
    Accepted,
    Candidate,
    Delta,
    Election,
    Embedded,
    Event,
    Prompt,
    TokenLogprob,
    ToolCall,
    Turnout,
    Usage,
)

pytestmark = pytest.mark.anyio
RECORDED = Path(__file__).parent / "recorded"
CHANGES = (  # what differs from one answer to the next
    (re.compile(r"\b(chatcmpl-|cmpl-|resp_|msg_|rs_|call_|fc_)[A-Za-z]{24}"), r"\1ID"),
    (re.compile(r'"(created|created_at|at)":\d+'), r'"\1":0'),
    (re.compile(r'"version":"[^"]+"'), r'"version":"V"'),
)

TOKENS = (TokenLogprob("Yes", -0.25, (("Yes", -0.25), ("No", -1.5))), TokenLogprob(".", -0.125))
YES = Candidate("Yes.", "w1", "stop", Usage(12, 2, 4), 0.12345, anchor=True, mean_logprob=-0.1875, logprobs=TOKENS)
NO = Candidate("No\ud83d\ude00.", "w2", "length", Usage(12, 3), 0.5, reasoning="Hm, \u00e9.", node="attic")
CALL = ToolCall("x", "read", '{"path":"a.txt"}')
CALLS = Candidate("", "w3", "tool_calls", Usage(12, 9), 1.0, tool_calls=(CALL, CALL), flaw="no such tool: read")

PLAIN = Election((YES, YES, NO), 0, ((0, 1), (2,)), 0.83333, "auto", 1.23456, share=2 / 3, band="high", asked=5)
FULL = Election(
    candidates=(CALLS, YES, NO),
    winner=0,
    clusters=((0,), (1,), (2,)),
    agreement=0.33336,
    strategy="structure",
    seconds=2.0,
    decided_early=True,
    share=1 / 3,
    band="low",
    note="No sandbox here.",
    asked=3,
    nodes=(Turnout("here", 2, "ok"), Turnout("attic", 1, "late")),
    provider="first",
    tried=(("zeroth", "it is full"),),
)
THOUGHT = Election((NO,), 0, ((0,),), 1.0, "single", 0.5)


class FixedVoice:
    """See `Voice`. It says what it was told to, whatever it is asked."""

    name = "here"

    def __init__(self, election: Election) -> None:
        self.election = election

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        yield Accepted(12)
        yield Delta("w1", self.election.elected.text[:2])
        for candidate in self.election.candidates:
            yield candidate
        yield self.election


async def embed(texts: Sequence[str]) -> Embedded:
    return Embedded([[1.0, 0.5]] * len(texts), "fake", 3, "pooled")


def status() -> Status:
    engine = EngineStatus("llamacpp", "fake", "ready", 1000, 200, cells=10, steps=4)
    worker = WorkerStatus("w1", "llamacpp", True, 0, 3, 1, 0.5, None, 7)
    return Status("ok", 1, 1, "fake", 1000, "a note", 200, engines=(engine,), workers=(worker,))


CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Is it so?"}]}
BALLOTS = {"swarm": {"ballots": True}}
TOTALS = {"stream": True, "stream_options": {"include_usage": True}}
TEXT = {"prompt": "It is", "echo": True, "logprobs": 1}
ASKED: dict[str, tuple[Election, str, dict[str, Any] | None]] = {
    "chat": (PLAIN, "/v1/chat/completions", CHAT),
    "chat_in_full": (FULL, "/v1/chat/completions", {**CHAT, **BALLOTS, "n": 3, "logprobs": True}),
    "chat_stream": (PLAIN, "/v1/chat/completions", {**CHAT, "stream": True, "logprobs": True}),
    "chat_stream_in_full": (FULL, "/v1/chat/completions", {**CHAT, **TOTALS, **BALLOTS, "n": 2}),
    "chat_stream_fast": (PLAIN, "/v1/chat/completions", {**CHAT, "model": "swarm-fast", "stream": True}),
    "chat_draft": (THOUGHT, "/v1/chat/completions", {**CHAT, "stream": True, "swarm": {"stream": "draft"}}),
    "completions": (PLAIN, "/v1/completions", TEXT),
    "completions_stream": (PLAIN, "/v1/completions", {**TEXT, **TOTALS, **BALLOTS, "n": 2}),
    "responses": (PLAIN, "/v1/responses", {"input": "Is it so?", **BALLOTS}),
    "responses_in_full": (FULL, "/v1/responses", {"input": "Is it so?", "instructions": "Be brief."}),
    "responses_stream": (FULL, "/v1/responses", {"input": "Is it so?", "stream": True}),
    "responses_thoughts": (THOUGHT, "/v1/responses", {"input": "Is it so?", "stream": True}),
    "embeddings": (PLAIN, "/v1/embeddings", {"input": "a"}),
    "models": (PLAIN, "/v1/models", None),
    "health": (PLAIN, "/health", None),
    "swarm": (PLAIN, "/v1/swarm", None),
}


async def answer_to(url: str, path: str, body: dict[str, Any] | None) -> str:
    async with aiohttp.ClientSession() as http:
        verb = "GET" if body is None else "POST"
        async with http.request(verb, url + path, json=body) as response:
            text = await response.text()
            named = {name: value for name, value in response.headers.items() if name.startswith("x-swarm")}
    for found, put in CHANGES:
        text = found.sub(put, text)
    return f"{response.status} {named}\n{text}\n"


@pytest.fixture(params=ASKED)
async def recorded(request: Any) -> AsyncIterator[tuple[str, str]]:
    election, path, body = ASKED[request.param]
    made = listen("127.0.0.1", 0)
    async with serve_app(create_app(LoggedVoice(FixedVoice(election), Metrics(status)), status, embed), made):
        yield request.param, await answer_to(f"http://127.0.0.1:{made.getsockname()[1]}", path, body)


async def test_an_answer_is_byte_for_byte_what_it_was(recorded: tuple[str, str]) -> None:
    name, text = recorded
    path = RECORDED / f"{name}.txt"
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{path.name} was not there and is recorded now: read it, then run this again")
    assert text == path.read_text(encoding="utf-8")
