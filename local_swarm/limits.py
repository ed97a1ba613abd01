"""A prompt in, a refusal out where it has more in it than anybody is served with. The same bounds hold at every door.

Users' requests, members of the federation and assistants' tools all come to the same workers, so what is too much is said once.
Each bound is far beyond what clients send, and low enough that the work on it is done in tens of milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from local_swarm.errors import BadRequest
from local_swarm.types import Message, Prompt, Sampling

MOST_VOICES = 32  # of one vote on one machine
LEAST_CONTEXT = 512  # tokens: with fewer there is hardly room for a question and its answer
USUAL_VOICES = 8  # of a swarm that nothing holds back, where the settings do not say otherwise
LONGEST_ANSWER = 4096  # tokens set aside for an answer where the request has no limit
MOST_MESSAGES = 8192
MOST_PARTS = 1024  # of one message's content
MOST_CALLS = 256  # of one message
MOST_TOOLS = 512  # agents with many MCP servers have two hundred
MOST_NODES = 50_000  # of all JSON schemas of a request: 500 tools have 20,000
MOST_VALUES = 1000  # of one `enum`, as OpenAI has it
MOST_STOPS, LONGEST_STOP = 64, 512  # OpenAI takes four
MOST_BIAS = 1024
MOST_TOP = 20  # likeliest tokens beside each
LONGEST_ID = 8192  # of a call; some clients put a model's signed thoughts into it
LONGEST_NAME = 512  # of a tool, a model, a call, a conversation
MOST_NUMBER = (1 << 31) - 1  # of tokens, and of a token
SEEDS = 1 << 63

# Numbers of `Sampling`: the name clients know it by, the least and the most.
RANGES: Mapping[str, tuple[str, float, float]] = {
    "temperature": ("temperature", 0, 2),
    "top_p": ("top_p", 0, 1),
    "top_k": ("top_k", 0, MOST_NUMBER),
    "min_p": ("min_p", 0, 1),
    "repeat_penalty": ("repetition_penalty", 0, 100),
    "frequency_penalty": ("frequency_penalty", -2, 2),
    "presence_penalty": ("presence_penalty", -2, 2),
    "seed": ("seed", -SEEDS, SEEDS - 1),
    "max_tokens": ("max_tokens", 1, MOST_NUMBER),
    "logprobs": ("top_logprobs", 0, MOST_TOP),
}


def check_prompt(prompt: Prompt) -> Prompt:
    """The prompt, unchanged. Raises BadRequest, which names the field and the bound."""
    check_count("messages", prompt.messages, MOST_MESSAGES)
    for place, message in enumerate(prompt.messages):
        check_message(message, f"messages[{place}]")
    names = check_tools(prompt.tools)
    if not set(prompt.must_call) <= set(names):
        raise BadRequest("tool_choice must name one of the tools.", param="tool_choice")
    check_sampling(prompt.sampling)
    if prompt.voices is not None:
        check_range("swarm.n", prompt.voices, 1, MOST_VOICES)
    check_length("session", prompt.session or "")
    check_values("response_format", [prompt.schema or {}])
    return prompt


def check_message(message: Message, place: str) -> None:
    check_count(f"{place}.tool_calls", message.tool_calls, MOST_CALLS)
    check_length(f"{place}.name", message.name or "")
    check_length(f"{place}.tool_call_id", message.tool_call_id or "", LONGEST_ID)
    for number, call in enumerate(message.tool_calls):
        check_length(f"{place}.tool_calls[{number}].id", call.id, LONGEST_ID)
        check_length(f"{place}.tool_calls[{number}].function.name", call.name)


def check_tools(tools: Sequence[Any]) -> list[str]:
    """Their names. Better a clear refusal than an answer that ignores what was asked."""
    check_count("tools", tools, MOST_TOOLS)
    names = []
    for place, tool in enumerate(tools):
        function = tool.get("function")
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise BadRequest(f"tools[{place}].function must have a name.", param=f"tools[{place}]")
        check_length(f"tools[{place}].function.name", function["name"])
        names.append(function["name"])
    check_values("tools", tools)
    return names


def check_sampling(sampling: Sampling) -> None:
    for field, (name, low, high) in RANGES.items():
        number = getattr(sampling, field)
        if number is not None:
            check_range(name, number, low, high)
    check_count("stop", sampling.stop, MOST_STOPS)
    for stop in sampling.stop:
        if len(stop) > LONGEST_STOP:
            raise BadRequest(f"stop: none may have more than {LONGEST_STOP} characters.", param="stop")
    check_count("logit_bias", sampling.bias, MOST_BIAS)
    for token, weight in sampling.bias:
        check_range("logit_bias", token, 0, MOST_NUMBER)
        check_range("logit_bias", weight, -100, 100)


def check_values(field: str, schemas: Iterable[Any]) -> None:
    """No `enum` within JSON schemas may offer more than can be chosen from, and all together no more than can be looked through.
    Without recursion."""
    left: list[Any] = list(schemas)
    seen = 0
    while left:
        one = left.pop()
        seen += 1
        if seen > MOST_NODES:
            raise BadRequest(f"{field}: there may be at most {MOST_NODES} values in JSON schemas.", param=field)
        if isinstance(one, Mapping):
            if isinstance(values := one.get("enum"), list):
                check_count(f"{field}: enum", values, MOST_VALUES, field)
            left.extend(one.values())
        elif isinstance(one, (list, tuple)):
            left.extend(one)


def check_count(field: str, values: Sequence[Any], most: int, param: str | None = None) -> None:
    if len(values) > most:
        raise BadRequest(f"{field}: there may be at most {most}, not {len(values)}.", param=param or field)


def check_length(field: str, text: str, most: int = LONGEST_NAME) -> None:
    if len(text) > most:
        raise BadRequest(f"{field} may have at most {most} characters.", param=field)


def check_range(field: str, number: float, low: float, high: float) -> None:
    if not (math.isfinite(number) and low <= number <= high):
        raise BadRequest(f"{field} must be between {low} and {high}.", param=field)
