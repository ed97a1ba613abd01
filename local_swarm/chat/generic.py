"""A conversation in, the same in a form that more templates take out: without tools, without a system, taking turns. Pure.

What each step changes depends on what came before it alone: a turn later the text so far is the same, so its KV cache is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, takewhile, zip_longest

from local_swarm.types import JSON, Message, ToolCall

HOW_TO_CALL = (
    "You can use these tools:\n{tools}\n\nTo use one, answer with nothing but\n"
    '<tool_call>\n{{"name": "the tool\'s name", "arguments": {{...}}}}\n</tool_call>\n'
    "and you will be given its result. Use a tool only where it is needed; otherwise answer in words."
)


def calls_in_words(messages: Sequence[Message]) -> list[Message]:
    """Calls and results become text."""
    return [message_in_words(message) for message in messages]


def tools_in_words(messages: Sequence[Message], tools: Sequence[JSON]) -> list[Message]:
    """The tools become part of the system message."""
    told = list(messages)
    if not tools or not told:
        return told
    listed = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    rules = HOW_TO_CALL.format(tools=listed)
    if told[0].role in ("system", "developer"):
        return [Message("system", f"{told[0].content}\n\n{rules}"), *told[1:]]
    return [Message("system", rules), *told]


def message_in_words(message: Message, results: bool = True) -> Message:
    if message.role == "tool" and results:
        return Message("user", f"<tool_response>\n{message.content}\n</tool_response>")
    calls = [
        f'<tool_call>\n{{"name": {json.dumps(call.name)}, "arguments": {call.arguments or "{}"}}}\n</tool_call>'
        for call in message.tool_calls
    ]
    if not calls:
        return message
    return Message(message.role, "\n".join([*filter(None, [message.content]), *calls]))


SYSTEM = ("system", "developer")
RESULT_READ = "I have read the result."


def with_one_system(messages: Sequence[Message]) -> list[Message]:
    """The system messages at the beginning as one: many templates take no second."""
    leading = list(takewhile(lambda message: message.role in SYSTEM, messages))
    if len(leading) < 2:
        return list(messages)
    whole = "\n\n".join(message.content for message in leading if message.content)
    return [Message(leading[0].role, whole), *messages[len(leading) :]]


def later_system_asked(messages: Sequence[Message]) -> list[Message]:
    """System messages after the beginning as questions, where they stand."""
    return [
        Message("user", message.content) if place and message.role in SYSTEM else message
        for place, message in enumerate(messages)
    ]


def with_results_paired(messages: Sequence[Message]) -> list[Message]:
    """Each result with the identifier and the name of its call. Results of no call become text: clients cut conversations."""
    told, left = [], list[ToolCall]()
    for message in messages:
        if message.role != "tool":
            left = [replace(call, id=call.id or f"call_{place}") for place, call in enumerate(message.tool_calls)]
            told.append(replace(message, tool_calls=tuple(left)))
            continue
        called = next((call for call in left if not message.tool_call_id or call.id == message.tool_call_id), None)
        if called is None:
            told.append(message_in_words(message))
            continue
        left.remove(called)
        told.append(replace(message, tool_call_id=called.id, name=message.name or called.name))
    return told


def calls_one_by_one(messages: Sequence[Message]) -> list[Message]:
    """Calls made together as one after another, each with its result."""
    told, results = [], list[Message]()
    for message in reversed(messages):
        if message.role == "tool":
            results.insert(0, message)
        elif len(message.tool_calls) < 2:
            told += [*reversed(results), message]
            results = []
        else:
            told += reversed(list(each_with_result(message, results)))
            results = []
    return [*results, *reversed(told)]


def each_with_result(message: Message, results: Sequence[Message]) -> Iterator[Message]:
    left = list(results)
    for place, call in enumerate(message.tool_calls):
        yield replace(message, tool_calls=(call,)) if not place else Message("assistant", tool_calls=(call,))
        if found := next((one for one in left if one.tool_call_id == call.id), None):
            left.remove(found)
            yield found
    yield from left


def without_system(messages: Sequence[Message]) -> list[Message]:
    """What the system message says, at the head of the first question: some templates take no system message."""
    if not messages or messages[0].role not in SYSTEM:
        return list(messages)
    system, *rest = messages
    if not rest or rest[0].role != "user":
        return [Message("user", system.content), *rest]
    return [Message("user", "\n\n".join(filter(None, (system.content, rest[0].content)))), *rest[1:]]


def begun_by_user(messages: Sequence[Message]) -> list[Message]:
    """With an empty question before an answer that comes first."""
    start = next((place for place, message in enumerate(messages) if message.role not in SYSTEM), len(messages))
    first = messages[start].role if start < len(messages) else "assistant"
    return list(messages) if first == "user" else [*messages[:start], Message("user"), *messages[start:]]


def with_everything_answered(messages: Sequence[Message]) -> list[Message]:
    """With an answer between a result and a question, and calls without a result as text: some templates want both."""
    told = list[Message]()
    for message, following in zip_longest(messages, messages[1:]):
        told.append(message if following and following.role == "tool" else message_in_words(message, results=False))
        if message.role == "tool" and following and following.role == "user":
            told.append(Message("assistant", RESULT_READ))
    return told


def taking_turns(messages: Sequence[Message]) -> list[Message]:
    """Questions in a row as one, and answers: some templates want question and answer to take turns."""
    told = [message for message in messages if message.role != "assistant" or is_said(message)]
    return list(join_turns(told))


def is_said(message: Message) -> bool:
    return bool(message.content.strip() or message.tool_calls)


def join_turns(messages: Sequence[Message]) -> Iterator[Message]:
    for role, group in groupby(messages, key=lambda message: message.role):
        run = list(group)
        if len(run) == 1 or role not in ("user", "assistant"):
            yield from run
            continue
        calls = tuple(call for message in run for call in message.tool_calls)
        yield Message(role, "\n\n".join(message.content for message in run if message.content), calls)
