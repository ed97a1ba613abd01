"""The address of a swarm in, what its clients must know out: from the daemon that runs there, or else from the plan."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass

from local_swarm.api.key import base_url, headers, known
from local_swarm.config import Config

KNOCK_S = 2.0


@dataclass(frozen=True, slots=True)
class Running:
    """`url` ends in /v1. `key` is what to send, where nothing is demanded a word that says so. `live`: a daemon said it."""

    url: str
    context: int
    answer_tokens: int
    thinks: bool = False
    key: str = "none"
    live: bool = True


def running(config: Config) -> Running:
    """Raises WrongUse where neither a daemon runs nor a plan can be made."""
    url, key = base_url(config.server), known(config.server)
    request = urllib.request.Request(f"{url}/v1/swarm", headers=headers(key))
    try:
        with urllib.request.urlopen(request, timeout=KNOCK_S) as response:
            told = json.load(response)
        return Running(
            f"{url}/v1", int(told["context"]), int(told["answer_tokens"]), bool(told["thinks"]), key or "none"
        )
    except (OSError, ValueError, KeyError, TypeError):
        from local_swarm.node import planned

        _, _, plan = planned(config)
        return Running(f"{url}/v1", plan.context, plan.answer_tokens, key=key or "none", live=False)
