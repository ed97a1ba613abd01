"""A random generator in, a coding task out: what is asked for, code that does it in several styles, inputs to run it on.

Tasks are compositions filter x map x reduction over five kinds of data. About one composition in eight is held out
of the training data, chosen by a hash of its name, so that what the model scores on those was composed, not recalled.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from starter import vocabulary as say

HELD_OUT_SHARE = 8  # one composition in so many


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to program. `bodies` are equivalent function bodies, unindented, without the `def` line."""

    domain: str
    composition: tuple[str, ...]
    wanted: str  # a noun phrase: "the sum of the even numbers"
    given: str  # what the function is given: "a list of integers"
    arguments: tuple[str, ...]
    steps: str  # the plan as a sentence
    bodies: tuple[str, ...]  # the first is the reference
    inputs: tuple[str, ...]  # argument lists to call it with, as Python source

    @property
    def held_out(self) -> bool:
        name = "/".join((self.domain, *self.composition))
        return hashlib.sha256(name.encode()).digest()[0] % HELD_OUT_SHARE == 0

    @property
    def words(self) -> list[str]:
        """What it is about, in words that names are made of."""
        parts = re.split(r"[+|]", "+".join((*self.composition, self.domain)))
        return [part for part in dict.fromkeys(parts) if part not in ("same", "all")]

    def code(self, name: str, body: int = 0) -> str:
        lines = "\n".join("    " + line for line in self.bodies[body].split("\n"))
        return f"def {name}({', '.join(self.arguments)}):\n{lines}"


@dataclass(frozen=True, slots=True)
class Elements:
    """Where elements come from and what is done to each: the part that all list-like domains share."""

    source: str
    x: str
    condition: str | None
    expression: str

    @property
    def untouched(self) -> bool:
        return self.condition is None and self.expression == self.x

    @property
    def comprehension(self) -> str:
        kept = f" if {self.condition}" if self.condition else ""
        return f"{self.expression} for {self.x} in {self.source}{kept}"

    @property
    def generator(self) -> str:
        return self.source if self.untouched else f"({self.comprehension})"

    def only(self, call: str) -> str:
        """A call whose single argument is the elements."""
        return f"{call}({self.source if self.untouched else self.comprehension})"

    def loop(self, start: str, step: str, end: str) -> str:
        indent = "    "
        lines = [start, f"for {self.x} in {self.source}:"]
        if self.condition:
            lines.append(f"{indent}if {self.condition}:")
            indent += "    "
        lines += [indent + step, end]
        return "\n".join(lines)


def expressions(reduction: str, of: Elements, size: str) -> list[str]:
    """Return expressions for a reduction over elements; `size` is the code for the number of all elements."""
    count = size if of.condition is None else f"sum(1 for {of.x} in {of.source} if {of.condition})"
    counted = [count] if of.condition is None else [count, f"len([{of.x} for {of.x} in {of.source} if {of.condition}])"]
    listed = f"list({of.source})" if of.untouched else f"[{of.comprehension}]"
    distinct = [of.only("set")] if of.untouched else [of.only("set"), "{" + of.comprehension + "}"]
    table: dict[str, list[str]] = {
        "sum": [of.only("sum")],
        "largest": [f"max({of.generator}, default=None)"],
        "smallest": [f"min({of.generator}, default=None)"],
        "count": counted,
        "list": [listed],
        "ascending": [of.only("sorted")],
        "descending": [f"sorted({of.generator}, reverse=True)"],
        "distinct": [f"sorted({one})" for one in distinct],
        "any": [f"any({of.condition} for {of.x} in {of.source})"],
        "every": [f"all({of.condition} for {of.x} in {of.source})"],
        "top": [f"sorted({of.generator}, reverse=True)[:{{j}}]"],
        "bottom": [f"{of.only('sorted')}[:{{j}}]"],
        "first": [f"next({of.generator if not of.untouched else f'iter({of.source})'}, None)"],
        "text": [
            f"','.join(str({of.expression}) for {of.x} in {of.source}"
            + (f" if {of.condition})" if of.condition else ")")
        ],
        "spaced": [of.only("' '.join")],
        "commas": [of.only("','.join")],
        "longest": [f"max({of.generator}, key=len, default=None)"],
        "shortest": [f"min({of.generator}, key=len, default=None)"],
        "string": [of.source if of.untouched and size != "len(kept)" else of.only("''.join")],
        "reversed": [(of.source if of.untouched and size != "len(kept)" else of.only("''.join")) + "[::-1]"],
    }
    return table[reduction]


