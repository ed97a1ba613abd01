"""Answers in, what to run out; outcomes of the runs in, evidence for the vote out. Pure: running is the sandbox's."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local_swarm.sandbox.host import Job, Outcomes
from local_swarm.swarm.behaviour.examples import Example, examples
from local_swarm.swarm.behaviour.inputs import inputs, signature
from local_swarm.swarm.extract import PYTHON, Answer
from local_swarm.swarm.question import Question, function, function_names

MOST_GIVEN = 12  # of the inputs that come with a question


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one program did: how many of the prompt's examples it passes, and its outcomes on all inputs."""

    passed: int
    outcomes: Outcomes

    @property
    def constant(self) -> bool:
        """Whether it gives the same whatever it is asked: a sign that it does not do much."""
        return len(self.outcomes) > 2 and len(set(self.outcomes)) == 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beyond the candidates' words. `behaviours` by index of the candidate; `note` says what could not be had."""

    examples: int = 0
    behaviours: Mapping[int, Behaviour] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What to run: the same calls, examples first, after every program. `programs` by index of the candidate."""

    examples: tuple[Example, ...]
    inputs: tuple[str, ...]
    programs: Mapping[int, str]

    @property
    def calls(self) -> tuple[str, ...]:
        return (*(example.call for example in self.examples), *self.inputs)

    @property
    def jobs(self) -> dict[str, Job]:
        """One for each program that differs."""
        return {program: Job(program, self.calls) for program in self.programs.values()}

    def evidence(self, told: Mapping[str, Outcomes]) -> Evidence:
        """From the outcomes of each program. Inputs that are examples count for behaviour too."""
        made = {}
        for index, program in self.programs.items():
            outcomes = told[program]
            passed = sum(
                outcome == f"={example.wanted}" for outcome, example in zip(outcomes, self.examples, strict=False)
            )
            made[index] = Behaviour(passed, outcomes)
        return Evidence(len(self.examples), made)


def trial(question: Question, answers: Sequence[Answer]) -> Trial | None:
    """What to run for these answers, None where there is no function to call or nothing that runs."""
    programs = {
        index: answer.program
        for index, answer in enumerate(answers)
        if answer.kind == "code" and answer.language in PYTHON and answer.valid and answer.program
    }
    trees = [answer.tree for index, answer in enumerate(answers) if index in programs and answer.tree]
    name = question.entry_point or common_name(trees)
    if not programs or not name:
        return None
    definition = function(question.stub.tree, name) if question.stub else None
    if definition is None:
        definition = common_definition(trees, name)
    found = signature(definition, name)
    shown = examples(question.text, name, found.parameters if found else ())
    calls = [example.call for example in shown]
    tried = [*question.inputs[:MOST_GIVEN], *inputs(found, name, [*calls, *question.inputs])]
    return Trial(tuple(shown), tuple(call for call in dict.fromkeys(tried) if call not in calls), programs)


def common_name(trees: Sequence[ast.Module]) -> str | None:
    """The function that most answers define, the last of each counting."""
    names = Counter(names[-1] for tree in trees if (names := list(function_names(tree))))
    return min(names, key=lambda name: (-names[name], name)) if names else None


def common_definition(trees: Sequence[ast.Module], name: str) -> ast.stmt | None:
    """One with the number of arguments that most have; of those the first by its words, so that order decides nothing."""
    found = [node for tree in trees if (node := function(tree, name))]
    if not found:
        return None
    written = sorted(
        (ast.unparse(getattr(node, "args", ast.arguments([], [], None, [], [], None, []))), at)
        for at, node in enumerate(found)
    )
    counts = Counter(text.count(",") for text, _ in written)
    usual = min(counts, key=lambda count: (-counts[count], count))
    return next(found[at] for text, at in written if text.count(",") == usual)
