"""A Voice in, the same Voice out that remembers its last elections and counts what it does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from local_swarm.api.metrics import Metrics
from local_swarm.errors import SwarmError
from local_swarm.types import Election, Event, Prompt, Voice

REMEMBERED = 20


class Journal:
    """See `Voice`. `elections` are the last ones, the newest last; they tell no word of what was asked or answered."""

    def __init__(self, voice: Voice, metrics: Metrics) -> None:
        self.voice, self.metrics = voice, metrics
        self.elections: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self.tokens = dict.fromkeys(("prompt", "cached", "elected", "written"), 0)

    @property
    def name(self) -> str:
        return self.voice.name

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        self.metrics.open.inc()
        try:
            async with aclosing(self.voice.answer(prompt)) as events:
                async for event in events:
                    if isinstance(event, Election):
                        self.note(event)
                    yield event
        except SwarmError as problem:
            self.metrics.failures.labels(problem.code or problem.kind).inc()
            raise
        finally:
            self.metrics.open.dec()

    def note(self, election: Election) -> None:
        self.metrics.saw_election(election)
        usage = election.elected.usage
        for kind, count in (
            ("prompt", usage.prompt_tokens), ("cached", usage.cached_tokens), ("elected", usage.completion_tokens),
            ("written", election.completion_tokens_total),
        ):  # fmt: skip
            self.tokens[kind] += count
        self.elections.append(
            {
                "at": int(time.time()),
                "strategy": election.strategy,
                "agreement": round(election.agreement, 4),
                "candidates": len(election.candidates),
                "clusters": [len(cluster) for cluster in election.clusters],
                "decided_early": election.decided_early,
                "seconds": round(election.seconds, 3),
                "prompt_tokens": election.elected.usage.prompt_tokens,
                "completion_tokens": election.elected.usage.completion_tokens,
            }
        )
