"""A tool and its arguments in, its result out. Knows the swarm, nothing of MCP."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from local_swarm.api.context import Embeds
from local_swarm.api.status import Status
from local_swarm.api.swarm_info import swarm_info
from local_swarm.errors import BadRequest
from local_swarm.events import election_of
from local_swarm.limits import check_prompt
from local_swarm.mcp_server.machine import hardware_found, models_found
from local_swarm.mcp_server.tools import (
    TOOLS,
    Alternative,
    AnswerResult,
    CodeArguments,
    CodeResult,
    CompareArguments,
    ComparisonResult,
    EmbedArguments,
    GenerateArguments,
    NoArguments,
    StatusResult,
    Value,
    VectorsResult,
    VerdictFields,
    WorkerResult,
    WorkersResult,
)
from local_swarm.models.advice import Advisor
from local_swarm.types import Candidate, Election, Event, Message, Prompt, Sampling, Usage, Voice
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import question_of

BRIEF = 600  # characters of a losing answer
MOST_ALTERNATIVES = 4


@dataclass(slots=True)
class ToolProgress:
    """How far a call has come. `expected` is the number of answers to come, None while it is unknown."""

    answers: int = 0
    expected: int | None = None

    @property
    def words(self) -> str:
        if not self.answers:
            return "waiting for the first answer"
        of = f" of {self.expected}" if self.expected else ""
        return f"{self.answers}{of} answers are in"

    async def count(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The same events, with the candidates among them counted."""
        async with aclosing(events):
            async for event in events:
                self.answers += isinstance(event, Candidate)
                yield event


