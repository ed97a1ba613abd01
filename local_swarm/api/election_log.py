"""A Voice in, the same Voice out that remembers its last elections, counts what it does and tells whoever listens."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from local_swarm.api.metrics import Metrics, token_counts
from local_swarm.errors import SwarmError
from local_swarm.types import Candidate, Election, Event, Prompt, Voice

REMEMBERED = 20
LONGEST_TEXT = 8000  # characters of an answer that are remembered
MOST_LISTENERS = 200
MOST_UNHEARD = 256  # events that a slow listener may be behind; it misses those after that


class LoggedVoice:
    """See `Voice`. `elections` are the last ones, the newest last, and what listeners are told: no word of what was asked or
    answered is in them. `texts` holds the words, by the election's number, for this user alone."""

    def __init__(self, voice: Voice, metrics: Metrics) -> None:
        self.voice, self.metrics = voice, metrics
        self.elections: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self.texts: dict[int, dict[str, Any]] = {}
        self.tokens = dict.fromkeys(("prompt", "cached", "elected", "written"), 0)
        self.listeners: set[asyncio.Queue[dict[str, Any]]] = set()
        self._numbers = itertools.count(1)

    @property
    def name(self) -> str:
        return self.voice.name

    @property
    def crowded(self) -> bool:
        return len(self.listeners) >= MOST_LISTENERS

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[dict[str, Any]]]:
        """What happens from now on."""
        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_UNHEARD)
        self.listeners.add(heard)
        try:
            yield heard
        finally:
            self.listeners.discard(heard)

    def publish(self, kind: str, number: int, **facts: Any) -> None:
        for heard in self.listeners:
            if not heard.full():
                heard.put_nowait({"type": kind, "number": number, **facts})

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        number, over = next(self._numbers), False
        self.metrics.open.inc()
        self.publish("asked", number)
        try:
            async with aclosing(self.voice.answer(prompt)) as events:
                async for event in events:
                    if isinstance(event, Candidate):
                        self.publish("candidate", number, **ballot_facts(event))
                    elif isinstance(event, Election):
                        over = True
                        self.record(number, prompt, event)
                    yield event
        except SwarmError as problem:
            self.metrics.failures.labels(problem.code or problem.kind).inc()
            raise
        finally:
            self.metrics.open.dec()
            if not over:
                self.publish("given-up", number)

    def record(self, number: int, prompt: Prompt, election: Election) -> None:
        self.metrics.saw_election(election)
        for kind, count in token_counts(election).items():
            self.tokens[kind] += count
        entry = election_record(number, election)
        self.elections.append(entry)
        self.texts[number] = election_texts(prompt, election)
        for old in list(self.texts)[:-REMEMBERED]:
            del self.texts[old]
        self.publish("election", **entry)


def election_record(number: int, election: Election) -> dict[str, Any]:
    """A vote without its words: who voted with whom."""
    groups = {place: group for group, cluster in enumerate(election.clusters) for place in cluster}
    return {
        "number": number,
        "at": int(time.time()),
        "strategy": election.strategy,
        "agreement": round(election.agreement, 4),
        "candidates": len(election.candidates),
        "clusters": [len(cluster) for cluster in election.clusters],
        "decided_early": election.decided_early,
        "seconds": round(election.seconds, 3),
        "prompt_tokens": election.elected.usage.prompt_tokens,
        "completion_tokens": election.elected.usage.completion_tokens,
        "ballots": [
            {**ballot_facts(one), "cluster": groups[place], "elected": place == election.winner}
            for place, one in enumerate(election.candidates)
        ],
    }


def ballot_facts(candidate: Candidate) -> dict[str, Any]:
    tokens = candidate.usage.completion_tokens
    return {"voter": candidate.voter, "node": candidate.node, "seconds": round(candidate.seconds, 3), "tokens": tokens}


def election_texts(prompt: Prompt, election: Election) -> dict[str, Any]:
    said = [message.content for message in prompt.messages if message.role == "user"]
    question = said[-1] if said else prompt.text or ""
    return {
        "question": question[:LONGEST_TEXT],
        "answers": [candidate_text(one)[:LONGEST_TEXT] for one in election.candidates],
    }


def candidate_text(candidate: Candidate) -> str:
    calls = [f"{call.name}({call.arguments})" for call in candidate.tool_calls]
    return "\n".join([*([candidate.text] if candidate.text else []), *calls])
