"""A diff in, its changes out: unified diffs as models write them, and the patches of `apply_patch`. Pure and linear.

Numbers in a hunk's head are only a hint, since models do not count. `@@` may stand alone or name a line above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from local_swarm.voting.edits.changes import Change
from local_swarm.voting.edits.names import plain_path

GIT = re.compile(r"diff --git \"?(?:a/)?([^\n\"]+?)\"? \"?b/")
RANGE = re.compile(r"@@+ -(\d{1,9})(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@")
PATCHED = re.compile(r"\*\*\* (Update|Add|Delete) File: ?(.+)")
DIFF_TAGS = {"diff", "patch", "udiff", "unified-diff", "git-diff"}
NOISE = re.compile(
    r"index [0-9a-f]|(?:new|deleted) file mode|old mode|new mode|similarity index|rename (?:from|to)|\\ No newline"
    r"|\*\*\* (?:Begin Patch|End of File|Move to)"
)
NOWHERE = "/dev/null"


@dataclass(slots=True)
class PatchSoFar:
    """What the lines read so far say: the file they are in, and the hunk that is being read."""

    path: str = ""
    creates: bool = False
    line: int = 0
    under: str = ""
    hunk: list[tuple[str, str]] = field(default_factory=list)

    def close(self) -> Iterator[Change]:
        """The hunk that has ended, if it changes anything."""
        lines = trim(self.hunk)
        self.hunk = []
        if self.creates:
            yield Change(self.path, whole="\n".join(line for sign, line in lines if sign != "-") + "\n")
            self.creates = False
        elif any(sign != " " for sign, _ in lines):
            yield Change(self.path, tuple(lines), line=self.line, under=self.under)
        self.line, self.under = 0, ""

    def begin(self, path: str, creates: bool = False) -> None:
        self.path, self.creates = path, creates


def is_patch(text: str, tag: str = "") -> bool:
    lines = text.split("\n")
    if any(line.startswith("*** Begin Patch") or PATCHED.match(line) or RANGE.match(line) for line in lines):
        return True
    headed = any(is_header(lines, at) for at in range(len(lines)))
    return headed or (tag in DIFF_TAGS and any(line[:1] in ("+", "-") for line in lines))


def is_header(lines: Sequence[str], at: int) -> bool:
    return lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


def patch_changes(text: str) -> tuple[Change, ...]:
    """Of one patch, which may be of several files."""
    lines = text.rstrip("\n").split("\n")
    so_far, found, at = PatchSoFar(), list[Change](), 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("*** End Patch"):
            break
        if is_header(lines, at):
            found += so_far.close()
            so_far.begin(*named_by_header(line, lines[at + 1], so_far.path))
            found += removal(lines[at + 1], so_far.path)
            at += 1
        elif told := PATCHED.match(line):
            found += so_far.close()
            so_far.begin(plain_path(told[2]), told[1] == "Add")
            found += [Change(so_far.path, whole="")] if told[1] == "Delete" else []
        elif line.startswith(("@@", "diff --git ")):
            found += so_far.close() if not so_far.creates else ()
            take_head(so_far, line)
        elif not NOISE.match(line):
            so_far.hunk.append(hunk_line(line))
        at += 1
    found += so_far.close()
    return tuple(found)


def take_head(so_far: PatchSoFar, line: str) -> None:
    if git := GIT.match(line):
        so_far.begin(plain_path(git[1]))
    elif told := RANGE.match(line):
        so_far.line = int(told[1])
    else:
        so_far.under = line.strip("@ ")


def named_by_header(before: str, after: str, known: str) -> tuple[str, bool]:
    """(path, whether the file is new)."""
    old, new = (line[4:].split("\t")[0].strip() for line in (before, after))
    path = old if new == NOWHERE else new
    for prefix in ("a/", "b/"):
        path = path.removeprefix(prefix) if (old[:2], new[:2]) != (path[:2], path[:2]) else path
    return plain_path(path) or known, old == NOWHERE


def removal(after: str, path: str) -> list[Change]:
    return [Change(path, whole="")] if after[4:].strip() == NOWHERE else []


def hunk_line(line: str) -> tuple[str, str]:
    """Lines that models leave without a sign are context."""
    return (line[0], line[1:]) if line[:1] in ("+", "-", " ") else (" ", line)


def trim(hunk: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without empty context at its ends, which is where a text ends rather than the file's own."""
    start, end = 0, len(hunk)
    while start < end and hunk[start][0] == " " and not hunk[start][1].strip():
        start += 1
    while end > start and hunk[end - 1][0] == " " and not hunk[end - 1][1].strip():
        end -= 1
    return hunk[start:end]