@dataclass(frozen=True, slots=True)
class ToolHandlers:
    """What the tools do. `voice` answers prompts. `jury` votes on answers that a client brings and learns nothing from them.
    `advisor` inspects machine and disk anew whenever it is called."""

    voice: Voice
    status: Callable[[], Status]
    embeds: Embeds
    jury: Jury
    advisor: Callable[[], Advisor]

    async def call(self, name: str, arguments: Mapping[str, Any] | None, progress: ToolProgress) -> Value:
        """Raises BadRequest for an unknown tool and for wrong arguments, otherwise SwarmErrors."""
        if name not in TOOLS:
            raise BadRequest(f"There is no tool {name[:64]!r}. There are: {', '.join(TOOLS)}.")
        try:
            parsed = TOOLS[name].input.model_validate(arguments or {})
        except ValidationError as problem:
            raise BadRequest(mistake(name, problem)) from problem
        handlers: Mapping[str, Callable[[Any, ToolProgress], Awaitable[Value]]] = {
            "generate_code": self.generate_code,
            "ask_swarm": self.ask_swarm,
            "compare_answers": self.compare_answers,
            "embed": self.embed,
            "get_swarm_status": self.get_swarm_status,
            "get_worker_details": self.get_worker_details,
            "get_hardware_info": self.get_hardware_info,
            "list_available_models": self.list_available_models,
        }
        return await handlers[name](parsed, progress)

    async def generate_code(self, arguments: CodeArguments, progress: ToolProgress) -> CodeResult:
        prompt = prompt_of(arguments)
        election = await self._ask(prompt, progress)
        read = await self.jury.answers(question_of(prompt), election.candidates)
        bodies = {
            one: answer.body for one, answer in zip(election.candidates, read, strict=True) if answer.kind == "code"
        }

        def code(candidate: Candidate) -> str:
            return bodies.get(candidate, "")

        return CodeResult(
            **self._verdict(election),
            code=code(election.elected),
            text=election.elected.text,
            alternatives=alternatives(election, lambda candidate: code(candidate) or candidate.text),
        )

    async def ask_swarm(self, arguments: GenerateArguments, progress: ToolProgress) -> AnswerResult:
        election = await self._ask(prompt_of(arguments, arguments.system), progress)
        others = alternatives(election, lambda candidate: candidate.text)
        return AnswerResult(**self._verdict(election), text=election.elected.text, alternatives=others)

    async def compare_answers(self, arguments: CompareArguments, _progress: ToolProgress) -> ComparisonResult:
        candidates = [
            Candidate(text, f"answer {number}", "stop", Usage(0, 0), 0.0)
            for number, text in enumerate(arguments.answers)
        ]
        asked = question_of(Prompt((Message("user", arguments.prompt),)))
        began = time.monotonic()
        election = await self.jury.elect(asked, candidates, arguments.strategy or "auto")
        return ComparisonResult(
            winner=election.winner,
            agreement=round(election.agreement, 4),
            strategy=election.strategy,
            clusters=[list(cluster) for cluster in election.clusters],
            latency_s=round(time.monotonic() - began, 3),
            text=election.elected.text,
            note=election.note,
        )

    async def embed(self, arguments: EmbedArguments, _progress: ToolProgress) -> VectorsResult:
        if not all(arguments.texts):
            raise BadRequest("embed: texts: none of them may be empty.")
        embedded = await self.embeds(arguments.texts)
        vectors = [[round(float(number), 6) for number in vector] for vector in embedded.vectors]
        return VectorsResult(model=embedded.model, dimensions=len(vectors[0]), vectors=vectors, note=embedded.note)

    async def get_swarm_status(self, _arguments: NoArguments, _progress: ToolProgress) -> StatusResult:
        now = self.status()
        sizes = [engine.memory_bytes for engine in now.engines if engine.memory_bytes is not None]
        return StatusResult(
            running=now.health in ("ok", "degraded"),
            model=now.model,
            healthy_workers=now.healthy,
            total_workers=now.total,
            memory_bytes=sum(sizes) if sizes else None,
            peers=list(now.peers),
            note=now.note,
        )

    async def get_worker_details(self, _arguments: NoArguments, _progress: ToolProgress) -> WorkersResult:
        return WorkersResult(workers=[WorkerResult.model_validate(asdict(worker)) for worker in self.status().workers])

    async def get_hardware_info(self, _arguments: NoArguments, _progress: ToolProgress) -> Value:
        return await hardware_found(self.advisor)

    async def list_available_models(self, _arguments: NoArguments, _progress: ToolProgress) -> Value:
        return await models_found(self.advisor)

    async def _ask(self, prompt: Prompt, progress: ToolProgress) -> Election:
        progress.expected = prompt.voices
        return await election_of(progress.count(self.voice.answer(prompt)))

    def _verdict(self, election: Election) -> VerdictFields:
        info = swarm_info(election, self.voice.name, self.status().note)
        return {
            "agreement": info.agreement,
            "strategy": info.strategy,
            "candidates": info.candidates,
            "latency_s": info.seconds,
            "note": " ".join(one for one in (info.note, info.flaw) if one) or None,
        }


def prompt_of(arguments: CodeArguments | GenerateArguments, system: str | None = None) -> Prompt:
    before = (Message("system", system),) if system else ()
    return check_prompt(
        Prompt(
            (*before, Message("user", arguments.prompt)),
            sampling=Sampling(temperature=arguments.temperature, max_tokens=arguments.max_tokens),
            voices=arguments.workers,
            strategy=arguments.strategy,
        )
    )


def alternatives(election: Election, text_of: Callable[[Candidate], str]) -> list[Alternative]:
    """The other clusters, the largest first, each by the beginning of its first member's answer."""
    found: list[Alternative] = []
    for cluster in election.clusters:
        if election.winner not in cluster and len(found) < MOST_ALTERNATIVES:
            text = text_of(election.candidates[cluster[0]])
            found.append(Alternative(workers=len(cluster), text=text[:BRIEF], shortened=len(text) > BRIEF))
    return found


def mistake(name: str, problem: ValidationError) -> str:
    first = problem.errors()[0]
    field = ".".join(map(str, first["loc"]))
    return f"{name}: {field}: {first['msg']}. It takes: {', '.join(TOOLS[name].input.model_fields) or 'nothing'}."
