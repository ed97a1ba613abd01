"""A function's signature and some example calls in, calls to compare behaviour on out. Pure, and the same every time.

No model writes these: kinds of arguments are known from type hints and examples, else guessed from the words of the
request and from names, and each kind has ordinary and awkward values. Changed examples come first: their arguments make
sense for sure.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any

from local_swarm.chat.python_source import parse_expression, unparse
from local_swarm.voting.behaviour.examples import LONGEST_NAME
from local_swarm.voting.behaviour.ranges import Bounds, Ranges, fits, ranges
from local_swarm.voting.behaviour.values import KINDS, USUAL, guess_kind, kinds_in
from local_swarm.voting.behaviour.worded_inputs import command_lines, command_lists, counted_names, related_rows
from local_swarm.voting.scanner import calls

MOST_INPUTS = 24
MOST_CHANGED = 14
LONGEST_CALL = 2_000  # characters
MOST_KNOWN = 64  # example calls that are looked at
MOST_ARGUMENTS = 16  # of a function whose inputs are made up
MOST_OPTIONAL = 2  # arguments that are given though none must be
READABLE = ("any", "str", "list[str]", "list[int]")  # kinds of an argument that may hold a program
MANY = "?int"  # what functions of any number of arguments mostly take
PARAMETERS = re.compile(r"\s*+([A-Za-z_]\w*+(?:\s*+,\s*+[A-Za-z_]\w*+)*+)\s*+\)")


@dataclass(frozen=True, slots=True)
class Signature:
    """`kinds`: for each argument that is given, a name of `KINDS`, after `?` where it is guessed from the argument's
    name; the last of them are those of `keywords`, which are given by name. `bare`: whether it can be called without
    any."""

    name: str
    parameters: tuple[str, ...]
    kinds: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    bare: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Of the arguments that are given, as many as `kinds`."""
        plain = len(self.kinds) - len(self.keywords)
        return (*self.parameters[:plain], *[""] * (plain - len(self.parameters)), *self.keywords)


def in_words(text: str, name: str) -> Signature | None:
    """What a request such as "a function area(width, height)" tells."""
    for at in calls(text, name, not_after="_"):
        if found := PARAMETERS.match(text, at + len(name) + 1):
            parameters = tuple(one.strip() for one in found[1].split(","))
            return Signature(name, parameters, tuple(map(guess_kind, parameters))) if few(parameters) else None
    return None


def few(parameters: Sequence[object]) -> bool:
    return len(parameters) <= MOST_ARGUMENTS


