"""The history of a repository in, small tasks of editing out, one JSON object a line: a file, a wish, what changes.

    python scripts/edit_tasks.py > tests/data/edit_tasks.jsonl

A task is a commit's change of one Python file that touches one function of it. The same history gives the same tasks.
"""

from __future__ import annotations

import argparse
import difflib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local_swarm.chat.python_source import parse
from local_swarm.voting.edits.python_result import differences

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 110  # of a file
MOST_CHANGED = 16  # lines that go or come
MOST_OF_ONE_FILE = 1  # tasks


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def changed_files(last: str) -> Iterator[tuple[str, str, str]]:
    """(commit, its subject, path) of every Python file that a commit changed, the oldest first."""
    told = git("log", "--reverse", "--no-merges", "--diff-filter=M", "--name-only", "--format=%x00%H%x09%s", last, "--")
    for part in told.split("\0")[1:]:
        head, *paths = part.strip().split("\n")
        commit, _, subject = head.partition("\t")
        yield from (
            (commit, subject, path) for path in paths if path.startswith("local_swarm/") and path.endswith(".py")
        )


def edits_between(before: str, after: str) -> list[tuple[int, int, list[str]]]:
    """(first line, line after the last, the lines that stand there instead), by lines of the file before."""
    old, new = before.split("\n"), after.split("\n")
    ways = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(start, end, new[begin:stop]) for kind, start, end, begin, stop in ways if kind != "equal"]


def task_of(commit: str, subject: str, path: str) -> dict[str, Any] | None:
    """None where the change is not small, or not of one function that was there before."""
    before, after = git("show", f"{commit}^:{path}"), git("show", f"{commit}:{path}")
    if max(before.count("\n"), after.count("\n")) > MOST_LINES:
        return None
    if sum(end - start + len(lines) for start, end, lines in edits_between(before, after)) > MOST_CHANGED:
        return None
    old, new = parse(before), parse(after)
    found = differences(old.body, new.body) if old and new else []
    if len(found) != 1 or found[0].node is None or not found[0].text.startswith(("def ", "async def ", "@")):
        return None
    name = found[0].name
    if f"def {name.rpartition('.')[2]}(" not in before:
        return None
    wish = f"{subject[:1].upper()}{subject[1:]}. Change {name} in {path}."
    edits = edits_between(before, after)
    return {"id": f"{commit[:10]} {name}", "path": path, "name": name, "wish": wish, "before": before, "edits": edits}


def tasks(last: str, most: int) -> Iterator[dict[str, Any]]:
    told: dict[str, int] = {}
    for commit, subject, path in changed_files(last):
        if told.get(path, 0) < MOST_OF_ONE_FILE and (task := task_of(commit, subject, path)):
            told[path] = told.get(path, 0) + 1
            yield task
            if sum(told.values()) == most:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--last", default="HEAD", help="the commit at which the history ends")
    parser.add_argument("--most", type=int, default=40, help="how many tasks")
    given = parser.parse_args()
    for task in tasks(given.last, given.most):
        print(json.dumps(task))


if __name__ == "__main__":
    main()
