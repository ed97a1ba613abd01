"""A program and then one call at a time in, one outcome each out, in a process that is sealed. Standard library alone.

Outcomes are words: `=` and the canonical value, `!` and the name of an exception, `?` and a module that is not here, `~` for out
of time. The program shares the process with this code and may turn it inside out; all it can reach that way is its own outcomes.
"""

from __future__ import annotations

import ast
import builtins
import io
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from types import CodeType, FrameType
from typing import Any

from local_swarm.sandbox import loops
from local_swarm.sandbox.canonical import ValueTooLarge, canonical, shorten_text
from local_swarm.sandbox.job import CHANGED, PRINTED, SCRIPT, SPARE, STDIN
from local_swarm.sandbox.messages import DEFINED, LATE, UNKNOWN
from local_swarm.sandbox.results import plain

CALL_S = 0.25  # processor time of one call, and of the program itself
SPARE_S = 0.1  # of what is taken in place of a program that does not run
# Of processor time, between two looks at the clock; a program that swallows the interruption meets it again.
TICK_S = 0.025
MOST_PRINTED = 2_000  # characters kept of what is printed during one call
LONGEST_NAME = 60  # of an exception or a module
NOTHING = "=None"


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
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # asyncio would set it, which is no longer possible then
        signal.signal(signal.SIGPROF, self.look)
        signal.setitimer(signal.ITIMER_PROF, TICK_S, TICK_S)

    def look(self, _number: int, _frame: FrameType | None) -> None:
        if time.process_time() >= self.until:
            raise CallOutOfTime

    def within(self, work: Callable[[], str], seconds: float = CALL_S) -> str:
        """The result of `work`, or the name of what it raised, within the time of one call."""
        try:
            try:
                self.until = time.process_time() + seconds
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
        self.buffer = PaperBuffer(self)

    def write(self, said: str) -> int:
        if len(self.text) < MOST_PRINTED:
            self.text += str(said)[: MOST_PRINTED - len(self.text)]
        return len(said)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


