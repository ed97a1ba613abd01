"""A prompt in, the sentences of its prose out, word by word. Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from local_swarm.voting.scanner import FENCE

MOST_SENTENCES = 600  # that are studied: the first half and the last half of them, where wishes stand
MOST_STUDIED = 40_000  # characters of prose, and of code, in the same way

SENTENCE = re.compile(r"(?:[^.?!\n。？！]++|[.?!](?![\s\"')*]|$))++(?:[.?!。？！]++[\"')*]*+)?+")
# A span in backticks, a word with what it calls, a number, a sign.
TOKEN = re.compile(r"`[^`\n]++`|[^\W\d][\w$]*+(?:['’-][^\W\d]\w*+)*+\(?|\d[\d.,]*+|[^\w\s]")
NAME = re.compile(r"[A-Za-z_$][\w$]*+")
SPAN_NAME = re.compile(r"`(?:(?:async )?(?:def|function) )?([A-Za-z_$][\w$]*+)(\(?)[^`]*+`")
DASHES = re.compile(r"^(?:[-*_=] ?){3,}$")
BULLET = re.compile(r"^\s*+(?:[-*+•]|\d{1,3}[.)])\s++")


def words_of(table: str) -> frozenset[str]:
    return frozenset(table.split())


def any_of(phrases: Sequence[str]) -> re.Pattern[str]:
    """A pattern that finds one of these, in capitals or not."""
    return re.compile("|".join(phrases), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Word:
    """`low`: in small letters, without marks. `name`: what it may name in a program, "" where it can't. `called`: a
    bracket follows at once. `quoted`: it stands in backticks."""

    low: str
    name: str = ""
    called: bool = False
    quoted: bool = False


@dataclass(frozen=True)
class Sentence:
    text: str

    @cached_property
    def words(self) -> tuple[Word, ...]:
        return tuple(word_of(found[0]) for found in TOKEN.finditer(self.text))

    @cached_property
    def low(self) -> tuple[str, ...]:
        return tuple(word.low for word in self.words)

    @property
    def asks(self) -> bool:
        return self.text.rstrip("\"')*").endswith(("?", "？"))


def word_of(token: str) -> Word:
    if token[0] == "`":
        found = SPAN_NAME.fullmatch(token)
        return Word(token, found[1], bool(found[2]), True) if found else Word(token, quoted=True)
    bare = token.removesuffix("(")
    name = NAME.fullmatch(bare)
    return Word(bare.lower().replace("’", "'"), bare if name else "", token != bare, False)


def prose_of(text: str) -> tuple[str, str]:
    """(what stands outside of fences, what within), as far as that is studied. A fence that is not closed goes to the end."""
    outside: list[str] = []
    inside: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if fence:
            inside.append(line)
            closes = line.strip(" \t")
            fence = "" if closes.startswith(fence) and not closes.strip(fence[0]) else fence
        elif (head := FENCE.match(line)) and head[1] not in line[head.end(1) :]:
            fence = head[1]
            outside.append("")
        else:
            outside.append(line)
    return ends_of("\n".join(outside)), ends_of("\n".join(inside))


def ends_of(text: str) -> str:
    half = MOST_STUDIED // 2
    return text if len(text) <= MOST_STUDIED else f"{text[:half]}\n{text[-half:]}"


def sentences(prose: str) -> Sequence[Sentence]:
    found = []
    for line in prose.split("\n"):
        if not DASHES.match(line):
            said = (one[0].strip(" \t*#>_") for one in SENTENCE.finditer(BULLET.sub("", line, count=1)))
            found += [Sentence(one) for one in said if one]
    half = MOST_SENTENCES // 2
    return found if len(found) <= MOST_SENTENCES else [*found[:half], *found[-half:]]
