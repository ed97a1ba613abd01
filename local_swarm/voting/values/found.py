"""A reply and its question in, the value that it names out: a number, a choice, a short answer. Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.asked import CODE_KINDS
from local_swarm.voting.markup import ReplyDocument
from local_swarm.voting.question import Question
from local_swarm.voting.values.choices import choice_of
from local_swarm.voting.values.context import ValueContext, context_of
from local_swarm.voting.values.facts import short_fact, yes_or_no
from local_swarm.voting.values.forms import quantity_at, value_form
from local_swarm.voting.values.marks import SENTENCE_END, beginnings, last_boxed, marked_texts
from local_swarm.voting.values.notation import plain_notation
from local_swarm.voting.values.prose_numbers import number_of_prose

SHORT_WORDS = 3  # up to which a whole reply is a value: "Yes.", "Paris"
MARKED_WORDS = 12  # up to which a marked text is one
TELLS = re.compile(
    r"\s(?:is|are|was|were|be|at|on|equals|ist|sind|est|sont|es|son|è|sono)\s|\w:\s"
    r"|\sin\s(?=(?:version|release|python|node|java)\s?v?\d)",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_]{2}")
LONGEST_PROSE = 40_000  # characters at the end of a reply, where answers stand


def value_of(said: ReplyDocument, question: Question) -> ExtractedAnswer | None:
    """The option chosen, yes or no, the marked value, the number that a question about a quantity asks for, the short
    fact, or a very short reply: by what the question asks for."""
    prose, context = words_of(said)[-LONGEST_PROSE:], context_of(question)
    told_in_words = question.asked.kind == "prose" and question.asked.sure
    marked = [boxed] if (boxed := last_boxed(prose)) else [] if told_in_words else list(marked_texts(prose))
    if question.asked.kind == "choice" and (label := chosen_option(prose, marked, question)):
        return ExtractedAnswer("choice", label)
    if question.asked.kind == "yes_no" and (word := verdict(prose, marked, context)):
        return ExtractedAnswer("choice", word)
    return value_in(prose, marked, context)


def words_of(said: ReplyDocument) -> str:
    """Prose. Where that ends in announcing a block of one line, or is missing, the line belongs to it."""
    prose = said.prose.strip()
    line = said.blocks[-1].body.strip() if said.blocks else ""
    if not line or "\n" in line or (prose and (not prose.endswith(":") or said.blocks[-1].trail)):
        return said.prose
    return f"{said.blocks[-1].lead} {line}" if prose else line


def chosen_option(prose: str, marked: Sequence[str], question: Question) -> str | None:
    options = question.asked.options
    ways = [(text, True) for text in marked] + [(prose, False)]
    return next((label for text, is_marked in ways if (label := choice_of(text, options, is_marked))), None)


def verdict(prose: str, marked: Sequence[str], context: ValueContext) -> str | None:
    return next((word for text in (*marked, prose) if (word := yes_or_no(text, context))), None)


def value_in(prose: str, marked: Sequence[str], context: ValueContext) -> ExtractedAnswer | None:
    for text in marked:
        if answer := marked_value(text, context):
            return answer
    whole = prose.strip()
    brief = len(whole.split(None, SHORT_WORDS)) <= SHORT_WORDS and "\n" not in whole
    if brief and "=" in whole and (context.kind in CODE_KINDS or not context.text):
        return None  # may as well be code
    wordless = "\n" not in whole and context.kind not in CODE_KINDS and not WORD.search(whole)
    if (brief or wordless or context.kind in ("number", "short")) and (form := value_form(whole, context)):
        return ExtractedAnswer("number", form)
    if form := told_at_end(whole, context):
        return ExtractedAnswer("number", form)
    if context.number and (number := number_of_prose(whole, context)):
        return ExtractedAnswer("number", number)
    if context.kind == "short" and (fact := fact_of(whole, context)):
        return fact
    return ExtractedAnswer("short", words) if brief and "=" not in whole and (words := as_words(whole)) else None


def told_at_end(whole: str, context: ValueContext) -> str | None:
    """ "The roots are 2 and 5.", "It ends at 3:30 PM.": of one short sentence all that follows its verb."""
    several = "\n" in whole or "**" in whole or SENTENCE_END.search(whole.strip(" .!"))
    if context.kind == "prose" or several or len(whole.split(None, MARKED_WORDS)) > MARKED_WORDS:
        return None
    plain = plain_notation(whole)
    form = next((form for found in TELLS.finditer(plain) if (form := value_form(plain[found.end() :], context))), None)
    return form if form and re.search(r"\d", form) else None


def marked_value(text: str, context: ValueContext) -> ExtractedAnswer | None:
    """The whole marked text as a value, else without what explains it; else, if it is short, as text."""
    parts = list(beginnings(text))
    if form := first_of(parts, lambda part: value_form(part, context)):
        return ExtractedAnswer("number", form)
    if context.number and (form := leading_number(parts[-1], context) or number_of_prose(parts[-1], context)):
        return ExtractedAnswer("number", form)
    if context.kind == "short" and (fact := fact_of(parts[1] if len(parts) > 1 else text, context)):
        return fact
    short = next((part for part in parts[1:] or parts if len(part.split(None, MARKED_WORDS)) <= MARKED_WORDS), None)
    return ExtractedAnswer("short", words) if short and (words := as_words(short)) else None


def leading_number(text: str, context: ValueContext) -> str | None:
    """ "42 apples, 6 in each of the 7 bags": the number that begins, where words follow."""
    plain = plain_notation(text)
    found = quantity_at(plain, context)
    return found[0] if found and re.match(r"\s?,?\s[^\W\d_]{2,}|\s*$", plain[found[1] :]) else None


def fact_of(text: str, context: ValueContext) -> ExtractedAnswer | None:
    fact = short_fact(text, context)
    if not fact:
        return None
    form = value_form(fact, context)
    return ExtractedAnswer("number", form) if form else ExtractedAnswer("short", fact)


def first_of(parts: Sequence[str], form: Callable[[str], str | None]) -> str | None:
    return next((found for part in parts if (found := form(part))), None)


def as_words(text: str) -> str:
    """In small letters, without marks around it and an article before it; signs within it tell texts apart."""
    plain = plain_notation(text).casefold().strip(" .,;:!?\"'“”„«»$")
    plain = re.sub(r"^(?:the|a|an|der|die|das|le|la|el|il)\s(?=\S)", "", plain)
    plain = re.sub(r"^\((\w)\)$", r"\1", re.sub(r"\s?([<>=+*/^≠]+)\s?", r"\1", plain))
    return plain if re.search(r"\w", plain) else ""
