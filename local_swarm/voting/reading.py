"""A question and candidates in, what each of them answers and what to run of them out: in a child process under limits.

Reading is linear, but Python's parser and other languages' grammars are not ours, and hold the interpreter while they
work. What ends the child is one candidate's own misfortune: the others are read without it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any, TypeVar

from local_swarm.confined.child import ChildOutOfTime, clock
from local_swarm.confined.process import Confined
from local_swarm.errors import Overrun
from local_swarm.types import Candidate, ToolCall, Usage
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.asked import NOTHING_ASKED, Asked
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.evidence import Trial, trial
from local_swarm.voting.extract import extract
from local_swarm.voting.question import Question, question
from local_swarm.voting.similarity.structure import tokens
from local_swarm.voting.values.expressions import AS_WRITTEN

READ = "local_swarm.voting.reading:read_candidates"
QUESTIONS, ANSWERS = 8, 128  # that a child remembers: votes come back with one candidate more
LEAST_S, MOST_S, PER_S = 1.0, 4.0, 150_000  # of processor time; characters a second, where they are code
LONGEST_UNREAD = 8_000  # characters of a text that nobody could read, to be compared by

NOT_READ = "Some candidates could not be read in bearable time."
AS_TEXT = "Expressions were compared as text: latex2sympy2-extended is not installed."

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Readings:
    """`answers` in the order of the candidates; `trial` None where there is nothing to run; `note` tells what was
    left out; `asked`: what kind of answer the question wants."""

    answers: tuple[ExtractedAnswer, ...]
    trial: Trial | None = None
    note: str | None = None
    asked: Asked = NOTHING_ASKED


async def readings(asked: Question, candidates: Sequence[Candidate], runs: bool, confined: Confined) -> Readings:
    """`runs`: whether what to run is wanted too."""
    told = [candidate_json(one) for one in candidates]
    try:
        return readings_of(
            await confined.call(READ, question_json(asked), told, runs, cpu_s=reading_s(asked, candidates))
        )
    except Overrun:  # of which the child could not be interrupted
        return Readings(tuple(unread_answer(one.text) for one in candidates), None, NOT_READ)


def reading_s(asked: Question, candidates: Sequence[Candidate]) -> float:
    """Reading takes time in proportion to what is read. Twice that: for the answers, and for what to run of them."""
    return 2 * min(MOST_S, LEAST_S + (len(asked.text) + sum(len(one.text) for one in candidates)) / PER_S)


def unread_answer(text: str) -> ExtractedAnswer:
    return ExtractedAnswer("unreadable", text.strip()[:LONGEST_UNREAD], complaint="unreadable")


def question_json(asked: Question) -> dict[str, Any]:
    names = ("text", "entry_point", "inputs", "schema", "files")
    return {name: getattr(asked, name) for name in names}


def candidate_json(candidate: Candidate) -> dict[str, Any]:
    calls = [asdict(call) for call in candidate.tool_calls]
    return {"text": candidate.text, "calls": calls, "cut": candidate.finish_reason == "length"}


def readings_of(said: Mapping[str, Any]) -> Readings:
    answers = tuple(ExtractedAnswer(**{**one, "words": tuple(one["words"])}) for one in said["answers"])
    plan, note = said["trial"], note_on(answers)
    asked = asked_from(said["asked"])
    if plan is None:
        return Readings(answers, None, note, asked)
    shown = tuple(Example(**one) for one in plan["examples"])
    programs = {int(place): program for place, program in plan["programs"].items()}
    return Readings(answers, Trial(shown, tuple(plan["inputs"]), programs, plan["language"]), note, asked)


def note_on(answers: Sequence[ExtractedAnswer]) -> str | None:
    """What was left out in reading."""
    if any(one.complaint == "unreadable" for one in answers):
        return NOT_READ
    return AS_TEXT if any(one.body.startswith(AS_WRITTEN) for one in answers if one.family == "value") else None


def asked_from(told: Mapping[str, Any]) -> Asked:
    options = tuple((label, words) for label, words in told["options"])
    return Asked(**{**told, "names": tuple(told["names"]), "options": options})


# ------------------------------------------------------------------------------------------------ in the child


def read_candidates(asked: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]], runs: bool) -> dict[str, Any]:
    """Each candidate has a time of its own, and the shortest are read first: who takes too long takes it from nobody
    else."""
    key = json.dumps(asked)
    until = time.process_time() + min(MOST_S, LEAST_S + sum(len(one["text"]) for one in candidates) / PER_S)
    answers: dict[int, ExtractedAnswer] = {}
    for place in sorted(range(len(candidates)), key=lambda at: len(candidates[at]["text"])):
        one = candidates[place]
        share_s = LEAST_S / 4 + LEAST_S / len(candidates) + len(one["text"]) / PER_S
        answers[place] = in_time(
            lambda one=one: answer_of_text(key, one["text"], json.dumps(one["calls"])),  # type: ignore[misc]
            min(share_s, until - time.process_time()),
        ) or unread_answer(one["text"])
    made = [answers[place] for place in range(len(candidates))]
    plan = (
        in_time(lambda: to_run(key, candidates, made), max(LEAST_S / 4, until - time.process_time())) if runs else None
    )
    wanted = asdict(question_of_key(key).asked)
    return {"answers": [answer_json(one) for one in made], "trial": asdict(plan) if plan else None, "asked": wanted}


def to_run(key: str, candidates: Sequence[Mapping[str, Any]], answers: Sequence[ExtractedAnswer]) -> Trial | None:
    usable = [
        ExtractedAnswer("prose", "", complaint="cut") if one["cut"] else answer
        for one, answer in zip(candidates, answers, strict=True)
    ]
    return trial(question_of_key(key), usable)


def in_time(work: Callable[[], T | None], within_s: float) -> T | None:
    """The result, None where it takes longer."""
    if within_s <= 0:
        return None
    try:
        with clock(within_s):
            return work()
    except ChildOutOfTime:
        return None


@lru_cache(maxsize=QUESTIONS)
def question_of_key(key: str) -> Question:
    asked = json.loads(key)
    return question(**asked)


@lru_cache(maxsize=ANSWERS)
def answer_of_text(key: str, text: str, calls: str) -> ExtractedAnswer:
    """With the words of its structure, since trees do not travel."""
    made = tuple(ToolCall(**call) for call in json.loads(calls))
    answer = extract(Candidate(text, "", "stop", Usage(0, 0), 0.0, tool_calls=made), question_of_key(key))
    return replace(answer, words=tuple(tokens(answer)))


def answer_json(answer: ExtractedAnswer) -> dict[str, Any]:
    names = [one.name for one in fields(answer) if one.name != "tree"]
    return {**{name: getattr(answer, name) for name in names}, "words": answer.words or tokens(answer)}
