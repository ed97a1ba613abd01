"""A question in, what tells how values that answer it are to be read out: its language, units, percent, order. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from local_swarm.voting.question import Question
from local_swarm.voting.values.units import Unit, unit_at, units_in

# Words of languages that write 12,5 and 12.500.
COMMA_WORDS = re.compile(
    r"\b(?:der|die|das|ein|eine|wie|viele?|und|ist|kostet|le|la|les|une?|combien|quel(?:le)?|est|cu[aá]nt[oa]s?"
    r"|el|los|las|una"
    r"|quant[oaei]s?|il|sono|hoeveel|het|een|сколько|ile|kolik|são|custa|cuesta|coûte)\b",
    re.IGNORECASE,
)
DECIMAL_COMMA = re.compile(r"(?<![\d,.])\d+,\d{1,2}(?![\d,])")
ENGLISH = re.compile(r"\b(?:the|what|how|is|of|and|find)\b", re.IGNORECASE)
CHANCE = re.compile(
    r"\b(?:probabilit|chance|likelihood|odds|fraction|wahrscheinlich|probabilid|probabilité|proportion)", re.IGNORECASE
)
PERCENT = re.compile(r"%|\bper ?cent|\bprozent|\bpourcent|\bporcent|\bpercent|\bpct\b", re.IGNORECASE)
UNORDERED = re.compile(
    r"\b(?:solutions?|roots?|zeros?|all|both|factors?|divisors?|primes?|values? of|lösung(?:en)?|solve"
    r"|eigenvalues?|nullstellen"
    r"|racines|solución|soluciones|which numbers)\b",
    re.IGNORECASE,
)
ORDERED = re.compile(
    r"\b(?:sort|order|ordered|sorted|sequence|next|first|coordinates?|point|vector|ascending|descending|interval"
    r"|pair|rank)\b",
    re.IGNORECASE,
)
VERSION = re.compile(r"\b(?:versions?|release|python|node|java|section|chapter)\b", re.IGNORECASE)
COUNTS = re.compile(r"\b(?:how many|number of|wie ?viele|combien|cu[aá]nt[oa]s|quant[ei])\b", re.IGNORECASE)
RATIO = re.compile(r"\b(?:ratio|verhältnis|rapport|proportion|scale|odds)\b", re.IGNORECASE)
WANTED = re.compile(
    r"\b(?:how many|how much|wie ?viele|combien de|cu[aá]ntos|in|into|of|as)\s++(?=[^\W\d]|°|[$€£¥])", re.IGNORECASE
)
YEAR = re.compile(r"\b(?:year|jahr|année|año|anno|ano)\b|哪一?年|何年", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ValueContext:
    """`units`: by dimension, the one that an answer without a unit is in."""

    text: str = ""
    kind: str = ""
    sure: bool = False
    commas: bool = False
    chance: bool = False
    percent: bool = False
    unordered: bool = False
    version: bool = False
    counts: bool = False
    ratio: bool = False
    year: bool = False
    units: tuple[tuple[str, Unit], ...] = ()

    @property
    def number(self) -> bool:
        return self.kind == "number"


def context_of(question: Question) -> ValueContext:
    return context_of_text(question.text[-4000:], question.asked.kind or "", question.asked.sure)


@lru_cache(maxsize=16)
def context_of_text(text: str, kind: str, sure: bool) -> ValueContext:
    percent = bool(PERCENT.search(text))
    return ValueContext(
        text=text,
        kind=kind,
        sure=sure,
        commas=writes_commas(text),
        chance=bool(CHANCE.search(text)) and not percent,
        percent=percent,
        unordered=bool(UNORDERED.search(text)) and not ORDERED.search(text),
        version=bool(VERSION.search(text)),
        counts=bool(COUNTS.search(text)),
        ratio=bool(RATIO.search(text)),
        year=bool(YEAR.search(text)) and kind != "number",
        units=wanted_units(text),
    )


def writes_commas(text: str) -> bool:
    words = len({found.lower() for found in COMMA_WORDS.findall(text)})
    return words > 1 or (bool(DECIMAL_COMMA.search(text)) and not ENGLISH.search(text))


def wanted_units(text: str) -> tuple[tuple[str, Unit], ...]:
    """Those after "how many" and "in" before those that are named elsewhere; of these the last."""
    wanted: dict[str, Unit] = {}
    for unit in units_in(text):
        wanted[unit.dimension] = unit
    for found in WANTED.finditer(text):
        if unit_found := unit_at(text, found.end()):
            word = text[found.end() : unit_found[1]]
            if text[unit_found[1] : unit_found[1] + 1].isalpha() or (
                len(word) < 2 and found[0].lower().startswith(("of", "as"))
            ):
                continue
            wanted[unit_found[0].dimension] = unit_found[0]
    return tuple(wanted.items())
