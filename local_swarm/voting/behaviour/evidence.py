"""Answers in, what to run out; outcomes of the runs in, evidence for the vote out. Pure: running is the sandbox's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from local_swarm.sandbox.job import Job, Language, Outcomes
from local_swarm.sandbox.messages import UNKNOWN
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.behaviour.examples import Example, examples
from local_swarm.voting.behaviour.inputs import Signature, in_words, inputs, signature
from local_swarm.voting.behaviour.javascript import LANGUAGES, functions, javascript_call, javascript_signature
from local_swarm.voting.question import PYTHON, Question, function, function_names

RUNS: dict[str, Language] = {**dict.fromkeys(PYTHON, "python"), **LANGUAGES}
MOST_NAMED = 3  # of such modules
MOST_GIVEN = 12  # of the inputs that come with a question


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one program did: how many of the prompt's examples it passes, and its outcomes on all inputs."""

    passed: int
    outcomes: Outcomes

    @property
    def unknown(self) -> bool:
        """Whether nothing can be said of it: a module that it needs is not here."""
        return bool(self.outcomes) and all(outcome.startswith(UNKNOWN) for outcome in self.outcomes)

    @property
    def constant(self) -> bool:
        """Whether it gives the same whatever it is asked: a sign that it does not do much."""
        return len(self.outcomes) > 2 and len(set(self.outcomes)) == 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beyond the candidates' words. `behaviours` by index of the candidate; `note` says what could not
    be had, `partial` that not all that could be had is."""

    examples: int = 0
    behaviours: Mapping[int, Behaviour] = field(default_factory=dict)
    note: str | None = None

    @property
    def partial(self) -> bool:
        return any(UNKNOWN in one.outcomes for one in self.behaviours.values())


@dataclass(frozen=True, slots=True)
class Trial:
    """What to run: the same calls, examples first, after every program. `programs` by index of the candidate."""

    examples: tuple[Example, ...]
    inputs: tuple[str, ...]
    programs: Mapping[int, str]
    language: Language = "python"

    @property
    def calls(self) -> tuple[str, ...]:
        return (*(example.call for example in self.examples), *self.inputs)

    @property
    def jobs(self) -> dict[str, Job]:
        """One for each program that differs."""
        return {program: Job(program, self.calls, self.language) for program in self.programs.values()}

    def evidence(self, outcomes_of: Mapping[str, Outcomes]) -> Evidence:
        """From the outcomes of each program. Inputs that are examples count for behaviour too."""
        made = {}
        for index, program in self.programs.items():
            outcomes = outcomes_of[program]
            passed = sum(
                outcome == f"={example.wanted}" for outcome, example in zip(outcomes, self.examples, strict=False)
            )
            made[index] = Behaviour(passed, outcomes)
        return Evidence(len(self.examples), made, missing_modules(made.values()))


def missing_modules(did: Iterable[Behaviour]) -> str | None:
    """A sentence that names the modules that were not here, None where there were all."""
    told = Counter(
        outcome[1:].partition(".")[0] for one in did for outcome in one.outcomes if outcome.startswith(UNKNOWN)
    )
    told.pop("", None)  # calls for which there was no time
    if not told:
        return None
    names = sorted(told, key=lambda name: (-told[name], name))[:MOST_NAMED]
    are = "are" if len(names) > 1 else "is"
    return f"The candidates were compared by structure, not by what they do: {' and '.join(names)} {are} missing."


def trial(question: Question, answers: Sequence[ExtractedAnswer]) -> Trial | None:
    """What to run for these answers, None where there is no function to call or nothing that runs."""
    runnable = {index: answer for index, answer in enumerate(answers) if answer.valid and answer.program}
    language = common([RUNS[answer.language] for answer in runnable.values() if answer.language in RUNS])
    runnable = {index: answer for index, answer in runnable.items() if RUNS.get(answer.language) == language}
    if not language or not runnable:
        return None
    found = python_target(question, runnable) if language == "python" else javascript_target(question, runnable)
    if found is None:
        return None
    name, described = found
    shown = examples(question.text, name, described.parameters if described else ())
    calls = [example.call for example in shown]
    tried = [*question.inputs[:MOST_GIVEN], *inputs(described, name, [*calls, *question.inputs], question.text)]
    fresh = [call for call in dict.fromkeys(tried) if call not in calls]
    programs = {index: answer.program for index, answer in runnable.items() if answer.program}
    if language != "python":
        shown = [replace(one, call=call) for one in shown if (call := javascript_call(one.call, name))]
        fresh = [call for one in fresh if (call := javascript_call(one, name))]
    return Trial(tuple(shown), tuple(fresh), programs, language)


Target = tuple[str, Signature | None]  # the function to call, and what is known of its arguments


def python_target(question: Question, runnable: Mapping[int, ExtractedAnswer]) -> Target | None:
    trees = [answer.tree for answer in runnable.values() if answer.tree]
    name = question.entry_point or common([names[-1] for tree in trees if (names := list(function_names(tree)))])
    if not name:
        return None
    if question.stub and (definition := function(question.stub.tree, name)):
        return name, signature(definition, name)
    defined = [one for tree in trees if (one := signature(function(tree, name), name))]
    return name, in_words(question.text, name) or usual(defined)


def javascript_target(question: Question, runnable: Mapping[int, ExtractedAnswer]) -> Target | None:
    programs = [answer.program for answer in runnable.values() if answer.program]
    defined = [names[-1] for program in programs if (names := list(functions(program)))]
    name = (
        question.entry_point
        if question.entry_point in {one for p in programs for one in functions(p)}
        else common(defined)
    )
    if not name:
        return None
    described = [one for program in programs if (one := javascript_signature(program, name))]
    return name, in_words(question.text, name) or usual(described)


def usual(described: Sequence[Signature]) -> Signature | None:
    """One with the kinds of arguments that most programs expect; of equals the first by its words, so that order
    decides nothing."""
    counts = Counter(one.kinds for one in described)
    return min(described, key=lambda one: (-counts[one.kinds], one.kinds, one.parameters)) if described else None


Word = TypeVar("Word", bound=str)


def common(words: Sequence[Word]) -> Word | None:
    """The most frequent one, of equals the first by the alphabet."""
    counts = Counter(words)
    return min(counts, key=lambda word: (-counts[word], word)) if counts else None
