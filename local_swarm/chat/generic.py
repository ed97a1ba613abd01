"""A conversation with tools in, the same without any out: for models whose chat template knows no tools. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from local_swarm.types import JSON, Message

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


def message_in_words(message: Message) -> Message:
    if message.role == "tool":
        return Message("user", f"<tool_response>\n{message.content}\n</tool_response>")
    calls = [
        f'<tool_call>\n{{"name": {json.dumps(call.name)}, "arguments": {call.arguments or "{}"}}}\n</tool_call>'
        for call in message.tool_calls
    ]
    if not calls:
        return message
    return Message(message.role, "\n".join([*filter(None, [message.content]), *calls]))


def without_system(messages: Sequence[Message]) -> list[Message]:
    """What a system message says, at the head of the first question: some templates take no system message."""
    said = "\n\n".join(one.content for one in messages if one.role in ("system", "developer") and one.content)
    rest = [message for message in messages if message.role not in ("system", "developer")]
    for place, message in enumerate(rest):
        if said and message.role == "user":
            rest[place] = Message("user", f"{said}\n\n{message.content}")
            break
    return rest


def taking_turns(messages: Sequence[Message]) -> list[Message]:
    """Questions in a row as one: some templates want question and answer to take turns."""
    return list(join_questions(messages))


def join_questions(messages: Sequence[Message]) -> Iterator[Message]:
    for asked, group in groupby(messages, key=lambda message: message.role == "user"):
        run = list(group)
        whole = asked and len(run) > 1
        yield from [Message("user", "\n\n".join(message.content for message in run))] if whole else run
