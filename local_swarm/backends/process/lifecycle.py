"""What to load in, a running engine out: its process is started, watched, and started again whenever it ends.

Reports of the engine go to the open requests, by their numbers. Knows no prompts and no events.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from local_swarm import errors
from local_swarm.backends.base import ModelFacts, Seat, State
from local_swarm.backends.process import messages
from local_swarm.backends.process.process_status import is_stopped, resident_bytes
from local_swarm.backends.process.supervisor import Supervisor
from local_swarm.backends.process.suspects import Suspects
from local_swarm.chat.template import ChatTemplate
from local_swarm.chat.turn import Reader
from local_swarm.commands import program_name
from local_swarm.confined.process import Confined
from local_swarm.events import cancel
from local_swarm.types import TokenLogprob

WATCH_S = 1.0  # between looks at the engine's memory

logger = logging.getLogger(__name__)

Inbox = asyncio.Queue[messages.Report | errors.SwarmError]


@dataclass(frozen=True, slots=True)
class Description:
    """What the model is, as its file or folder says it, and the engine that runs it: the package whose `child` is
    started."""

    model: str
    architecture: str
    template: str | None
    description: str | None = None
    starter: bool = False
    engine: str = "llamacpp"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How an engine is looked after. `import_s`, `load_s`: its libraries and a large model, from a
    slow disk. `silence_s`: busy and without a sign of
    life for so long, it hangs. Pauses between starts grow from the first to the longest. An engine that lived for
    `steady_s` has its earlier deaths forgiven; one that died more often than `most_deaths` in a row counts as
    failed."""

    import_s: float = 180.0
    load_s: float = 600.0
    silence_s: float = 120.0
    first_pause_s: float = 0.4
    longest_pause_s: float = 30.0
    steady_s: float = 60.0
    most_deaths: int = 5


@dataclass(slots=True)
class OpenRequest:
    """A request that the engine works on; its reports come to `inbox`, and the reason where the engine ends."""

    seats: Sequence[Seat]
    readers: Sequence[Reader]
    fingerprint: str
    inbox: Inbox = field(default_factory=asyncio.Queue)
    logprobs: dict[int, list[TokenLogprob]] = field(default_factory=dict)
    scored: tuple[TokenLogprob, ...] = ()


