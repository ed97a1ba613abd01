"""A chat template with messages and tools in, the text that the model continues out. Runs in a child process under limits.

Templates come with model files from strangers, so they run in Jinja's immutable sandbox (CVE-2024-34359), no longer than a call
may take. Model makers test with transformers, so the names that it defines (chat_template_utils.py) are defined here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from local_swarm.chat.generic import taking_turns, without_system
from local_swarm.types import JSON, Message, ToolCall

LONGEST_PROBLEM = 300  # characters
LONGEST_RENDERED = 8 << 20  # characters: twice what a million tokens have


class TemplateRefusal(Exception):
    """Raised by a template that does not take these messages."""


# What a template may raise that is about this conversation; all else ends the call.
REFUSALS = (
    TemplateRefusal,
    jinja2.TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)


def refuse(message: str) -> NoReturn:
    raise TemplateRefusal(message)


def as_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    """Unlike Jinja's own filter this escapes nothing for HTML: a model must read `<`, not `\\u003c`."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class Generation(Extension):
    """`{% generation %}` ... `{% endgeneration %}`, by which trainers mark what a model writes. It changes nothing here."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


def environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])
    made.filters["tojson"] = as_json
    made.globals["raise_exception"] = refuse
    made.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return made


@lru_cache(maxsize=4)
def compile_template(source: str) -> jinja2.Template:
    return environment().from_string(source)


def problem_of(source: str) -> str | None:
    """Why a template is none; None for one that can be used."""
    try:
        compile_template(source)
    except REFUSALS as problem:
        return str(problem)[:LONGEST_PROBLEM] or type(problem).__name__
    return None


def render(
    source: str,
    names: Mapping[str, str],
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[JSON],
    options: Mapping[str, Any],
    short_ids: bool,
) -> dict[str, str]:
    """`{"text"}`, or `{"problem"}` where the template takes no such conversation. `names`: the model's special tokens.

    Templates differ in what they take: as it came, arguments as text, questions in a row joined, no system message, an empty list
    of tools rather than none.
    """
    asked = [message_of(one) for one in messages]
    turns = taking_turns(asked)
    listed = [complete(tool) for tool in tools]
    problem = ""
    for attempt, offered, as_text in (
        (asked, listed or None, False),
        (asked, listed or None, True),
        (turns, listed or None, False),
        (taking_turns(without_system(asked)), listed or None, False),
        (asked, listed, False),
    ):
        try:
            told = [plain(message, short_ids, as_text) for message in attempt]
            text = compile_template(source).render(
                **options, messages=told, tools=offered, xml_tools=offered, add_generation_prompt=True, **names
            )  # `xml_tools`: SmolLM3's name for them
        except REFUSALS as refusal:
            problem = problem or str(refusal)[:LONGEST_PROBLEM] or type(refusal).__name__
            continue
        if len(text) > LONGEST_RENDERED:
            return {"problem": f"it writes more than {LONGEST_RENDERED} characters"}
        return {"text": text.encode("utf-8", "replace").decode()}  # a template can write half a character too
    return {"problem": problem}


def message_of(told: Mapping[str, Any]) -> Message:
    """As `dataclasses.asdict` wrote it."""
    calls = tuple(ToolCall(**call) for call in told["tool_calls"])
    return Message(**{**told, "tool_calls": calls})


def plain(message: Message, short_ids: bool = False, as_text: bool = False) -> dict[str, Any]:
    """A message as templates expect it: arguments of tool calls parsed, or else `as_text`; absent things absent."""
    made: dict[str, Any] = {"role": message.role, "content": message.content}
    name = short if short_ids else str
    if message.tool_calls:
        made["tool_calls"] = [
            {
                "id": name(call.id),
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": call.arguments if as_text else parse_arguments(call.arguments),
                },
            }
            for call in message.tool_calls
        ]
    answered = name(message.tool_call_id) if message.tool_call_id else None
    rest = {"tool_call_id": answered, "name": message.name, "reasoning_content": message.reasoning}
    made |= {key: value for key, value in rest.items() if value is not None}
    return made


def complete(tool: JSON) -> JSON:
    """A tool with all that templates take for granted."""
    if not isinstance(tool.get("function"), dict):
        return tool
    function = dict(tool["function"])
    function["description"] = function.get("description") or ""
    function["parameters"] = function.get("parameters") or {"type": "object", "properties": {}}
    return {**tool, "type": "function", "function": function}


def parse_arguments(arguments: str) -> Any:
    """Arguments as an object; as the text they are when a model once wrote them wrongly."""
    try:
        return json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments


def short(identifier: str) -> str:
    """Nine letters and digits, as Mistral's templates demand of a call's identifier."""
    return hashlib.sha256(identifier.encode()).hexdigest()[:9]
