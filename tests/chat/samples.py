"""Replies as models of each family write them, with what they mean. Marks and their places follow the makers' own templates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

READ = {
    "type": "function",
    "function": {
        "name": "read",
        "parameters": {
            "type": "object",
            "properties": {"filePath": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["filePath"],
        },
    },
}
WRITE = {
    "type": "function",
    "function": {
        "name": "write",
        "parameters": {
            "type": "object",
            "properties": {"filePath": {"type": "string"}, "content": {"type": "string"}},
            "required": ["filePath", "content"],
        },
    },
}
TOOLS = (READ, WRITE)


@dataclass(frozen=True)
class Sample:
    """`template`: enough of a chat template to tell the family by. `calls`: (name, arguments) each."""

    name: str
    template: str
    reply: str
    words: str = ""
    thoughts: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    thinking: bool = False
    marks: tuple[str, ...] = field(default=())


HERMES = "{{ tools }}<tool_call>"
XML = "{{ tools }}<tool_call><function=name><parameter=x>"
HARMONY = "<|start|>assistant<|channel|>analysis<|message|>{{ tools }}"
MISTRAL = "[AVAILABLE_TOOLS]{{ tools }}[TOOL_CALLS]"
LLAMA = "<|start_header_id|>ipython{{ tools }} parameters"
A = {"filePath": "a.txt"}
CODE = 'def f():\n    return "<x>"\n'

SAMPLES = (
    Sample("words alone", HERMES, "The answer is 4.\n", words="The answer is 4.\n"),
    Sample(
        "Qwen2.5",
        HERMES,
        '<tool_call>\n{"name": "read", "arguments": {"filePath": "a.txt"}}\n</tool_call>',
        calls=(("read", A),),
    ),
    Sample(
        "Qwen2.5 with words",
        HERMES,
        'Let me look.\n\n<tool_call>\n{"name": "read", "arguments": {"filePath": "a.txt"}}\n</tool_call>',
        words="Let me look.",
        calls=(("read", A),),
    ),
    Sample(
        "Qwen3, thinking, two calls",
        HERMES,
        "<think>\nI need both.\n</think>\n\n<tool_call>\n"
        '{"name": "read", "arguments": {"filePath": "a.txt"}}\n</tool_call>\n<tool_call>\n'
        '{"name": "read", "arguments": {"filePath": "b.txt", "limit": 5}}\n</tool_call>',
        thoughts="I need both.",
        calls=(("read", A), ("read", {"filePath": "b.txt", "limit": 5})),
    ),
    Sample(
        "SmolLM3, thoughts opened by the prompt",
        HERMES,
        "Easy.\n</think>\n\nIt is 4.",
        words="It is 4.",
        thoughts="Easy.",
        thinking=True,
    ),
    Sample(
        "a small coder: bare JSON", HERMES, '{"name": "read", "arguments": {"filePath": "a.txt"}}', calls=(("read", A),)
    ),
    Sample(
        "a small coder: fenced JSON",
        HERMES,
        'I will read it.\n```json\n{"name": "read", "arguments": {"filePath": "a.txt"}}\n```',
        words="I will read it.",
        calls=(("read", A),),
    ),
    Sample(
        "fenced JSON that is no call",
        HERMES,
        'So:\n```json\n{"name": "Ada"}\n```\nDone.',
        words='So:\n```json\n{"name": "Ada"}\n```\nDone.',
    ),
    Sample("bare JSON that is no call", HERMES, '{"a": 1}', words='{"a": 1}'),
    Sample(
        "the last brace forgotten",
        HERMES,
        '<tool_call>\n{"name": "read", "arguments": {"filePath": "a.txt"}\n</tool_call>',
        calls=(("read", A),),
    ),
    Sample(
        "Python's quotes",
        HERMES,
        "<tool_call>\n{'name': 'read', 'arguments': {'filePath': 'a.txt'}}\n</tool_call>",
        calls=(("read", A),),
    ),
    Sample(
        "a mark within an argument",
        HERMES,
        '<tool_call>\n{"name": "write", "arguments": {"filePath": "d.md", "content": "ends with </tool_call> here"}}\n</tool_call>',
        calls=(("write", {"filePath": "d.md", "content": "ends with </tool_call> here"}),),
    ),
    Sample(
        "Granite 3",
        "{{ tools }}<|tool_call|>",
        '<|tool_call|>[{"name": "read", "arguments": {"filePath": "a.txt"}}]',
        calls=(("read", A),),
    ),
    Sample(
        "Qwen3-Coder",
        XML,
        "I will write it.\n<tool_call>\n<function=write>\n<parameter=filePath>\nf.py\n</parameter>\n"
        f"<parameter=content>\n{CODE}\n</parameter>\n</function>\n</tool_call>",
        words="I will write it.",
        calls=(("write", {"filePath": "f.py", "content": CODE}),),
    ),
    Sample(
        "Qwen3-Coder without its outer tag",
        XML,
        "<function=read>\n<parameter=filePath>\na.txt\n</parameter>\n<parameter=limit>\n7\n</parameter>\n</function>\n</tool_call>",
        calls=(("read", {"filePath": "a.txt", "limit": 7}),),
    ),
    Sample(
        "Qwen3.5, thinking, two calls",
        XML,
        "Both.\n</think>\n\n<tool_call>\n<function=read>\n<parameter=filePath>\na.txt\n</parameter>\n</function>\n</tool_call>\n"
        "<tool_call>\n<function=read>\n<parameter=filePath>\n12\n</parameter>\n</function>\n</tool_call>",
        thoughts="Both.",
        calls=(("read", A), ("read", {"filePath": "12"})),
        thinking=True,
    ),
    Sample(
        "MiniCPM",
        '{{ tools }}<function name="x"><param name="y">',
        '<function name="read"><param name="filePath">a.txt</param></function>',
        calls=(("read", A),),
    ),
    Sample(
        "Mistral, new",
        MISTRAL,
        '[TOOL_CALLS]read[ARGS]{"filePath": "a.txt"}[TOOL_CALLS]read[CALL_ID]abc[ARGS]{"filePath": "b"}',
        calls=(("read", A), ("read", {"filePath": "b"})),
    ),
    Sample(
        "Mistral, old",
        MISTRAL,
        '[TOOL_CALLS][{"name": "read", "arguments": {"filePath": "a.txt"}, "id": "abcdefghi"}]',
        calls=(("read", A),),
    ),
    Sample("Magistral", MISTRAL, "[THINK]Hm.[/THINK]It is 4.", words="It is 4.", thoughts="Hm."),
    Sample("Llama 3", LLAMA, '{"name": "read", "parameters": {"filePath": "a.txt"}}', calls=(("read", A),)),
    Sample(
        "Llama 3, two",
        LLAMA,
        '{"name": "read", "parameters": {"filePath": "a.txt"}}; {"name": "read", "parameters": {"filePath": "b"}}',
        calls=(("read", A), ("read", {"filePath": "b"})),
    ),
    Sample("Llama 3, its own tag", LLAMA, '<|python_tag|>read.call(filePath="a.txt")', calls=(("read", A),)),
    Sample(
        "gpt-oss",
        HARMONY,
        "<|channel|>analysis<|message|>The user wants a file.<|end|><|start|>assistant<|channel|>commentary to=functions.read "
        '<|constrain|>json<|message|>{"filePath": "a.txt"}<|call|>',
        thoughts="The user wants a file.",
        calls=(("read", A),),
    ),
    Sample(
        "gpt-oss, recipient before the channel, and a preamble",
        HARMONY,
        "<|channel|>commentary<|message|>I will look.<|end|><|start|>assistant to=functions.read<|channel|>commentary json"
        '<|message|>{"filePath": "a.txt"}',
        words="I will look.",
        calls=(("read", A),),
    ),
    Sample(
        "gpt-oss, an answer",
        HARMONY,
        "<|channel|>analysis<|message|>Sum.<|end|><|start|>assistant<|channel|>final<|message|>It is 4.<|return|>",
        words="It is 4.",
        thoughts="Sum.",
    ),
    Sample(
        "GLM",
        "{{ tools }}<tool_call><arg_key>",
        "<think>ok</think>\n<tool_call>read\n<arg_key>filePath</arg_key>\n<arg_value>a.txt</arg_value>\n"
        "<arg_key>limit</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
        thoughts="ok",
        calls=(("read", {"filePath": "a.txt", "limit": 3}),),
    ),
    Sample(
        "LFM2",
        "{{ tools }}<|tool_call_start|>",
        '<|tool_call_start|>[read(filePath="a.txt", limit=2)]<|tool_call_end|>Reading.',
        words="Reading.",
        calls=(("read", {"filePath": "a.txt", "limit": 2}),),
    ),
    Sample(
        "Gemma 4",
        "{{ tools }}<|tool_call>",
        '<|channel>thought\nHm.<channel|><|tool_call>call:read{filePath:<|"|>a.txt<|"|>,limit:2}<tool_call|>',
        thoughts="Hm.",
        calls=(("read", {"filePath": "a.txt", "limit": 2}),),
    ),
    Sample(
        "Command A",
        "{{ tools }}<|START_ACTION|>",
        '<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[{"tool_name": "read", "parameters": {"filePath": "a.txt"}}]<|END_ACTION|>',
        thoughts="Hm.",
        calls=(("read", A),),
    ),
    Sample(
        "Seed-OSS",
        "{{ tools }}<seed:tool_call><function=x><parameter=y>",
        "<seed:tool_call>\n<function=read>\n<parameter=filePath>a.txt</parameter>\n</function>\n</seed:tool_call>",
        calls=(("read", A),),
    ),
    Sample(
        "functionary", "{{ tools }}<function=", '<function=read>{"filePath": "a.txt"}</function>', calls=(("read", A),)
    ),
    Sample(
        "Nemotron Nano",
        "{{ tools }}<TOOLCALL>",
        '<TOOLCALL>[{"name": "read", "arguments": {"filePath": "a.txt"}}]</TOOLCALL>',
        calls=(("read", A),),
    ),
    Sample(
        "a model that knows no tools",
        "{{ messages }}",
        '<tool_call>\n{"name": "read", "arguments": {"filePath": "a.txt"}}\n</tool_call>',
        calls=(("read", A),),
    ),
    Sample(
        "a call among thoughts that never end",
        HERMES,
        '<think>I will call. <tool_call>\n{"name": "read", "arguments": {"filePath": "a.txt"}}\n</tool_call>',
        thoughts='I will call. <tool_call>\n{"name": "read", "arguments": {"filePath": "a.txt"}}\n</tool_call>',
        calls=(("read", A),),
    ),
    Sample(
        "what is weighed among thoughts, behind a call that is marked",
        HERMES,
        '<think>Hm. <tool_call>\n{"name": "read", "arguments": {"filePath": "a.txt"}}\n</tool_call>\n'
        '{"name": "read", "arguments": {"filePath": "b.txt"}}',
        thoughts='Hm. <tool_call>\n{"name": "read", "arguments": {"filePath": "a.txt"}}\n</tool_call>\n'
        '{"name": "read", "arguments": {"filePath": "b.txt"}}',
        calls=(("read", A),),
    ),
)
