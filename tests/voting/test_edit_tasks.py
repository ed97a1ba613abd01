"""An agent's day: tasks of editing from this repository's history, each with a right edit in four forms and a wrong one."""

from __future__ import annotations

import ast

from local_swarm.types import Candidate
from local_swarm.voting.ballots import in_order
from local_swarm.voting.consensus import elect
from local_swarm.voting.extract import extract
from local_swarm.voting.question import question
from tests.voting.edit_forms import EditTask, candidates, edit_tasks, wrong_file

ENOUGH = 0.95
TASKS = edit_tasks()


def chosen(task: EditTask, given: list[Candidate]) -> Candidate:
    asked = question(task.prompt)
    return given[elect(given, question=asked, answers=[extract(one, asked) for one in given]).winner]


def test_the_vote_finds_a_right_edit_in_nineteen_of_twenty_tasks() -> None:
    right = 0
    for task in TASKS:
        given, good = candidates(task)
        right += chosen(task, given) in [given[at] for at in good]
    assert len(TASKS) == 40
    assert right / len(TASKS) >= ENOUGH


def test_the_order_of_edits_decides_nothing() -> None:
    for task in TASKS[:8]:
        given, _ = candidates(task)
        assert chosen(task, given) == chosen(task, given[::-1])


def test_all_right_edits_apply_and_are_read_as_edits() -> None:
    for task in TASKS:
        given, good = candidates(task)
        asked = question(task.prompt)
        answers = [extract(given[at], asked) for at in good]
        assert {(one.kind, one.complaint) for one in answers} == {("edit", None)}, task.name


def test_wrong_edits_are_wrong() -> None:
    for task in TASKS:
        assert ast.dump(ast.parse(wrong_file(task))) != ast.dump(ast.parse(ast.unparse(ast.parse(task.after))))


def test_every_ballot_of_a_task_is_in_the_vote() -> None:
    given, _ = candidates(TASKS[0])
    assert len(in_order(given, [extract(one) for one in given])) == len(given)
