"""Whose turn it is and who has had enough, by a made-up clock."""

from __future__ import annotations

import pytest

from local_swarm.sandbox import turns
from local_swarm.sandbox.turns import Task, Vote, next_turn, out_of_time

LATE = "~"


def vote(number: int, programs: int, calls: int = 3) -> Vote:
    made = Vote(number, began=0.0)
    made.tasks = {place: Task(place, "", ("f()",) * calls) for place in range(programs)}
    return made


def given(votes: list[Vote], width: int) -> list[tuple[int, int]]:
    """Give turns until nobody can have one; who had them."""
    found = []
    while turn := next_turn(votes, width):
        chosen, task = turn
        task.begun = task.at_work = True
        found.append((chosen.number, task.place))
    return found


def test_a_vote_alone_has_all_turns() -> None:
    assert given([vote(1, 5)], width=2) == [(1, 0), (1, 1)]


def test_a_vote_that_comes_later_has_a_turn_at_once() -> None:
    old, new = vote(1, 8), vote(2, 3)
    assert given([old], width=2) == [(1, 0), (1, 1)]
    old.spent_s = 0.5
    assert given([old, new], width=2) == [(2, 0)]


def test_the_vote_that_has_had_less_time_is_first() -> None:
    much, little = vote(1, 4), vote(2, 4)
    much.spent_s, little.spent_s = 1.0, 0.1
    assert given([much, little], width=3)[:2] == [(2, 0), (2, 1)]


def test_within_a_vote_whoever_has_had_least_is_first() -> None:
    one = vote(1, 3)
    one.tasks[0].used_s, one.tasks[1].used_s = 0.2, 0.04
    assert given([one], width=3) == [(1, 2), (1, 1), (1, 0)]


def test_whoever_sleeps_holds_no_turn_and_whoever_was_stopped_waits_for_one() -> None:
    one = vote(1, 3)
    assert given([one], width=1) == [(1, 0)]
    one.tasks[0].asleep = True
    assert given([one], width=1) == [(1, 1)]
    one.tasks[1].stopped, one.tasks[1].used_s = True, 0.05
    assert given([one], width=1) == [(1, 2)]
    one.tasks[2].at_work, one.tasks[2].used_s = False, 0.1
    assert next_turn([one], 1) == (one, one.tasks[1])


def test_programs_under_way_are_limited_and_every_vote_has_one_nevertheless() -> None:
    votes = [vote(number, 40) for number in range(4)]
    for _ in range(200):
        for _, place in given(votes, width=4):
            for each in votes:
                each.tasks[place].asleep = each.tasks[place].at_work
    under_way = [each.under_way() for each in votes]
    assert (sum(under_way), max(under_way), min(under_way) > 0) == (turns.MOST, turns.MOST_OF_ONE, True)
    late = vote(9, 40)
    assert given([*votes, late], width=4)[-1] == (9, 0)


def test_two_late_calls_are_enough() -> None:
    task = Task(0, "", ("f()",) * 4)
    for outcome in ("=", "=1", LATE, LATE):
        task.take(outcome)
    assert task.ended and task.told == ["=1", LATE, LATE, LATE]


def test_what_is_wrong_with_a_program_is_so_of_all_its_calls() -> None:
    task = Task(0, "", ("f()",) * 2)
    task.take("!SyntaxError")
    assert task.ended and task.told == ["!SyntaxError"] * 2


@pytest.mark.parametrize(
    ("wall", "worked", "waited", "in_all", "late"),
    [
        (0.3, 0.2, 0.1, 0.2, False),
        (0.5, 0.41, 0.0, 0.5, True),
        (1.1, 0.01, 0.0, 0.1, True),
        (5.0, 0.2, 4.7, 0.3, False),
        (0.1, 0.1, 0.0, 2.95, True),
        (0.9, None, 0.0, 0.0, False),
        (1.1, None, 0.0, 0.0, True),
    ],
    ids=["working", "too-much", "asleep", "waiting-for-a-processor", "in-all", "unseen", "unseen-for-long"],
)
def test_a_call_is_ended_for_its_work_and_its_sleep_and_not_for_a_busy_machine(
    wall: float, worked: float | None, waited: float, in_all: float, late: bool
) -> None:
    assert out_of_time(Task(0, "", ()), wall, worked, waited, in_all) is late


def test_sleep_is_added_up_over_calls() -> None:
    task = Task(0, "", (), idle_s=0.8)
    assert out_of_time(task, 0.3, 0.01, 0.0, 0.1)


def test_a_vote_ends_when_its_time_is_spent_or_all_had_their_share() -> None:
    spent, slept, fresh = vote(1, 3), vote(2, 1), vote(3, 3)
    spent.spent_s = turns.VOTE_S * 2 + 0.1
    slept.tasks[0].at_work = slept.tasks[0].asleep = True
    assert spent.enough(1.0, 2) and slept.enough(2.0, 2) and not slept.enough(1.0, 2)
    assert not fresh.enough(5.0, 2) and fresh.enough(turns.LIFE_S + 1, 2)