WITH_VALUES = {
    "average": "{values}\nreturn sum(values) / len(values) if values else None",
    "second": "sorted({values})\nreturn values[-2] if len(values) > 1 else None",
    "span": "{values}\nreturn max(values) - min(values) if values else None",
    "last": "{values}\nreturn values[-1] if values else None",
}


def bodies(reduction: str, of: Elements, size: str) -> tuple[str, ...]:
    """All the ways to write it, the reference first."""
    if reduction in WITH_VALUES:
        values = f"list({of.source})" if of.untouched else f"[{of.comprehension}]"
        return (f"values = {WITH_VALUES[reduction].format(values=values, of=of)}",)
    if reduction == "product":
        return (of.loop("result = 1", f"result *= {of.expression}", "return result"),)
    ways = [f"return {one}" for one in expressions(reduction, of, size)]
    if of.condition and reduction not in ("any", "every"):
        inner = Elements("kept", of.x, None, of.expression)
        kept = f"kept = [{of.x} for {of.x} in {of.source} if {of.condition}]"
        ways.append(f"{kept}\nreturn {expressions(reduction, inner, 'len(kept)')[0]}")
    loops = {
        "sum": ("total = 0", f"total += {of.expression}", "return total"),
        "count": ("count = 0", "count += 1", "return count"),
        "list": ("result = []", f"result.append({of.expression})", "return result"),
        "ascending": ("result = []", f"result.append({of.expression})", "return sorted(result)"),
        "any": ("", "return True", "return False"),
    }
    if reduction in loops and (of.condition or reduction == "sum"):
        ways.append(of.loop(*loops[reduction]).lstrip("\n"))
    return tuple(ways)


@dataclass(frozen=True, slots=True)
class Domain:
    """A kind of data with its primitives."""

    name: str
    given: tuple[str, ...]
    arguments: tuple[str, ...]
    element: tuple[str, ...]
    noun: str
    kind: str  # what an element is: "number" or "text"
    filters: tuple[say.Filter, ...]
    maps: tuple[say.Map, ...]
    reductions: tuple[say.Reduction, ...]


NUMBERS = Domain(
    "numbers",
    ("a list of integers", "a list of numbers"),
    ("numbers",) * 7 + ("values", "nums", "items"),
    ("n",) * 3 + ("x",),
    "numbers",
    "number",
    say.NUMBER_FILTERS,
    say.NUMBER_MAPS,
    say.NUMBER_REDUCTIONS,
)
WORDS = Domain(
    "words",
    ("a list of words", "a list of strings"),
    ("words",) * 6 + ("names", "items"),
    ("w",) * 3 + ("word",),
    "words",
    "text",
    say.WORD_FILTERS,
    say.WORD_MAPS,
    say.WORD_REDUCTIONS,
)
CHARACTERS = Domain(
    "characters",
    ("a string", "a text"),
    ("text",),
    ("c",),
    "characters",
    "text",
    say.CHARACTER_FILTERS,
    say.CHARACTER_MAPS,
    say.CHARACTER_REDUCTIONS,
)
RANGE = Domain(
    "range",
    ("an integer n", "a positive integer n"),
    ("n",),
    ("i",),
    "integers",
    "number",
    tuple(f for f in say.NUMBER_FILTERS if f.key in ("even", "odd", "multiple", "greater", "all")),
    tuple(m for m in say.NUMBER_MAPS if m.key in ("square", "double", "cube", "plus", "times", "same")),
    tuple(r for r in say.NUMBER_REDUCTIONS if r.key in ("sum", "count", "list", "descending", "product")),
)
ENTRIES = Domain(
    "entries",
    ("a dictionary", "a dict"),
    ("data", "scores", "prices", "ages", "stock", "d"),
    ("v",),
    "values",
    "number",
    say.NUMBER_FILTERS + say.KEY_FILTERS,
    tuple(m for m in say.NUMBER_MAPS if m.key in ("square", "double", "absolute", "negate", "plus", "times", "same")),
    say.ENTRY_REDUCTIONS,
)


def parameter(kind: str | None, random: Random) -> str:
    if kind == "number":
        return str(random.choice([random.randint(0, 12), random.randint(0, 100), -random.randint(1, 10)]))
    if kind == "small":
        return str(random.randint(2, 10))
    return random.choice("abcdefghijklmnopqrstuvwxyz") if kind == "letter" else ""


