"""Finished problems in, a file that an interrupted run goes on with out: what was asked, every voice's words and the verdicts.

The first line says of which run the file is; each further line is a problem. What a program was run with can be read there,
and votes can be held again on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_swarm.errors import UsageError
from local_swarm.paths import home

Line = Mapping[str, Any]


@dataclass(slots=True)
class LiveFile:
    """`run`: what the answers depend on. `done`: the finished problems by their names."""

    path: Path
    run: Line
    done: dict[str, Line] = field(default_factory=dict)

    def add(self, line: Line) -> None:
        """Kept at once, in one write."""
        self.done[line["id"]] = line
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def default_file(name: str, model: str, strip: bool) -> Path:
    stem = "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in model)
    return home() / "bench" / f"{name}{'-strip' if strip else ''}-{stem}.jsonl"


def open_live_file(path: Path, run: Line) -> LiveFile:
    """A new one, or that of an earlier try at this run. Raises UsageError for one of another run."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"run": run}) + "\n", encoding="utf-8")
        return LiveFile(path, run)
    there = read_live_file(path)
    if there.run != run:
        changed = ", ".join(key for key in {**run, **there.run} if run.get(key) != there.run.get(key))
        raise UsageError(f"{path} is of another run: {changed} differs. Name another file with --file, or remove it.")
    return there


def read_live_file(path: Path) -> LiveFile:
    """The last line may be half written, as an interrupted run leaves it; it is asked again. Raises UsageError."""
    try:
        raw = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as problem:
        raise UsageError(f"{path} cannot be read: {problem}.") from problem
    whole = raw[: raw.rfind("\n") + 1]
    if whole != raw:
        path.write_text(whole, encoding="utf-8")
    try:
        first, *lines = [json.loads(line) for line in whole.splitlines() if line.strip()]
        return LiveFile(path, first["run"], {line["id"]: line for line in lines})
    except (ValueError, KeyError, TypeError) as problem:
        raise UsageError(f"{path} is no file of finished problems.") from problem
