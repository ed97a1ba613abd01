"""A date or a time of day in, the one form of it out. Pure."""

from __future__ import annotations

import re

from local_swarm.voting.values.context import ValueContext

MONTHS = (
    "january jan januar janvier enero gennaio janeiro januari|february feb februar février febrero febbraio"
    " fevereiro februari"
    "|march mar märz mars marzo março maart|april apr avril abril aprile|may mai mayo maggio maio mei|june jun"
    " juni juin junio"
    " giugno junho|july jul juli juillet julio luglio julho|august aug août agosto augustus|september sep sept"
    " septembre"
    " septiembre settembre setembro|october oct oktober octobre octubre ottobre outubro okt|november nov"
    " novembre noviembre"
    " novembro|december dec dezember décembre diciembre dicembre dezembro dez"
)
MONTH = {word: at + 1 for at, words in enumerate(MONTHS.split("|")) for word in words.split()}
TIME = re.compile(
    r"(\d{1,2})(?:[:h.](\d{2})(?::(\d{2}))?)?\s?(a\.?\s?m\.?|p\.?\s?m\.?|uhr|o'clock)?(?: (?:in the )?(morning"
    r"|afternoon|evening))?",
    re.IGNORECASE,
)
WORD_TIMES = {"noon": "12:00", "midnight": "0:00", "midday": "12:00"}
ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
YEAR_LAST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
DAY = r"(\d{1,2})(?:st|nd|rd|th|\.|er|º)?"
WEEKDAY = r"(?:[^\W\d]{2,10}day,? |[^\W\d]{2,8}tag,? )?"
DAY_FIRST = re.compile(
    rf"{WEEKDAY}(?:the )?{DAY}(?: of| de)? ([^\W\d]{{3,10}})\.?(?:,| de)?(?: (\d{{4}}))?", re.IGNORECASE
)
MONTH_FIRST = re.compile(rf"{WEEKDAY}([^\W\d]{{3,10}})\.? (?:the )?{DAY}(?:,? (\d{{4}}))?", re.IGNORECASE)
HAN = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")


def time_form(plain: str, context: ValueContext) -> str | None:
    """Of the day: with minutes, or with what says that it is one."""
    if plain.lower() in WORD_TIMES:
        return WORD_TIMES[plain.lower()]
    found = TIME.fullmatch(plain)
    if not found or not (found[4] or (found[2] and ":" in plain)) or (context.ratio and not found[4]):
        return None
    if "." in plain.partition(" ")[0] and not found[4]:
        return None
    hour, minute, word = int(found[1]), found[2] or "00", (found[4] or "").lower().replace(".", "").replace(" ", "")
    if hour > 24 or int(minute) > 59:
        return None
    late = word == "pm" or (found[5] or "").lower() in ("afternoon", "evening")
    hour = hour % 12 + (12 if late else 0) if word in ("am", "pm") or late else hour
    return f"{hour}:{minute}" + (f":{found[3]}" if found[3] and found[3] != "00" else "")


def date_form(plain: str, context: ValueContext) -> str | None:
    del context
    if found := ISO.fullmatch(plain) or HAN.fullmatch(plain):
        return calendar_date(found[1], int(found[2]), found[3])
    if found := YEAR_LAST.fullmatch(plain):
        first, second = int(found[1]), int(found[3])
        if found[2] == "." or first > 12:
            return calendar_date(found[4], second, found[1])
        return calendar_date(found[4], first, found[3]) if second > 12 else None
    if (found := DAY_FIRST.fullmatch(plain)) and found[2].lower() in MONTH:
        return calendar_date(found[3], MONTH[found[2].lower()], found[1])
    if (found := MONTH_FIRST.fullmatch(plain)) and found[1].lower() in MONTH:
        return calendar_date(found[3], MONTH[found[1].lower()], found[2])
    return None


def calendar_date(year: str | None, month: int, day: str) -> str | None:
    if not 1 <= month <= 12 or not 1 <= int(day) <= 31:
        return None
    return f"{year or ''}-{month:02}-{int(day):02}"
