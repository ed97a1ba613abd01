"""An engine's reports on a request in, candidates and errors of the project out; and the command that begins it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from local_swarm import errors
from local_swarm.backends.base import Seat
from local_swarm.backends.process import messages
from local_swarm.chat.turn import Settled, Turn
from local_swarm.types import Candidate, FinishReason, Prompt, TokenLogprob, Usage

logger = logging.getLogger(__name__)


def error_of(report: messages.Report) -> errors.SwarmError:
    if isinstance(report, messages.JobRefused):
        return errors.ContextExceeded(report.prompt_tokens, report.context)
    if isinstance(report, messages.JobInvalid):
        return errors.SchemaUnfit(report.message)
    if isinstance(report, messages.JobBusy):
        return errors.Busy(report.message, retry_after_s=2)
    if isinstance(report, messages.JobFailed):
        logger.error("The engine failed on one request: %s", report.message)
        return errors.EngineFailed("The engine failed on this request; its log says why.")
    return errors.EngineLost("The engine answered out of turn.")


def generate_command(number: int, asked: Turn, seats: Sequence[Seat], schema: str | None) -> messages.Generate:
    """The command that answers a prompt once for each seat, bound to a schema (JSON) where one is given."""
    prompt, sampling = asked.prompt, asked.prompt.sampling
    names = ("top_k", "top_p", "min_p", "repeat_penalty", "frequency_penalty", "presence_penalty")
    given = {name: getattr(sampling, name) for name in names if getattr(sampling, name) is not None}
    return messages.Generate(
        job=number,
        client=prompt.session or "",
        text=asked.text,
        temperatures=[seat.temperature for seat in seats],
        seeds=[seat.seed for seat in seats],
        max_tokens=sampling.max_tokens,
        stop=list(asked.stops),
        sampling=given,
        bias=list(sampling.bias),
        logprobs=sampling.logprobs,
        schema=schema,
        kept=asked.kept,
        scored=prompt.scored,
        parted=asdict(parting) if (parting := asked.parted) else None,
    )


def fingerprint(command: messages.Generate | messages.EmbedText) -> str:
    """Equal for equal requests, whichever client sends them and with whichever seeds."""
    if isinstance(command, messages.EmbedText):
        same: messages.Command = replace(command, job=0)
    else:
        same = replace(command, job=0, client="", seeds=[0] * len(command.seeds))
    return hashlib.sha256(messages.encode(same)).hexdigest()


def fill_in_middle(prompt: Prompt, marks: Sequence[str] | None) -> Prompt:
    """A text with a gap, written as the model has learned to fill one. Raises BadRequest where it has not."""
    if prompt.text is None or not prompt.suffix:
        return prompt
    if marks is None:
        raise errors.BadRequest(
            "This model has not learned to fill in the middle, so it takes no suffix.", param="suffix"
        )
    before, after, middle = marks
    return replace(prompt, text=f"{before}{prompt.text}{after}{prompt.suffix}{middle}")


def candidate(
    report: messages.SeatDone,
    seat: Seat,
    said: Settled,
    prompt_tokens: int,
    logprobs: Mapping[int, Sequence[TokenLogprob]],
    scored: tuple[TokenLogprob, ...],
) -> Candidate:
    return Candidate(
        text=said.words,
        tool_calls=said.calls,
        voter=seat.voter,
        finish_reason=finish_reason(report.finish, said),
        usage=Usage(prompt_tokens, report.completion_tokens, report.cached_tokens),
        seconds=report.seconds,
        anchor=seat.anchor,
        mean_logprob=report.logprob_sum / report.completion_tokens if report.completion_tokens else None,
        logprobs=tuple(logprobs.get(report.seat, ())),
        prompt_logprobs=scored,
        reasoning=said.thoughts,
        flaw=said.flaw,
    )


def finish_reason(finish: FinishReason, said: Settled) -> FinishReason:
    """How an answer ended, of which the engine says how its text did. One whose call the limit of tokens cut short
    ends with `length`, as words do."""
    if said.stopped:
        finish = "stop"
    whole = said.calls and not (finish == "length" and said.flaw)
    return "tool_calls" if whole else finish


def without_start(tokens: Sequence[Any], asked: Turn) -> tuple[TokenLogprob, ...]:
    """The prompt's own tokens, less the beginning token that only the engine put before them."""
    start = asked.template.bos
    added = bool(tokens) and bool(start) and tokens[0][0] == start and not asked.text.startswith(start)
    return tuple(token_logprob(token) for token in tokens[added:])


def token_logprob(sent: Sequence[Any]) -> TokenLogprob:
    """As `messages.SeatText` carries it."""
    text, logprob, top = sent
    return TokenLogprob(text, logprob, tuple((other, nats) for other, nats in top))


def schema_text(schema: Mapping[str, Any]) -> str:
    """Raises SchemaUnfit for one that nests too deeply to be written."""
    try:
        return json.dumps(schema)
    except (RecursionError, ValueError) as problem:
        raise errors.SchemaUnfit("it nests too deeply") from problem
