"""A program and then one call at a time in, one outcome each out, in a process that is sealed. Standard library alone.

Outcomes are words: `=` and the canonical value, `!` and the name of an exception, `?` and a module that is not here, `~` for out
of time. The program shares the process with this code and may turn it inside out; all it can reach that way is its own outcomes.
"""

from __future__ import annotations

import builtins
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

from local_swarm.sandbox.canonical import canonical
from local_swarm.sandbox.messages import DEFINED, LATE, UNKNOWN

CALL_S = 0.25  # processor time of one call, and of the program itself
# Of processor time, between two looks at the clock; a program that swallows the interruption meets it again.
TICK_S = 0.025
MOST_PRINTED = 2_000  # characters kept of what is printed during one call
LONGEST_NAME = 60  # of an exception or a module


class CallOutOfTime(BaseException):
    """Beyond `Exception`, so that a bare `except Exception` lets it pass."""


class Watch:
    """Interrupts a call that is out of processor time, so that the next one has a chance in the same process.

    For programs that mean no harm: the one that counts runs outside, where no program can stop it. Wound up before the process is
    sealed, since afterwards no timer can be set.
    """

    def __init__(self) -> None:
        self.until = float("inf")

    def wind(self) -> None:
        signal.signal(signal.SIGPROF, self.look)
        signal.setitimer(signal.ITIMER_PROF, TICK_S, TICK_S)

    def look(self, _number: int, _frame: FrameType | None) -> None:
        if time.process_time() >= self.until:
            raise CallOutOfTime

    def within(self, work: Callable[[], str]) -> str:
        """The result of `work`, or the name of what it raised, within the time of one call."""
        try:
            try:
                self.until = time.process_time() + CALL_S
                return work()
            finally:
                self.until = float("inf")
        except CallOutOfTime:
            return LATE
        except BaseException as problem:
            return exception_name(problem)


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


def answer(receive: Callable[[], str | None], tell: Callable[[str], None], watch: Watch) -> None:
    """Tell `=` or what went wrong of the program, then one outcome per call, until nothing more is received."""
    paper = Paper()
    streams: Any = sys
    streams.stdout = streams.stderr = paper
    streams.stdin = Blank()
    random.seed(0)
    if numbers := sys.modules.get("numpy"):
        numbers.random.seed(0)
    space: dict[str, Any] = {"__name__": "candidate", "__builtins__": builtins}
    program = receive()
    if program is None:
        return
    tell(watch.within(lambda: define(program, space)))
    while (call := receive()) is not None:
        tell(one(call, space, paper, watch))


def define(program: str, space: dict[str, Any]) -> str:
    exec(compile(program, "candidate", "exec"), space)
    return DEFINED


def one(call: str, space: dict[str, Any], paper: Paper, watch: Watch) -> str:
    """What one call gives; where it gives nothing, what it printed."""
    paper.text = ""
    try:
        code: CodeType = compile(call, "call", "eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "!SyntaxError"
    found = watch.within(lambda: "=" + canonical(eval(code, space)))
    return f"=print:{canonical(paper.text)}" if found == "=None" and paper.text else found


def exception_name(problem: BaseException) -> str:
    """The name of an exception. A module that is not here is no fault of the program: the name of the module, and `?`."""
    if type(problem) is not ModuleNotFoundError:
        return "!" + type(problem).__name__[:LONGEST_NAME]
    name = problem.name
    plain = type(name) is str and name.replace(".", "").isidentifier() and name.isascii()
    return UNKNOWN + (name[:LONGEST_NAME] if plain and name else "module")
