"""A reply and its question in, the value that it names out: a number, a choice, a short answer. Pure."""

from __future__ import annotations

import re

from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.markup import ReplyDocument
from local_swarm.voting.question import Question

SHORT_WORDS = 3  # up to which a whole reply is a value: "Yes.", "Paris"
NUMBER = re.compile(r"[-−+]?(?:\d[\d,]*+\.?\d*+|\.\d++)(?:\s*+/\s*+\d++)?(?:[eE][-+]?\d+)?")
MARKS = (
    re.compile(r"\\boxed\{((?:[^{}]++|\{[^{}]*+\})*+)\}"),
    re.compile(r"^####\s*+(.+)$", re.MULTILINE),
    re.compile(r"^[^\w\n]*+A(?:nswer)?\W*:\s*+(.+)$", re.MULTILINE),
    re.compile(r"\b(?:final |correct |right )?answer\b\W*(?:is|:|=|would be)\W*(.+)", re.IGNORECASE),
)


def value_of(said: ReplyDocument, question: Question) -> ExtractedAnswer | None:
    """The marked answer, the letter of a choice, the number that a question about a quantity asks for, or a very
    short reply."""
    reply = said.text
    marked = next((found[-1].strip() for mark in MARKS if (found := mark.findall(reply))), None)
    options = question.options
    if options and (letter := choice(marked if marked is not None else reply, options, marked is not None)):
        return ExtractedAnswer("choice", letter)
    if marked is not None and (number := first_number(marked)):
        return ExtractedAnswer("number", number)
    if marked is not None and 0 < len(marked.split(None, SHORT_WORDS)) <= SHORT_WORDS:
        return ExtractedAnswer("short", plain(marked))
    if question.wants_number and (number := last_number(reply)):
        return ExtractedAnswer("number", number)
    if len(reply.split(None, SHORT_WORDS)) <= SHORT_WORDS and "\n" not in reply.strip() and "=" not in reply:
        return short_value(reply)
    return None


def short_value(reply: str) -> ExtractedAnswer | None:
    if re.fullmatch(r"\W*+\d[\d.,]*+\W*+", reply.strip()) and (number := first_number(reply)):
        return ExtractedAnswer("number", number)
    words = plain(reply)
    return ExtractedAnswer("short", words) if words else None


def last_number(text: str) -> str | None:
    found = NUMBER.findall(text)
    return normal(found[-1]) if found else None


def choice(text: str, options: frozenset[str], marked: bool) -> str | None:
    """The one letter that a reply names as its own."""
    found = re.match(r"\W*\(?([A-H])\b", text.strip())
    if found and found[1] in options and (marked or re.match(r"\W*\(?[A-H][).:*]|\W*[A-H]\W*$", text.strip())):
        return found[1]
    named = {
        letter for letter in re.findall(r"\(([A-H])\)|\b([A-H])\)|\*\*([A-H])\b", text) for letter in letter if letter
    }
    own = named & options
    return own.pop() if len(own) == 1 else None


def first_number(text: str) -> str | None:
    found = NUMBER.search(text)
    return normal(found[0]) if found else None


def normal(number: str) -> str | None:
    """`1,200.50`, `+1200.5` and `2401/2` are one number."""
    whole, _, below = number.replace(",", "").replace("−", "-").replace(" ", "").partition("/")
    try:
        return f"{float(whole) / float(below or 1):.10g}"
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
