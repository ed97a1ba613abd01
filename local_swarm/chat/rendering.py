"""A chat template with messages and tools in, the text that the model continues out. Runs in a child process under limits.

Templates come with model files from strangers, so they run in Jinja's immutable sandbox (CVE-2024-34359), no longer than a call
may take. Model makers test with transformers, so the names that it defines (chat_template_utils.py) are defined here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from local_swarm.chat.generic import (
    SYSTEM,
    begun_by_user,
    calls_one_by_one,
    later_system_asked,
    taking_turns,
    with_everything_answered,
    with_one_system,
    with_results_paired,
    without_system,
)
from local_swarm.chat.notations import object_of
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
    return json.dumps(  # `default`: Jinja's filters give generators
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys, default=list
    )


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

    Templates differ in what they take, so a conversation is told in ever plainer ways until one is taken.
    """
    asked = prepare(source, [message_of(one) for one in messages])
    listed = [complete(tool) for tool in tools]
    problem = ""
    for attempt, as_text, offered in attempts(asked, listed):
        try:
            told = [plain(message, short_ids, as_text) for message in attempt]
            text = compile_template(source).render(  # `xml_tools`: SmolLM3's name for them
                **options, messages=told, tools=offered, xml_tools=offered, add_generation_prompt=True, **names
            )
        except REFUSALS as refusal:
            problem = problem or str(refusal)[:LONGEST_PROBLEM] or type(refusal).__name__
            continue
        if len(text) > LONGEST_RENDERED:
            return {"problem": f"it writes more than {LONGEST_RENDERED} characters"}
        return {"text": text.encode("utf-8", "replace").decode()}  # a template can write half a character too
    return {"problem": problem}


Step = Callable[[Sequence[Message]], list[Message]]
# What is done to a conversation before it is tried again.
STEPS: tuple[tuple[Step, ...], ...] = (
    (),
    (calls_one_by_one,),
    (taking_turns,),
    (taking_turns, calls_one_by_one),
    (with_everything_answered, taking_turns),
    (without_system, taking_turns),
    (without_system, taking_turns, calls_one_by_one),
    (taking_turns, begun_by_user, calls_one_by_one),
    (without_system, begun_by_user, taking_turns, calls_one_by_one),
)


def attempts(
    asked: Sequence[Message], listed: Sequence[JSON]
) -> Iterator[tuple[Sequence[Message], bool, Sequence[JSON] | None]]:
    """(messages, whether arguments of calls are text, tools) each, the plainest last. An empty list of tools is not none."""
    told: list[list[Message]] = []
    for steps in STEPS:
        changed = list(asked)
        for step in steps:
            changed = step(changed)
        if changed not in told:
            told.append(changed)
            yield changed, False, listed or None
            yield changed, True, listed or None
    yield asked, False, listed


def prepare(source: str, messages: Sequence[Message]) -> list[Message]:
    """A conversation as every template shall see it, with roles that this one shows."""
    told = with_results_paired(with_one_system(messages))
    if any(one.role == "developer" for one in told) and not shows(source, ("developer", "user")):
        told = [replace(one, role="system") if one.role == "developer" else one for one in told]
    if any(one.role in SYSTEM for one in told[1:]) and not shows(
        source, ("system", "user", "assistant", "system", "user")
    ):
        told = later_system_asked(told)
    alone = len(told) == 1 and told[0].role in SYSTEM and not shows(source, ("system",))
    return without_system(told) if alone else told


@lru_cache(maxsize=64)
def shows(source: str, roles: tuple[str, ...]) -> bool:
    """Whether a template writes the messages of such a conversation, each in its place."""
    said = [f"(message {place})" for place in range(len(roles))]
    messages = [{"role": role, "content": content} for role, content in zip(roles, said, strict=True)]
    try:
        text = compile_template(source).render(
            messages=messages, tools=None, xml_tools=None, add_generation_prompt=True, bos_token="", eos_token=""
        )
    except REFUSALS:
        return False
    places = [text.find(content) for content in said]
    return min(places) >= 0 and places == sorted(places)


def message_of(told: Mapping[str, Any]) -> Message:
    """As `dataclasses.asdict` wrote it."""
    calls = tuple(ToolCall(**call) for call in told["tool_calls"])
    return Message(**{**told, "tool_calls": calls})


def plain(message: Message, short_ids: bool = False, as_text: bool = False) -> dict[str, Any]:
    """A message as templates expect it: arguments of tool calls parsed, or else `as_text`; absent things absent."""
    made: dict[str, Any] = {"role": message.role, "content": message.content}
    name = short if short_ids else str
    if message.tool_calls:
        made["tool_calls"] = [plain_call(call, name(call.id), as_text) for call in message.tool_calls]
    answered = name(message.tool_call_id) if message.tool_call_id else None
    rest = {"tool_call_id": answered, "name": message.name, "reasoning_content": message.reasoning}
    made |= {key: value for key, value in rest.items() if value is not None}
    return made


def plain_call(call: ToolCall, identifier: str, as_text: bool) -> dict[str, Any]:
    arguments = parse_arguments(call.arguments)
    said = json.dumps(arguments, ensure_ascii=False) if as_text else arguments
    return {"id": identifier, "type": "function", "function": {"name": call.name, "arguments": said}}


def complete(tool: JSON) -> JSON:
    """A tool with all that templates take for granted."""
    if not isinstance(tool.get("function"), dict):
        return tool
    function = dict(tool["function"])
    function["description"] = function.get("description") or ""
    function["parameters"] = function.get("parameters") or {"type": "object", "properties": {}}
    return {**tool, "type": "function", "function": function}


def parse_arguments(arguments: str) -> dict[str, Any]:
    """Arguments as an object, which templates take for granted; nothing where a model once wrote what is none."""
    value = object_of(arguments, closes=True)
    if isinstance(value, str) and value != arguments:
        value = object_of(value, closes=True)
    return value if isinstance(value, dict) else {}


def short(identifier: str) -> str:
    """Nine letters and digits, as Mistral's templates demand of a call's identifier."""
    return hashlib.sha256(identifier.encode()).hexdigest()[:9]