def signature(node: ast.AST | None, name: str) -> Signature | None:
    """Of a function's or method's definition, without the object that a method belongs to; None for what is neither."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    given = [*node.args.posonlyargs, *node.args.args]
    defaults = len(node.args.defaults)
    if given and given[0].arg in ("self", "cls"):
        given = given[1:]
    named = [one for one, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if default is None]
    if not few([*given, *named]):
        return None
    needed = given[: max(0, len(given) - defaults)]
    bare = not (needed or named)
    kinds = [kind_of(one) for one in [*(given[:MOST_OPTIONAL] if bare else needed), *named]]
    if bare and not kinds and node.args.vararg:
        kinds = [MANY] * MOST_OPTIONAL
    return Signature(name, tuple(one.arg for one in given), tuple(kinds), tuple(one.arg for one in named), bare)


def kind_of(argument: ast.arg) -> str:
    hint = unparse(argument.annotation) if argument.annotation is not None else None
    if hint and (hinted := kind_of_hint(hint)):
        return hinted
    return guess_kind(argument.arg)


def kind_of_hint(hint: str) -> str | None:
    """None for types that we cannot make values of."""
    hint = (
        re.sub(r"\b(?:typing|t|collections\.abc)\.|['\"\s]", "", hint[:LONGEST_NAME]).replace("Optional[", "").lower()
    )
    hint = hint.split("|")[0].removeprefix("union[")
    outer, _, inner = hint.partition("[")
    inner = inner.split(",")[0].rstrip("]")
    if outer in ("list", "sequence", "iterable", "collection", "tuple", "set", "frozenset", "iterator"):
        listed = "list[list]" if inner.startswith(("list", "sequence", "tuple")) else f"list[{inner or 'int'}]"
        return listed if listed in KINDS else "list[int]"
    if outer in ("dict", "mapping", "defaultdict", "counter"):
        return "dict"
    if outer in ("callable", "function"):
        return "function"
    return outer if outer in KINDS else {"number": "int", "decimal": "float", "object": "any"}.get(outer)


def inputs(
    found: Signature | None, name: str, example_calls: Sequence[str], text: str = "", forgiving: bool = False
) -> list[str]:
    """At most `MOST_INPUTS` calls: the examples changed a little, then values by kind. `text`: the words of the
    request; `forgiving`: whether the language makes something of values of any kind, so that only likely ones tell
    anything."""
    if len(name) > LONGEST_NAME:
        return []
    known = [arguments for call in example_calls[:MOST_KNOWN] if (arguments := literals(call, name)) is not None]
    limits, parameters = ranges(text), found.parameters if found else ()
    if found and (counted := counted_names(text, parameters)):
        limits = {**{one: Bounds(low=0) for one in counted}, **limits}
        found = replace(
            found,
            kinds=tuple("int" if one in counted else kind for one, kind in zip(found.names, found.kinds, strict=True)),
        )
    calls = [f"{name}()"] if found and found.bare else []
    varied = islice(variations_of(known), MOST_CHANGED)
    calls += [call_text(name, arguments) for arguments in varied if fits(arguments, parameters, limits)]
    if found and found.kinds and not (forgiving and shows_records(known)):
        calls += [call_text(name, row, found.keywords) for row in made_up(found, known, text, limits, forgiving)]
    given = set(example_calls)
    fresh = [call for call in dict.fromkeys(calls) if call not in given and 0 < len(call) <= LONGEST_CALL]
    return fresh[:MOST_INPUTS]


def shows_records(known: Sequence[Sequence[Any]]) -> bool:
    """Whether an argument is a record, of which other fields make no sense."""
    return any(isinstance(one, dict) and len(one) > 1 for arguments in known for one in arguments)


def made_up(
    found: Signature, known: Sequence[Sequence[Any]], text: str, limits: Ranges, forgiving: bool
) -> Iterator[Sequence[Any]]:
    """Values by kind, and for numbers between two ends some from there."""
    shown = [[one[at] for one in known if len(one) == len(found.kinds)] for at in range(len(found.kinds))]
    names = found.names
    inside = [limits.get(one, limits.get("", Bounds())).values() for one in names]
    whole = [kind == "?int" for kind in found.kinds]
    lines = command_lines(text) if not known else []
    rows = [
        list(related_rows(combinations_of([*map(pool, shape, inside, whole)], found.name)))
        for shape in shapes(found.kinds, shown, text, forgiving)
    ]
    if lines and len(found.kinds) == 1 and found.kinds[0].lstrip("?") in READABLE:
        rows.insert(0, [(one,) for one in programs_of(lines, text)])
    return (row for row in in_turn(rows) if fits(row, names, limits))


def programs_of(lines: Sequence[str], text: str) -> list[Any]:
    """Lists of lines, or texts of them, as the request has it."""
    lists = command_lists(lines)
    listed = any(kind.startswith("list") for kind in kinds_in(text)[:1])
    return lists if listed else ["\n".join(one) for one in lists]


def pool(kind: str, inside: Sequence[int], whole: bool) -> Sequence[Any]:
    """`inside`: numbers where they are to lie; `whole`: whether an argument's name speaks of whole ones."""
    if inside and kind == "int":
        return inside
    return [value for value in KINDS[kind] if not (whole and isinstance(value, float))]


def shapes(
    kinds: Sequence[str], shown: Sequence[Sequence[Any]], text: str, forgiving: bool = False
) -> list[tuple[str, ...]]:
    """What the arguments may be, the likeliest first. What examples show counts more than hints, and hints more than
    guesses; a guessed argument may be as the request words it, as its name suggests, or as is usual."""
    sure = [certain_kind(kind, values) for kind, values in zip(kinds, shown, strict=True)]
    told = iter(kinds_in(text))
    sure = [kind or agreed_kind(guess, next(told, "")) for kind, guess in zip(sure, kinds, strict=True)]
    if all(sure):
        return [tuple(kind for kind in sure if kind)]
    told = iter(kinds_in(text))
    worded = [kind or next(told, None) for kind in sure]
    last = next((kind for kind in reversed(worded) if kind), None)
    neighbour = next((guess.lstrip("?") for guess in kinds if guess != "?any"), "any")
    ways = [
        [kind or last or guess.lstrip("?") for kind, guess in zip(worded, kinds, strict=True)],
        [
            kind or (neighbour if guess == "?any" else guess.lstrip("?"))
            for kind, guess in zip(sure, kinds, strict=True)
        ],
    ]
    numbered = [
        kind or ("int" if guess == "?any" else guess.lstrip("?")) for kind, guess in zip(sure, kinds, strict=True)
    ]
    likely = [way for way in [*ways, numbered] if "any" not in way]
    if not (forgiving and any(guess != "?any" or kind for kind, guess in zip(worded, kinds, strict=True))):
        likely = [*ways, *([kind or usual for kind in sure] for usual in USUAL)]
    return list(dict.fromkeys(map(tuple, likely)))


