"""Votes and how far their programs are in, whose turn it is and who has had enough out. Pure: the time is told, nothing is run.

A turn is a few calls, or a part of a long one, which is stopped and goes on in its next turn. Votes take turns by the time they
have had, so that a vote of honest programs waits for one turn of a hostile one and no longer; programs of one vote do so among
themselves, so that whoever wants little is served before whoever wants much.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from local_swarm.sandbox.messages import LATE, MOST_LATE

CALLS_S = 0.01  # a program keeps its turn so long, call after call
TURN_S = 0.04  # after which a call is stopped where others wait
VOTE_S = 1.7  # of one vote, times the width: all its programs' turns together
OLD_S = 1.9  # after a vote began, nobody in it may sleep any more, and whoever had its share is cut short
SHARE_S = 0.1
LIFE_S = 10.0  # of a vote, waiting for its turns included
IDLE_S = 1.0  # that one program may sleep, all its calls together
WORK_S = 2.9  # of processor time that one program may have, all its calls together
CALL_S = 0.4  # of processor time for one call, as the clock outside sees it; the one within interrupts earlier
BLIND_S = 3.0  # that one program may take where its processor time cannot be seen
MOST_OF_ONE = 16  # programs of one vote that are under way at once
MOST = 48  # programs under way at once
MORE_VOTES = 16  # votes that may have one program under way beyond that
EXTRA = 2  # votes of which nobody is at work may begin beyond the width
CUT = "?"  # nothing is known of a call for which its vote had no time left: that is not the program's doing


@dataclass(slots=True, eq=False)
class Task:
    """A program with its calls. `told` are its outcomes so far; `defined` once the program itself has run."""

    place: int
    program: str
    calls: tuple[str, ...]
    told: list[str] = field(default_factory=list)
    defined: bool = False
    begun: bool = False
    at_work: bool = False  # a call is with it, or the program itself
    asleep: bool = False  # at work, and does not use its turn
    stopped: bool = False  # at work, and its turn is over
    used_s: float = 0.0  # of turns
    idle_s: float = 0.0  # asleep in calls that have ended

    @property
    def holding(self) -> bool:
        """Whether it has a turn at this moment."""
        return self.at_work and not self.asleep and not self.stopped

    @property
    def ended(self) -> bool:
        return self.defined and len(self.told) >= len(self.calls)

    @property
    def next_text(self) -> str:
        return self.calls[len(self.told)] if self.defined else self.program

    def take(self, outcome: str) -> None:
        """Note what came of the program, or of the call that was with it."""
        self.at_work = self.asleep = self.stopped = False
        if self.defined:
            self.told.append(outcome)
            if self.told.count(LATE) >= MOST_LATE:
                self.fill(LATE)
            return
        self.defined = True
        if outcome != "=":
            self.fill(outcome)

    def fill(self, outcome: str) -> None:
        """The same for all that is still open."""
        self.at_work = self.asleep = self.stopped = False
        self.defined = True
        self.told += [outcome] * (len(self.calls) - len(self.told))


@dataclass(slots=True, eq=False)
class Vote:
    number: int
    began: float
    tasks: dict[int, Task] = field(default_factory=dict)  # those that have not ended, by place
    spent_s: float = 0.0

    def under_way(self) -> int:
        return sum(task.begun for task in self.tasks.values())

    def turns_held(self) -> int:
        """Turns that it has at this moment."""
        return sum(task.holding for task in self.tasks.values())

    def enough(self, now: float, width: int) -> bool:
        """Whether all that is left of it is cut short."""
        age = now - self.began
        served = all(task.asleep or task.used_s > SHARE_S for task in self.tasks.values())
        return self.spent_s > VOTE_S * width or age > LIFE_S or (served and age > OLD_S)


def next_turn(votes: Iterable[Vote], width: int) -> tuple[Vote, Task] | None:
    """Who is to have the next call, None while nobody can."""
    votes = list(votes)
    held = sum(vote.turns_held() for vote in votes)
    under_way = sum(vote.under_way() for vote in votes)
    for vote in sorted(votes, key=lambda vote: (vote.spent_s, vote.number)):
        if held >= width and (vote.turns_held() or held >= width + EXTRA):
            continue
        if task := next_task(vote, under_way):
            return vote, task
    return None


def next_task(vote: Vote, under_way: int) -> Task | None:
    """Of the programs that wait, the one that has had least; of equals the first."""
    mine = vote.under_way()
    room = (mine < MOST_OF_ONE and under_way < MOST) or (mine == 0 and under_way < MOST + MORE_VOTES)
    waiting = [task for task in vote.tasks.values() if waits(task) and (task.begun or room)]
    return min(waiting, key=lambda task: (task.used_s, task.place), default=None)


def waits(task: Task) -> bool:
    return not task.at_work or task.stopped


def anybody_waits(votes: Iterable[Vote]) -> bool:
    return any(waits(task) for vote in votes for task in vote.tasks.values())


def out_of_time(task: Task, wall_s: float, worked_s: float | None, waited_s: float, in_all_s: float) -> bool:
    """Whether a call that has been going for `wall_s` is ended from outside. `worked_s`: its processor time, None where that
    cannot be seen; `waited_s`: for a processor; `in_all_s`: the program's processor time with all its calls."""
    if worked_s is None:
        return wall_s > IDLE_S or task.used_s > BLIND_S
    return worked_s > CALL_S or in_all_s > WORK_S or task.idle_s + idle(wall_s, worked_s, waited_s) > IDLE_S


def idle(wall_s: float, worked_s: float, waited_s: float) -> float:
    return max(0.0, wall_s - worked_s - waited_s)
