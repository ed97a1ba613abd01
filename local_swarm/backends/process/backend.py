"""The daemon's side of an engine in a child process, as llama.cpp, MLX, Transformers and vLLM are: prompts in, events
out.

`lifecycle` keeps the process alive; `messages` are what it is sent and what it reports.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from local_swarm import errors
from local_swarm.backends.base import ModelFacts, Seat, State
from local_swarm.backends.process import messages
from local_swarm.backends.process.answers import (
    candidate,
    error_of,
    fill_in_middle,
    fingerprint,
    generate_command,
    schema_text,
    token_logprob,
    without_start,
)
from local_swarm.backends.process.lifecycle import Description, EngineLifecycle, OpenRequest, RestartPolicy
from local_swarm.backends.process.loading import Replan, StandIn, give_up, load_by_any, nobody
from local_swarm.backends.process.suspects import Suspects
from local_swarm.chat.template import ChatTemplate
from local_swarm.chat.turn import Turn, turn
from local_swarm.confined.process import Confined, ConfinedPool
from local_swarm.types import Accepted, Delta, Embedded, Event, Prompt

ENFORCED = "local_swarm.backends.process.enforcement:enforceable"
REMEMBERED = 64  # schemas, with what is enforced of them
MOST_PER_TOKEN, USUAL_PER_TOKEN = 16, 4  # characters; single tokens have more, texts do not
SPARE = 4096  # characters, for contexts so small that one long token matters
BACK_S = 30.0  # that a request waits for an engine that is coming back


class ProcessBackend:
    """A `Backend`. `options` say what to load and how, `about` what it is. `confined` works on foreign text, by default
    in children of its own. `replan` says what to load where memory runs out, `stand_in` which engine to take where this one
    fails."""

    target_url: str | None = None

    def __init__(
        self,
        options: messages.Load,
        about: Description,
        policy: RestartPolicy | None = None,
        confined: Confined | None = None,
        replan: Replan = give_up,
        stand_in: StandIn = nobody,
    ) -> None:
        self.about, self._replan, self._stand_in = about, replan, stand_in
        own = ConfinedPool()
        self.confined: Confined = confined or own
        self._own = None if confined else own
        self._suspects = Suspects()
        self.engine = EngineLifecycle(options, about, policy or RestartPolicy(), self.confined, self._suspects)
        self._schemas: OrderedDict[tuple[str, str], dict[str, str]] = OrderedDict()
        self._numbers = itertools.count(1)

    @property
    def state(self) -> State:
        return self.engine.state

    @property
    def facts(self) -> ModelFacts | None:
        return self.engine.facts

    @property
    def pid(self) -> int | None:
        """The engine's process, for watching it."""
        return self.engine.pid

    @property
    def beat(self) -> messages.Beat | None:
        return self.engine.beat

    async def start(self) -> ModelFacts:
        """Load the model, or what `replan` and `stand_in` have in place of it. Raises BadModelFile, DoesNotFit or
        EngineUnfit when that cannot be."""
        try:
            return await load_by_any(self.engine, self._replan, self._stand_in)
        except errors.EngineLost:
            await self.close()
            raise

    async def ready(self, within_s: float) -> bool:
        return await self.engine.ready(within_s)

    def forget(self) -> None:
        """See `Backend`."""
        self.engine.send(messages.Forget())

    async def close(self) -> None:
        await self.engine.close()
        if self._own:
            await self._own.close()

    # -- requests

    async def generate(self, prompt: Prompt, seats: Sequence[Seat]) -> AsyncGenerator[Event, None]:
        """See `Backend`. Raises ContextExceeded, BadRequest, Busy, Starting, EngineLost."""
        template = self._must_be_up()
        self._refuse_endless(sum(len(message.content) for message in prompt.messages) + len(prompt.text or ""))
        asked = await turn(fill_in_middle(prompt, self.engine.fill), template, self.confined)
        self._refuse_endless(len(asked.text))
        schema = await self._enforceable_schema(asked)
        self._must_be_up()
        command = generate_command(next(self._numbers), asked, seats, schema)
        request = OpenRequest(seats, [asked.reader() for _ in seats], fingerprint(command))
        async with self._suspects.turn(request.fingerprint):
            await self._wait_until_back()
            async with aclosing(self._answer(asked, command, request)) as events:
                async for event in events:
                    yield event

    async def _wait_until_back(self) -> None:
        """The engine may have ended while others had their turn. Raises EngineLost where it does not come back."""
        if not await self.ready(BACK_S):
            raise errors.EngineLost("The engine ended, and is not back yet. Try again in a moment.")

    def _refuse_endless(self, characters: int) -> None:
        """Raises ContextExceeded, without counting, for what no tokenizer makes short enough: counting takes long
        itself."""
        context = self.facts.context if self.facts else 0
        if characters > MOST_PER_TOKEN * context + SPARE:
            raise errors.ContextExceeded(characters // USUAL_PER_TOKEN, context)

    async def _enforceable_schema(self, asked: Turn) -> str | None:
        """The schema that the engine shall enforce, perhaps a looser one. Raises SchemaUnfit."""
        if asked.schema is None:
            return None
        wanted, loosest = schema_text(asked.schema), schema_text(asked.loose or {})
        known = self._schemas.get((wanted, loosest))
        if known is None:
            try:
                known = await self.confined.call(ENFORCED, wanted, loosest)
            except errors.Overrun as problem:
                raise errors.SchemaUnfit(f"it {problem.why}") from problem
            self._schemas[wanted, loosest] = known
            while len(self._schemas) > REMEMBERED:
                self._schemas.popitem(last=False)
        if "problem" in known:
            raise errors.SchemaUnfit(known["problem"])
        return known["schema"]

    async def _answer(
        self, asked: Turn, command: messages.Generate, request: OpenRequest
    ) -> AsyncGenerator[Event, None]:
        """Send a request and turn its reports into events until every seat is done."""
        self.engine.open[command.job] = request
        self.engine.send(command)
        try:
            left, prompt_tokens = len(request.seats), 0
            while left:
                report = await request.inbox.get()
                if isinstance(report, errors.SwarmError):
                    raise report
                if isinstance(report, messages.JobAccepted):
                    prompt_tokens = report.prompt_tokens
                    yield Accepted(prompt_tokens)
                elif isinstance(report, messages.Scored):
                    request.scored = without_start(report.tokens, asked)
                elif isinstance(report, messages.SeatText):
                    for delta in take_text(request, report):
                        yield delta
                elif isinstance(report, messages.SeatDone) and prompt_tokens:
                    left -= 1
                    for event in end_seat(request, report, prompt_tokens):
                        yield event
                else:
                    raise error_of(report)
        finally:
            del self.engine.open[command.job]
            self.engine.send(messages.Cancel(command.job))

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See `Backend`. One text at a time, so that open answers go on between them."""
        self._must_be_up()
        vectors, tokens = [], 0
        for text in texts:
            self._refuse_endless(len(text))
            pooled = await self._pool(text)
            vectors.append(pooled.vector)
            tokens += pooled.tokens
        return Embedded(vectors, self.about.model, tokens)

    async def _pool(self, text: str) -> messages.Pooled:
        command = messages.EmbedText(next(self._numbers), text)
        request = OpenRequest((), (), fingerprint(command))
        async with self._suspects.turn(request.fingerprint):
            await self._wait_until_back()
            self.engine.open[command.job] = request
            self.engine.send(command)
            try:
                report = await request.inbox.get()
            finally:
                del self.engine.open[command.job]
            if isinstance(report, errors.SwarmError):
                raise report
        if not isinstance(report, messages.Pooled):
            raise error_of(report)
        return report

    def _must_be_up(self) -> ChatTemplate:
        if self.state == "closed":
            raise errors.EngineLost("The swarm is shutting down.")
        if self.state == "failed":
            raise errors.EngineLost("The engine keeps ending soon after its start. Its log says why.", retry_after_s=30)
        if self.state != "ready" or not self.engine.template:
            raise errors.Starting("The engine is starting. Try again in a moment.")
        return self.engine.template


def take_text(request: OpenRequest, report: messages.SeatText) -> Iterator[Delta]:
    """What a seat's new text adds to its words and thoughts."""
    request.logprobs.setdefault(report.seat, []).extend(map(token_logprob, report.logprobs))
    for piece in request.readers[report.seat].push(report.text):
        yield Delta(request.seats[report.seat].voter, piece.text, piece.thought)


def end_seat(request: OpenRequest, report: messages.SeatDone, prompt_tokens: int) -> Iterator[Event]:
    """The last of a seat's text, and its candidate."""
    seat, said = request.seats[report.seat], request.readers[report.seat].close(cut=report.finish == "length")
    for piece in said.last:
        yield Delta(seat.voter, piece.text, piece.thought)
    yield candidate(report, seat, said, prompt_tokens=prompt_tokens, logprobs=request.logprobs, scored=request.scored)
