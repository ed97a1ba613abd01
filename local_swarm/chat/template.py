"""Messages and tools in, the text a model was trained to read out, by the model's own chat template.

Templates come with model files from strangers: here they are only looked at. They run in a child process, by `rendering`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from local_swarm.chat.families import family_of
from local_swarm.chat.generic import calls_in_words, tools_in_words
from local_swarm.confined.process import Confined
from local_swarm.errors import BadModelFile, BadRequest, Busy, Overrun
from local_swarm.types import JSON, Message, Prompt

THOUGHTS_BEGIN = ("<think>", "[THINK]", "<|START_THINKING|>")
THOUGHTS_END = ("</think>", "[/THINK]", "<|END_THINKING|>")
RENDER = "local_swarm.chat.rendering:render"
PROBLEM = "local_swarm.chat.rendering:problem_of"
LONGEST_TEMPLATE = 1 << 20  # characters; the longest known have 20,000

# For files without a template: ChatML, which most models that lack one were tuned with.
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


# For models that were never tuned for chat, which know no marks: a conversation as people write one down.
TRANSCRIPT = (
    "{% for message in messages %}{% if message.role in ('user', 'assistant') %}{{ message.role | capitalize }}: {% endif %}"
    "{{ message.content | trim }}\n\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
TURN_OF_THE_USER = ("\nUser:", "\nAssistant:")


def template_for(own: str | None, chatml: bool) -> str:
    """A model's own template, else one with no marks but those that its vocabulary has. `chatml`: whether it has ChatML's."""
    return own or (CHATML if chatml else TRANSCRIPT)


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the model continues. `thinking`: it ends within the model's thoughts."""

    text: str
    thinking: bool = False


def as_told(message: Message) -> dict[str, Any]:
    """As `rendering` takes it; `asdict` would take ten times as long, and there may be thousands."""
    return {
        "role": message.role,
        "content": message.content,
        "tool_calls": [asdict(call) for call in message.tool_calls],
        "tool_call_id": message.tool_call_id,
        "name": message.name,
        "reasoning": message.reasoning,
    }


def ordinary(messages: Sequence[Message]) -> list[Message]:
    """Developers' messages as system messages, which is what most templates call them."""
    return [replace(one, role="system") if one.role == "developer" else one for one in messages]


class ChatTemplate:
    """What a template's source tells without being run. `bos` and `eos` are the texts of the model's special tokens."""

    def __init__(self, source: str | None, bos: str = "", eos: str = "") -> None:
        self.bos, self.eos, self.source = bos, eos, (source or CHATML)[:LONGEST_TEMPLATE]
        self.family = family_of(self.source)
        self.knows_tools = re.search(r"\b(xml_)?tools\b", self.source) is not None
        self.knows_calls = "tool_calls" in self.source
        self.knows_developers = "developer" in self.source

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which an answer is over, for models that know no token that ends a turn."""
        return TURN_OF_THE_USER if self.source == TRANSCRIPT else ()

    @property
    def thinks(self) -> bool:
        """Whether the model thinks before it answers."""
        return any(mark in self.source for mark in (*THOUGHTS_BEGIN, "analysis<|message|>", "<|channel>thought"))

    async def check(self, confined: Confined) -> None:
        """Raises BadModelFile for a template that is none."""
        try:
            problem = await confined.call(PROBLEM, self.source)
        except Overrun as overrun:
            problem = f"it {overrun.why}"
        if problem:
            raise BadModelFile(f"The model's chat template is broken ({problem}). Use another file of this model.")

    async def render(self, prompt: Prompt, confined: Confined) -> Rendered:
        """The whole text that the model continues. Raises BadRequest when the template takes no such conversation."""
        messages = list(prompt.messages) if self.knows_developers else ordinary(prompt.messages)
        if not self.knows_calls:
            messages = calls_in_words(messages)
        if not self.knows_tools:
            messages = tools_in_words(messages, prompt.tools)
        text = await self._text(messages, prompt.tools if self.knows_tools else (), options_of(prompt), confined)
        thinking = text.rstrip().endswith(THOUGHTS_BEGIN)
        if thinking and prompt.thinking is False:
            return Rendered(f"{text.rstrip()}\n\n{THOUGHTS_END[THOUGHTS_BEGIN.index(last_mark(text))]}\n\n")
        return Rendered(text, thinking)

    async def _text(
        self, messages: Sequence[Message], tools: Sequence[JSON], options: Mapping[str, Any], confined: Confined
    ) -> str:
        names = {"bos_token": self.bos, "eos_token": self.eos}
        told = [as_told(message) for message in messages]
        try:
            said = await confined.call(RENDER, self.source, names, told, list(tools), options, self.family.short_ids)
        except Overrun as problem:
            if not problem.lasting:
                raise Busy("The conversation could not be read in time. Try again in a moment.") from problem
            raise BadRequest(
                f"This model's chat template {problem.why} on this conversation. Use another file of this model.",
                param="messages",
            ) from problem
        if "text" not in said:
            raise BadRequest(
                f"This model's chat template does not take this conversation: {said['problem']}.", param="messages"
            )
        return str(said["text"])


OWN_NAMES = ("messages", "tools", "xml_tools", "add_generation_prompt", "bos_token", "eos_token")


def options_of(prompt: Prompt) -> dict[str, Any]:
    """What a client may tell a template beside the conversation."""
    options = {key: value for key, value in prompt.template.items() if key not in OWN_NAMES}
    if prompt.thinking is not None:
        options["enable_thinking"] = prompt.thinking
    return options


def last_mark(text: str) -> str:
    return next(mark for mark in THOUGHTS_BEGIN if text.rstrip().endswith(mark))
