"""A conversation in, the files that were read in it out, as they are now. Pure.

What a tool read counts with what tools changed of it later. Only the last part of a long conversation is looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from local_swarm.types import Message, ToolCall
from local_swarm.voting.edits.changes import apply_all
from local_swarm.voting.edits.files import file_text, files_in
from local_swarm.voting.edits.names import plain_path
from local_swarm.voting.edits.tool_edits import PATHS, changes_of_call, first_text
from local_swarm.voting.scanner import MOST_TEXT

READS = re.compile(r"read|view|open|cat|get|show|fetch|str_replace", re.IGNORECASE)
PARTS = {"offset", "limit", "viewrange", "startline", "endline", "start", "end", "lines", "linestart", "lineend"}


def files_said(messages: Sequence[Message]) -> tuple[tuple[str, str], ...]:
    """(path, text) of each file, the one read last at the end."""
    known: dict[str, str] = {}
    calls: dict[str, ToolCall] = {}
    last = max((at for at, one in enumerate(messages) if one.role == "user"), default=-1)
    for message in messages[recent_from(messages) :]:
        calls.update((call.id, call) for call in message.tool_calls)
        if message.role == "tool" and (call := calls.get(message.tool_call_id or "")):
            take_result(known, call, message.content)
        elif message.role == "user" and message is not messages[last] and "```" in message.content:
            known.update((one.path, one.text) for one in files_in(message.content) if one.path)
    return tuple(known.items())


def recent_from(messages: Sequence[Message]) -> int:
    """Where the part begins that is looked at."""
    left, at = MOST_TEXT, len(messages)
    while at and left > 0:
        at -= 1
        left -= len(messages[at].content) + sum(len(call.arguments) for call in messages[at].tool_calls)
    return at if left > 0 else min(at + 1, len(messages))


def take_result(known: dict[str, str], call: ToolCall, content: str) -> None:
    """What a call has shown or done."""
    if changes := changes_of_call(call):
        for change in changes:
            after = apply_all(known.pop(change.path, ""), [change])
            if after is not None:
                known[change.path] = after
        return
    path = whole_file_read(call)
    if path and "\n" in content.strip():
        known.pop(path, None)
        known[path] = file_text(content)


def whole_file_read(call: ToolCall) -> str:
    """The path of a call that reads a file from its beginning to its end, else ""."""
    if not READS.search(call.name):
        return ""
    try:
        given: Any = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(given, Mapping):
        return ""
    told = {str(key).replace("_", "").lower(): value for key, value in given.items()}
    return "" if PARTS & {*told} else plain_path(first_text(told, PATHS) or "")
