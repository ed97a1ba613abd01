"""Messages and tools in, the text a model was trained to read out, by the model's own chat template.

Templates come with model files from strangers, so they run in Jinja's immutable sandbox (CVE-2024-34359). The names a
template may use are those that Hugging Face's transformers defines (chat_template_utils.py), which model makers test with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from local_swarm.errors import BadModelFile, BadRequest
from local_swarm.types import Message, Prompt

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


def environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    made.filters["tojson"] = as_json
    made.globals["raise_exception"] = refuse
    made.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return made


def plain(message: Message) -> dict[str, Any]:
    """A message as templates expect it: arguments of tool calls parsed, absent things absent."""
    made: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        made["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": parsed(call.arguments)}}
            for call in message.tool_calls
        ]
    rest = {"tool_call_id": message.tool_call_id, "name": message.name, "reasoning_content": message.reasoning}
    made |= {key: value for key, value in rest.items() if value is not None}
    return made


def parsed(arguments: str) -> Any:
    """Arguments as an object; as the text they are when a model once wrote them wrongly."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


class ChatTemplate:
    """A compiled template. `bos` and `eos` are the texts of the model's special tokens."""

    def __init__(self, source: str | None, bos: str = "", eos: str = "") -> None:
        try:
            self.template = environment().from_string(source or CHATML)
        except jinja2.TemplateError as problem:
            raise BadModelFile(
                f"The model's chat template is broken ({problem}). Use another file of this model."
            ) from problem
        self.bos, self.eos = bos, eos

    def render(self, prompt: Prompt, options: Mapping[str, Any] | None = None) -> str:
        """The whole text that the model continues. Raises BadRequest when the template takes no such conversation."""
        try:
            return self.template.render(
                messages=[plain(message) for message in prompt.messages],
                tools=list(prompt.tools) or None,
                add_generation_prompt=True,
                bos_token=self.bos,
                eos_token=self.eos,
                **(options or {}),
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
