"""A Prompt in, a request to an OpenAI-compatible server out; its chunks in, what each choice has said out. Pure.

The shapes are those of OpenAI's API reference (chat completions, streamed). Servers differ in what they add and what
they get wrong, so every field is looked at before it is believed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local_swarm.backends.base import Seat
from local_swarm.chat.narrowing import simplify_schema
from local_swarm.errors import BadRequest, Busy, ContextExceeded, EngineLost, ModelNotFound, SwarmError
from local_swarm.types import JSON, Candidate, FinishReason, Message, Prompt, TokenLogprob, ToolCall, Usage

CHARACTERS_PER_TOKEN = 4  # of English, in the mean: an estimate until the server has counted
LONGEST_WAIT_S = 3600
FINISHES: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "content_filter": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
OVERLONG = re.compile(
    r"context.{0,12}(length|size|window)|(prompt|input).{0,12}too (long|large)|exceed_context", re.IGNORECASE
)
NUMBERS = re.compile(r"(?<![\w.])\d{2,9}(?![\w.]*\d)")


def request_body(prompt: Prompt, party: Sequence[Seat], model: str) -> dict[str, Any]:
    """The body that asks for one answer per seat; seats of one party share a temperature, and the first one's seed
    counts."""
    sampling = prompt.sampling
    options: dict[str, Any] = {
        "temperature": party[0].temperature,
        "seed": party[0].seed & 0x7FFFFFFF,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repeat_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "logit_bias": {str(token): bias for token, bias in sampling.bias} or None,
        "logprobs": True if sampling.logprobs is not None else None,
        "top_logprobs": sampling.logprobs,
        "n": len(party) if len(party) > 1 else None,
        "tools": list(map(simplify_tool, prompt.tools)) or None,
        "tool_choice": tool_choice(prompt),
        "parallel_tool_calls": False if prompt.one_call and prompt.tools else None,
        "chat_template_kwargs": None if prompt.thinking is None else {"enable_thinking": prompt.thinking},
        "response_format": prompt.schema
        and {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": simplify_schema(prompt.schema), "strict": True},
        },
    }
    asked: dict[str, Any] = {"messages": [message_body(message) for message in prompt.messages]}
    if prompt.text is not None:
        asked = {"prompt": prompt.text, "suffix": prompt.suffix or None, "logprobs": sampling.logprobs}
        options = {name: value for name, value in options.items() if name not in ("logprobs", "top_logprobs")}
    return {
        "model": model,
        **{name: value for name, value in asked.items() if value is not None},
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in options.items() if value is not None},
    }


def simplify_tool(tool: JSON) -> JSON:
    function = tool.get("function")
    if not isinstance(function, Mapping) or "parameters" not in function:
        return tool
    return {**tool, "function": {**function, "parameters": simplify_schema(function["parameters"])}}


def tool_choice(prompt: Prompt) -> Any:
    """OpenAI's `tool_choice` for an answer that must be a call."""
    if len(prompt.must_call) == 1:
        return {"type": "function", "function": {"name": prompt.must_call[0]}}
    return "required" if prompt.must_call else None


