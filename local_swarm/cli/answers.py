"""A chat request in, a chat completion out: from the daemon that runs on this machine, or from a swarm started for it."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import ValidationError

from local_swarm.api.chat import ChatReply, ChatRequest
from local_swarm.api.envelope import new_envelope
from local_swarm.config import Config
from local_swarm.daemon import DaemonClient
from local_swarm.errors import UsageError
from local_swarm.events import election_of
from local_swarm.node import run_node

ANSWER_S = 1800.0


def answer_to(wish: dict[str, Any], config: Config, own: bool) -> dict[str, Any]:
    """With `own` never the daemon's answer. Raises UsageError for a wrong wish and SwarmError for what the daemon refuses."""
    try:
        request = ChatRequest.model_validate(wish)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from problem
    daemon = DaemonClient(config.server)
    if not own and daemon.runs():
        completion: dict[str, Any] = daemon.ask("/v1/chat/completions", wish, ANSWER_S)
        return completion
    return asyncio.run(from_own_swarm(request, config))


async def from_own_swarm(request: ChatRequest, config: Config) -> dict[str, Any]:
    async with run_node(config, serve=False) as node:
        election = await election_of(node.voice.answer(request.prompt(fast=False, session=None)))
        envelope = new_envelope(request.model, node.swarm.name, node.status().note)
        return ChatReply(envelope, request).completion(election).json_value()
