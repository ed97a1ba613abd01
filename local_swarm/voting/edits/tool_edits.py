"""Arguments of editing tools in, the changes that they ask for out. Pure.

Told by the shape of the arguments, since each agent has names of its own: `old_string`, `oldString`, `old_str` of
Claude, opencode and others, whole contents, lists of such edits, Cline's `diff` and Codex's `patch`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from local_swarm.types import ToolCall
from local_swarm.voting.edits.blocks import has_block, search_blocks
from local_swarm.voting.edits.changes import MOST_CHANGES, Change, replacement
from local_swarm.voting.edits.names import plain_path
from local_swarm.voting.edits.patches import is_patch, patch_changes
from local_swarm.voting.scanner import MOST_TEXT

PATHS = ("path", "filepath", "filename", "file", "targetfile", "relativepath", "relativeworkspacepath", "absolutepath")
OLD = ("oldstring", "oldstr", "oldtext", "search", "old", "find", "original")
NEW = ("newstring", "newstr", "newtext", "replace", "new", "replacement", "updated")
WHOLE = ("content", "contents", "filetext", "text", "newcontent", "codeedit")
EVERY = ("replaceall", "all", "allowmultiple", "every")
PATCHES = ("diff", "patch", "input", "patchtext", "command", "cmd")
WRITES = re.compile(r"write|create|save|replace|edit|patch|update|put", re.IGNORECASE)
MARKED_PATCH = re.compile(r"\*\*\* Begin Patch.*?\*\*\* End Patch", re.DOTALL)


def changes_of_calls(calls: Sequence[ToolCall]) -> tuple[Change, ...]:
    """Of calls that are all edits; none where one is something else."""
    found = [changes_of_call(call) for call in calls[:MOST_CHANGES]]
    return tuple(change for changes in found for change in changes) if all(found) else ()


def changes_of_call(call: ToolCall) -> tuple[Change, ...]:
    """None of them where it is no edit."""
    if len(call.arguments) > MOST_TEXT:
        return ()
    try:
        given = json.loads(call.arguments, strict=False)
    except (ValueError, RecursionError):
        return ()
    return changes_of_arguments(call.name, given)


def changes_in_json(text: str) -> tuple[Change, ...]:
    """Of arguments, or a call, that a reply writes as text."""
    if not text.lstrip().startswith(("{", "[")):
        return ()
    try:
        given = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return ()
    many = given if isinstance(given, list) else [given]
    found = [changes_of_arguments(*name_and_arguments(one)) for one in many[:MOST_CHANGES]]
    return tuple(change for changes in found for change in changes) if all(found) else ()


def name_and_arguments(given: Any) -> tuple[str, Any]:
    """(name, arguments) of a call as JSON, or of bare arguments, which are an edit's only where they replace."""
    if not isinstance(given, dict):
        return "", given
    inner = given.get("arguments", given.get("parameters", given.get("input")))
    return (str(given.get("name", "")), inner) if isinstance(inner, dict) else ("", given)


def changes_of_arguments(name: str, given: Any) -> tuple[Change, ...]:
    if not isinstance(given, dict):
        return ()
    told = {key.replace("_", "").lower(): value for key, value in given.items() if isinstance(key, str)}
    path = plain_path(first_text(told, PATHS) or "")
    many = told.get("edits", told.get("changes", told.get("replacements")))
    if isinstance(many, list) and many:
        each = [replacement_of(path, one) for one in many[:MOST_CHANGES]]
        return tuple(one for one in each if one) if all(each) else ()
    if one := replacement_of(path, given):
        return (one,)
    if patched := tuple(in_patch(told, path)):
        return patched
    line, text = told.get("insertline"), first_text(told, ("inserttext", "newstr"))
    if path and isinstance(line, int) and text is not None:
        return (insertion(path, line, text),)
    whole = first_text(told, WHOLE)
    return (Change(path, whole=whole),) if path and whole is not None and WRITES.search(name) else ()


def replacement_of(path: str, given: Any) -> Change | None:
    if not isinstance(given, Mapping):
        return None
    told = {str(key).replace("_", "").lower(): value for key, value in given.items()}
    old, new = first_text(told, OLD), first_text(told, NEW)
    if old is None or new is None:
        return None
    own = plain_path(first_text(told, PATHS) or "") or path
    return replacement(own, old, new, any(told.get(key) is True for key in EVERY), exact=True)


def insertion(path: str, line: int, text: str) -> Change:
    come = tuple(("+", one) for one in text.removesuffix("\n").split("\n"))
    return Change(path, come, line=line or -1)


def in_patch(told: Mapping[str, Any], path: str) -> Iterator[Change]:
    for key in PATCHES:
        value = told.get(key)
        text = "\n".join(str(one) for one in value) if isinstance(value, list) else value
        if not isinstance(text, str):
            continue
        marked = MARKED_PATCH.search(text)
        if has_block(text):
            found = search_blocks(text) or ()
        elif marked or (key not in ("command", "cmd") and is_patch(text)):
            found = patch_changes(marked[0] if marked else text)
        else:
            continue
        yield from (change if change.path or not path else replace(change, path=path) for change in found)


def first_text(told: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((value for name in names if isinstance(value := told.get(name), str)), None)