class PaperBuffer:
    """Where programs write bytes to."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper

    def write(self, said: bytes) -> int:
        self.paper.write(bytes(said).decode("utf-8", "replace"))
        return len(said)

    def flush(self) -> None:
        pass


def keyboard(text: str) -> io.TextIOWrapper:
    """Stands for standard input."""
    return io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8", "surrogatepass")


def read_line(_prompt: object = "") -> str:
    """Stands for `input`, without the words that ask for it: they are no part of what a program computes."""
    line: str = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.removesuffix("\n")


def answer(receive: Callable[[], str | None], tell: Callable[[str], None], watch: Watch) -> None:
    """Tell `=` or what went wrong of the program, then one outcome per call, until nothing more is received."""
    paper = Paper()
    streams: Any = sys
    streams.stdout = streams.stderr = paper
    streams.stdin = keyboard("")
    functions: Any = builtins
    functions.input = read_line
    loops.settle()
    random.seed(0)
    if numbers := sys.modules.get("numpy"):
        numbers.random.seed(0)
    program = receive()
    if program is None:
        return
    texts = program.split(SPARE)
    space, found = definition_space(texts[:2], watch)
    tell(found)
    while (call := receive()) is not None:
        tell(one(call, texts[-1], space, paper, watch))


def fresh_space(name: str) -> dict[str, Any]:
    return {"__name__": name, "__builtins__": builtins}


def definition_space(texts: Sequence[str], watch: Watch) -> tuple[dict[str, Any], str]:
    """Everything that the first of the texts that runs defines, and `=`, or what went wrong with the last."""
    space, found = fresh_space("candidate"), DEFINED
    for text, seconds in zip(texts, (CALL_S, SPARE_S), strict=False):
        space = fresh_space("candidate")
        found = watch.within(lambda text=text, space=space: define(text, space), seconds)  # type: ignore[misc]
        if found == DEFINED:
            break
    return space, found


def define(program: str, space: dict[str, Any]) -> str:
    exec(compile(program, space["__name__"], "exec"), space)
    return DEFINED


def one(call: str, whole: str, space: dict[str, Any], paper: Paper, watch: Watch) -> str:
    """What one call gives; where it gives nothing, what it printed or what it changed."""
    paper.text = ""
    try:
        if call.startswith(STDIN):
            given = ast.literal_eval(call.removeprefix(STDIN))
            return watch.within(lambda: run_whole(whole, given, paper))
        if call.startswith(SCRIPT):
            name, given, steps = ast.literal_eval(call.removeprefix(SCRIPT))
            return watch.within(lambda: follow(space[name](*given), steps, paper))
        code = compile(call, "call", "eval")
        found = watch.within(lambda: outcome_of(eval(code, space), paper))
        arguments = arguments_of(ast.parse(call, mode="eval").body) if found == NOTHING else None
        return watch.within(lambda: changes(arguments, space)) if arguments else found
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return "!SyntaxError"


def arguments_of(call: ast.expr) -> CodeType | None:
    """Of a call with nothing but plain arguments: what is called, the arguments, and those with names."""
    if not isinstance(call, ast.Call) or any(isinstance(given, ast.Starred) for given in call.args):
        return None
    names = [ast.Constant(given.arg) for given in call.keywords if given.arg is not None]
    if len(names) < len(call.keywords):
        return None
    named = ast.Dict([*names], [given.value for given in call.keywords])
    parts = ast.Tuple([call.func, ast.List(call.args, ast.Load()), named], ast.Load())
    return compile(ast.fix_missing_locations(ast.Expression(parts)), "call", "eval")


def changes(arguments: CodeType, space: dict[str, Any]) -> str:
    """What the call does to its arguments, seen beside the same ones made anew."""
    function, given, named = eval(arguments, space)
    function(*given, **named)
    _, before, before_named = eval(arguments, space)
    try:
        pairs = zip([*given, *named.values()], [*before, *before_named.values()], strict=True)
        changed = [now for now, then in pairs if not callable(now) and canonical(now) != canonical(then)]
        return CHANGED + canonical(changed[0] if len(changed) == 1 else changed) if changed else NOTHING
    except ValueTooLarge:
        return NOTHING


def outcome_of(value: Any, paper: Paper) -> str:
    found = DEFINED + canonical(plain(value))
    return PRINTED + canonical(paper.text) if found == NOTHING and paper.text else found


def follow(thing: Any, steps: Sequence[tuple[str, Sequence[Any]]], paper: Paper) -> str:
    """What each method gives, written at once since the next may change it; a name that is no method's is an attribute's."""
    made = []
    for name, given in steps:
        paper.text = ""
        try:
            member = getattr(thing, name)
            value = plain(member(*given)) if callable(member) else member
            made.append(canonical(paper.text if value is None and paper.text else value))
        except Exception as problem:
            made.append(canonical(exception_name(problem)))
    return DEFINED + shorten_text(f"[{''.join(f'{one},' for one in made)}]")


def run_whole(program: str, given: str, paper: Paper) -> str:
    """What the program prints when it reads this. Blanks at the ends of lines say nothing."""
    streams: Any = sys
    streams.stdin, streams.stderr = keyboard(given), Paper()
    try:
        define(program, fresh_space("__main__"))
    except SystemExit:
        pass
    finally:
        streams.stdin, streams.stderr = keyboard(""), paper
    lines = [line.rstrip() for line in paper.text.rstrip().split("\n")]
    return PRINTED + canonical("\n".join(lines))


def exception_name(problem: BaseException) -> str:
    """The name of an exception. A module that is not here is no fault of the program: the name of the module, and `?`."""
    if type(problem) is not ModuleNotFoundError:
        return "!" + type(problem).__name__[:LONGEST_NAME]
    name = problem.name
    plain = type(name) is str and name.replace(".", "").isidentifier() and name.isascii()
    return UNKNOWN + (name[:LONGEST_NAME] if plain and name else "module")
