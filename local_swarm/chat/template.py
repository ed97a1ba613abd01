"""Messages and tools in, the text a model was trained to read out, by the model's own chat template.

Templates come with model files from strangers, so they run in Jinja's immutable sandbox (CVE-2024-34359). The names a
template may use are those that Hugging Face's transformers defines (chat_template_utils.py), which model makers test with.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from local_swarm.chat.families import family_of
from local_swarm.chat.generic import calls_in_words, taking_turns, tools_in_words, without_system
from local_swarm.errors import BadModelFile, BadRequest
from local_swarm.types import JSON, Message, Prompt

THOUGHTS_BEGIN = ("<think>", "[THINK]", "<|START_THINKING|>")
THOUGHTS_END = ("</think>", "[/THINK]", "<|END_THINKING|>")

# For files without a template: ChatML, which most models that lack one were tuned with.
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class TemplateRefusal(Exception):
    """Raised by a template that does not take these messages."""


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


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the model continues. `thinking`: it ends within the model's thoughts."""

    text: str
    thinking: bool = False


def plain(message: Message, short_ids: bool = False, as_text: bool = False) -> dict[str, Any]:
    """A message as templates expect it: arguments of tool calls parsed, or else `as_text`; absent things absent."""
    made: dict[str, Any] = {"role": message.role, "content": message.content}
    name = short if short_ids else str
    if message.tool_calls:
        made["tool_calls"] = [
            {"id": name(call.id), "type": "function", "function": {
                "name": call.name, "arguments": call.arguments if as_text else parsed(call.arguments)}}
            for call in message.tool_calls
        ]  # fmt: skip
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


def parsed(arguments: str) -> Any:
    """Arguments as an object; as the text they are when a model once wrote them wrongly."""
    try:
        return json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments


def short(identifier: str) -> str:
    """Nine letters and digits, as Mistral's templates demand of a call's identifier."""
    return hashlib.sha256(identifier.encode()).hexdigest()[:9]


def ordinary(messages: Sequence[Message]) -> list[Message]:
    """Developers' messages as system messages, which is what most templates call them."""
    return [replace(one, role="system") if one.role == "developer" else one for one in messages]


class ChatTemplate:
    """A compiled template. `bos` and `eos` are the texts of the model's special tokens."""

    def __init__(self, source: str | None, bos: str = "", eos: str = "") -> None:
        source = source or CHATML
        try:
            self.template = environment().from_string(source)
        except jinja2.TemplateError as problem:
            raise BadModelFile(
                f"The model's chat template is broken ({problem}). Use another file of this model."
            ) from problem
        self.bos, self.eos, self.source = bos, eos, source
        self.family = family_of(source)
        self.knows_tools, self.knows_calls = re.search(r"\b(xml_)?tools\b", source) is not None, "tool_calls" in source
        self.knows_developers = "developer" in source

    @property
    def thinks(self) -> bool:
        """Whether the model thinks before it answers."""
        return any(mark in self.source for mark in (*THOUGHTS_BEGIN, "analysis<|message|>", "<|channel>thought"))

    def render(self, prompt: Prompt) -> Rendered:
        """The whole text that the model continues. Raises BadRequest when the template takes no such conversation."""
        messages = list(prompt.messages) if self.knows_developers else ordinary(prompt.messages)
        if not self.knows_calls:
            messages = calls_in_words(messages)
        if not self.knows_tools:
            messages = tools_in_words(messages, prompt.tools)
        text = self._first_that_works(messages, prompt.tools if self.knows_tools else (), options_of(prompt))
        thinking = text.rstrip().endswith(THOUGHTS_BEGIN)
        if thinking and prompt.thinking is False:
            return Rendered(f"{text.rstrip()}\n\n{THOUGHTS_END[THOUGHTS_BEGIN.index(last_mark(text))]}\n\n")
        return Rendered(text, thinking)

    def _first_that_works(self, messages: list[Message], tools: Sequence[JSON], options: Mapping[str, Any]) -> str:
        """Templates differ in what they take: as it came, arguments as text, questions in a row joined, no system message, an
        empty list of tools rather than none."""
        turns = taking_turns(messages)
        listed = [complete(tool) for tool in tools]
        problem: BadRequest | None = None
        for attempt, offered, as_text in (
            (messages, listed or None, False), (messages, listed or None, True), (turns, listed or None, False),
            (taking_turns(without_system(messages)), listed or None, False), (messages, listed, False),
        ):  # fmt: skip
            try:
                return self._render(attempt, offered, options, as_text)
            except BadRequest as refusal:
                problem = problem or refusal
        assert problem
        raise problem

    def _render(
        self, messages: Sequence[Message], tools: list[JSON] | None, options: Mapping[str, Any], as_text: bool
    ) -> str:
        try:
            return self.template.render(
                **options,
                messages=[plain(message, self.family.name == "mistral", as_text) for message in messages],
                tools=tools,
                xml_tools=tools,  # SmolLM3's name for them
                add_generation_prompt=True,
                bos_token=self.bos,
                eos_token=self.eos,
            )
        except (
            TemplateRefusal,
            jinja2.TemplateError,
            TypeError,
            ValueError,
            ArithmeticError,
            LookupError,
            AttributeError,
        ) as problem:
            raise BadRequest(
                f"This model's chat template does not take this conversation: {problem}.", param="messages"
            ) from problem


OWN_NAMES = ("messages", "tools", "add_generation_prompt", "bos_token", "eos_token")


def options_of(prompt: Prompt) -> dict[str, Any]:
    """What a client may tell a template beside the conversation."""
    options = {key: value for key, value in prompt.template.items() if key not in OWN_NAMES}
    if prompt.thinking is not None:
        options["enable_thinking"] = prompt.thinking
    return options


def last_mark(text: str) -> str:
    return next(mark for mark in THOUGHTS_BEGIN if text.rstrip().endswith(mark))
