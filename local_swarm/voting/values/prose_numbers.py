"""Prose that marks no answer in, the number that answers a question about a quantity out. Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from local_swarm.voting.values.context import ValueContext
from local_swarm.voting.values.forms import NONE, number_at, quantity_at, value_form
from local_swarm.voting.values.notation import plain_notation
from local_swarm.voting.values.number_words import number_of_words

BOLD = re.compile(r"\*\*([^*\n]{1,120})\*\*")
ASIDE = re.compile(
    r"\([^()]*+\)|\b(?:as of|since|until|in|by|from|around) (?:the year )?(?:1[5-9]|20)\d\d\b|\bcheck\b[^\n]*+",
    re.IGNORECASE,
)
SAYS = re.compile(
    r"(?:\b(?:is|are|was|were|equals?|costs?|gives?|makes?|totals?|gets?|has|have|had|leaves?|left with|yields?"
    r"|needs?|takes?"
    r"|pays?|earns?|becomes|remains?|sold|sells|will be|would be|ist|sind|kostet|hat|est|sont|a|coûte|es|son|hay"
    r"|cuesta|tiene|è|sono|ha)"
    r"|=|≈|→|:|：|是|有|为|共|で|は)\s*(?:(?:about|approximately|roughly|around|exactly|nearly|almost|only|now|still"
    r"|therefore|thus|a total"
    r" of|total|equal to|just|at|to|etwa|environ|einfach|insgesamt|in total|the number|also|then|over|made up of"
    r"|worth|going to be)\s+){0,3}",
    re.IGNORECASE,
)
START = re.compile(r"(?<![A-Za-z0-9_.,^])(?=[-+]?[$€£¥]?[-+]?\.?\d)|(?<![\w.])\((?=-?\d)")
WORDS = re.compile(r"[^\W\d_]+")
LONGEST_LINE = 4_000  # characters, at its end
LINES = 4  # at the end, where answers stand


def number_of_prose(text: str, context: ValueContext) -> str | None:
    """The last number in bold; that which begins a single sentence; the last behind is, are or =; the last at all."""
    for bold in reversed(BOLD.findall(text)):
        if form := value_form(bold, context) or number_in_front(bold, context):
            return form
    lines = last_lines(text)
    if not lines:
        return None
    if NONE.match(lines[-1]) and context.counts:
        return "0"
    if len(lines) == 1 and (form := number_in_front(lines[0], context)):
        return said_later(lines[0], context) or form
    for line in reversed(lines):
        if form := said_number(line, context):
            return form
    for line in reversed(lines):
        found = numbers_in(line, context)
        if found:
            return found[-1]
    return words_number(lines[-1], context)


def last_lines(text: str) -> list[str]:
    """At most `LINES` of those that say something."""
    said = (line for line in reversed(text.split("\n")) if line and not line.isspace())
    backwards = (ASIDE.sub(" ", plain_notation(line[-LONGEST_LINE:])).strip() for line in said)
    return list(islice(filter(None, backwards), LINES))[::-1]


def number_in_front(plain: str, context: ValueContext) -> str | None:
    """ "42 apples, 6 in each bag": a number that begins, with words behind it and no sign of a calculation."""
    found = quantity_at(plain_notation(plain), context)
    rest = plain[found[1] :] if found else ""
    return found[0] if found and "=" not in rest and re.match(r"\s?[,.]?\s[^\W\d_]{2,}|\W*$", rest) else None


def said_later(line: str, context: ValueContext) -> str | None:
    """ "160 km in 2 hours is 80 km/h": what begins is not said to be the answer where a verb follows at once."""
    clause = re.split(r"[,.;:](?!\d)", line, maxsplit=1)[0]
    return said_number(clause, context)


def said_number(line: str, context: ValueContext) -> str | None:
    """The number behind the last verb of a line that has one; what goes on with a sign is on its way to another."""
    kept = None
    for found in SAYS.finditer(line):
        number = quantity_at(line, context, found.end())
        if number and not re.match(r"\s*[-+*/×÷·=^]\s*[\d($]", line[number[1] : number[1] + 20]):
            kept = number[0] if kept is None or found[0].strip()[:1] in "=≈" or goes_on(line, found.start()) else kept
    return kept


def goes_on(line: str, at: int) -> bool:
    """Whether a later verb starts a sentence or a conclusion of its own, rather than an explanation after a comma."""
    before = line[:at]
    sentence = max(before.rfind(". "), before.rfind("; "), before.rfind("! "))
    comma = before.rfind(", ")
    return sentence >= comma or bool(re.match(r", (?:so|and|then|therefore|thus|hence|which)\b", before[comma:]))


def numbers_in(line: str, context: ValueContext) -> Sequence[str]:
    return [form for form, _ in quantities(line, context)]


def quantities(line: str, context: ValueContext) -> Iterator[tuple[str, int]]:
    at = 0
    while found := START.search(line, at):
        number = (
            quantity_at(line, context, found.start())
            if number_at(line, skip_money(line, found.start()), context)
            else None
        )
        if number:
            yield number
            at = max(number[1], found.start() + 1)
        else:
            word = re.compile(r"\S+").match(line, found.start())
            at = word.end() if word else found.start() + 1


def skip_money(line: str, at: int) -> int:
    found = re.compile(r"[-+]?[$€£¥]?\s?").match(line, at)
    return at if not found or not re.search("[$€£¥]", found[0]) else found.end()


def words_number(line: str, context: ValueContext) -> str | None:
    """ "There are eighteen legs." """
    found = [number for word in WORDS.finditer(line) if (number := number_of_words(line[word.start() :], bare=False))]
    if found:
        return str(found[0][0])
    return (
        "0"
        if context.counts and re.search(r"\b(?:no|none|zero|keine?|aucun|ningun[oa]?)\b", line, re.IGNORECASE)
        else None
    )
