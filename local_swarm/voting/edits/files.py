"""A prompt, or what was said before it, in; the files that stand there out. Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local_swarm.voting.edits.names import ATTRIBUTE, COMMENT, is_only_path, named_by_info, named_in, plain_path
from local_swarm.voting.scanner import FENCE

MOST_FILES = 32
WRAPPED = re.compile(r"<(file|file_content|document|source|content)\b([^>\n]{0,300})>")
NUMBERED = re.compile(r"\s*+\d++(?: ?\| ?|[\t→]|: ?)")
# What stands in a prompt under these is no file to be changed.
NO_FILES = {"diff", "patch", "bash", "sh", "shell", "console", "text", "txt", "output", "traceback", "log"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`path` "" where none is told."""

    path: str
    text: str


def files_in(text: str) -> list[SourceFile]:
    """In the order in which they stand there; of one path the last."""
    found: dict[str, SourceFile] = {}
    for number, one in enumerate([*wrapped_files(text), *fenced_files(text)][:MOST_FILES]):
        found[one.path or f"\n{number}"] = one
    return list(found.values())


def fenced_files(text: str) -> Iterator[SourceFile]:
    lines, above, at = text.split("\n"), "", 0
    while at < len(lines):
        head = FENCE.match(lines[at])
        if not head:
            above = lines[at] if lines[at].strip() else above
            at += 1
            continue
        end = at + 1
        while end < len(lines) and lines[end].strip() != head[1]:
            end += 1
        body = lines[at + 1 : end]
        if head[2].lower() not in NO_FILES:
            yield named_file(lines[at][head.end(1) :], above, body)
        at, above = end + 1, ""


def named_file(info: str, above: str, body: Sequence[str]) -> SourceFile:
    first = body[0] if body else ""
    path = named_by_info(info.strip()) or named_in(above)
    if COMMENT.match(first) and is_only_path(first):
        path, body = path or named_in(first), body[1:]
    return SourceFile(path, without_numbers(body))


def wrapped_files(text: str) -> Iterator[SourceFile]:
    at = 0
    while head := WRAPPED.search(text, at):
        end = text.find(f"</{head[1]}>", head.end())
        if end < 0:
            return
        told = ATTRIBUTE.search(head[2])
        path = plain_path(told[1]) if told else ""
        body = text[head.end() : end].strip("\n")
        if "\n" in body or path:
            lines = [line for line in body.split("\n") if not FENCE.match(line)]
            yield SourceFile(path, without_numbers(lines))
        at = end


def without_numbers(lines: Sequence[str]) -> str:
    """The text of lines that a reading tool has numbered: `00001| `, `1→`, `1<tab>`."""
    numbered = [NUMBERED.match(line) for line in lines if line.strip()]
    if len(numbered) > 1 and 10 * sum(map(bool, numbered)) >= 9 * len(numbered):
        cut = [line[found.end() :] for line in lines if (found := NUMBERED.match(line))]
        return "\n".join(cut) + "\n"
    return "\n".join(lines) + "\n"


def file_named(path: str, files: Sequence[SourceFile]) -> SourceFile | None:
    """The file that a reply means by a path, which may be shorter or longer than the file's."""
    exact = [one for one in files if one.path == path and path]
    like = exact or [one for one in files if path and one.path and same_end(one.path, path)]
    return like[0] if len(like) == 1 else None


def same_end(one: str, other: str) -> bool:
    mine, theirs = one.split("/"), other.split("/")
    size = min(len(mine), len(theirs))
    return mine[-size:] == theirs[-size:]


def file_text(content: str) -> str:
    """A file as a tool showed it: with numbers, and within tags."""
    wrapped = next(wrapped_files(content), None)
    return wrapped.text if wrapped else without_numbers(content.rstrip("\n").split("\n"))