def choose(domain: Domain, random: Random) -> tuple[say.Filter, say.Map, say.Reduction]:
    """A meaningful composition: types fit, and nothing is combined that would change nothing."""
    while True:
        filter_, map_, reduction = (
            random.choice(domain.filters),
            random.choice(domain.maps),
            random.choice(domain.reductions),
        )
        kind = map_.returns if map_.returns != "same" else domain.kind
        fits = kind in reduction.takes and (reduction.maps or map_.key == "same")
        if fits and not (reduction.needs_filter and filter_.code is None):
            return filter_, map_, reduction


@dataclass(frozen=True, slots=True)
class Words:
    """The noun phrases of one composition."""

    bare: str  # "even numbers"
    mapped: str  # "the squares of the even numbers"
    bare_mapped: str  # "squares of the even numbers"
    clause: str
    steps: tuple[str, ...]


ABOUT_SIZE = {"positive", "negative", "greater", "less", "at_least", "at_most", "longer", "shorter", "length"}


def both(one: say.Filter, other: say.Filter, k: str, j: str) -> say.Filter:
    """Two filters as one that keeps what passes both, with their parameters filled in."""
    assert one.code and other.code
    nouns = tuple(
        outer.replace("{n}", inner).replace("{k}", j)
        for outer in other.noun
        for inner in (noun.replace("{k}", k) for noun in one.noun)
        if "{n}" in outer
    )
    clauses = tuple(
        f"{first} and {second}".replace("{k}", k)
        for first in one.clause
        for second in (c.replace("{k}", j) for c in other.clause)
    )
    code = f"{one.code.replace('{k}', k)} and {other.code.replace('{k}', j)}"
    return say.Filter(f"{one.key}+{other.key}", code, nouns, clauses)


def either(one: say.Filter, other: say.Filter, k: str, j: str) -> say.Filter:
    """Two filters as one that keeps what passes at least one of them."""
    assert one.code and other.code
    clauses = tuple(
        f"{a} or {b}".replace("{k}", k) for a in one.clause for b in (c.replace("{k}", j) for c in other.clause)
    )
    nouns = tuple(f"{{n}} that are {clause}" for clause in clauses)
    code = f"{one.code.replace('{k}', k)} or {other.code.replace('{k}', j)}"
    return say.Filter(f"{one.key}|{other.key}", code, nouns, clauses)


def chained(one: say.Map, other: say.Map, m: str, j: str) -> say.Map:
    """Two maps one after the other, as one with their parameters filled in."""
    codes = tuple(
        second.replace("{k}", j).replace("{x}", first if first.startswith("abs(") else f"({first})")
        for first in (code.replace("{k}", m) for code in one.codes)
        for second in other.codes
    )
    inner = [around.replace("{k}", m) for around in one.around if "{np}" in around]
    around = tuple(
        outer.replace("{k}", j).replace("{np}", way) for outer in other.around if "{np}" in outer for way in inner
    )
    step = f"{one.step.replace('{k}', m)}, {other.step.replace('{k}', j)}"
    return say.Map(f"{one.key}+{other.key}", codes, around, step)


def phrase(filter_: say.Filter, map_: say.Map, noun: str, k: str, m: str, random: Random, where: str = "") -> Words:
    bare = random.choice(filter_.noun).format(n=noun, k=k) + where
    article = random.choice(("the ", "the ", "all the ", "all ", ""))
    mapped = random.choice(map_.around).format(np=article + bare, bare=bare, k=m)
    clause = random.choice(filter_.clause).format(k=k) if filter_.clause else ""
    steps = []
    if filter_.code:
        steps.append(f"keep the {bare}")
    if map_.step:
        steps.append(map_.step.format(k=m))
    return Words(bare, mapped, mapped.removeprefix("all ").removeprefix("the "), clause, tuple(steps))


def with_another(domain: Domain, filter_: say.Filter, k: str, random: Random) -> say.Filter:
    """A second condition beside the first, where there is one that says something else."""
    other = random.choice(domain.filters)
    if (
        other.code is None
        or (other.key in ABOUT_SIZE) == (filter_.key in ABOUT_SIZE)
        or not any("{n}" in noun for noun in other.noun)
    ):
        return filter_
    ways = (both, both, either) if filter_.clause and other.clause else (both,)
    return random.choice(ways)(filter_, other, k, parameter(other.parameter, random))


