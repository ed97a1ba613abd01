"""A class's constructor and methods in, scripts of calls that its answers are compared by out. Pure, and the same every time.

A script makes one object and then calls its methods, at first those that put something in.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from local_swarm.sandbox.job import SCRIPT
from local_swarm.voting.behaviour.inputs import Signature
from local_swarm.voting.behaviour.values import KINDS

MOST_SCRIPTS = 12
STEPS = 16  # of one script
FILLING = 4  # steps at first with methods that take something
LONGEST_SCRIPT = 4_000  # characters
# Few values, so that what is put in is asked for again.
FEW: dict[str, tuple[Any, ...]] = {
    "int": (1, 2, 3, 5, 10),
    "float": (10.0, 2.5, 100.0, 1.0),
    "str": ("a", "b", "abc", "apple", "app"),
    "any": (1, 2, 3, 4),
    "bool": (True, False),
}


def scripts(name: str, constructor: Signature | None, methods: Sequence[Signature]) -> list[str]:
    draw = random.Random(name)
    kinds = constructor.kinds if constructor else ()
    made = (script_text(name, constructor_values(kinds, draw), steps(methods, draw)) for _ in range(MOST_SCRIPTS))
    return [one for one in dict.fromkeys(made) if len(one) <= LONGEST_SCRIPT]


def script_text(name: str, given: Sequence[Any], calls: Sequence[tuple[str, Sequence[Any]]]) -> str:
    return SCRIPT + repr([name, list(given), [[method, list(values)] for method, values in calls]])


def steps(methods: Sequence[Signature], draw: random.Random) -> list[tuple[str, list[Any]]]:
    filling = [one for one in methods if one.kinds] or list(methods)
    chosen = [draw.choice(filling if at < FILLING else methods) for at in range(STEPS)]
    return [(one.name, arguments(one.kinds, draw)) for one in chosen]


def constructor_values(kinds: Sequence[str], draw: random.Random) -> list[Any]:
    """Numbers are sizes mostly: small ones are soon reached."""
    return [draw.choice((2, 3, 2, 4)) if kind in ("int", "?int") else arguments([kind], draw)[0] for kind in kinds]


def arguments(kinds: Sequence[str], draw: random.Random) -> list[Any]:
    return [draw.choice(pool) for pool in pools(kinds)]


def pools(kinds: Sequence[str]) -> Iterator[Sequence[Any]]:
    for kind in kinds:
        plain = kind.lstrip("?")
        yield FEW.get(plain) or KINDS[plain if plain != "function" else "any"][:6]
