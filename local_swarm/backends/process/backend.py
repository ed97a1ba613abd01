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
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path

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
from local_swarm.backends.process.loading import Replan, give_up, load_what_fits
from local_swarm.backends.process.process_status import is_stopped, resident_bytes
from local_swarm.backends.process.supervisor import Supervisor
from local_swarm.backends.process.suspects import Suspects
from local_swarm.chat.template import ChatTemplate
from local_swarm.chat.turn import Reader, Turn, turn
from local_swarm.confined.process import Confined, ConfinedPool
from local_swarm.events import cancel
from local_swarm.paths import program_name
from local_swarm.types import Accepted, Delta, Embedded, Event, Prompt, TokenLogprob

ENFORCED = "local_swarm.backends.process.enforcement:enforceable"
REMEMBERED = 64  # schemas, with what is enforced of them
MOST_PER_TOKEN, USUAL_PER_TOKEN = 16, 4  # characters; single tokens have more, texts do not
SPARE = 4096  # characters, for contexts so small that one long token matters
BACK_S = 30.0  # that a request waits for an engine that is coming back
LOOK_S = 1.0  # between looks at the engine's memory

logger = logging.getLogger(__name__)

Inbox = asyncio.Queue[messages.Report | errors.SwarmError]


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
class RestartPolicy:
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
class OpenRequest:
    """A request that the engine works on."""

    seats: Sequence[Seat]
    readers: Sequence[Reader]
    fingerprint: str
    inbox: Inbox = field(default_factory=asyncio.Queue)
    logprobs: dict[int, list[TokenLogprob]] = field(default_factory=dict)
    scored: tuple[TokenLogprob, ...] = ()


