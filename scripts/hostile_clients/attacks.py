"""Dice in, hostile requests to the users' door out, as bytes. Knows no socket."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hostile_clients import programs, prompts, schemas

CHAT = "/v1/chat/completions"
MCP = "/mcp"
TOKENS = 60  # of an answer, where a request says nothing else
MEBI = 1 << 20
LONGEST = 200_000
Manner = Literal["plain", "leaves", "reads slowly", "half"]


@dataclass(frozen=True, slots=True)
class Attack:
    """One request. `tool`: it is a call of this MCP tool, and `body` its arguments. `large`: the door may hang up on it. `reads`:
    characters that a model must read of it, which takes processors their time."""

    name: str
    body: bytes
    path: str = CHAT
    manner: Manner = "plain"
    tool: str | None = None
    large: bool = False
    reads: int = 0


def chat(content: Any, /, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], "max_tokens": TOKENS, **more}


def encoded(wish: Any) -> bytes:
    return json.dumps(wish).encode()


def bound(schema: Any, /, **more: Any) -> dict[str, Any]:
    """A wish for an answer that obeys the schema."""
    return chat("hi", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}, **more)


def tool(parameters: Any, name: str = "write", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "Writes.", "parameters": parameters, **more}}


# ---------------------------------------------------------------------------------------------------------- kinds


def of_prompts(dice: random.Random) -> Attack:
    name, text = prompts.drawn(dice)
    role = dice.choice(("user", "user", "user", "system", "assistant", "tool", "completions", "responses"))
    body: dict[str, Any] = chat(text, max_tokens=150, stream=dice.random() < 0.3)
    path = CHAT
    if role == "completions":
        body, path = {"prompt": text, "max_tokens": TOKENS}, "/v1/completions"
    elif role == "responses":
        body, path = {"input": text, "max_output_tokens": TOKENS}, "/v1/responses"
    elif role != "user":
        first = {"role": role, "content": text, **({"tool_call_id": "a"} if role == "tool" else {})}
        body["messages"] = [first, {"role": "user", "content": prompts.QUESTION}]
    return Attack(f"prompt: {name} as {role}", encoded(body), path, reads=len(text))


def of_schemas(dice: random.Random) -> Attack:
    name = dice.choice(sorted(schemas.HOSTILE))
    schema = schemas.HOSTILE[name]
    if dice.random() < 0.6:
        return Attack(f"schema: {name}", encoded(bound(schema, stream=dice.random() < 0.2)))
    parameters = schema if isinstance(schema, dict) and dice.random() < 0.5 else schemas.thing(a=schema)
    choice = dice.choice(["required", "auto", {"type": "function", "function": {"name": "write"}}])
    return Attack(f"tool: {name}", encoded(chat("Write it.", tools=[tool(parameters)], tool_choice=choice)))


HALVES = ("\ud800", "\udfff", "\ud83d", "\ud800\ud800", "hi \udc00\ud800 there")


def of_surrogates(dice: random.Random) -> Attack:
    half = dice.choice(HALVES)
    call = {"id": half, "type": "function", "function": {"name": half, "arguments": json.dumps({half: half})}}
    places: dict[str, tuple[str, dict[str, Any]]] = {
        "content": (CHAT, chat(f"hi {half} there")),
        "a part": (CHAT, chat([{"type": "text", "text": half}])),
        "a system prompt": (
            CHAT,
            {**chat("hi"), "messages": [{"role": "system", "content": half}, {"role": "user", "content": "hi"}]},
        ),
        "a name": (CHAT, {**chat("hi"), "messages": [{"role": "user", "content": "hi", "name": half}]}),
        "a call": (
            CHAT,
            {
                **chat("hi"),
                "messages": [
                    {"role": "assistant", "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": half, "content": half},
                ],
            },
        ),
        "reasoning": (
            CHAT,
            {
                **chat("hi"),
                "messages": [
                    {"role": "assistant", "content": "a", "reasoning_content": half},
                    {"role": "user", "content": "b"},
                ],
            },
        ),
        "a tool's name": (CHAT, chat("hi", tools=[tool({"type": "object"}, name=half)], tool_choice="required")),
        "a tool's description": (CHAT, chat("hi", tools=[tool({"type": "object"}, description=half)])),
        "a tool's parameters": (
            CHAT,
            chat("hi", tools=[tool(schemas.thing(**{half: {"const": half}}))], tool_choice="required"),
        ),
        "the choice of a tool": (CHAT, chat("hi", tools=[tool({"type": "object"})], tool_choice=half)),
        "a schema": (CHAT, bound({"type": "string", "enum": [half, "b"], "description": half})),
        "stop": (CHAT, chat("hi", stop=[half])),
        "user": (CHAT, chat("hi", user=half, prompt_cache_key=half)),
        "model": (CHAT, chat("hi", model=half)),
        "options of the template": (
            CHAT,
            chat("hi", chat_template_kwargs={half: half, "a": {half: [half]}}, reasoning_effort=half),
        ),
        "strategy": (CHAT, chat("hi", swarm={"strategy": half, half: 1})),
        "a bias": (CHAT, chat("hi", logit_bias={half: 1})),
        "a field": (CHAT, chat("hi", **{half: half})),
        "a prompt": ("/v1/completions", {"prompt": half, "max_tokens": 5, "echo": True, "logprobs": 1}),
        "a suffix": ("/v1/completions", {"prompt": "a", "suffix": half, "max_tokens": 5}),
        "input of embeddings": ("/v1/embeddings", {"model": "swarm", "input": [half, f"a {half}"]}),
        "input of responses": ("/v1/responses", {"input": half, "instructions": half, "max_output_tokens": 5}),
    }
    name = dice.choice(sorted(places))
    path, wish = places[name]
    return Attack(f"surrogate in {name}", encoded(wish), path)


FIELDS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "frequency_penalty",
    "stop",
    "presence_penalty",
    "repetition_penalty",
    "top_logprobs",
    "stream",
    "logprobs",
    "parallel_tool_calls",
    "messages",
    "tools",
    "response_format",
)


def of_numbers(dice: random.Random) -> Attack:
    """Settings that are no numbers, or none that anybody means."""
    value = dice.choice(
        [-1, 0, 1e308, -1e308, 2**63, 2**64, 10**400, 1e-320, True, "7", [], {}, float("nan"), float("inf")]
    )
    field = dice.choice(FIELDS)
    return Attack(f"number: {field} = {str(value)[:12]}", encoded(chat("hi", **{field: value})))


def of_sizes(dice: random.Random) -> Attack:
    """Much of everything, all below the door's own limit or just above it."""
    many: dict[str, Callable[[], Any]] = {
        "100,000 stops": lambda: chat("hi", stop=[f"s{n}" for n in range(100_000)]),
        "a stop of 1 MB": lambda: chat(prompts.QUESTION, stop=["a" * MEBI]),
        "3,000 tools": lambda: chat("hi", tools=[tool(schemas.AGENT, name=f"t{n}") for n in range(3_000)]),
        "3,000 tools, one of them": lambda: chat(
            "hi", tools=[tool(schemas.AGENT, name=f"t{n}") for n in range(3_000)], tool_choice="required"
        ),
        "a tool's name of 1 MB": lambda: chat("hi", tools=[tool({}, name="n" * MEBI)], tool_choice="required"),
        "20,000 messages": lambda: {**chat("hi"), "messages": [{"role": "user", "content": "hi"}] * 20_000},
        "100,000 parts": lambda: chat([{"type": "text", "text": "a"}] * 100_000),
        "20,000 calls": lambda: {
            **chat("hi"),
            "messages": [
                {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}] * 20_000},
                {"role": "user", "content": "hi"},
            ],
        },
        "200,000 biases": lambda: chat("hi", logit_bias={str(n): 1 for n in range(200_000)}),
        "templates' options, deep": lambda: chat(
            "hi", chat_template_kwargs=schemas.nested(500, {}, lambda one: {"a": one})
        ),
        "templates' options, many": lambda: chat("hi", chat_template_kwargs={f"k{n}": n for n in range(100_000)}),
        "options that are ours": lambda: chat(
            "hi", chat_template_kwargs={"messages": 1, "tools": "a", "bos_token": "{{", "self": 1, "loop": 2}
        ),
        "1 MB of words": lambda: chat("word " * (MEBI // 5)),
        "a thousand prompts": lambda: {"prompt": ["a"] * 1_000, "max_tokens": 1},
        "tokens as a prompt": lambda: {"prompt": list(range(100_000)), "max_tokens": 1},
        "a session of 1 MB": lambda: chat("hi", user="u" * MEBI),
        "a model of 1 MB": lambda: chat("hi", model="m" * MEBI),
        "embeddings of 20,000 texts": lambda: {"model": "swarm", "input": ["a b"] * 20_000},
        "embeddings of 1 MB": lambda: {"model": "swarm", "input": "word " * (MEBI // 5)},
        "32 choices": lambda: chat(prompts.QUESTION, n=32, temperature=1.5),
        "32 voices": lambda: chat(prompts.QUESTION, swarm={"n": 32, "early": False, "ballots": True}),
    }
    name = dice.choice(sorted(many))
    path = "/v1/embeddings" if "embeddings" in name else "/v1/completions" if "prompt" in name else CHAT
    return Attack(f"size: {name}", encoded(many[name]()), path, large=True)


def of_bodies(dice: random.Random) -> Attack:
    """Bytes that are no request."""
    start, end = b'{"messages":[{"role":"user","content":"', b'"}],"max_tokens":5}'
    many: dict[str, Callable[[], bytes]] = {
        "32 MiB of blanks": lambda: start + b" " * (32 * MEBI - 100) + end,
        "40 MiB of blanks": lambda: start + b" " * (40 * MEBI) + end,
        "32 MiB of escapes": lambda: start + b"\\n" * (16 * MEBI - 100) + end,
        "32 MiB of halves": lambda: start + b"\\ud800" * (5 * MEBI) + end,
        "brackets, a million": lambda: b"[" * 1_000_000,
        "deep objects": lambda: b'{"a":' * 500_000,
        "deep and closed": lambda: b"[" * 50_000 + b"]" * 50_000,
        "a deep part": lambda: b'{"messages":' + b"[" * 900 + b"]" * 900 + b"}",
        "an endless number": lambda: b'{"seed":' + b"9" * 5_000_000 + b"}",
        "an endless exponent": lambda: b'{"temperature":1e' + b"9" * 1_000_000 + b"}",
        "keys, 500,000": lambda: b"{" + b",".join(b'"k%d":1' % n for n in range(500_000)) + b"}",
        "no UTF-8": lambda: start + b"\xff\xfe\x80\xed\xa0\x80" + end,
        "UTF-16": lambda: (start + b"hi" + end).decode().encode("utf-16"),
        "NULs": lambda: b"\x00" * 100_000,
        "nothing": lambda: b"",
        "a list": lambda: b"[1,2,3]",
        "NaN": lambda: start + b'","x":NaN,"y":Infinity,"z":"' + end,
        "one key twice": lambda: start + b"hi" + end[:-1] + b',"messages":[]}',
    }
    name = dice.choice(sorted(many))
    path = dice.choice((CHAT, CHAT, "/v1/completions", "/v1/embeddings", "/v1/responses", "/mcp"))
    return Attack(f"body: {name} at {path}", many[name](), path, large=True)


def of_manners(dice: random.Random) -> Attack:
    manner: Manner = dice.choice(("leaves", "reads slowly", "half"))
    wish = chat(prompts.QUESTION, stream=dice.random() < 0.7, max_tokens=200)
    return Attack(f"client: {manner}", encoded(wish), manner=manner)


def of_answers(dice: random.Random) -> Attack:
    name, answers = programs.compared(dice)
    wish: dict[str, Any] = {"answers": answers, "prompt": programs.QUESTION}
    if dice.random() < 0.2:
        wish["strategy"] = dice.choice(("similarity", "structure", "behaviour", "exact", "quality"))
    return Attack(f"compare {name}", encoded(wish), MCP, tool="compare_answers")


def of_tools(dice: random.Random) -> Attack:
    name, text = prompts.drawn(dice)
    half = dice.choice(HALVES)
    made: list[tuple[str, str, dict[str, Any]]] = [
        (f"code from {name}", "generate_code", {"prompt": text[:200_000], "max_tokens": TOKENS}),
        ("code from half an emoji", "generate_code", {"prompt": half, "max_tokens": 5}),
        ("answers of halves", "compare_answers", {"answers": [half, "a", half], "prompt": half}),
        ("64 answers", "compare_answers", {"answers": [text[:20_000]] * 64}),
        ("embeddings of halves", "embed", {"texts": [half]}),
        ("a tool that is not", half, {}),
    ]
    title, called, arguments = dice.choice(made)
    return Attack(f"mcp: {title}", encoded(arguments), MCP, tool=called, reads=len(str(arguments.get("prompt", ""))))


KINDS: Sequence[tuple[Callable[[random.Random], Attack], int]] = (
    (of_prompts, 6),
    (of_schemas, 6),
    (of_surrogates, 3),
    (of_numbers, 1),
    (of_sizes, 2),
    (of_bodies, 2),
    (of_manners, 2),
    (of_answers, 3),
    (of_tools, 1),
)


def drawn(dice: random.Random, mcp: bool = True, longest: int = LONGEST) -> Attack:
    """The next request of a hostile client, one of which a model reads no more than `longest` characters."""
    kinds, weights = zip(*(one for one in KINDS if mcp or one[0] not in (of_answers, of_tools)), strict=True)
    while True:
        made: Attack = dice.choices(kinds, weights)[0](dice)
        if made.reads <= longest:
            return made
