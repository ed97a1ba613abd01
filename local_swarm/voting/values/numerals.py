"""The beginning of a text in, the number that stands there, exactly, and where it ends out. Pure and linear.

Numbers are as people write them: with signs, thousands in every usual way, fractions, mixed numbers, powers of ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

LONGEST = 60  # digits; what is longer is compared as text
BLANK = "\u00a0\u2007\u2009\u202f"
MOST_GROUPS = 20  # of digits
DIGITS = re.compile(rf"\d++(?:[.,'’_ {BLANK}]\d++){{0,{MOST_GROUPS}}}+|[.,]\d++")
SPACED = re.compile(r"\d{1,3}(?: \d{3}){1,20}+(?!\d)")
SIGN = re.compile(r"[-+]\s?(?=[\d.(])")
OVER = re.compile(r"\s?/\s?(\d++)(?![\d/]|[.,]\d)")
BRACED = re.compile(r"\(\s*([-+]?\d++)\s*\)/\(\s*([-+]?\d++)\s*\)")
MIXED = re.compile(r"\s(?:and )?(\d++)\s?/\s?(\d++)(?![\d/])|\s?\((\d++)\)/\((\d++)\)")
POWER = re.compile(r"\s?(?:[×·*x]|\\times)\s?10\s?(?:\^|\*\*)\s?(?:\{\s?([-+]?\d++)\s?\}|\(([-+]?\d++)\)|([-+]?\d++))")
EXPONENT = re.compile(r"[eE]([-+]?\d{1,4})(?!\w)")
TEN = re.compile(r"10\s?(?:\^|\*\*)\s?(?:\{\s?([-+]?\d++)\s?\}|\(([-+]?\d++)\)|([-+]?\d++))")
BASED = re.compile(r"0(?:[xX][0-9a-fA-F]++|[bB][01]++|[oO][0-7]++)(?!\w)")
EURO = re.compile(r"\s?(?:€|EUR\b|Euros?\b|%)")
MOST_POWER = 400


@dataclass(frozen=True, slots=True)
class Numeral:
    value: Fraction
    end: int


def numeral(text: str, at: int = 0, commas: bool = False) -> Numeral | None:
    """`commas`: whether the question's language writes 12,5 and 12.500, as German does. None where no number begins, or
    where it is none: versions, addresses."""
    sign = SIGN.match(text, at)
    begin = sign.end() if sign else at
    minus = -1 if sign and sign[0][0] == "-" else 1
    found = unsigned_numeral(text, begin, commas)
    return Numeral(minus * found.value, found.end) if found else None


def unsigned_numeral(text: str, at: int, commas: bool) -> Numeral | None:
    if based := BASED.match(text, at):
        return Numeral(Fraction(int(based[0], 0)), based.end()) if len(based[0]) < LONGEST else None
    if ten := TEN.match(text, at):
        return power_numeral(Fraction(1), ten)
    if braced := BRACED.match(text, at):
        return (
            Numeral(Fraction(int(braced[1]), int(braced[2])), braced.end())
            if short(braced) and int(braced[2])
            else None
        )
    found = digits_at(text, at)
    if found is None or len(found) > LONGEST:
        return None
    end = at + len(found)
    value = decimal(found, commas or bool(EURO.match(text, end)))
    return further(text, value, end) if value is not None else None


def further(text: str, value: Fraction, end: int) -> Numeral | None:
    """What goes on behind digits: a power of ten, a fraction."""
    if power := POWER.match(text, end):
        return power_numeral(value, power)
    if exponent := EXPONENT.match(text, end):
        return power_numeral(value, exponent)
    if value.denominator != 1:
        return Numeral(value, end)
    mixed = MIXED.match(text, end)
    if mixed and short(mixed) and int(mixed[2] or mixed[4]):
        part = Fraction(int(mixed[1] or mixed[3]), int(mixed[2] or mixed[4]))
        return Numeral(value + part, mixed.end()) if part < 1 else None
    over = OVER.match(text, end)
    if over and short(over) and int(over[1]):
        return Numeral(value / int(over[1]), over.end())
    return Numeral(value, end)


def power_numeral(value: Fraction, found: re.Match[str]) -> Numeral | None:
    power = next(group for group in found.groups() if group)
    if len(power) > 5 or abs(int(power)) > MOST_POWER:
        return None
    return Numeral(value * Fraction(10) ** int(power), found.end())


def short(found: re.Match[str]) -> bool:
    return len(found[0]) <= LONGEST


def digits_at(text: str, at: int) -> str | None:
    """Digits with what parts them; blanks only between thousands."""
    if spaced := SPACED.match(text, at):
        rest = re.compile(r"[.,]\d++(?![.,\d])").match(text, spaced.end())
        return spaced[0] + (rest[0] if rest else "")
    found = DIGITS.match(text, at)
    if not found:
        return None
    return found[0] if grouped_by_blank(found[0]) else re.split(rf"[ {BLANK}]", found[0], maxsplit=1)[0]


def grouped_by_blank(digits: str) -> bool:
    return bool(re.fullmatch(rf"\d{{1,3}}(?:[{BLANK}]\d{{3}})++(?:[.,]\d++)?", digits))


def decimal(digits: str, commas: bool) -> Fraction | None:
    """The value of digits with points, commas, apostrophes; None where they part no thousands and no decimals."""
    digits = re.sub(rf"['’_ {BLANK}]", "", digits) if thousands(digits) else digits
    if re.fullmatch(r"\d++", digits):
        return Fraction(int(digits))
    if re.search(r"[^\d.,]", digits):
        return None
    points, comma = digits.count("."), digits.count(",")
    if points and comma:
        mark = max(".,", key=digits.rfind)
        other = "." if mark == "," else ","
        whole, _, rest = digits.rpartition(mark)
        return (
            Fraction(whole.replace(other, "") + "." + rest)
            if digits.count(mark) == 1 and is_grouped(whole, other)
            else None
        )
    mark = "." if points else ","
    usual = commas if points else True
    many = points + comma > 1
    if (many or usual) and is_grouped(digits, mark):
        return Fraction(digits.replace(mark, ""))
    if many or (comma and not commas and digits[0] != "0"):
        return None
    return Fraction(digits.replace(mark, ".") if digits[0].isdigit() else "0." + digits[1:])


def thousands(digits: str) -> bool:
    return bool(re.fullmatch(rf"\d{{1,3}}(?:['’_ {BLANK}]\d{{3}})++(?:[.,]\d++)?|\d++(?:_\d++)++", digits))


def is_grouped(whole: str, mark: str) -> bool:
    """Threes behind the mark, or twos and then a three as in India; no zero before them."""
    mark = re.escape(mark)
    return bool(
        re.fullmatch(
            rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})++|[1-9]\d?(?:{mark}\d{{2}}(?={mark}))++{mark}\d{{3}}|\d++", whole
        )
    )


def numerals(text: str, commas: bool = False) -> Iterator[tuple[int, Numeral]]:
    """Each number of a text with its place; digits within words, versions and addresses are none."""
    at = 0
    start = re.compile(r"(?<![\w.])[-+]?(?=\.?\d)|(?<![\w.])\((?=[-+]?\d)")
    while found := start.search(text, at):
        begin = found.start()
        if begin and found[0] in "-+" and found[0] and text[begin - 1] in ")]":
            begin += 1
        number = numeral(text, begin, commas)
        if number is None:
            word = re.compile(r"[^\s]++").match(text, max(found.end(), begin))
            at = word.end() if word and found[0][:1] != "(" else found.end() + (not found[0])
            continue
        yield begin, number
        at = max(number.end, begin + 1)