def with_following(domain: Domain, map_: say.Map, m: str, random: Random) -> say.Map:
    """A second map after the first, where it is another one."""
    other = random.choice(domain.maps)
    return map_ if other.key in (map_.key, "same") else chained(map_, other, m, parameter(other.parameter, random))


def sentence(steps: Sequence[str]) -> str:
    *first, last = steps
    text = (", ".join(first) + f" and {last}") if first else last
    return text[0].upper() + text[1:] + "."


def listlike(domain: Domain, random: Random) -> Task:
    """A task over numbers, words, characters or the integers from 1 to n."""
    filter_, map_, reduction = choose(domain, random)
    k, m = parameter(filter_.parameter, random), parameter(map_.parameter, random)
    if filter_.code and domain in (NUMBERS, WORDS) and random.random() < 0.2:
        filter_ = with_another(domain, filter_, k, random)
    if map_.key != "same" and domain is NUMBERS and random.random() < 0.2:
        map_ = with_following(domain, map_, m, random)
    j = str(random.randint(2, 5))
    x, argument = random.choice(domain.element), random.choice(domain.arguments)
    noun = "integers" if domain is NUMBERS and random.random() < 0.2 else domain.noun
    where = " from 1 to n" if domain is RANGE else ""
    words = phrase(filter_, map_, noun, k, m, random, where)
    wanted = random.choice(reduction.around)
    if not words.clause:
        wanted = random.choice([w for w in reduction.around if "{clause}" not in w] or ["whether any is {bare}"])
    wanted = wanted.format(mp=words.mapped, bare=words.bare, mapped=words.bare_mapped, clause=words.clause, j=j)
    source = "range(1, n + 1)" if domain is RANGE else argument
    condition = filter_.code.format(x=x, k=k) if filter_.code else None
    size = "n" if domain is RANGE else f"len({argument})"
    ways = [bodies(reduction.key, Elements(source, x, condition, code.format(x=x, k=m)), size) for code in map_.codes]
    return Task(
        domain.name,
        (filter_.key, map_.key, reduction.key),
        wanted,
        random.choice(domain.given),
        (argument,),
        sentence((*words.steps, reduction.step.format(j=j))),
        tuple(dict.fromkeys(body.replace("{j}", j) for way in ways for body in way)),
        inputs(domain, k, random),
    )


def entries(random: Random) -> Task:
    """A task over a dictionary of strings to integers."""
    filter_, map_, reduction = choose(ENTRIES, random)
    k, m = parameter(filter_.parameter, random), parameter(map_.parameter, random)
    argument = random.choice(ENTRIES.arguments)
    by_key = filter_ in say.KEY_FILTERS
    filtered = random.choice(filter_.noun)
    bare_values = f"values of {filtered.format(n='entries', k=k)}" if by_key else filtered.format(n="values", k=k)
    bare_entries = (
        filtered.format(n="entries", k=k) if by_key else f"entries with {bare_values}" if filter_.code else "entries"
    )
    mapped = random.choice(map_.around).format(np="the " + bare_values, bare=bare_values, k=m)
    following = random.choice([way for way in map_.around if "{np}" in way])  # can stand after the entries
    with_map = ""
    if map_.key in ("double", "times", "plus", "square", "negate"):
        with_map = f", {following.format(np='with values', k=m)}"
    if map_.key != "same" and not with_map.startswith(", with values"):
        with_map = f", taking {following.format(np='their values', k=m)}"
    wanted = random.choice(reduction.around).format(
        mp=mapped,
        entries=f"the {bare_entries}{with_map}",
        bare_entries=bare_entries,
    )
    condition = filter_.code.format(x="v", key="k", k=k) if filter_.code else None
    steps = (
        ([f"keep the {bare_entries}"] if condition else [])
        + ([map_.step.format(k=m)] if map_.step else [])
        + [reduction.step]
    )
    ways = [entry_body(reduction.key, argument, condition, by_key, code.format(x="v", k=m)) for code in map_.codes]
    return Task(
        "entries",
        (filter_.key, map_.key, reduction.key),
        wanted,
        random.choice(ENTRIES.given),
        (argument,),
        sentence(steps),
        tuple(dict.fromkeys(ways)),
        inputs(ENTRIES, k, random),
    )


