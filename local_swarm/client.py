"""A chat request in, a chat completion out: from the daemon that runs on this machine, or from a swarm started for it."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from typing import Any

from pydantic import ValidationError

from local_swarm.api.answers import identifier, last
from local_swarm.api.key import base_url, headers, known
from local_swarm.api.replies import Reply
from local_swarm.api.schemas import ChatRequest
from local_swarm.config import Config
from local_swarm.errors import SwarmError, WrongUse
from local_swarm.node import running

KNOCK_S = 1.0
LONGEST_S = 1800.0


def answer_to(wish: dict[str, Any], config: Config, own: bool) -> dict[str, Any]:
    """With `own` never the daemon's answer. Raises WrongUse for a wrong wish and SwarmError for what the daemon refuses."""
    try:
        request = ChatRequest.model_validate(wish)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise WrongUse(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from problem
    url = base_url(config.server)
    if not own and listening(url):
        return from_daemon(url, wish, known(config.server))
    return asyncio.run(from_own_swarm(request, config))


def listening(url: str) -> bool:
    """Whether a swarm answers there; any other server is none."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=KNOCK_S) as response:
            return "workers" in json.load(response)
    except urllib.error.HTTPError as problem:
        return problem.code == 503  # it is starting
    except (OSError, ValueError, TypeError):
        return False


def from_daemon(url: str, wish: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    sent = {"content-type": "application/json", **headers(key)}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(wish).encode(), sent, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=LONGEST_S) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except urllib.error.HTTPError as problem:
        raise SwarmError(message_of(problem)) from problem
    except (OSError, ValueError) as problem:
        raise SwarmError(f"The swarm at {url} stopped answering: {problem}.") from problem


def message_of(problem: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(problem)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The swarm answered with status {problem.code}."


async def from_own_swarm(request: ChatRequest, config: Config) -> dict[str, Any]:
    async with running(config, serve=False) as node:
        election = await last(node.voice.answer(request.prompt(fast=False, session=None)))
        reply = Reply(identifier(), int(time.time()), request.model, node.swarm.name, node.status().note)
        return reply.completion(election, request.choices, request.ballots)
