"""What a call gave in, what it comes to out: coroutines awaited, iterators drawn from, functions called. Standard library alone.

It runs where programs run, and calls what they returned; its caller keeps the time.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from local_swarm.sandbox import loops
from local_swarm.sandbox.canonical import MOST_DRAWN

DEEPEST_RESULT = 4  # functions that return functions
NUMBERS = (3, 10, 2, 7)
WORDS = ("abc", "b", "one two", "")
VARIADIC = 0x04  # of a code object's flags: it takes `*args`
MOST_NEEDED = 4  # arguments of a function that is called


def plain(value: Any, depth: int = 0) -> Any:
    """The value itself where it is one, else what it comes to."""
    kind = type(value)
    if depth > DEEPEST_RESULT:
        return value
    if kind is types.CoroutineType:
        return plain(loops.result_of(value), depth + 1)
    if hasattr(kind, "__anext__"):
        return loops.result_of(drawn_items(value))
    if hasattr(kind, "__next__"):
        return list(islice(value, MOST_DRAWN))
    if callable(value) and not issubclass(kind, type):
        return trial_calls(value, depth)
    return value


async def drawn_items(source: Any) -> list[Any]:
    found: list[Any] = []
    async for item in source:
        found.append(item)
        if len(found) == MOST_DRAWN:
            break
    return found


def trial_calls(function: Callable[..., Any], depth: int) -> Any:
    """What it gives for inputs that are the same for every function; raises TypeError where it takes none of them."""
    told = [attempt(function, row, depth) for row in rows(function)]
    if all(how == "raised" for how, _ in told):
        raise TypeError
    return ("called", told)


def attempt(function: Callable[..., Any], row: Sequence[Any], depth: int) -> tuple[str, Any]:
    try:
        return "gave", plain(function(*row), depth + 1)
    except Exception as problem:
        return "raised", type(problem).__name__[:60]


def rows(function: Any) -> list[tuple[Any, ...]]:
    """Arguments to try: three times none for a function that takes none, else numbers, words, a list, a function."""
    needed, variadic = arity(function)
    if needed == 0 and not variadic:
        return [()] * 3
    if needed is None or variadic:
        return [(), (3,), (10, 2), ("abc",), ([3, 1, 2],), (call_counter(),), (twice_failing_function(),)]
    if needed == 1:
        return [(3,), (10,), ("abc",), ([3, 1, 2],), (call_counter(),), (twice_failing_function(),)]
    return [NUMBERS[:needed], NUMBERS[::-1][:needed], WORDS[:needed], ([3, 1, 2],) * needed]


def arity(function: Any) -> tuple[int | None, bool]:
    """How many arguments it must be given, None where that is not known; whether it takes more."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if type(code) is not types.CodeType:
        return None, False
    defaults = getattr(function, "__defaults__", None) or ()
    bound = type(function) is types.MethodType
    taken = code.co_argcount - bound
    needed = max(taken - len(defaults), 1 if taken else 0)
    return (needed if needed <= MOST_NEEDED else None), bool(code.co_flags & VARIADIC)


def call_counter() -> Callable[..., int]:
    """A function that tells how often it has been called."""
    calls = 0

    def sample(*_given: Any, **_named: Any) -> int:
        nonlocal calls
        calls += 1
        return calls

    return sample


def twice_failing_function() -> Callable[..., int]:
    """A function that fails at its first two calls."""
    count = call_counter()

    def sample(*_given: Any, **_named: Any) -> int:
        calls = count()
        if calls <= 2:
            raise ValueError(calls)
        return calls

    return sample
