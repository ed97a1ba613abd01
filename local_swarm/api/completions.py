"""`POST /v1/completions`: texts in, what follows them out, or what fills the gap before a suffix; at once or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import Field

from local_swarm.api.context import ApiContext
from local_swarm.api.envelope import Envelope, UsageInfo, by_agreement, usage_info, usage_of
from local_swarm.api.error_body import error_body
from local_swarm.api.schemas import SampledRequest
from local_swarm.api.sse import COMMENT, DONE, KEEP_ALIVE_S, SLICE, EventStreamResponse, Sent, slices, sse_event
from local_swarm.api.swarm_info import Body, ModelText, SwarmInfo
from local_swarm.api.waiting import begin_answer, client_gone, close_all, elected_response, session_of, unless_gone
from local_swarm.errors import BadRequest, SwarmError
from local_swarm.events import cancel, election_of, with_pauses
from local_swarm.limits import MOST_NUMBER, MOST_TOP, check_prompt
from local_swarm.types import Candidate, Delta, Election, Event, FinishReason, Prompt, TokenLogprob, Voice

USUAL_TOKENS = 16  # what OpenAI's API writes where nobody says how much
MOST_PROMPTS = 64


async def answer_completions(context: ApiContext, request: CompletionRequest, http: Request) -> Response:
    """Raises SwarmErrors before the first byte of an answer."""
    envelope = context.envelope(request.model)
    fast = request.stream_mode == "fastest"
    prompts = request.prompts(fast, session_of(http))
    answers = await begin_answers(context.voice, prompts)
    reply = CompletionReply(envelope, request, prompts)
    if request.stream:
        return EventStreamResponse(reply.stream(answers, fast), *answers)
    elections = await unless_gone(elections_of(answers), http)
    return elected_response(reply.completion(elections), elections[0]) if elections else client_gone()


# ----------------------------------------------------------------------------------------------- the request


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
        """One for each text, asked of one worker if `fast`. Raises BadRequest for what cannot be done."""
        if self.max_tokens == 0 and not self.echo:
            raise BadRequest("max_tokens must be at least 1, but with echo.", param="max_tokens")
        return [
            check_prompt(
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


# ------------------------------------------------------------------------------------------------- the reply


class CompletionChoice(Body):
    text: ModelText
    index: int
    logprobs: dict[str, Any] | None
    finish_reason: FinishReason | None


class TextCompletion(Body):
    id: str
    object: Annotated[str, Field(description="Always `text_completion`.")]
    created: int
    model: str
    choices: Annotated[list[CompletionChoice], Field(description="Text by text; of each the winner, then others.")]
    usage: UsageInfo
    swarm: Annotated[SwarmInfo, Field(description="Of the vote on the first text.")]


@dataclass(frozen=True, slots=True)
class CompletionReply:
    """How one request is answered: at once, or in chunks. `prompts` are those of its texts, in their order."""

    envelope: Envelope
    request: CompletionRequest
    prompts: Sequence[Prompt]

    def completion(self, elections: Sequence[Election]) -> TextCompletion:
        choices = [
            self.choice(text * self.request.choices + number, candidate, self.prompts[text])
            for text, election in enumerate(elections)
            for number, candidate in enumerate(self.choices_of(election))
        ]
        return TextCompletion(
            id="cmpl-" + self.envelope.id,
            object="text_completion",
            created=self.envelope.created,
            model=self.envelope.model,
            choices=choices,
            usage=self.usage(elections),
            swarm=self.envelope.swarm(elections[0], self.request.ballots),
        )

    def choices_of(self, election: Election) -> list[Candidate]:
        return by_agreement(election)[: self.request.choices]

    def usage(self, elections: Sequence[Election]) -> UsageInfo:
        parts = [usage_of(self.choices_of(election)) for election in elections]
        return usage_info(
            sum(part.prompt_tokens for part in parts),
            sum(part.completion_tokens for part in parts),
            sum(part.prompt_tokens_details.cached_tokens for part in parts),
        )

    def choice(self, index: int, candidate: Candidate, prompt: Prompt) -> CompletionChoice:
        nothing = self.request.max_tokens == 0
        written = "" if nothing else candidate.text
        tokens = [*candidate.prompt_logprobs, *(() if nothing else candidate.logprobs)]
        return CompletionChoice(
            text=(prompt.text or "") + written if self.request.echo else written,
            index=index,
            logprobs=self.logprobs(tokens),
            finish_reason="length" if nothing else candidate.finish_reason,
        )

    def logprobs(self, tokens: Sequence[TokenLogprob]) -> dict[str, Any] | None:
        return completion_logprobs(tokens) if self.request.logprobs is not None else None

    # -- as a stream

    async def stream(self, answers: Sequence[AsyncGenerator[Event, None]], live: bool) -> AsyncGenerator[bytes, None]:
        """One text after the other: each as it is written if `live`, where one worker is asked, else after its vote."""
        elections: list[Election] = []
        try:
            for text, events in enumerate(answers):
                async with aclosing(self.stream_text(events, text, live, elections)) as pieces:
                    async for data in pieces:
                        yield data
            if self.request.include_usage:
                yield sse_event({**self.chunk_of([]), "usage": self.usage(elections).json_value()})
            yield DONE
        except SwarmError as problem:
            yield sse_event(error_body(problem))

    async def stream_text(
        self, events: AsyncGenerator[Event, None], text: int, live: bool, elections: list[Election]
    ) -> AsyncGenerator[bytes, None]:
        """One of them. Its election is added to `elections`."""
        sent, base = Sent(), text * self.request.choices
        async with aclosing(with_pauses(events, KEEP_ALIVE_S)) as paced:
            if self.request.echo:
                yield sse_event(self.chunk(self.prompts[text].text or "", base))
            async for event in paced:
                if event is None:
                    yield COMMENT
                elif isinstance(event, Delta) and live and self.request.choices == 1:
                    sent.words += len(event.text)
                    yield sse_event(self.chunk(event.text, base))
                elif isinstance(event, Election):
                    elections.append(event)
                    for data in self.chunks(event, base, sent):
                        yield sse_event(data)

    def chunks(self, election: Election, base: int, sent: Sent) -> Iterator[dict[str, Any]]:
        """What follows the text that was sent, and the end of every choice. The last chunk has the `swarm` object."""
        chosen = self.choices_of(election)
        for number, candidate in enumerate(chosen):
            for text in slices(candidate.text[sent.words if number == 0 else 0 :], SLICE):
                yield self.chunk(text, base + number)
            end = self.chunk("", base + number, candidate.finish_reason, self.logprobs(candidate.logprobs))
            if number == len(chosen) - 1:
                end["swarm"] = self.envelope.swarm(election, self.request.ballots).json_value()
            yield end

    def chunk(
        self, text: str, index: int, finish: str | None = None, likely: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return self.chunk_of([{"text": text, "index": index, "logprobs": likely, "finish_reason": finish}])

    def chunk_of(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": "cmpl-" + self.envelope.id,
            "object": "text_completion",
            "created": self.envelope.created,
            "model": self.envelope.model,
            "choices": choices,
        }


async def begin_answers(voice: Voice, prompts: Sequence[Prompt]) -> list[AsyncGenerator[Event, None]]:
    """Every prompt accepted, or none: where one is refused the others are given up."""
    tasks = [asyncio.create_task(begin_answer(voice, prompt), name="begin-answer") for prompt in prompts]
    try:
        await asyncio.wait(tasks)
        return [task.result() for task in tasks]
    except BaseException:  # one was refused, or the client is gone
        await cancel(*tasks)
        await close_all(*(task.result() for task in tasks if not task.cancelled() and not task.exception()))
        raise


async def elections_of(answers: Sequence[AsyncGenerator[Event, None]]) -> list[Election]:
    return list(await asyncio.gather(*(election_of(events) for events in answers)))


def completion_logprobs(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """In the shape of the completions API: one list for each property. A prompt's first token has no probability."""
    offsets, offset = [], 0
    for one in tokens:
        offsets.append(offset)
        offset += len(one.text)
    return {
        "tokens": [one.text for one in tokens],
        "token_logprobs": [one.logprob for one in tokens],
        "top_logprobs": [None if one.logprob is None else dict(one.top) for one in tokens],
        "text_offset": offsets,
    }