class EngineLifecycle:
    """`options` say what to load and how, `about` what it is; `confined` checks its chat template. `template`, `fill`
    and `facts` are known once it is loaded; `beat` is the engine's last sign of life. `open`: requests by their
    numbers."""

    def __init__(
        self, options: messages.Load, about: Description, policy: RestartPolicy, confined: Confined, suspects: Suspects
    ) -> None:
        self.options, self.about, self.policy = options, about, policy
        self.confined, self.suspects = confined, suspects
        self.state: State = "starting"
        self.facts: ModelFacts | None = None
        self.template: ChatTemplate | None = None
        self.fill: list[str] | None = None
        self.beat: messages.Beat | None = None
        self.open: dict[int, OpenRequest] = {}
        self._up = asyncio.Event()
        self._process = self._new_process()
        self._keeper: asyncio.Task[None] | None = None
        self._heard, self._hung, self._imported = 0.0, False, False

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def send(self, command: messages.Command) -> None:
        """See `Supervisor.send`."""
        self._process.send(command)

    async def load(self) -> ModelFacts:
        """One attempt. Raises BadModelFile, DoesNotFit or EngineUnfit, EngineLost where it takes too long."""
        loading: asyncio.Future[ModelFacts] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(loading), name="engine-keeper")
        try:
            return await asyncio.wait_for(asyncio.shield(loading), self.policy.load_s)
        except TimeoutError:
            await self.close()
            limit = f"{self.policy.load_s:.0f} seconds"
            raise errors.EngineLost(f"{self.about.model} did not load within {limit}.") from None
        except errors.SwarmError:
            await self._keeper  # the process is gone before another may be started
            raise

    def reload(self, options: messages.Load) -> None:
        """Before another `load`: in another way than the one that failed."""
        self.options, self.state = options, "starting"
        self._process = self._new_process()

    def stand_in(self, engine: str) -> None:
        """Before another `load`: by another engine than the one that failed."""
        self.about = replace(self.about, engine=engine)
        self.reload(self.options)

    async def ready(self, within_s: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._up.wait(), within_s)
        return self.state == "ready"

    async def close(self) -> None:
        self.state = "closed"
        await cancel(self._keeper)
        await self._process.close()
        self._fail_open(errors.EngineLost("The swarm is shutting down."))

    def _new_process(self) -> Supervisor:
        return Supervisor(f"local_swarm.backends.{self.about.engine}.child", [json.dumps(asdict(self.options))])

    async def _keep(self, loading: asyncio.Future[ModelFacts]) -> None:
        """Run the engine, and run it again whenever it ends, with pauses that grow while it keeps dying. One that never
        loaded is not tried again; one that died too often in a row counts as failed, though it is still tried now and
        then."""
        deaths = 0
        while True:
            born = time.monotonic()
            how = await self._live(loading)
            if not loading.done():
                loading.set_exception(self._load_failure(how))
            if loading.exception():
                self.state = "failed"
                return
            open_requests = [one.fingerprint for one in self.open.values()]
            to_blame = self._process.crashed and self.suspects.note_crash(open_requests, self._hung)
            if not to_blame:
                deaths = 1 if time.monotonic() - born > self.policy.steady_s else deaths + 1
            self.state = "failed" if deaths > self.policy.most_deaths else "restarting"
            self._up.clear()
            logger.warning("The engine %s. It is being started again.", how)
            lost = "The engine's process ended while it worked on this request. It is being started again."
            self._fail_open(errors.EngineLost(lost))
            await asyncio.sleep(min(self.policy.first_pause_s * 2 ** max(0, deaths - 1), self.policy.longest_pause_s))
            self._process = self._new_process()

    def _load_failure(self, how: str) -> errors.SwarmError:
        if self._process.unfit and self.about.engine == "llamacpp":
            return errors.EngineUnfit(
                "This build of llama.cpp uses instructions that this processor lacks. "
                f"Build it anew: {program_name()} setup"
            )
        name, engine = Path(self.options.path).name, self.about.engine
        if self._hung:
            limit = f"{self.policy.import_s:.0f} seconds"
            return errors.EngineUnfit(f"The engine {engine} could not import its libraries within {limit}.")
        if self._process.killed:
            return errors.DoesNotFit(f"The system ended the engine while it loaded {name}: memory ran out.")
        if not self._imported:
            return errors.EngineUnfit(f"The engine {engine} {how} while its libraries were imported.")
        return errors.BadModelFile(f"The engine {how} while it loaded {name}. The file may be damaged.")

    async def _live(self, loading: asyncio.Future[ModelFacts]) -> str:
        """One life of the engine's process; how it ended, as words."""
        self._hung = self._imported = False
        try:
            await self._process.start()
        except OSError as problem:
            return f"could not be started ({problem})"
        watch = asyncio.create_task(self._watch(), name="engine-watch")
        try:
            await self._run(loading)
        except ValueError as problem:  # it says what nobody understands: a new one will do better
            logger.error("The engine sent a report that cannot be read: %s", problem)
            self._process.kill_faulty()
        finally:
            watch.cancel()
        return await self._process.wait_for_end()

    async def _watch(self) -> None:
        """Kill an engine that is silent though it has work, or that has taken more memory than it may: its end then
        takes the usual way."""
        began = self._heard = time.monotonic()
        while True:
            await asyncio.sleep(min(self.policy.silence_s / 10, self.policy.import_s / 10, WATCH_S))
            if not self._imported and time.monotonic() - began > self.policy.import_s:
                logger.error("The engine has not imported its libraries in %.0f seconds.", self.policy.import_s)
                self._hung = True
                self._process.kill_faulty()
            if self.state == "ready" and self.open and time.monotonic() - self._heard > self.policy.silence_s:
                logger.error("The engine has been silent for %.0f seconds and is ended.", self.policy.silence_s)
                self._hung = True
                self._process.kill_faulty()
            if is_stopped(self.pid):
                logger.error("Somebody has stopped the engine's process, and it is ended.")
                self._process.kill()
            most_bytes = self.options.memory_bytes
            if most_bytes and (resident_bytes(self.pid) or 0) > most_bytes:
                logger.error("The engine has taken more than %d MiB and is ended.", most_bytes >> 20)
                self._process.kill_faulty()

    async def _run(self, loading: asyncio.Future[ModelFacts]) -> None:
        """Hand out reports until the engine's output ends."""
        async for report in self._process.reports():
            self._heard = time.monotonic()
            if isinstance(report, messages.Imported):
                self._imported = True
            elif isinstance(report, messages.Loaded):
                try:
                    await self._on_loaded(report, loading)
                except errors.BadModelFile as problem:
                    self._on_load_failed(problem, loading)
            elif isinstance(report, messages.LoadFailed):
                self._on_load_failed(getattr(errors, report.error, errors.BadModelFile)(report.message), loading)
            elif isinstance(report, messages.Beat):
                self.beat = report
            elif report.job in self.open:
                self.open[report.job].inbox.put_nowait(report)

    async def _on_loaded(self, report: messages.Loaded, loading: asyncio.Future[ModelFacts]) -> None:
        about = self.about
        self.template = ChatTemplate(about.template, report.bos, report.eos)
        await self.template.check(self.confined)
        self.fill = report.fill
        self.facts = ModelFacts(
            about.model,
            about.engine,
            context=report.context,
            answer_tokens=report.answer_tokens,
            architecture=about.architecture,
            parameters=report.parameters,
            memory_bytes=resident_bytes(self.pid),
            description=about.description,
            starter=about.starter,
            note=report.note,
            thinks=self.template.thinks,
        )
        self.state = "ready"
        self._up.set()
        if not loading.done():
            loading.set_result(self.facts)

    def _on_load_failed(self, problem: errors.SwarmError, loading: asyncio.Future[ModelFacts]) -> None:
        self._process.kill()
        if not loading.done():
            loading.set_exception(problem)

    def _fail_open(self, problem: errors.SwarmError) -> None:
        for request in self.open.values():
            request.inbox.put_nowait(problem)