class ProcessBackend:
    """A `Backend`. `wish` says what to load and how, `about` what it is, `confined` who works on foreign text: where nobody is
    given, children of its own. `replan` says what to load where memory runs out."""

    target_url: str | None = None

    def __init__(
        self,
        wish: messages.Load,
        about: Description,
        care: RestartPolicy | None = None,
        confined: Confined | None = None,
        replan: Replan = give_up,
    ) -> None:
        self.wish, self.about, self.care = wish, about, care or RestartPolicy()
        self._replan = replan
        own = ConfinedPool()
        self.confined: Confined = confined or own
        self._own = None if confined else own
        self._schemas: OrderedDict[tuple[str, str], dict[str, str]] = OrderedDict()
        self._suspects = Suspects()
        self._state: State = "starting"
        self._up = asyncio.Event()
        self._facts: ModelFacts | None = None
        self._template: ChatTemplate | None = None
        self._fill: list[str] | None = None
        self._host = self._new_host()
        self._open: dict[int, OpenRequest] = {}
        self._numbers = itertools.count(1)
        self._keeper: asyncio.Task[None] | None = None
        self._heard, self._hung = 0.0, False
        self.beat: messages.Beat | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def facts(self) -> ModelFacts | None:
        return self._facts

    @property
    def pid(self) -> int | None:
        """The engine's process, for watching it."""
        return self._host.pid

    # -- life

    async def start(self) -> ModelFacts:
        """Load the model, or what `replan` has in place of it. Raises BadModelFile or DoesNotFit when that cannot be."""
        return await load_what_fits(self, self._replan)

    async def load(self) -> ModelFacts:
        """One attempt. Raises BadModelFile or DoesNotFit."""
        loading: asyncio.Future[ModelFacts] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(loading), name="engine-keeper")
        try:
            return await asyncio.wait_for(asyncio.shield(loading), self.care.load_s)
        except TimeoutError:
            await self.close()
            raise errors.EngineLost(f"{self.about.model} did not load within {self.care.load_s:.0f} seconds.") from None

    def reload(self, wish: messages.Load) -> None:
        """Before another `load`: in another way than the one that failed."""
        self.wish, self._state, self._host = wish, "starting", self._new_host(wish)

    async def ready(self, within_s: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._up.wait(), within_s)
        return self._state == "ready"

    def forget(self) -> None:
        """Let go of everything that is remembered for later requests: memory is needed elsewhere."""
        self._host.send(messages.Forget())

    async def close(self) -> None:
        self._state = "closed"
        await cancel(self._keeper)
        await self._host.close()
        self._fail_open(errors.EngineLost("The swarm is shutting down."))
        if self._own:
            await self._own.close()

    def _new_host(self, wish: messages.Load | None = None) -> Supervisor:
        return Supervisor(f"local_swarm.backends.{self.about.engine}.child", [json.dumps(asdict(wish or self.wish))])

    async def _keep(self, loading: asyncio.Future[ModelFacts]) -> None:
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
            open_requests = [one.fingerprint for one in self._open.values()]
            to_blame = self._host.crashed and self._suspects.note_crash(open_requests, self._hung)
            if not to_blame:
                deaths = 1 if time.monotonic() - born > self.care.steady_s else deaths + 1
            self._state = "failed" if deaths > self.care.most_deaths else "restarting"
            self._up.clear()
            logger.warning("The engine %s. It is being started again.", how)
            self._fail_open(
                errors.EngineLost(
                    "The engine's process ended while it worked on this request. It is being started again."
                )
            )
            await asyncio.sleep(min(self.care.first_pause_s * 2 ** max(0, deaths - 1), self.care.longest_pause_s))
            self._host = self._new_host()

    def _stillborn(self, how: str) -> errors.SwarmError:
        if self._host.unfit and self.about.engine == "llamacpp":
            return errors.EngineUnfit(
                f"This build of llama.cpp uses instructions that this processor lacks. Build it anew: {program_name()} setup"
            )
        name = Path(self.wish.path).name
        if self._host.killed:
            return errors.DoesNotFit(f"The system ended the engine while it loaded {name}: memory ran out.")
        return errors.BadModelFile(f"The engine {how} while it loaded {name}. The file may be damaged.")

    async def _live(self, loading: asyncio.Future[ModelFacts]) -> str:
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
            self._host.kill_faulty()
        finally:
            watch.cancel()
        return await self._host.wait_for_end()

    async def _watch(self) -> None:
        """Kill an engine that is silent though it has work, or that has taken more memory than it may: its end then takes the
        usual way."""
        self._heard, self._hung = time.monotonic(), False
        while True:
            await asyncio.sleep(min(self.care.silence_s / 10, LOOK_S))
            if self._state == "ready" and self._open and time.monotonic() - self._heard > self.care.silence_s:
                logger.error("The engine has been silent for %.0f seconds and is ended.", self.care.silence_s)
                self._hung = True
                self._host.kill_faulty()
            if is_stopped(self._host.pid):
                logger.error("Somebody has stopped the engine's process, and it is ended.")
                self._host.kill()
            if self.wish.memory_bytes and (resident_bytes(self._host.pid) or 0) > self.wish.memory_bytes:
                logger.error("The engine has taken more than %d MiB and is ended.", self.wish.memory_bytes >> 20)
                self._host.kill_faulty()

    async def _run(self, loading: asyncio.Future[ModelFacts]) -> None:
        """Hand out reports until the engine's output ends."""
        async for report in self._host.reports():
            self._heard = time.monotonic()
            if isinstance(report, messages.Loaded):
                try:
                    await self._loaded(report, loading)
                except errors.BadModelFile as problem:
                    self._failed(problem, loading)
            elif isinstance(report, messages.LoadFailed):
                self._failed(getattr(errors, report.error, errors.BadModelFile)(report.message), loading)
            elif isinstance(report, messages.Beat):
                self.beat = report
            elif report.job in self._open:
                self._open[report.job].inbox.put_nowait(report)

    async def _loaded(self, report: messages.Loaded, loading: asyncio.Future[ModelFacts]) -> None:
        about = self.about
        self._template = ChatTemplate(about.template, report.bos, report.eos)
        await self._template.check(self.confined)
        self._fill = report.fill
        self._facts = ModelFacts(
            about.model,
            about.engine,
            report.context,
            report.answer_tokens,
            about.architecture,
            report.parameters,
            resident_bytes(self._host.pid),
            about.description,
            about.starter,
            report.note,
            self._template.thinks,
        )
        self._state = "ready"
        self._up.set()
        if not loading.done():
            loading.set_result(self._facts)

    def _failed(self, problem: errors.SwarmError, loading: asyncio.Future[ModelFacts]) -> None:
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
        self._refuse_endless(sum(len(message.content) for message in prompt.messages) + len(prompt.text or ""))
        asked = await turn(fill_in_middle(prompt, self._fill), template, self.confined)
        self._refuse_endless(len(asked.text))
        schema = await self._enforced(asked)
        self._must_be_up()
        begun = generate_command(next(self._numbers), asked, seats, schema)
        request = OpenRequest(seats, [asked.reader() for _ in seats], fingerprint(begun))
        async with self._suspects.turn(request.fingerprint):
            await self._back()
            async with aclosing(self._work(asked, begun, request)) as events:
                async for event in events:
                    yield event

    async def _back(self) -> None:
        """The engine may have ended while others had their turn. Raises EngineLost where it does not come back."""
        if not await self.ready(BACK_S):
            raise errors.EngineLost("The engine ended, and is not back yet. Try again in a moment.")

    def _refuse_endless(self, characters: int) -> None:
        """Raises ContextExceeded, without counting, for what no tokenizer makes short enough: counting takes long itself."""
        context = self._facts.context if self._facts else 0
        if characters > MOST_PER_TOKEN * context + SPARE:
            raise errors.ContextExceeded(characters // USUAL_PER_TOKEN, context)

    async def _enforced(self, asked: Turn) -> str | None:
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

    async def _work(self, asked: Turn, begun: messages.Generate, request: OpenRequest) -> AsyncGenerator[Event, None]:
        seats, readers = request.seats, request.readers
        self._open[begun.job] = request
        self._host.send(begun)
        try:
            left = len(seats)
            accepted: messages.JobAccepted | None = None
            while left:
                report = await request.inbox.get()
                if isinstance(report, errors.SwarmError):
                    raise report
                if isinstance(report, messages.JobAccepted):
                    accepted = report
                    yield Accepted(report.prompt_tokens)
                elif isinstance(report, messages.Scored):
                    request.scored = without_start(report.tokens, asked)
                elif isinstance(report, messages.SeatText):
                    request.logprobs.setdefault(report.seat, []).extend(map(token_logprob, report.logprobs))
                    for piece in readers[report.seat].push(report.text):
                        yield Delta(seats[report.seat].voter, piece.text, piece.thought)
                elif isinstance(report, messages.SeatDone) and accepted:
                    left -= 1
                    said = readers[report.seat].close()
                    for piece in said.last:
                        yield Delta(seats[report.seat].voter, piece.text, piece.thought)
                    seat, tokens = seats[report.seat], accepted.prompt_tokens
                    yield candidate(report, seat, said, tokens, request.logprobs, request.scored)
                else:
                    raise error_of(report)
        finally:
            del self._open[begun.job]
            self._host.send(messages.Cancel(begun.job))

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """See `Backend`. One text at a time, so that answers in the works go on between them."""
        self._must_be_up()
        vectors, tokens = [], 0
        for text in texts:
            self._refuse_endless(len(text))
            pool = messages.EmbedText(next(self._numbers), text)
            request = OpenRequest((), (), fingerprint(pool))
            async with self._suspects.turn(request.fingerprint):
                await self._back()
                self._open[pool.job] = request
                self._host.send(pool)
                try:
                    report = await request.inbox.get()
                finally:
                    del self._open[pool.job]
                if isinstance(report, errors.SwarmError):
                    raise report
            if not isinstance(report, messages.Pooled):
                raise error_of(report)
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
