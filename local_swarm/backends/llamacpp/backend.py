"""The daemon's side of an engine in a child process: prompts to it, events back, and its revival when it dies.

llama.cpp is one of them; engines for folders of safetensors speak the same `wire`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from local_swarm import errors
from local_swarm.backends import wire
from local_swarm.backends.base import Facts, Seat, State
from local_swarm.backends.host import Host
from local_swarm.chat.template import ChatTemplate
from local_swarm.chat.turn import Reader, Settled, Turn, turn
from local_swarm.types import JSON, Accepted, Candidate, Delta, Embedded, Event, Prompt, TokenLogprob, Usage

logger = logging.getLogger(__name__)

Inbox = asyncio.Queue[wire.Report | errors.SwarmError]


@dataclass(frozen=True, slots=True)
class Description:
    """What the model is, as its file or folder says it, and the engine that runs it: the package whose `child` is started."""

    model: str
    architecture: str
    template: str | None
    description: str | None = None
    starter: bool = False
    engine: str = "llamacpp"


@dataclass(frozen=True, slots=True)
class Care:
    """How an engine is looked after. `load_s`: a large model from a slow disk. `silence_s`: busy and without a sign of life for
    so long, it hangs. Pauses between revivals grow from the first to the longest; an engine that lived for `steady_s` has
    forgotten its earlier deaths, one that died more often than `most_deaths` in a row counts as failed."""

    load_s: float = 600.0
    silence_s: float = 120.0
    first_pause_s: float = 0.4
    longest_pause_s: float = 30.0
    steady_s: float = 60.0
    most_deaths: int = 5


@dataclass(slots=True)
class Open:
    """A request that the engine works on."""

    seats: Sequence[Seat]
    readers: Sequence[Reader]
    inbox: Inbox = field(default_factory=asyncio.Queue)
    logprobs: dict[int, list[TokenLogprob]] = field(default_factory=dict)
    scored: tuple[TokenLogprob, ...] = ()


class LlamaCpp:
    """A `Backend`. `wish` says what to load and how, `about` what it is."""

    def __init__(self, wish: wire.Load, about: Description, care: Care | None = None) -> None:
        self.wish, self.about, self.care = wish, about, care or Care()
        self._state: State = "starting"
        self._up = asyncio.Event()
        self._facts: Facts | None = None
        self._template: ChatTemplate | None = None
        self._fill: list[str] | None = None
        self._host = self._new_host()
        self._open: dict[int, Open] = {}
        self._numbers = itertools.count(1)
        self._keeper: asyncio.Task[None] | None = None
        self._heard = 0.0
        self.beat: wire.Beat | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def facts(self) -> Facts | None:
        return self._facts

    @property
    def pid(self) -> int | None:
        """The engine's process, for watching it."""
        return self._host.pid

    # -- life

    async def start(self) -> Facts:
        """Load the model. Raises BadModelFile or DoesNotFit when that cannot be."""
        loading: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(loading), name="engine-keeper")
        try:
            return await asyncio.wait_for(asyncio.shield(loading), self.care.load_s)
        except TimeoutError:
            await self.close()
            raise errors.EngineLost(f"{self.about.model} did not load within {self.care.load_s:.0f} seconds.") from None

    def reload(self, wish: wire.Load) -> None:
        """Before another `start`: load in another way than the one that failed."""
        self.wish, self._state, self._host = wish, "starting", self._new_host(wish)

    async def ready(self, within_s: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._up.wait(), within_s)
        return self._state == "ready"

    def forget(self) -> None:
        """Let go of everything that is remembered for later requests: memory is needed elsewhere."""
        self._host.send(wire.Forget())

    async def close(self) -> None:
        self._state = "closed"
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._host.close()
        self._fail_open(errors.EngineLost("The swarm is shutting down."))

    def _new_host(self, wish: wire.Load | None = None) -> Host:
        return Host(f"local_swarm.backends.{self.about.engine}.child", [json.dumps(asdict(wish or self.wish))])

    async def _keep(self, loading: asyncio.Future[Facts]) -> None:
        """Run the engine, and run it again whenever it ends, with pauses that grow while it keeps dying. One that never loaded is
        not tried again; one that died too often in a row counts as failed, though it is still tried now and then."""
        deaths = 0
        while True:
            born = time.monotonic()
            how = await self._live(loading)
            if not loading.done():
                loading.set_exception(self._stillborn(how))
            if loading.exception():
                self._state = "failed"
                return
            deaths = 1 if time.monotonic() - born > self.care.steady_s else deaths + 1
            self._state = "failed" if deaths > self.care.most_deaths else "restarting"
            self._up.clear()
            logger.warning("The engine %s. It is being started again.", how)
            self._fail_open(
                errors.EngineLost(
                    "The engine's process ended while it worked on this request. It is being started again."
                )
            )
            await asyncio.sleep(min(self.care.first_pause_s * 2 ** (deaths - 1), self.care.longest_pause_s))
            self._host = self._new_host()

    def _stillborn(self, how: str) -> errors.SwarmError:
        if self._host.unfit and self.about.engine == "llamacpp":
            return errors.EngineUnfit(
                "This build of llama.cpp uses instructions that this processor lacks. Build it anew: python main.py setup"
            )
        name = Path(self.wish.path).name
        if self._host.killed:
            return errors.DoesNotFit(f"The system ended the engine while it loaded {name}: memory ran out.")
        return errors.BadModelFile(f"The engine {how} while it loaded {name}. The file may be damaged.")

    async def _live(self, loading: asyncio.Future[Facts]) -> str:
        """One life of the engine's process; how it ended, as words."""
        try:
            await self._host.start()
        except OSError as problem:
            return f"could not be started ({problem})"
        watch = asyncio.create_task(self._watch(), name="engine-watch")
        try:
            await self._run(loading)
        except ValueError as problem:  # it says what nobody understands: a new one will do better
            logger.error("The engine speaks nonsense: %s", problem)
            self._host.kill()
        finally:
            watch.cancel()
        return await self._host.ended()

    async def _watch(self) -> None:
        """Kill an engine that is silent though it has work: its end then takes the usual way."""
        self._heard = time.monotonic()
        while True:
            await asyncio.sleep(self.care.silence_s / 10)
            if self._state == "ready" and self._open and time.monotonic() - self._heard > self.care.silence_s:
                logger.error("The engine has been silent for %.0f seconds and is ended.", self.care.silence_s)
                self._host.kill()

    async def _run(self, loading: asyncio.Future[Facts]) -> None:
        """Hand out reports until the engine's output ends."""
        async for report in self._host.reports():
            self._heard = time.monotonic()
            if isinstance(report, wire.Loaded):
                try:
                    self._loaded(report, loading)
                except errors.BadModelFile as problem:
                    self._failed(problem, loading)
            elif isinstance(report, wire.LoadFailed):
                self._failed(getattr(errors, report.error, errors.BadModelFile)(report.message), loading)
            elif isinstance(report, wire.Beat):
                self.beat = report
            elif report.job in self._open:
                self._open[report.job].inbox.put_nowait(report)

    def _loaded(self, report: wire.Loaded, loading: asyncio.Future[Facts]) -> None:
        about = self.about
        self._template = ChatTemplate(about.template, report.bos, report.eos)
        self._fill = report.fill
        self._facts = Facts(
            about.model, about.engine, report.context, report.answer_tokens, about.architecture, report.parameters,
            resident_bytes(self._host.pid), about.description, about.starter, report.note, self._template.thinks,
        )  # fmt: skip
        self._state = "ready"
        self._up.set()
        if not loading.done():
            loading.set_result(self._facts)

    def _failed(self, problem: errors.SwarmError, loading: asyncio.Future[Facts]) -> None:
        """The model cannot be loaded."""
        self._host.kill()
        if not loading.done():
            loading.set_exception(problem)

    def _fail_open(self, problem: errors.SwarmError) -> None:
        for request in self._open.values():
            request.inbox.put_nowait(problem)

    # -- requests

    async def generate(self, prompt: Prompt, seats: Sequence[Seat]) -> AsyncGenerator[Event, None]:
        """See `Backend`. Raises ContextExceeded, BadRequest, Busy, Starting, EngineLost."""
        template = self._must_be_up()
        asked = turn(self._to_fill(prompt), template)
        try:
            async with aclosing(self._work(asked, seats, asked.schema)) as events:
                async for event in events:
                    yield event
        except errors.SchemaUnfit:
            if asked.loose is None:
                raise
            async with aclosing(self._work(asked, seats, asked.loose)) as events:
                async for event in events:
                    yield event

    async def _work(self, asked: Turn, seats: Sequence[Seat], schema: JSON | None) -> AsyncGenerator[Event, None]:
        number = next(self._numbers)
        readers = [asked.reader() for _ in seats]
        request = self._open[number] = Open(seats, readers)
        self._host.send(order(number, asked, seats, schema))
        try:
            left = len(seats)
            accepted: wire.JobAccepted | None = None
            while left:
                report = await request.inbox.get()
                if isinstance(report, errors.SwarmError):
                    raise report
                if isinstance(report, wire.JobAccepted):
                    accepted = report
                    yield Accepted(report.prompt_tokens)
                elif isinstance(report, wire.Scored):
                    request.scored = without_start(report.tokens, asked)
                elif isinstance(report, wire.SeatText):
                    request.logprobs.setdefault(report.seat, []).extend(map(token_logprob, report.logprobs))
                    for piece in readers[report.seat].push(report.text):
                        yield Delta(seats[report.seat].voter, piece.text, piece.thought)
                elif isinstance(report, wire.SeatDone) and accepted:
                    left -= 1
                    said = readers[report.seat].close()
                    for piece in said.last:
                        yield Delta(seats[report.seat].voter, piece.text, piece.thought)
                    yield candidate(report, request, said, accepted.prompt_tokens)
                else:
                    raise refusal(report)
        finally:
            del self._open[number]
            self._host.send(wire.Cancel(number))

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See `Backend`. One text at a time, so that answers in the works go on between them."""
        self._must_be_up()
        vectors, tokens = [], 0
        for text in texts:
            number = next(self._numbers)
            request = self._open[number] = Open((), ())
            self._host.send(wire.Pool(number, text))
            try:
                report = await request.inbox.get()
            finally:
                del self._open[number]
            if isinstance(report, errors.SwarmError):
                raise report
            if not isinstance(report, wire.Pooled):
                raise refusal(report)
            vectors.append(report.vector)
            tokens += report.tokens
        return Embedded(vectors, self.about.model, tokens)

    def _must_be_up(self) -> ChatTemplate:
        if self._state == "closed":
            raise errors.EngineLost("The swarm is shutting down.")
        if self._state == "failed":
            raise errors.EngineLost("The engine keeps ending soon after its start. Its log says why.", retry_after_s=30)
        if self._state != "ready" or not self._template:
            raise errors.Starting("The engine is starting. Try again in a moment.")
        return self._template

    def _to_fill(self, prompt: Prompt) -> Prompt:
        """A text with a gap, written as the model has learned to fill one. Raises BadRequest where it has not."""
        if prompt.text is None or not prompt.suffix:
            return prompt
        if self._fill is None:
            raise errors.BadRequest(
                "This model has not learned to fill in the middle, so it takes no suffix.", param="suffix"
            )
        before, after, middle = self._fill
        return replace(prompt, text=f"{before}{prompt.text}{after}{prompt.suffix}{middle}")


def refusal(report: wire.Report) -> errors.SwarmError:
    if isinstance(report, wire.JobRefused):
        return errors.ContextExceeded(report.prompt_tokens, report.context)
    if isinstance(report, wire.JobInvalid):
        return errors.SchemaUnfit(report.message)
    if isinstance(report, wire.JobBusy):
        return errors.Busy(report.message, retry_after_s=2)
    return errors.EngineLost("The engine answered out of turn.")


def resident_bytes(pid: int | None) -> int | None:
    """Memory that a process uses; None where that cannot be known."""
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid else None
    except psutil.Error:
        return None


def order(number: int, asked: Turn, seats: Sequence[Seat], schema: JSON | None) -> wire.Generate:
    prompt, sampling = asked.prompt, asked.prompt.sampling
    names = ("top_k", "top_p", "min_p", "repeat_penalty", "frequency_penalty", "presence_penalty")
    given = {name: getattr(sampling, name) for name in names if getattr(sampling, name) is not None}
    temperatures, seeds = [seat.temperature for seat in seats], [seat.seed for seat in seats]
    return wire.Generate(
        number, prompt.session or "", asked.text, temperatures, seeds, sampling.max_tokens, list(sampling.stop), given,
        list(sampling.bias), sampling.logprobs, json.dumps(schema) if schema is not None else None, asked.kept,
        prompt.scored,
    )  # fmt: skip


def candidate(report: wire.SeatDone, request: Open, said: Settled, prompt_tokens: int) -> Candidate:
    """A call that was cut short by the limit of tokens ends with `length`, as words do."""
    seat = request.seats[report.seat]
    cut = report.finish == "length" and said.flaw
    return Candidate(
        text=said.words,
        tool_calls=said.calls,
        voter=seat.voter,
        finish_reason="tool_calls" if said.calls and not cut else report.finish,
        usage=Usage(prompt_tokens, report.completion_tokens, report.cached_tokens),
        seconds=report.seconds,
        anchor=seat.anchor,
        mean_logprob=report.logprob_sum / report.completion_tokens if report.completion_tokens else None,
        logprobs=tuple(request.logprobs.get(report.seat, ())),
        prompt_logprobs=request.scored,
        reasoning=said.thoughts,
        flaw=said.flaw,
    )


def without_start(tokens: Sequence[Any], asked: Turn) -> tuple[TokenLogprob, ...]:
    """The prompt's own tokens, less the beginning token that only the engine put before them."""
    start = asked.template.bos
    added = bool(tokens) and bool(start) and tokens[0][0] == start and not asked.text.startswith(start)
    return tuple(token_logprob(token) for token in tokens[added:])


def token_logprob(sent: Sequence[Any]) -> TokenLogprob:
    """As `wire.SeatText` carries it."""
    text, logprob, top = sent
    return TokenLogprob(text, logprob, tuple((other, nats) for other, nats in top))
