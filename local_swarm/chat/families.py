"""A chat template in, the family of models it belongs to out: by which marks their replies change from words to thoughts and
calls. Data, and who reads a call's body.

The marks are those that the templates of the models themselves show; llama.cpp (common/chat.cpp) tells families apart in the
same way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from local_swarm.chat.notations import (
    Reader,
    read_gemma,
    read_glm,
    read_harmony,
    read_json,
    read_mistral,
    read_python,
    read_xml,
)

State = Literal["opening", "words", "thought", "call", "block", "head"]
Marks = Mapping[State, Mapping[str, State]]

THINK: Mapping[str, State] = {"<think>": "thought"}
TAGGED: Marks = {
    "words": {**THINK, "<tool_call>": "call"},
    "thought": {"</think>": "opening"},
    "call": {"</tool_call>": "words", "<tool_call>": "call"},
}


@dataclass(frozen=True, slots=True)
class Family:
    """All that sets one family apart.

    `marks`: in each state, what ends it and what follows.
    `call_prefix`: written before a call's JSON.
    `forced_call_prefix`: written before the arguments of the one tool `{name}` that must be called.
    `answer_prefix`: written before an answer that a schema binds.
    `first_state`: the state in which every reply begins; None where the prompt's end decides.
    `control_tokens`: tokens beside the marks that the engine must not leave out.
    `strict`: whatever has no marks is no call, however much it looks like one.
    `short_ids`: the template takes identifiers of calls only if they have nine letters and digits.
    """

    name: str
    marks: Marks
    read: Reader
    call_prefix: str = "<tool_call>\n"
    forced_call_prefix: str | None = None
    answer_prefix: str = ""
    first_state: State | None = None
    control_tokens: tuple[str, ...] = ()
    strict: bool = False
    short_ids: bool = False

    @property
    def preserved_tokens(self) -> list[str]:
        """All marks, which the engine must not leave out where they are control tokens of the model."""
        found = {mark for marks in self.marks.values() for mark in marks}
        return sorted({*found, *self.control_tokens, *INNER_MARKS})

    def prefix_for(self, name: str) -> str:
        """What is written before the arguments of a call to that tool."""
        if self.forced_call_prefix is not None:
            return self.forced_call_prefix.format(name=name)
        return f'{self.call_prefix}{{"name": {json.dumps(name)}, "arguments": '


INNER_MARKS = (
    '<|"|>',
    "[ARGS]",
    "[CALL_ID]",
    "<arg_key>",
    "</arg_key>",
    "<arg_value>",
    "</arg_value>",
    "<think>",
    "</think>",
)

# Around calls that end with a mark of their own.
LEFT_OVER: Mapping[str, State] = dict.fromkeys(("</tool_call>", "<seed:tool_call>", "</seed:tool_call>"), "words")
STRAYS: Mapping[str, State] = {"</tool_call>": "words"}  # behind a call whose beginning had no mark
HERMES = Family("hermes", TAGGED, read_json)
XML = Family(
    "xml",
    {
        **TAGGED,
        "words": {**THINK, "<tool_call>": "call", "<function=": "call", "<function name=": "call", **LEFT_OVER},
        "call": {"</tool_call>": "words", "<tool_call>": "call", "</function>": "words"},
    },
    read_xml,
)
GLM = Family("glm", TAGGED, read_glm)
ATEM = Family(
    "atem",
    {
        **TAGGED,
        "words": {**THINK, "<atem:function_calls>": "call"},
        "call": {"</atem:function_calls>": "words"},
    },
    read_xml,
)
GRANITE = Family(
    "granite",
    {**TAGGED, "words": {**THINK, "<|tool_call|>": "call", "<tool_call>": "call"}},
    read_json,
)
MISTRAL = Family(
    "mistral",
    {
        "words": {**THINK, "[THINK]": "thought", "[TOOL_CALLS]": "call"},
        "thought": {"[/THINK]": "opening", "</think>": "opening"},
        "call": {"[TOOL_CALLS]": "call"},
    },
    read_mistral,
    call_prefix="[TOOL_CALLS]",
    forced_call_prefix="[TOOL_CALLS]{name}[ARGS]",
    short_ids=True,
)
LLAMA = Family(
    "llama",
    {"words": {**THINK, "<|python_tag|>": "call"}, "thought": {"</think>": "opening"}, "call": {"<|eom_id|>": "words"}},
    read_python,
    call_prefix="",
)
LFM = Family(
    "lfm",
    {
        "words": {**THINK, "<|tool_call_start|>": "call"},
        "thought": {"</think>": "opening"},
        "call": {"<|tool_call_end|>": "words"},
    },
    read_python,
    call_prefix="<|tool_call_start|>",
)
GEMMA = Family(
    "gemma",
    {
        "words": {"<|channel>thought\n": "thought", "<|tool_call>": "call"},
        "thought": {"<channel|>": "opening"},
        "call": {"<tool_call|>": "words", "<|tool_call>": "call"},
    },
    read_gemma,
    call_prefix="<|tool_call>",
)
COHERE = Family(
    "cohere",
    {
        "words": {
            "<|START_THINKING|>": "thought",
            "<|START_RESPONSE|>": "words",
            "<|END_RESPONSE|>": "words",
            "<|START_ACTION|>": "call",
        },
        "thought": {"<|END_THINKING|>": "words"},
        "call": {"<|END_ACTION|>": "words"},
    },
    read_json,
    call_prefix="<|START_ACTION|>",
)
# OpenAI's harmony: every message has a head that says its channel and, for calls, whom it is to. The reply begins with one.
BODY_ENDS: Mapping[str, State] = dict.fromkeys(
    ("<|end|>", "<|return|>", "<|call|>", "<|start|>", "<|channel|>"), "head"
)
FINAL = "<|channel|>final <|constrain|>json<|message|>"
HARMONY = Family(
    "harmony",
    {"head": {"<|message|>": "words"}, "words": BODY_ENDS, "thought": BODY_ENDS, "call": BODY_ENDS},
    read_harmony,
    call_prefix=FINAL,
    forced_call_prefix="<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>",
    answer_prefix=FINAL,
    first_state="head",
    control_tokens=("<|channel|>", "<|constrain|>", "<|start|>"),
    strict=True,
)
NEMOTRON = Family(
    "nemotron",
    {**TAGGED, "words": {**THINK, "<TOOLCALL>": "call"}, "call": {"</TOOLCALL>": "words"}},
    read_json,
    call_prefix="<TOOLCALL>",
)
GENERIC = Family("generic", TAGGED, read_json)

TEMPLATE_MARKERS: tuple[tuple[tuple[str, ...], Family], ...] = (  # the first of which a template contains any
    (("<|channel|>",), HARMONY),
    (("<atem:",), ATEM),
    (("<function=", "<function name="), XML),
    (("<arg_key>",), GLM),
    (("<|tool_call>",), GEMMA),
    (("<|tool_call_start|>", "<|tool_list_start|>", "List of tools: "), LFM),
    (("<|START_ACTION|>",), COHERE),
    (("[TOOL_CALLS]",), MISTRAL),
    (("<|tool_call|>",), GRANITE),
    (("<TOOLCALL>",), NEMOTRON),
    (("<tool_call>", "xml_tools"), HERMES),
    (("<|python_tag|>",), LLAMA),
)


def family_of(template: str | None) -> Family:
    template = template or ""
    found = next((family for signs, family in TEMPLATE_MARKERS if any(sign in template for sign in signs)), None)
    if found is None and "parameters" in template.partition("<|start_header_id|>")[2]:
        return LLAMA
    return found or GENERIC


def family_named(name: str) -> Family:
    """The family of that `name`. Raises KeyError."""
    return {family.name: family for _, family in TEMPLATE_MARKERS}.get(name) or {GENERIC.name: GENERIC}[name]


def harmony_state(head: str) -> State:
    """What a message is, by its head."""
    if "to=" in head:
        return "call"
    return "thought" if "analysis" in head else "words"
