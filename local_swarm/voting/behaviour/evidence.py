"""Answers in, what to run out; outcomes of the runs in, evidence for the vote out. Pure: running is the sandbox's."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from local_swarm.chat.python_source import parse
from local_swarm.sandbox.job import SPARE, STDIN, Job, Language, Outcomes
from local_swarm.sandbox.messages import DEFINED, LATE, UNKNOWN
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.examples import examples
from local_swarm.voting.behaviour.inputs import Signature, inputs
from local_swarm.voting.behaviour.javascript import in_javascript, javascript_call, reading_call
from local_swarm.voting.behaviour.javascript_targets import javascript_target, programs_for
from local_swarm.voting.behaviour.matching import matches
from local_swarm.voting.behaviour.program import whole_text
from local_swarm.voting.behaviour.scripts import scripts
from local_swarm.voting.behaviour.standard_input import samples, similar_inputs
from local_swarm.voting.behaviour.targets import beside, common, python_target, shaped_call
from local_swarm.voting.javascript.module import TAGS, has_grammar
from local_swarm.voting.question import PYTHON, Question

RUNS: dict[str, Language] = {**dict.fromkeys(PYTHON, "python"), **TAGS}
MOST_NAMED = 3  # of such modules
MOST_GIVEN = 12  # of the inputs that come with a question
# The whole text of a program, with nothing to read.
WHOLE: dict[Language, str] = {"python": f"{STDIN}''", **dict.fromkeys(TAGS.values(), reading_call(""))}
BORNE = f"!{EOFError.__name__}"  # what may come of that: a program that asks for its input


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one program did: how many of the prompt's examples it passes, and its outcomes on all inputs; `runs`: whether
    its text runs to its end as it was written, its own use of what it defines included."""

    passed: int
    outcomes: Outcomes
    runs: bool = True

    @property
    def unknown(self) -> bool:
        """Whether nothing can be said of it: a module that it needs is not here."""
        return bool(self.outcomes) and all(outcome.startswith(UNKNOWN) for outcome in self.outcomes)

    @property
    def heard(self) -> Outcomes:
        """What counts in a vote: of a program that mostly answers it is unknown what it would have given where it was out
        of time, as slow is not wrong."""
        answers = sum(outcome.startswith(DEFINED) for outcome in self.outcomes)
        if 2 * answers < len(self.outcomes):
            return self.outcomes
        return tuple(UNKNOWN if outcome == LATE else outcome for outcome in self.outcomes)

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
        """One for each program that differs. Where more was written than is needed for the calls, that runs last."""
        return {program: Job(program, self.calls_of(program), self.language) for program in self.programs.values()}

    def calls_of(self, program: str) -> tuple[str, ...]:
        return (*self.calls, WHOLE[self.language]) if runs_whole(program) else self.calls

    def evidence(self, outcomes_of: Mapping[str, Outcomes]) -> Evidence:
        """From the outcomes of each program. Inputs that are examples count for behaviour too."""
        made = {}
        for index, program in self.programs.items():
            outcomes, whole = outcomes_of[program], DEFINED
            if runs_whole(program):
                *most, whole = outcomes
                outcomes = tuple(most)
            passed = sum(matches(*pair) for pair in zip(outcomes, self.examples, strict=False))
            made[index] = Behaviour(passed, outcomes, runs=whole == BORNE or whole[0] not in "!~" + UNKNOWN)
        return Evidence(len(self.examples), made, missing_modules(made.values()))


def runs_whole(program: str) -> bool:
    """Whether more was written than is needed for the calls."""
    return bool(program.split(SPARE)[0]) and bool(whole_text(program))


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
    languages = {index: made for index, answer in runnable.items() if (made := run_language(answer.language))}
    language = common(languages.values())
    runnable = {index: runnable[index] for index, made in languages.items() if made == language}
    if not language or not runnable:
        return None
    if language == "python":
        return python_trial(question, runnable)
    return javascript_trial(question, runnable, language)


def run_language(tag: str) -> Language | None:
    """Types are taken out of TypeScript where its grammar is here."""
    found = RUNS.get(tag)
    return "javascript" if found == "typescript" and has_grammar() else found


def javascript_trial(question: Question, runnable: Mapping[int, ExtractedAnswer], language: Language) -> Trial | None:
    target = javascript_target(question, list(runnable.values()))
    if target is None:
        return None
    shown, fresh = list[Example](), list[str]()
    if target.form == "program":
        shown, fresh = program_calls(question)
    elif target.form == "class":
        fresh = scripts(target.name, target.described, target.methods)
    else:
        shown, fresh = calls_for(question, target.name, target.described, forgiving=True)
    return Trial(
        tuple(made for one in shown if (made := in_javascript(one, target.name))),
        tuple(call for one in fresh if (call := javascript_call(one, target.name))),
        programs_for(target, runnable),
        language,
    )


def program_calls(question: Question) -> tuple[list[Example], list[str]]:
    """Samples, and inputs like them."""
    shown = samples(question.text)
    return shown, similar_inputs([ast.literal_eval(example.call.removeprefix(STDIN)) for example in shown])


def calls_for(
    question: Question, name: str, described: Signature | None, forgiving: bool = False
) -> tuple[list[Example], list[str]]:
    """Examples of the question, and inputs beside them; `forgiving` as `inputs` takes it."""
    shown = examples(question.text, name, described.parameters if described else ())
    calls = [example.call for example in shown]
    more = inputs(described, name, [*calls, *question.inputs], question.text, forgiving)
    tried = [*question.inputs[:MOST_GIVEN], *more]
    return shown, [call for call in dict.fromkeys(tried) if call not in calls]


def programs_of(runnable: Mapping[int, ExtractedAnswer]) -> dict[int, str]:
    return {index: answer.program for index, answer in runnable.items() if answer.program}


def python_trial(question: Question, runnable: Mapping[int, ExtractedAnswer]) -> Trial | None:
    programs = programs_of(runnable)
    trees = [answer.tree or parse(answer.body) for answer in runnable.values()]
    target = python_target(question, [tree for tree in trees if tree], list(programs.values()))
    if target is None:
        return None
    if target.form == "program":
        shown, fresh = program_calls(question)
        whole = {index: f"{SPARE}{SPARE}{whole_text(one) or one}" for index, one in programs.items()}
        return Trial(tuple(shown), tuple(fresh), whole)
    if target.form == "class":
        return Trial((), tuple(scripts(target.name, target.described, target.methods)), programs)
    shown, fresh = calls_for(question, target.name, target.described)
    return Trial(
        tuple(replace(one, call=shaped_call(one.call, target)) for one in shown),
        tuple(shaped_call(call, target) for call in fresh),
        {index: beside(program, target) for index, program in programs.items()},
    )
