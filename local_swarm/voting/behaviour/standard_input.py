"""The words of a question for a program in, its samples and inputs like them out: what is read and what must be printed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from local_swarm.sandbox.canonical import canonical
from local_swarm.sandbox.job import STDIN
from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.scanner import LONGEST_LITERAL, MOST_TEXT

MOST_SAMPLES = 6
MOST_VARIED = 10
LONGEST_LINE = 400  # characters of a line that may be a heading
HEADING = re.compile(
    r"[\s#>*_|-]*+(?:(?:sample|example|standard|expected|test)\s++)*+(?P<what>input|output|stdin|stdout)s?"
    r"(?:\s++(?:sample|example))?\s*+(?:#?\s*+\d++)?\s*+(?:[*_]*+:[*_]*+(?P<rest>.*+)|[*_]*+)",
    re.IGNORECASE | re.DOTALL,
)
OTHER = re.compile(
    r"[\s#>*_|-]*+(?:explanation|notes?|examples?|samples?|constraints?|test cases?|limits?|hints?|scoring)\b"
    r"[\s#\d:.*_]*+$|\s*+#{1,6}\s",
    re.IGNORECASE,
)
FENCED = re.compile(r"\s*+(?:```|~~~)")
TELLING = re.compile(r"\s*+(?:[A-Z][a-z]*+|\d++ )\s*+(?:[a-z]++[,\s]\s*+){3}")
NUMBER = re.compile(r"-?\d++")


def samples(text: str) -> list[Example]:
    """Calls are `STDIN` and the text; each text once."""
    found: dict[str, Example] = {}
    given: str | None = None
    for what, body in sections(text[:MOST_TEXT]):
        if what == "input":
            given = body
        elif given is not None and body and not (TELLING.match(given) or TELLING.match(body)):
            found.setdefault(given, Example(STDIN + repr(f"{given}\n"), canonical(body)))
            given = None
        if len(found) == MOST_SAMPLES:
            break
    return list(found.values())


def sections(text: str) -> Iterator[tuple[str, str]]:
    """(input or output, what stands beneath), up to the next heading or, of an output, to an empty line."""
    what, lines, fenced = "", list[str](), False
    for line in [*text.split("\n"), "# end"]:
        if FENCED.match(line):
            fenced = not fenced
            if not fenced and what and any(map(str.strip, lines)):
                yield what, body_of(lines)
                what, lines = "", []
            continue
        head = HEADING.fullmatch(line) if len(line) <= LONGEST_LINE else None
        ends = not fenced and what == "output" and not line.strip() and any(map(str.strip, lines))
        if head or ends or (not fenced and OTHER.match(line)):
            if what and any(map(str.strip, lines)):
                yield what, body_of(lines)
            what = {"i": "input", "o": "output"}[section_letter(head["what"])] if head else ""
            lines = [(head["rest"] or "").strip().strip("`")] if head else []
        elif what:
            lines.append(line)


def section_letter(word: str) -> str:
    return "i" if word.lower() in ("input", "stdin") else "o"


def body_of(lines: Sequence[str]) -> str:
    told = [line.rstrip() for line in lines]
    while told and not told[0]:
        del told[0]
    while told and not told[-1]:
        del told[-1]
    return "\n".join(told)[:LONGEST_LITERAL]


def similar_inputs(given: Sequence[str]) -> list[str]:
    """Calls with the samples' texts changed a little; without any, with nothing to read."""
    varied = dict.fromkeys(one for text in given for one in variants(text) if one not in given)
    return [STDIN + repr(one) for one in [*varied][:MOST_VARIED]] if given else [f"{STDIN}''"]


def variants(text: str) -> Iterator[str]:
    """Lines keep the number of their words, so that what the first line says of the others stays true."""
    lines = text.rstrip("\n").split("\n")
    yield with_last(lines, " ".join(reversed(lines[-1].split(" "))))
    yield with_last(lines, NUMBER.sub(lambda found: str(int(found[0][:18]) + 1), lines[-1]))
    yield with_last(lines, NUMBER.sub(lambda found: str(2 * int(found[0][:18]) + 3), lines[-1], count=1))
    if len(lines) > 2 and not NUMBER.fullmatch(lines[0].strip()):
        yield "\n".join(lines[:-1]) + "\n"
        yield "\n".join([*lines, lines[0]]) + "\n"
    if not NUMBER.search(lines[-1]):
        yield with_last(lines, lines[-1][::-1])
        yield with_last(lines, lines[-1].swapcase())
        yield with_last(lines, lines[-1] + lines[-1][:1])


def with_last(lines: Sequence[str], last: str) -> str:
    return "\n".join([*lines[:-1], last]) + "\n"
