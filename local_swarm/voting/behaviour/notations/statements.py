"""A text in, the examples that its statement tells out: inputs with outputs, and sentences. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from local_swarm.voting import scanner
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.literals import literal
from local_swarm.voting.behaviour.notations.told import (
    call_in,
    call_with,
    literal_end,
    literal_in,
    value_at,
    wanted_in,
    without_tags,
    words_in,
)
from local_swarm.voting.scanner import LONGEST_LITERAL, Attention, end_of_line

LONGEST_LINE = 10_000  # characters of a line in which labels are looked for
LONGEST_GIVEN = 300  # characters before a verb that may be what is given
LABEL = re.compile(
    r"(?:^[ \t#>*_|-]*+|(?<=[\s*_(,;.>]))(?:(?:sample|example|test|standard|expected)[ \t]++){0,2}+"
    r"(?P<what>inputs?|in|args|arguments?|outputs?|out|expected|returns?|results?|answer)"
    r"(?:[ \t]*+#?\d++)?(?:[*_`]*+[ \t]*+[:=][*_`]*+[ \t]*+|[*_:]*+[ \t]*+$)",
    re.IGNORECASE | re.MULTILINE,
)
GIVES = re.compile(
    r"(?:(?<![-=])[-=]++>|[➞→⇒➜⟶⟹↦]|\b(?:returns?|becomes?|gives?|yields?|outputs?|produces?|be|is|are|equals?|turns\s++into|"
    r"results\s++in|evaluates\s++to|maps\s++to|(?:answer|result)(?=\s*+[:=]))\b)\s*+[:=`*]*+\s*+",
    re.IGNORECASE,
)
SUBJECT = re.compile(
    r"[,.\s`*]*+(?:\b(?:then|and)\s++)?(?:\b(?:the|your|this)\s++)?"
    r"(?:\b(?:function|method|program|code|(?:expected\s++|correct\s++)?(?:output|result|answer)|return value|it|we|you)\s++)?"
    r"(?:\b(?:should|must|will|would|shall)\s++)?$",
    re.IGNORECASE,
)
OPENING = re.compile(
    r"(?:\b(?:for|given|when|if|with|input|example(?:\s*+\d++)?|e\.g\.|i\.e\.|like|of|calling it (?:with|on))(?:\s*+:|,)?"
    r"|[;]|\.(?=\s)|,\s*+and|^[\s>*#+-]*+(?:\d++[.)])?)\s*+",
    re.IGNORECASE,
)
NOUN = re.compile(
    r"(?:(?:the|an?|input|following)\s++)*+(?:(?:input|list|array|string|number|numbers|integer|word|text|value|values|tuple|matrix|"
    r"sentence|dictionary|sequence|inputs)\s++)?",
    re.IGNORECASE,
)
MAPPING = re.compile(
    r"\b(?:map|mapping|edges?|graph|nodes?|linked|links?|roman|keys?|code for|table of|steps?|path)\b", re.IGNORECASE
)
ARROW = re.compile(r"\s*+(?:[-=]++>|[→⟶⇒])")
GIVEN_THEN = re.compile(
    r" (?:for|given|when (?:given|called with|passed|called on))(?: input)?:? (?=[`*\w\[({'\"-])", re.IGNORECASE
)
OBSERVED = re.compile(
    r"\b(?:currently|actually|instead|but|wrong(?:ly)?|bug|now|got|fails?|incorrect(?:ly)?)\b", re.IGNORECASE
)
AND = re.compile(r"\band ")
TURNS = re.compile(r"\b(?:turns?|converts?|transforms?|changes?|maps?) `?(?=[\d\"'\[({-])", re.IGNORECASE)
INTO = re.compile(r"`? (?:in)?to `?")
IS = re.compile(r"\b(\w++)\s++(?:is|equals|of)\s++(?=[-\d\"'\[({TFN])")


def statements(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    plain = without_tags(text)
    readers = (labelled_pairs, sentences, values_first, changes)
    return chain.from_iterable(read(plain, name, parameters) for read in readers)


def labelled_pairs(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    """Input and output, in one line, in several or under headings."""
    attention = Attention()
    for head, tail in pairwise(labels_in(text)):
        if not is_input(head["what"]) or is_input(tail["what"]):
            continue
        given = text[head.end() : tail.start()]
        if len(given) > 2 * LONGEST_LITERAL:
            continue
        if not attention.spend(4 * len(given) + LONGEST_LITERAL // 2):
            return
        told = text[tail.end() : tail.end() + LONGEST_LITERAL].lstrip().removeprefix("```\n")
        call = call_of_lines(given, name, parameters)
        wanted = wanted_in(told) if call else None
        if call and wanted is not None:
            yield Example(call, wanted, "shown")


def labels_in(text: str) -> Iterator[re.Match[str]]:
    """Line by line, since one search over many empty lines would hold the interpreter."""
    start = 0
    while start < len(text):
        end = end_of_line(text, start)
        if end > start and not text[start:end].isspace():
            yield from LABEL.finditer(text, start, min(end, start + LONGEST_LINE))
        start = end + 1


def is_input(what: str) -> bool:
    return what[:2].lower() in ("in", "ar")


def call_of_lines(given: str, name: str, parameters: Sequence[str]) -> str | None:
    """The call of arguments in one line, in lines of their own, or of words without quotes."""
    lines = [line.strip(" \t*`,") for line in given.strip(" \t\n*_`,;.>-→=").split("\n")]
    lines = [line for line in lines if line]
    if not lines:
        return None
    if call := call_with(", ".join(lines), name, parameters):
        return call
    if call := call_with(" ".join(lines), name, parameters):
        return call
    apart = lines[0].split() if len(lines) == 1 else lines
    if len(apart) == len(parameters) > 1 and (call := call_with(", ".join(map(quoted_words, apart)), name, parameters)):
        return call
    words = words_in(lines[0]) if len(lines) == len(parameters) == 1 else None
    return f"{name}({words!r})" if words and words not in parameters else None


def quoted_words(text: str) -> str:
    return repr(text) if words_in(text) and literal(text) is None else text


def sentences(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    """ "Given [1, 2], return 3", "[1, 2] becomes [2, 1]", "for 3 it returns 9", "3 -> 9"."""
    attention = Attention()
    for verb in GIVES.finditer(text):
        told = text[verb.end() : min(end_of_line(text, verb.end()), verb.end() + LONGEST_LITERAL)]
        if not attention.spend(len(told) // 4):
            return
        value = value_at(told)
        if value is None:
            continue
        start = max(text.rfind("\n", 0, verb.start()) + 1, verb.start() - LONGEST_GIVEN)
        if not attention.spend(4 * (verb.end() - start)):
            return
        before = text[start : verb.start()]
        subject = SUBJECT.search(before)
        if call := call_before(before[: subject.start()] if subject else before, verb[0], name, parameters):
            yield Example(call, value)


def call_before(before: str, verb: str, name: str, parameters: Sequence[str]) -> str | None:
    """The call of what is given before a verb: all from the last word that opens it."""
    called = [*scanner.calls(before, name)]
    if called and (told := call_in(before[called[-1] :].strip(" `*,:"), name)) is not None:
        return ast.unparse(told)
    if f"{name}(" in before:
        return None
    openings = [*OPENING.finditer(before)]
    for opening in reversed(openings[-4:]):
        given = before[opening.end() :]
        given = given[noun.end() :] if (noun := NOUN.match(given)) else given
        given = IS.sub(lambda found: f"{found[1]} = " if found[1] in parameters else found[0], given.strip(" `*,:"))
        if given and (call := call_with(given, name, parameters, len(parameters))):
            return None if MAPPING.search(before) and ARROW.match(verb) else call
    earlier, _, last = before.rpartition(", ")
    if ARROW.match(verb) and ARROW.search(earlier) and not MAPPING.search(before):  # `3 -> 9, 4 -> 16`
        return call_with(last, name, parameters) if len(parameters) == 1 else None
    return None


def values_first(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    """ "returns 9 for 3 and 16 for 4", "should give 9 when called with 3"."""
    attention = Attention()
    for link in GIVEN_THEN.finditer(text):
        start = max(text.rfind("\n", 0, link.start()) + 1, link.start() - LONGEST_GIVEN)
        if not attention.spend(4 * (link.end() - start)):
            return
        before, after = text[start : link.start()], text[link.end() : link.end() + LONGEST_GIVEN]
        if OBSERVED.search(before) or OBSERVED.search(after[: after.find("\n")]):
            continue
        verbs = [*chain(GIVES.finditer(before), AND.finditer(before) if GIVES.search(before) else ())]
        value = literal_in(before[max(verb.end() for verb in verbs) :]) if verbs else None
        if value is not None and (call := call_at(after, name, parameters)):
            yield Example(call, value)


def changes(text: str, name: str, parameters: Sequence[str]) -> Iterator[Example]:
    """ "turns 'abc' into 'cba'"."""
    attention = Attention()
    for verb in TURNS.finditer(text):
        told = text[verb.end() : verb.end() + LONGEST_GIVEN]
        if not attention.spend(2 * len(told)):
            return
        into = INTO.match(told, end) if (end := literal_end(told)) else None
        call = call_with(told[:end], name, parameters, len(parameters)) if into else None
        value = value_at(told[into.end() :]) if call and into else None
        if call and value is not None:
            yield Example(call, value)


def call_at(text: str, name: str, parameters: Sequence[str]) -> str | None:
    """The call of a literal that a text begins with."""
    noun = NOUN.match(text)
    text = text[noun.end() :].lstrip("`* ") if noun else text
    end = literal_end(text) if value_at(text) is not None else None
    return call_with(text[:end], name, parameters, len(parameters)) if end else None
