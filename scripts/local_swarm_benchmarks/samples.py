"""A folder of published model samples in, problems with verdicts out. The samples are not part of the program."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm.errors import UsageError
from local_swarm.paths import checkout
from local_swarm.types import Candidate, Usage
from local_swarm.voting.question import Question, question

MOST_SAMPLES = 48  # of one problem
SETS = ("codegen16b", "codegen16b-no-examples", "localzoo", "openai4")


@dataclass(frozen=True, slots=True)
class Problem:
    """`right`: the verdict on each of the samples, by tests that the vote never sees."""

    question: Question
    samples: tuple[Candidate, ...]
    right: tuple[bool, ...]


def default_folder() -> Path | None:
    root = checkout()
    return root.parent / "shared" / "data" / "consensus" if root else None


def problems(name: str, folder: Path | None) -> list[Problem]:
    """One of `SETS`. Raises UsageError where the folder or a file is missing."""
    if folder is None or not folder.is_dir():
        raise UsageError(
            f"The samples to measure votes on are not at {folder}. The program brings none: docs/consensus.md says where "
            "they were published and how to make the files. Then name their folder: --data FOLDER"
        )
    if name == "openai4":
        return [sums(line) for line in lines(folder / "gsm8k_openai4_dev.jsonl.gz")]
    official = {line["task_id"]: line["prompt"] for line in lines(folder / "humaneval_localzoo_dev.jsonl.gz")}
    found = lines(folder / f"humaneval_{name.removesuffix('-no-examples')}_dev.jsonl.gz")
    return [
        program(line, line["prompt"] if name.endswith("-no-examples") else official[line["task_id"]]) for line in found
    ]


def lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from map(json.loads, file)
    except (OSError, ValueError) as problem:
        raise UsageError(f"{path} cannot be read: {problem}. docs/consensus.md says how to make it.") from problem


def program(line: dict[str, Any], prompt: str) -> Problem:
    """A function to write; length stands for the time it took, since short answers come first."""
    samples = line["samples"][:MOST_SAMPLES]
    return Problem(
        question(prompt, line["entry_point"]),
        tuple(candidate(one.get("reply") or one["code"], one.get("model", "")) for one in samples),
        tuple(bool(one["passed"]) for one in samples),
    )


def sums(line: dict[str, Any]) -> Problem:
    return Problem(
        question(line["question"]),
        tuple(candidate(one["text"], one["model"]) for one in line["samples"]),
        tuple(bool(one["passed"]) for one in line["samples"]),
    )


def candidate(text: str, voter: str) -> Candidate:
    return Candidate(text, voter, "stop", Usage(0, len(text)), float(len(text)))
