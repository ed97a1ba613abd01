"""A question and candidates in, what each of them answers and what to run of them out: in a child process under limits.

Reading is linear, but Python's parser and other languages' grammars are not ours, and hold the interpreter while they work. What
ends the child is one candidate's own misfortune: the others are read without it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from local_swarm.confined.process import Confined
from local_swarm.errors import Overrun
from local_swarm.swarm.behaviour.evidence import Trial, trial
from local_swarm.swarm.behaviour.examples import Example
from local_swarm.swarm.extract import Answer, extract
from local_swarm.swarm.question import Question, question
from local_swarm.swarm.similarity.structure import tokens
from local_swarm.types import Candidate, ToolCall, Usage

READ = "local_swarm.swarm.reading:read"
QUESTIONS, ANSWERS = 8, 128  # that a child remembers: votes come back with one candidate more
LEAST_S, MOST_S, PER_S = 1.0, 4.0, 150_000  # of processor time: characters a second, where they are code
LONGEST_UNREAD = 8_000  # characters of a text that nobody could read, to be compared by

NOT_READ = "Some candidates could not be read in bearable time."


@dataclass(frozen=True, slots=True)
class Readings:
    """`answers` in the order of the candidates; `trial` None where there is nothing to run; `note` tells what was left out."""

    answers: tuple[Answer, ...]
    trial: Trial | None = None
    note: str | None = None


async def readings(asked: Question, candidates: Sequence[Candidate], runs: bool, confined: Confined) -> Readings:
    """`runs`: whether what to run is wanted too."""
    told = question_told(asked)
    try:
        cpu_s = reading_s(asked, candidates)
        return taken(await confined.call(READ, told, [candidate_told(one) for one in candidates], runs, cpu_s=cpu_s))
    except Overrun:
        pass
    answers = [await one_answer(told, one, confined) for one in candidates]
    whole = [place for place, answer in enumerate(answers) if answer.complaint != "unreadable"]
    plan = await trial_of_some(told, candidates, whole, confined) if runs and whole else None
    return Readings(tuple(answers), plan, NOT_READ)


def reading_s(asked: Question, candidates: Sequence[Candidate]) -> float:
    """Reading takes time in proportion to what is read."""
    return min(MOST_S, LEAST_S + (len(asked.text) + sum(len(one.text) for one in candidates)) / PER_S)


async def one_answer(told: Any, candidate: Candidate, confined: Confined) -> Answer:
    try:
        return taken(await confined.call(READ, told, [candidate_told(candidate)], False)).answers[0]
    except Overrun:
        return Answer("text", candidate.text.strip()[:LONGEST_UNREAD], complaint="unreadable")


async def trial_of_some(
    told: Any, candidates: Sequence[Candidate], places: Sequence[int], confined: Confined
) -> Trial | None:
    try:
        found = taken(await confined.call(READ, told, [candidate_told(candidates[at]) for at in places], True)).trial
    except Overrun:
        return None
    return replace(found, programs={places[at]: one for at, one in found.programs.items()}) if found else None


def question_told(asked: Question) -> dict[str, Any]:
    return {"text": asked.text, "entry_point": asked.entry_point, "inputs": asked.inputs, "schema": asked.schema}


def candidate_told(candidate: Candidate) -> dict[str, Any]:
    calls = [asdict(call) for call in candidate.tool_calls]
    return {"text": candidate.text, "calls": calls, "cut": candidate.finish_reason == "length"}


def taken(said: Mapping[str, Any]) -> Readings:
    answers = tuple(Answer(**{**one, "words": tuple(one["words"])}) for one in said["answers"])
    plan = said["trial"]
    if plan is None:
        return Readings(answers)
    shown = tuple(Example(**one) for one in plan["examples"])
    programs = {int(place): program for place, program in plan["programs"].items()}
    return Readings(answers, Trial(shown, tuple(plan["inputs"]), programs, plan["language"]))


# ------------------------------------------------------------------------------------------------ in the child


def read(asked: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]], runs: bool) -> dict[str, Any]:
    key = json.dumps(asked)
    answers = [answered(key, one["text"], json.dumps(one["calls"])) for one in candidates]
    plan = None
    if runs:
        usable = [
            Answer("text", "", complaint="cut") if one["cut"] else answer
            for one, answer in zip(candidates, answers, strict=True)
        ]
        plan = trial(understood(key), usable)
    return {"answers": [answer_told(one) for one in answers], "trial": asdict(plan) if plan else None}


@lru_cache(maxsize=QUESTIONS)
def understood(key: str) -> Question:
    asked = json.loads(key)
    return question(asked["text"], asked["entry_point"], asked["inputs"], asked["schema"])


@lru_cache(maxsize=ANSWERS)
def answered(key: str, text: str, calls: str) -> Answer:
    """With the words of its structure, since trees do not travel."""
    made = tuple(ToolCall(**call) for call in json.loads(calls))
    answer = extract(Candidate(text, "", "stop", Usage(0, 0), 0.0, tool_calls=made), understood(key))
    return replace(answer, words=tuple(tokens(answer)))


def answer_told(answer: Answer) -> dict[str, Any]:
    names = ("kind", "body", "language", "program", "complaint", "words")
    return {name: getattr(answer, name) for name in names}