def entry_body(reduction: str, d: str, condition: str | None, by_key: bool, expression: str) -> str:
    kept = f" if {condition}" if condition else ""
    items, over = f"for k, v in {d}.items(){kept}", f"for v in {d}.values(){kept}"
    values = f"{expression} {items if by_key else over}"
    plain = expression == "v" and not condition
    counted = f"sum(1 for k in {d}{kept})" if by_key else f"sum(1 {over})"
    table = {
        "dict": f"dict({d})" if plain else f"{{k: {expression} {items}}}",
        "sum": f"sum({d}.values())" if plain else f"sum({values})",
        "largest": f"max({d}.values(), default=None)" if plain else f"max(({values}), default=None)",
        "smallest": f"min({d}.values(), default=None)" if plain else f"min(({values}), default=None)",
        "count": counted if condition else f"len({d})",
        "values": f"list({d}.values())" if plain else f"[{values}]",
        "keys": f"[k {items}]" if condition else f"list({d})",
        "sorted_keys": f"sorted(k {items})" if condition else f"sorted({d})",
        "best_key": f"max((k {items}), key={d}.get, default=None)"
        if condition
        else f"max({d}, key={d}.get, default=None)",
        "swapped": f"{{v: k {items}}}",
        "any": f"any({condition} for k in {d})" if by_key else f"any({condition} for v in {d}.values())",
    }
    return f"return {table[reduction]}"


def pair(random: Random) -> Task:
    """Plain arithmetic on two numbers."""
    (operation, code, ways), (map_, around, words) = random.choice(say.PAIR_OPERATIONS), random.choice(say.PAIR_MAPS)
    k = parameter("small", random)
    if code.endswith(")") and map_ != "absolute":  # a call needs no parentheses around it
        around = around.replace("({x})", "{x}")
    body = around.format(x=code, k=k)
    wanted = words.format(np=random.choice(ways), k=k)
    values = tuple(f"{random.randint(-9, 20)}, {random.randint(1, 9)}" for _ in range(8))
    return Task(
        "pair",
        (operation, map_),
        wanted,
        "two numbers a and b",
        ("a", "b"),
        f"Compute {wanted}.",
        (f"return {body}",),
        values,
    )


def inputs(domain: Domain, k: str, random: Random) -> tuple[str, ...]:
    """Argument lists that tell compositions apart: both signs, both parities, the parameter and its neighbours, nothing."""
    number = int(k) if k.lstrip("-").isdigit() else 3
    if domain is RANGE:
        return tuple(str(n) for n in (1, 2, 5, 8, 11, 24))
    near = [number - 1, number, number + 1, number * 2, -number, number * 3]
    if domain is NUMBERS:
        lists = [[random.randint(-20, 40) for _ in range(8)] + near for _ in range(5)]
        return (*map(str, lists), "[]", "[1]", "[-2, -2, 4, 4, 3]")
    letter = k if k.isalpha() else "a"
    pool = [
        "apple",
        "Kiwi",
        "fig",
        "banana",
        "Plum",
        "a",
        "Cherry",
        "level",
        "date",
        letter,
        letter + "one",
        "two" + letter,
        "x" * max(number, 1),
        "y" * (number + 1),
        "z" * max(number - 1, 1),
    ]
    if domain is WORDS:
        return (*(str([*random.sample(pool, 9), "fig"]) for _ in range(5)), "[]", "['b', 'B', 'b']")
    if domain is CHARACTERS:
        return (
            *(repr(" ".join(random.sample(pool, 4)) + f" {random.randint(10, 999)}") for _ in range(5)),
            "''",
            "'Hello World 42'",
        )
    dicts = [dict(zip(random.sample(pool, 7), [*near, random.randint(-9, 30)], strict=True)) for _ in range(5)]
    return (*map(str, dicts), "{}", "{'b': 4, 'a': -3}")


DOMAIN_WEIGHTS = {"numbers": 56, "words": 17, "entries": 12, "characters": 8, "range": 5, "pair": 4}


def task(random: Random, held_out: bool, domain: str | None = None) -> Task:
    """A random task that is, or is not, one of the held-out compositions."""
    name = domain or random.choices(list(DOMAIN_WEIGHTS), list(DOMAIN_WEIGHTS.values()))[0]
    while True:
        if name == "entries":
            made = entries(random)
        elif name == "pair":
            made = pair(random)
        else:
            made = listlike(
                {"numbers": NUMBERS, "words": WORDS, "characters": CHARACTERS, "range": RANGE}[name], random
            )
        if made.held_out == held_out:
            return made
