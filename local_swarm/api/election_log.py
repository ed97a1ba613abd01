"""A voice in, a voice out that logs its elections, counts tokens and failures, and publishes what happens to subscribers."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Literal

from typing_extensions import TypedDict

from local_swarm.api.metrics import Metrics, token_counts
from local_swarm.errors import SwarmError
from local_swarm.types import Candidate, Election, Event, Prompt, Voice

REMEMBERED = 20
LONGEST_TEXT = 8000  # characters of an answer that are remembered
MOST_SUBSCRIBERS = 200
MOST_UNREAD = 256  # events that a slow subscriber may be behind; it misses those after that


class BallotFacts(TypedDict):
    """Who answered, without the answer."""

    voter: str
    node: str | None
    seconds: float
    tokens: int


class BallotRecord(BallotFacts):
    """`cluster`: an index into the election's `clusters`."""

    cluster: int
    elected: bool


class ElectionRecord(TypedDict):
    """A vote without its texts: who voted with whom. `at` is in seconds since 1970; `asked`: how many could have answered."""

    number: int
    at: int
    strategy: str
    agreement: float
    candidates: int
    asked: int
    clusters: list[int]
    decided_early: bool
    seconds: float
    prompt_tokens: int
    completion_tokens: int
    ballots: list[BallotRecord]


class ElectionTexts(TypedDict):
    """What was asked, and every answer in the order of the record's ballots."""

    question: str
    answers: list[str]


class LoggedVoice:
    """See `Voice`. `elections` are the last ones, the newest last. Neither they nor what is published holds a word of a prompt or
    an answer. `texts` has those words, by the election's number, for this user alone."""

    def __init__(self, voice: Voice, metrics: Metrics) -> None:
        self.voice, self.metrics = voice, metrics
        self.elections: deque[ElectionRecord] = deque(maxlen=REMEMBERED)
        self.texts: dict[int, ElectionTexts] = {}
        self.tokens = dict.fromkeys(("prompt", "cached", "elected", "written"), 0)
        self.subscribers: set[asyncio.Queue[dict[str, Any]]] = set()
        self._numbers = itertools.count(1)

    @property
    def name(self) -> str:
        return self.voice.name

    @property
    def crowded(self) -> bool:
        return len(self.subscribers) >= MOST_SUBSCRIBERS

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[dict[str, Any]]]:
        """A queue of what happens from now on."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_UNREAD)
        self.subscribers.add(queue)
        try:
            yield queue
        finally:
            self.subscribers.discard(queue)

    def publish(self, kind: Literal["asked", "candidate", "election", "given-up"], number: int, **facts: Any) -> None:
        for queue in self.subscribers:
            if not queue.full():
                queue.put_nowait({"type": kind, "number": number, **facts})

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


def election_record(number: int, election: Election) -> ElectionRecord:
    cluster_of = {member: group for group, cluster in enumerate(election.clusters) for member in cluster}
    return {
        "number": number,
        "at": int(time.time()),
        "strategy": election.strategy,
        "agreement": round(election.agreement, 4),
        "candidates": len(election.candidates),
        "asked": max(election.asked, len(election.candidates)),
        "clusters": [len(cluster) for cluster in election.clusters],
        "decided_early": election.decided_early,
        "seconds": round(election.seconds, 3),
        "prompt_tokens": election.elected.usage.prompt_tokens,
        "completion_tokens": election.elected.usage.completion_tokens,
        "ballots": [
            {**ballot_facts(one), "cluster": cluster_of[index], "elected": index == election.winner}
            for index, one in enumerate(election.candidates)
        ],
    }


def ballot_facts(candidate: Candidate) -> BallotFacts:
    tokens = candidate.usage.completion_tokens
    return {"voter": candidate.voter, "node": candidate.node, "seconds": round(candidate.seconds, 3), "tokens": tokens}


def election_texts(prompt: Prompt, election: Election) -> ElectionTexts:
    said = [message.content for message in prompt.messages if message.role == "user"]
    question = said[-1] if said else prompt.text or ""
    return {
        "question": question[:LONGEST_TEXT],
        "answers": [candidate_text(one)[:LONGEST_TEXT] for one in election.candidates],
    }


def candidate_text(candidate: Candidate) -> str:
    calls = [f"{call.name}({call.arguments})" for call in candidate.tool_calls]
    return "\n".join([*([candidate.text] if candidate.text else []), *calls])