def message_body(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        made["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    rest = {"tool_call_id": message.tool_call_id, "name": message.name}
    return made | {key: value for key, value in rest.items() if value is not None}


def estimated_tokens(prompt: Prompt) -> int:
    """About how many tokens a prompt has, for those who ask before the server has counted."""
    return max(1, (sum(len(one.content) for one in prompt.messages) + len(prompt.text or "")) // CHARACTERS_PER_TOKEN)


@dataclass(slots=True)
class ChoiceSoFar:
    """What one choice has said so far. `pieces` counts chunks that carried words."""

    words: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    finish: FinishReason | None = None
    pieces: int = 0

    def take(self, choice: Mapping[str, Any]) -> tuple[str, str]:
        """(thoughts, words) that a chunk adds. A whole message, of a server that does not stream, is taken like one
        long chunk.

        Raises ValueError for what is no choice.
        """
        delta = choice.get("delta") or choice.get("message") or {"content": choice.get("text")}
        if not isinstance(delta, dict):
            raise ValueError("a choice without a delta")
        words, thought = delta.get("content") or "", delta.get("reasoning_content") or delta.get("reasoning") or ""
        if not isinstance(words, str) or not isinstance(thought, str):
            raise ValueError("words that are no text")
        for call in delta.get("tool_calls") or ():
            self._call(call)
        likely = choice.get("logprobs")
        if isinstance(likely, dict):
            self.logprobs += [token_logprob(one) for one in likely.get("content") or legacy_logprobs(likely)]
        if choice.get("finish_reason"):
            self.finish = FINISHES.get(str(choice["finish_reason"]), "stop")
        self.words.append(words)
        self.thoughts.append(thought)
        self.pieces += bool(words or delta.get("tool_calls") or thought)
        return thought, words

    def _call(self, piece: Any) -> None:
        function = piece.get("function") if isinstance(piece, dict) else None
        if not isinstance(function, dict):
            raise ValueError("a tool call without a function")
        number = piece.get("index")
        call = self.calls.setdefault(
            number if isinstance(number, int) else len(self.calls), {"id": "", "name": "", "arguments": ""}
        )
        call["id"] = call["id"] or str(piece.get("id") or "")
        call["name"] += function.get("name") or ""
        arguments = function.get("arguments") or ""
        call["arguments"] += arguments if isinstance(arguments, str) else json.dumps(arguments)

    def candidate(self, seat: Seat, usage: Usage, seconds: float) -> Candidate:
        """Raises EngineLost where the answer has no end."""
        if self.finish is None:
            raise EngineLost("The server's answer broke off.")
        calls = tuple(
            ToolCall(call["id"] or f"call_{number}", call["name"], call["arguments"] or "{}")
            for number, call in sorted(self.calls.items())
        )
        nats = [one.logprob for one in self.logprobs if one.logprob is not None]
        return Candidate(
            text="".join(self.words),
            voter=seat.voter,
            finish_reason="tool_calls" if calls else self.finish,
            usage=usage,
            seconds=seconds,
            anchor=seat.anchor,
            tool_calls=calls,
            logprobs=tuple(self.logprobs),
            reasoning="".join(self.thoughts),
            mean_logprob=sum(nats) / len(nats) if nats else None,
        )


def legacy_logprobs(logprobs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Log-probabilities as the older completions have them, in the newer shape."""
    rows = zip(
        logprobs.get("tokens") or (),
        logprobs.get("token_logprobs") or (),
        logprobs.get("top_logprobs") or (),
        strict=False,
    )
    return [
        {"token": token, "logprob": nats, "top_logprobs": [{"token": t, "logprob": n} for t, n in (top or {}).items()]}
        for token, nats, top in rows
    ]


def token_logprob(entry: Mapping[str, Any]) -> TokenLogprob:
    """Raises ValueError for anything else."""
    try:
        top = tuple((str(one["token"]), float(one["logprob"])) for one in entry.get("top_logprobs") or ())
        return TokenLogprob(str(entry["token"]), float(entry["logprob"]), top)
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError("log-probabilities that are none") from problem


def usages(counts: Mapping[int, Any], said: Mapping[int, ChoiceSoFar], estimate: int) -> dict[int, Usage]:
    """What each choice cost, by its place. `counts`: what the server counted, by the choice that had ended last before.

    llama-server counts after each choice for it alone; others count once for all: then each gets its share by the
    chunks it came in.
    """
    if len(counts) == len(said):
        return {
            place: usage(counts[place], counts[place].get("completion_tokens"), said[place], estimate) for place in said
        }
    total = list(counts.values())[-1] if counts else {}
    written, pieces = total.get("completion_tokens"), sum(one.pieces for one in said.values())
    share = written / pieces if isinstance(written, int) and pieces else 1
    return {place: usage(total, round(share * one.pieces), one, estimate) for place, one in said.items()}


def usage(counted: Mapping[str, Any], written: Any, said: ChoiceSoFar, estimate: int) -> Usage:
    details, read = counted.get("prompt_tokens_details"), counted.get("prompt_tokens")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(
        read if isinstance(read, int) and read > 0 else estimate,
        written if isinstance(written, int) and written > 0 else said.pieces,
        cached if isinstance(cached, int) else 0,
    )


def error_of(status: int, body: str, retry_after: str | None, where: str, estimate: int, context: int) -> SwarmError:
    """What a status other than 200 means. `estimate`: tokens of the prompt, where the server does not say."""
    message, error = complaint(body)
    if status in (400, 413, 422) and OVERLONG.search(f"{error.get('code')} {error.get('type')} {message}"):
        return context_exceeded(error, message, estimate, context)
    if status == 429 or (status == 503 and retry_after):
        return Busy(f"{where} has no room: {message}", retry_after_s=seconds_of(retry_after))
    if status in (401, 403):
        return EngineLost(f"{where} does not take the key it was given.", retry_after_s=60)
    if status == 404:
        return ModelNotFound(f"{where}: {message}", param="model")
    if 400 <= status < 500:
        return BadRequest(f"{where}: {message}")
    return EngineLost(f"{where} failed with status {status}: {message}")


def complaint(body: str) -> tuple[str, Mapping[str, Any]]:
    """(message, the rest) of an error in OpenAI's shape, or the beginning of whatever it is."""
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return " ".join(body[:2000].split())[:200] or "no reason given", {}
    if not isinstance(error, dict):
        return str(error)[:500], {}
    return str(error.get("message") or "no reason given")[:500], error


def context_exceeded(error: Mapping[str, Any], message: str, estimate: int, context: int) -> ContextExceeded:
    """llama-server tells the numbers apart, others within the sentence: the smaller is the context."""
    counts = [error.get("n_ctx"), error.get("n_prompt_tokens")]
    numbers = [one for one in counts if isinstance(one, int)]
    if len(numbers) < 2:
        numbers = sorted(int(number) for number in NUMBERS.findall(message))[:2]
    if len(numbers) < 2:
        return ContextExceeded(max(estimate, context + 1), context)
    return ContextExceeded(numbers[1], numbers[0])


def seconds_of(retry_after: str | None) -> int:
    """HTTP's `Retry-After` in seconds; a date, or nothing, counts as a few."""
    try:
        return min(LONGEST_WAIT_S, max(1, round(float(retry_after or "5"))))
    except ValueError:
        return 5
