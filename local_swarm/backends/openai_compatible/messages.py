"""A Prompt in, a request to an OpenAI-compatible server out; a server's refusal in, the error that it means out. Pure.

The shapes are those of OpenAI's API reference (chat completions, streamed).
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from local_swarm.backends.base import Seat
from local_swarm.chat.narrowing import simplify_schema
from local_swarm.errors import BadRequest, Busy, ContextExceeded, EngineLost, SwarmError
from local_swarm.types import JSON, Message, Prompt

CHARACTERS_PER_TOKEN = 4  # of English, in the mean: an estimate until the server has counted
TOKENS_PER_MESSAGE = 4  # of marks that a template puts around each
LONGEST_WAIT_S = 3600
OVERLONG = re.compile(
    r"context.{0,12}(length|size|window)|(prompt|input).{0,12}too (long|large)|exceed_context"
    r"|tokens?\b.{0,40}must be <|token count.{0,24}exceeds",
    re.IGNORECASE,
)
CROWDED = re.compile(r"rate.?limit|overloaded|too many requests", re.IGNORECASE)
# Wishes that an answer can be had without. Not all servers know them, and some refuse what they do not know or cannot do.
OPTIONAL = (
    "stream_options",
    "seed",
    "temperature",
    "parallel_tool_calls",
    "chat_template_kwargs",
    "max_tokens",
    "max_completion_tokens",
)
NUMBERS = re.compile(r"(?<![\w.])\d{2,9}(?![\w.]*\d)")


def request_body(prompt: Prompt, party: Sequence[Seat], model: str) -> dict[str, Any]:
    """The body that asks for one answer per seat; seats of one party share a temperature, and the first one's seed
    counts.

    Servers find stop strings among thoughts too, so they are told those of texts alone, which have no thoughts.
    """
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
        "stop": (list(sampling.stop) or None) if prompt.text is not None else None,
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
    messages = [one.content + "".join(call.name + call.arguments for call in one.tool_calls) for one in prompt.messages]
    characters = sum(map(len, messages)) + len(prompt.text or "") + len(str(list(prompt.tools)) if prompt.tools else "")
    return max(1, characters // CHARACTERS_PER_TOKEN + TOKENS_PER_MESSAGE * len(messages))


def without_refused(body: Mapping[str, Any], status: int, said: str) -> dict[str, Any] | None:
    """The body without what the server refuses in it; None where nothing can be left out. `said`: its words."""
    if status not in (400, 422):
        return None
    named = next((name for name in OPTIONAL if name in body and re.search(rf"\b{name}\b", said)), None)
    if named is None:
        return None
    left = {name: value for name, value in body.items() if name != named}
    if named == "max_tokens" and "max_completion_tokens" in said and "not supported" in said:
        left["max_completion_tokens"] = body[named]
    return left


def error_of(status: int, body: str, retry_after: str | None, where: str, estimate: int, context: int) -> SwarmError:
    """What a status other than 200 means. `estimate`: tokens of the prompt, where the server does not say."""
    message, error = complaint(body)
    if status == 413 or (status in (400, 422, 500) and is_overlong(error, message)):
        return context_exceeded(error, message, estimate, context)
    if status == 429 or (status == 503 and retry_after):
        return Busy(f"{where} has no room: {message}", retry_after_s=seconds_of(retry_after))
    if status in (401, 403):
        return EngineLost(f"{where} does not take the key it was given.", retry_after_s=60)
    if status in (400, 422):
        return BadRequest(f"{where}: {message}")
    return EngineLost(f"{where} failed with status {status}: {message}")


def complaint(body: str) -> tuple[str, Mapping[str, Any]]:
    """(message, the rest) of an error in OpenAI's shape or one of the shapes near it, or the beginning of whatever it is."""
    if body.lstrip().startswith("<"):
        return "it answered with a web page", {}
    try:
        error = json.loads(body)
        for key in ("error", "detail"):  # OpenAI's; FastAPI's, as many servers are written in
            error = error[key] if isinstance(error, dict) and key in error else error
    except (ValueError, RecursionError):
        return " ".join(body[:2000].split())[:200] or "no reason given", {}
    if not isinstance(error, dict):
        return str(error)[:500], {}
    return str(error.get("message") or error.get("msg") or "no reason given")[:500], error


def is_overlong(error: Mapping[str, Any], message: str) -> bool:
    return bool(OVERLONG.search(f"{error.get('code')} {error.get('type')} {message}"))


def error_in(chunk: Mapping[str, Any], where: str, estimate: int, context: int) -> SwarmError | None:
    """The error that a server tells within its answer, where it has begun with status 200 already."""
    if not chunk.get("error") and chunk.get("object") != "error":
        return None
    message, error = complaint(json.dumps(chunk))
    if is_overlong(error, message):
        return context_exceeded(error, message, estimate, context)
    if error.get("code") == 429 or CROWDED.search(f"{error.get('code')} {error.get('type')}"):
        return Busy(f"{where} has no room: {message}", retry_after_s=seconds_of(None))
    return EngineLost(f"{where} broke off: {message}")


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
    """HTTP's `Retry-After` in seconds, which may be a date (RFC 9110, 10.2.3); what is neither counts as a few."""
    told = retry_after or ""
    try:
        wait = float(told)
    except ValueError:
        try:
            wait = parsedate_to_datetime(told).timestamp() - time.time()
        except (ValueError, TypeError, IndexError, OverflowError):
            return 5
    return min(LONGEST_WAIT_S, max(1, math.ceil(wait))) if math.isfinite(wait) else 5
