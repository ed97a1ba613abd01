"""A prompt in, the answer of the first provider that can give one out. A chain of Voices is a Voice.

A request goes down the chain when a provider fails before it has said anything, takes too long, may not be asked (its
limits, its rest after a failure), or agrees with itself too little. Once words have been streamed the answer stays
where it began.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from local_swarm.errors import BadRequest, Busy, Starting, SwarmError, Unavailable
from local_swarm.events import accepted_once, each_within
from local_swarm.fallback.ledger import Account, Ledger
from local_swarm.limits import LONGEST_ANSWER
from local_swarm.types import Accepted, Delta, Election, Event, Prompt, Voice

logger = logging.getLogger(__name__)

CHARACTERS_PER_TOKEN = 3  # what is set aside is rather too much than too little


@dataclass(frozen=True, slots=True)
class Step:
    """One provider. `voices`: how many answers it may give to one prompt. `longest_answer`: tokens, where the prompt
    has no limit and this provider's cost has one. `patience_s`: how long it may take to say its first word."""

    voice: Voice
    account: Account
    priority: int = 0
    patience_s: float = 120.0
    voices: int = 1
    longest_answer: int = LONGEST_ANSWER

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def limited(self) -> bool:
        limits = self.account.limits
        return limits.budget is not None or limits.tokens_per_day is not None

    def with_limit(self, prompt: Prompt) -> Prompt:
        """The prompt with an end to its answer, where what it costs has one."""
        wish = prompt.sampling.max_tokens
        most = min(wish or self.longest_answer, self.longest_answer)
        return replace(prompt, sampling=replace(prompt.sampling, max_tokens=most)) if self.limited else prompt

    def most(self, prompt: Prompt) -> tuple[int, int]:
        """Tokens that a prompt may read and write at most, over all voices."""
        written = [
            text for one in prompt.messages for text in (one.content, *(call.arguments for call in one.tool_calls))
        ]
        characters = sum(map(len, written)) + len(prompt.text or "") + len(str(prompt.tools or ""))
        voices = min(prompt.voices or self.voices, self.voices)
        return voices * (characters // CHARACTERS_PER_TOKEN + 64), voices * (
            prompt.sampling.max_tokens or self.longest_answer
        )


class Chain:
    """See `Voice`. `escalate_below`: an election that agrees less asks the next step as well, whose answer then
    counts."""

    def __init__(
        self,
        name: str,
        steps: Sequence[Step],
        ledger: Ledger,
        escalate_below: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self.ledger, self.escalate_below, self.clock = name, ledger, escalate_below, clock
        self.steps = sorted(steps, key=lambda step: step.priority)

    @property
    def name(self) -> str:
        return self._name

    def report(self) -> list[dict[str, Any]]:
        """What each provider was asked, took and cost, the first one first."""
        return [{**step.account.report(), "priority": step.priority} for step in self.steps]

    def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `Voice`. Candidates come with the election that counts; the others' are dropped."""
        return accepted_once(self._answer(prompt))

    async def _answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        tried: list[tuple[str, str]] = []
        doubtful: list[Event] = []
        problem: SwarmError | None = None
        begun = False  # the client has heard words: from then on nobody else is asked
        for place, step in enumerate(self.steps):
            asked = step.with_limit(prompt)
            if reason := step.account.refusal(*step.most(asked)):
                tried.append((step.name, reason))
                continue
            held: list[Event] = []
            try:
                async with aclosing(self._ask(step, asked)) as events:
                    async for event in events:
                        begun = begun or isinstance(event, Delta)
                        if isinstance(event, Accepted | Delta):
                            yield event
                        else:
                            held.append(event)
            except BadRequest:
                if place == len(self.steps) - 1 or begun:
                    raise
                tried.append((step.name, "it does not take this request"))
                continue
            except SwarmError as failure:
                if begun:
                    raise
                problem = failure
                tried.append((step.name, failure.message))
                step.account.fallbacks += 1
                continue
            if begun or place == len(self.steps) - 1 or self._agrees(held[-1]):
                for event in events_with_provider(held, step.name, tried):
                    yield event
                return
            step.account.fallbacks += 1
            tried.append((step.name, "its voices agreed too little"))
            doubtful = doubtful or events_with_provider(held, step.name, [])
        if doubtful:  # nobody further down could answer
            for event in doubtful:
                yield replace(event, tried=tuple(tried)) if isinstance(event, Election) else event
            return
        raise problem or Unavailable(f"No provider may be asked now: {reasons_text(tried)}.", retry_after_s=15)

    def _agrees(self, outcome: Event) -> bool:
        below = self.escalate_below
        return not isinstance(outcome, Election) or below is None or outcome.agreement >= below

    async def _ask(self, step: Step, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """One provider's events, each of which must come in time. What it took is booked whatever happens."""
        account, began = step.account, self.clock()
        held = account.open(*step.most(prompt))
        self.ledger.save([one.account for one in self.steps])
        read, written = step.most(prompt)  # a request that was given up is booked in full: nobody tells what it cost
        try:
            async with aclosing(self._patiently(step, prompt)) as events:
                async for event in events:
                    if isinstance(event, Election):
                        read = sum(one.usage.prompt_tokens for one in event.candidates)
                        written = event.completion_tokens_total
                        account.book_success(self.clock() - began)
                    yield event
        except SwarmError as problem:
            if isinstance(problem, BadRequest | Starting | Busy):  # it never began
                read = written = 0
            if not isinstance(problem, BadRequest):
                account.book_failure()
            raise
        finally:
            account.close(held, read, written)
            self.ledger.save([one.account for one in self.steps])

    async def _patiently(self, step: Step, prompt: Prompt) -> AsyncGenerator[Event, None]:
        try:
            async with aclosing(each_within(step.voice.answer(prompt), step.patience_s)) as events:
                async for event in events:
                    yield event
        except TimeoutError as problem:
            raise Unavailable(f"{step.name} did not answer within {step.patience_s:g} seconds.") from problem


def events_with_provider(held: Sequence[Event], name: str, tried: Sequence[tuple[str, str]]) -> list[Event]:
    """Candidates and their election, which tells who gave it and who was tried before."""
    return [
        replace(event, provider=name, tried=tuple(tried)) if isinstance(event, Election) else event for event in held
    ]


def reasons_text(tried: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in tried) or "there is none"
