"""The older way to ask, `/v1/completions`: texts in, what follows them out, with a gap to fill where a suffix is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from local_swarm.api.replies import SLICE, Reply, Sent, by_agreement, error_body, slices, usage
from local_swarm.api.schemas import SampledRequest
from local_swarm.api.sse import COMMENT, DONE, KEEP_ALIVE_S, sse_event
from local_swarm.api.waiting import begin_answer
from local_swarm.errors import BadRequest, SwarmError
from local_swarm.events import election_of, with_pauses
from local_swarm.limits import MOST_NUMBER, MOST_TOP, bounded
from local_swarm.types import Candidate, Delta, Election, Event, Prompt, TokenLogprob, Voice

USUAL_TOKENS = 16  # what OpenAI's API writes where nobody says how much
MOST_PROMPTS = 64


class CompletionRequest(SampledRequest):
    prompt: (
        str
        | Annotated[list[str], Field(fail_fast=True)]
        | Annotated[list[int], Field(fail_fast=True)]
        | Annotated[list[list[int]], Field(fail_fast=True)]
    ) = ""
    suffix: str | None = None
    max_tokens: Annotated[int, Field(ge=0, le=MOST_NUMBER)] | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=MOST_TOP)] | None = None
    best_of: int | None = None

    def prompts(self, fast: bool, session: str | None) -> list[Prompt]:
        """One for each text. Raises BadRequest for what cannot be done."""
        if self.max_tokens == 0 and not self.echo:
            raise BadRequest("max_tokens must be at least 1, but with echo.", param="max_tokens")
        return [
            bounded(
                Prompt(
                    messages=(),
                    text=text,
                    suffix=self.suffix,
                    sampling=self.sampling(
                        USUAL_TOKENS if self.max_tokens is None else max(1, self.max_tokens), self.logprobs
                    ),
                    voices=1 if self.max_tokens == 0 else self.voices(fast),
                    strategy=self.swarm.strategy if self.swarm else None,
                    early=not (self.swarm and self.swarm.early is False),
                    session=session or self.prompt_cache_key or self.user,
                    scored=bool(self.echo) and self.logprobs is not None,
                )
            )
            for text in self.texts()
        ]

    def texts(self) -> list[str]:
        texts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        if any(not isinstance(text, str) for text in texts):
            raise BadRequest("prompt must be text; tokens by number are not taken.", param="prompt")
        if not 1 <= len(texts) <= MOST_PROMPTS:
            raise BadRequest(f"prompt must be 1 to {MOST_PROMPTS} texts.", param="prompt")
        return [str(text) for text in texts]


@dataclass(frozen=True, slots=True)
class Completion:
    """How one request is answered."""

    reply: Reply
    wish: CompletionRequest
    prompts: Sequence[Prompt]

    def body(self, elections: Sequence[Election]) -> dict[str, Any]:
        choices = [
            self.choice(place * self.wish.choices + number, candidate, self.prompts[place])
            for place, election in enumerate(elections)
            for number, candidate in enumerate(by_agreement(election)[: self.wish.choices])
        ]
        extensions = [self.reply.extension(election, self.wish.ballots) for election in elections]
        return {**self.frame(choices), "usage": self.usage(elections), "swarm": extensions[0]}

    def usage(self, elections: Sequence[Election]) -> dict[str, Any]:
        parts = [usage(by_agreement(election)[: self.wish.choices]) for election in elections]
        names = ("prompt_tokens", "completion_tokens", "total_tokens")
        cached = sum(part["prompt_tokens_details"]["cached_tokens"] for part in parts)
        return {
            **{name: sum(part[name] for part in parts) for name in names},
            "prompt_tokens_details": {"cached_tokens": cached},
        }

    def choice(self, index: int, candidate: Candidate, prompt: Prompt) -> dict[str, Any]:
        nothing = self.wish.max_tokens == 0
        written = "" if nothing else candidate.text
        tokens = [*candidate.prompt_logprobs, *(() if nothing else candidate.logprobs)]
        made = self.piece((prompt.text or "") + written if self.wish.echo else written, index, candidate.finish_reason)
        made["logprobs"] = logprobs(tokens) if self.wish.logprobs is not None else None
        if nothing:
            made["finish_reason"] = "length"
        return made

    @staticmethod
    def piece(text: str, index: int, finish: str | None = None) -> dict[str, Any]:
        return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}

    def frame(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": "cmpl-" + self.reply.id,
            "object": "text_completion",
            "created": self.reply.created,
            "model": self.reply.model,
            "choices": choices,
        }

    # -- streams

    async def stream(self, answers: Sequence[AsyncGenerator[Event, None]], live: bool) -> AsyncIterator[bytes]:
        """One text after the other, each as it is written where one worker is asked, else after the vote."""
        elections: list[Election] = []
        try:
            for place, events in enumerate(answers):
                sent, base = Sent(), place * self.wish.choices
                async with aclosing(with_pauses(events, KEEP_ALIVE_S)) as paced:
                    if self.wish.echo:
                        yield sse_event(self.frame([self.piece(self.prompts[place].text or "", base)]))
                    async for event in paced:
                        if event is None:
                            yield COMMENT
                        elif isinstance(event, Delta) and live and self.wish.choices == 1:
                            sent.words += len(event.text)
                            yield sse_event(self.frame([self.piece(event.text, base)]))
                        elif isinstance(event, Election):
                            elections.append(event)
                            for data in self.rest(event, base, sent):
                                yield sse_event(data)
            if self.wish.include_usage:
                yield sse_event({**self.frame([]), "usage": self.usage(elections)})
            yield DONE
        except SwarmError as problem:
            yield sse_event(error_body(problem))
        finally:
            for events in answers:
                await events.aclose()

    def rest(self, election: Election, base: int, sent: Sent) -> Iterator[dict[str, Any]]:
        chosen = by_agreement(election)[: self.wish.choices]
        for number, candidate in enumerate(chosen):
            for text in slices(candidate.text[sent.words if number == 0 else 0 :], SLICE):
                yield self.frame([self.piece(text, base + number)])
            end = self.piece("", base + number, candidate.finish_reason)
            end["logprobs"] = logprobs(candidate.logprobs) if self.wish.logprobs is not None else None
            data = self.frame([end])
            if number == len(chosen) - 1:
                data["swarm"] = self.reply.extension(election, self.wish.ballots)
            yield data


async def begin_answers(voice: Voice, prompts: Sequence[Prompt]) -> list[AsyncGenerator[Event, None]]:
    """Every prompt accepted, or none: where one is refused the others are given up."""
    done = await asyncio.gather(*(begin_answer(voice, prompt) for prompt in prompts), return_exceptions=True)
    problem = next((one for one in done if isinstance(one, BaseException)), None)
    if problem:
        for one in done:
            if not isinstance(one, BaseException):
                await one.aclose()
        raise problem
    return [one for one in done if not isinstance(one, BaseException)]


async def all_last(answers: Sequence[AsyncGenerator[Event, None]]) -> list[Election]:
    return list(await asyncio.gather(*(election_of(events) for events in answers)))


def logprobs(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """In the shape of the older API: one list for each thing. The first token of a prompt has no probability."""
    offsets, at = [], 0
    for one in tokens:
        offsets.append(at)
        at += len(one.text)
    return {
        "tokens": [one.text for one in tokens],
        "token_logprobs": [one.logprob for one in tokens],
        "top_logprobs": [None if one.logprob is None else dict(one.top) for one in tokens],
        "text_offset": offsets,
    }
