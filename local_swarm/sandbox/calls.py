"""A program and calls in, one outcome per call out, in a process that has been sealed before. Standard library alone.

Outcomes are words: `=` and the canonical value, `!` and the name of an exception, `~` for out of time. The program shares the
process with this code and may turn it inside out; all it can reach that way is its own outcomes.
"""

from __future__ import annotations

import builtins
import random
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FrameType
from typing import Any

from local_swarm.sandbox.canonical import canonical

CALL_S = 0.25  # processor time of one call, and of the program itself
IDLE_S = 1.0  # of waiting in one call
AGAIN_S = 0.05  # a program that swallows the interruption is interrupted again
MOST_LATE = 2  # calls out of time, after which no more are tried
MOST_PRINTED = 2_000  # characters kept of what is printed during one call

LATE = "~"


class OutOfTime(BaseException):
    """Beyond `Exception`, so that a bare `except Exception` lets it pass."""


class Paper:
    """Stands for standard output: keeps the first characters, forgets the rest."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, said: str) -> int:
        if len(self.text) < MOST_PRINTED:
            self.text += str(said)[: MOST_PRINTED - len(self.text)]
        return len(said)

    def flush(self) -> None:
        pass


class Blank:
    """Stands for standard input: there is nothing to read."""

    def readline(self, _size: int = -1) -> str:
        return ""

    def read(self, _size: int = -1) -> str:
        return ""

    def __iter__(self) -> Iterator[str]:
        return iter(())


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise OutOfTime


def outcomes(program: str, calls: Sequence[str], tell: Callable[[str], None]) -> None:
    """Tell one outcome per call, in order, as they come."""
    signal.signal(signal.SIGPROF, interrupt)
    signal.signal(signal.SIGALRM, interrupt)
    random.seed(0)
    paper = Paper()
    streams: Any = sys
    streams.stdout = streams.stderr = paper
    streams.stdin = Blank()
    space: dict[str, Any] = {"__name__": "candidate", "__builtins__": builtins}

    def define() -> str:
        exec(compile(program, "candidate", "exec"), space)
        return ""

    failed = within(define)
    late = 0
    for call in calls:
        if failed or late >= MOST_LATE:
            tell(failed or LATE)
            continue
        outcome = one(call, space, paper)
        late += outcome == LATE
        tell(outcome)


def one(call: str, space: dict[str, Any], paper: Paper) -> str:
    """What one call gives; where it gives nothing, what it printed."""
    paper.text = ""
    try:
        code: CodeType = compile(call, "call", "eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "!SyntaxError"
    found = within(lambda: "=" + canonical(eval(code, space)))
    return f"=print:{canonical(paper.text)}" if found == "=None" and paper.text else found


def within(work: Callable[[], str]) -> str:
    """The result of `work`, or the name of what it raised, within the time of one call."""
    try:
        try:
            signal.setitimer(signal.ITIMER_PROF, CALL_S, AGAIN_S)
            signal.setitimer(signal.ITIMER_REAL, IDLE_S, AGAIN_S)
            return work()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
    except OutOfTime:
        return LATE
    except BaseException as problem:
        return "!" + type(problem).__name__[:60]