def certain_kind(kind: str, seen: Sequence[Any]) -> str | None:
    """The kind of an argument if there is no doubt."""
    shown = {kind_of_value(value) for value in seen}
    plain = kind.lstrip("?")
    if not shown:
        return None if kind[0] == "?" else plain
    fits = plain in shown or (kind[0] != "?" and any(one.startswith(plain.split("[")[0]) for one in shown))
    return plain if fits else min(shown)


def agreed_kind(guess: str, told: str) -> str | None:
    """Where an argument's name suggests what the request says, there is no doubt either."""
    plain = guess.lstrip("?")
    return plain if told and told.split("[")[0] == plain.split("[")[0] != "any" else None


def in_turn(rows: Sequence[Sequence[tuple[Any, ...]]]) -> Iterator[tuple[Any, ...]]:
    """Two of each of the likeliest two lists, then one of each other, and round again."""
    left = [iter(one) for one in rows]
    for _ in range(MOST_INPUTS):
        for place, one in enumerate(left):
            yield from islice(one, 2 if place < 2 else 1)


def literals(call: str, name: str) -> list[Any] | None:
    """The arguments of the call of `name` in an expression, if they are literals."""
    tree = parse_expression(call) if len(call) <= 2 * LONGEST_CALL else None
    nodes = ast.walk(tree or ast.Constant(None))
    calls = (n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name)
    made = next(calls, None)
    if made is None or made.keywords:
        return None
    try:
        return [ast.literal_eval(argument) for argument in made.args]
    except (ValueError, TypeError, RecursionError, MemoryError):
        return None


def call_text(name: str, arguments: Sequence[Any], keywords: Sequence[str] = ()) -> str:
    """`keywords`: names of the last arguments. Nothing for integers that have more digits than Python writes."""
    try:
        told = [repr(value) for value in arguments]
    except ValueError:
        return ""
    plain = len(told) - len(keywords)
    named = [f"{keyword}={value}" for keyword, value in zip(keywords, told[plain:], strict=True)]
    return f"{name}({', '.join([*told[:plain], *named])})"


def kind_of_value(value: Any) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        first = next(iter(value), 0)
        kind = "list[list]" if isinstance(first, (list, tuple, dict)) else f"list[{type(first).__name__}]"
        return kind if kind in KINDS else "list[int]"
    return type(value).__name__ if type(value).__name__ in KINDS else "any"


def combinations_of(pools: Sequence[Sequence[Any]], name: str) -> list[tuple[Any, ...]]:
    """Every value of every argument at least once, as far as there is room; the same choice for the same name."""
    if len(pools) == 1:
        return [(value,) for value in pools[0]]
    draw = random.Random(name)
    longest = max(map(len, pools))
    rows = [tuple(values[(at + shift) % len(values)] for shift, values in enumerate(pools)) for at in range(longest)]
    every = list(islice(product(*(values[:8] for values in pools)), 4000))
    return [*rows[: MOST_INPUTS // 2], *draw.sample(every, min(len(every), MOST_INPUTS))]


def variations_of(known: Sequence[Sequence[Any]]) -> Iterable[list[Any]]:
    """Each example with one argument changed, going round the examples so that all have their share."""
    ways = [variants(arguments) for arguments in known]
    while ways:
        told = [(way, next(way, None)) for way in ways]
        yield from (arguments for _, arguments in told if arguments is not None)
        ways = [way for way, arguments in told if arguments is not None]


def variants(arguments: Sequence[Any]) -> Iterator[list[Any]]:
    for at, value in enumerate(arguments):
        for other in near(value):
            yield [*arguments[:at], other, *arguments[at + 1 :]]


def near(value: Any) -> list[Any]:
    """Values like the given one that a program could treat in another way."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1, value * 2 + 3] if abs(value) < 10**6 else [value - 1]
    if isinstance(value, float):
        return [value + 0.5, -value, value * 3]
    if isinstance(value, str):
        words = value.split(" ")
        other = " ".join(reversed(words)) if len(words) > 1 else value[::-1]
        return [one for one in (other, value + value[:1], value[1:], value.swapcase()) if one != value]
    if isinstance(value, list):
        longer = [*value, another(value)] if value else []
        return [one for one in (value[::-1], longer, value[1:], value[: len(value) // 2 + 1]) if one != value]
    if isinstance(value, tuple):
        return [tuple(one) for one in near(list(value))]
    if isinstance(value, dict):
        return [{**value, key: other} for key, one in value.items() for other in near(one)[:1]]
    return []


def another(value: Sequence[Any]) -> Any:
    """One more item: where numbers all differ in the example, they may have to."""
    plain = all(type(item) is int for item in value) and len(set(value)) == len(value) > 1
    return max(value) + 2 if plain else value[0]
