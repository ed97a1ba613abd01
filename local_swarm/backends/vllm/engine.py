"""Commands in, reports out, over vLLM's own engine: a request for each seat, which vLLM batches with all others.

Written against vLLM's documented `LLMEngine` (`add_request`, `step`, `abort_request`) and tested against a stand-in of
it: it has not been run on vLLM itself, which needs a graphics card.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_swarm.backends.lockstep.vocabulary import Vocabulary
from local_swarm.backends.process import messages
from local_swarm.backends.process.engine import PreparedCommand
from local_swarm.backends.process.stop_strings import Stops, stops_for
from local_swarm.types import FinishReason

FINISHES: Mapping[str, FinishReason] = {"length": "length"}  # all others are a stop


@dataclass(slots=True)
class OpenSeat:
    """A seat that vLLM works on: how much of its text, and how many of its tokens, were reported."""

    command: messages.Generate
    seat: int
    arrived: float
    stops: Stops
    shown: int = 0
    tokens: int = 0


@dataclass(slots=True)
class VllmEngine:
    """A `StepEngine`. `lower` is vLLM's engine; `sampling` makes its parameters for one seat, which may write so many
    tokens."""

    lower: Any
    model: Vocabulary
    context: int
    answer_tokens: int
    sampling: Callable[[messages.Generate, int, int], Any]
    clock: Callable[[], float] = time.monotonic
    steps: int = 0
    generated: int = 0
    constraints: None = None  # vLLM makes its own grammars
    pool: None = None  # and no vectors here
    open: dict[str, OpenSeat] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        return not self.open

    def beat(self) -> messages.Beat:
        return messages.Beat(self.steps, len({one.command.job for one in self.open.values()}), 0, 0, self.generated)

    def forget(self) -> None:
        """vLLM lets go of old prefixes by itself; here all of them."""
        self.lower.reset_prefix_cache()

    def submit(self, command: messages.Generate, prepared: PreparedCommand | None = None) -> messages.Report:
        """See `StepEngine`."""
        tokens = prepared.tokens if prepared else self.model.tokenize(command.text)
        room = self.context - len(tokens)
        if room < 1 or not tokens:
            return messages.JobRefused(command.job, len(tokens), self.context)
        limit = min(command.max_tokens or self.answer_tokens, room)
        for seat in range(len(command.seeds)):
            try:
                parameters = self.sampling(command, seat, limit)
            except ValueError as problem:
                return messages.JobInvalid(command.job, str(problem))
            name = f"{command.job}-{seat}"
            self.open[name] = OpenSeat(command, seat, self.clock(), stops_for(command))
            self.lower.add_request(name, {"prompt_token_ids": tokens}, parameters)
        return messages.JobAccepted(command.job, len(tokens))

    def cancel(self, command: messages.Cancel) -> None:
        gone = [
            name
            for name, one in self.open.items()
            if one.command.job == command.job and (command.seats is None or one.seat in command.seats)
        ]
        self._abort(gone)

    def _abort(self, gone: list[str]) -> None:
        if gone:
            self.lower.abort_request(gone)
        for name in gone:
            del self.open[name]

    def step(self) -> list[messages.Report]:
        if self.idle:
            return []
        self.steps += 1
        return [report for output in self.lower.step() for report in self._reports(output)]

    def _reports(self, output: Any) -> Iterator[messages.Report]:
        """What a request's output, which holds its whole text so far, adds."""
        one = self.open.get(output.request_id)
        if one is None:
            return
        said = output.outputs[0]
        text, ids = one.stops.push(said.text[one.shown :].encode("utf-8", "replace")), said.token_ids[one.tokens :]
        facts = list(self._facts(said.logprobs[one.tokens :] if said.logprobs else (), ids, one.command.logprobs))
        one.shown, one.tokens = len(said.text), len(said.token_ids)
        self.generated += len(ids)
        if ended := output.finished or one.stops.stopped:
            text += one.stops.close()
        if text or facts:
            yield messages.SeatText(one.command.job, one.seat, text, facts)
        if ended:
            self._abort([] if output.finished else [output.request_id])
            self.open.pop(output.request_id, None)
            finish = "stop" if one.stops.stopped else FINISHES.get(said.finish_reason or "", "stop")
            yield messages.SeatDone(
                one.command.job,
                one.seat,
                finish,
                completion_tokens=one.tokens,
                logprob_sum=float(said.cumulative_logprob or 0.0),
                seconds=self.clock() - one.arrived,
                cached_tokens=output.num_cached_tokens or 0,
            )

    def _facts(
        self, rows: Iterable[Mapping[int, Any]], ids: Iterable[int], wanted: int | None
    ) -> Iterator[messages.ScoredToken]:
        if wanted is None:
            return
        for row, token in zip(rows, ids, strict=False):
            ranked = sorted(row.items(), key=lambda pair: -pair[1].logprob)[:wanted]
            yield self.model.text(token), row[token].logprob, [(self.model.text(t), p.logprob) for t, p in ranked]
