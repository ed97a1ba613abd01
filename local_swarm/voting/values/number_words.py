"""Words for numbers in, their values out: English wholly, of other languages what is said up to a hundred. Pure."""

from __future__ import annotations

import re
from fractions import Fraction

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
OTHERS = (
    "null|zéro|cero eins|ein|eine|un|une|uno|una|um|uma|een zwei|deux|dos|due|dois|duas|twee drei|trois|tres|tre"
    "|três|drie"
    " vier|quatre|cuatro|quattro|quatro fünf|cinq|cinco|cinque|vijf sechs|six|seis|sei|zes sieben|sept|siete"
    "|sette|sete|zeven"
    " acht|huit|ocho|otto|oito neun|neuf|nueve|nove|negen zehn|dix|diez|dieci|dez|tien elf|onze|once|undici"
    " zwölf|douze|doce|dodici|doze|twaalf dreizehn|treize|trece|tredici|treze|dertien vierzehn|quatorze|catorce"
    "|quattordici"
    " fünfzehn|quinze|quince|quindici|vijftien sechzehn|seize|dieciséis|sedici|dezesseis|zestien"
    " siebzehn|dix-sept|diecisiete|diciassette|dezessete achtzehn|dix-huit|dieciocho|diciotto|dezoito|achttien"
    " neunzehn|dix-neuf|diecinueve|diciannove|dezenove"
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
OTHER_TENS = (
    "zwanzig|vingt|veinte|venti|vinte|twintig dreißig|trente|treinta|trenta|trinta|dertig vierzig|quarante"
    "|cuarenta|quaranta"
    " fünfzig|cinquante|cincuenta|cinquanta sechzig|soixante|sesenta|sessanta siebzig|setenta|settanta"
    " achtzig|ochenta|ottanta neunzig|noventa|novanta"
)
HAN = {sign: value for value, sign in enumerate("〇一二三四五六七八九十")} | {"零": 0, "两": 2}
SCALES = {
    "hundred": 100,
    "hundert": 100,
    "cent": 100,
    "cien": 100,
    "thousand": 1000,
    "tausend": 1000,
    "mille": 1000,
    "mil": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
UNITS = {word: value for value, word in enumerate(SMALL.split())} | {
    word: value for value, words in enumerate(OTHERS.split()) for word in words.split("|")
}
UNITS |= {word: 20 + 10 * value for value, word in enumerate(TENS.split())}
UNITS |= {word: 20 + 10 * value for value, words in enumerate(OTHER_TENS.split()) for word in words.split("|")}
UNITS |= {"dozen": 12, "nil": 0}
ARTICLES = {
    "ein",
    "eine",
    "un",
    "une",
    "uno",
    "una",
    "um",
    "uma",
    "een",
    "once",
    "sei",
    "null",
    "six",
    "mil",
    "cent",
    "due",
}
PART_VALUES = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
}
PARTS = re.compile(rf"[ -](({'|'.join(PART_VALUES)})s?|halves)\b", re.IGNORECASE)
WORD = re.compile(r"[dD]ix-(?:sept|huit|neuf)|[^\W\d_]++")
GERMAN = re.compile(rf"({'|'.join(word for word in UNITS if 0 < UNITS[word] < 10)})und(\w+)")


def number_of_words(text: str, bare: bool = True) -> tuple[Fraction, int] | None:
    """(value, how many characters it takes) of the words for a number at the beginning of a text. `bare`: whether words
    count that are articles as well."""
    total = part = 0
    end = seen = -1
    last = 0  # what the word before gave
    for found in WORD.finditer(text[:200]):
        word, gap = found[0].lower(), text[max(seen, 0) : found.start()]
        if gap.strip(" -") or (end < 0 and found.start() > 1):
            break
        seen = found.end()
        if word == "and" and last in (100, 1000):
            continue
        value = value_of_word(word)
        if word in SCALES and end >= 0:
            part = max(part, 1) * SCALES[word]
            if SCALES[word] > 100:
                total, part = total + part, 0
            last = min(SCALES[word], 1000)
        elif value is not None and (end < 0 or fits(last, value)):
            if end < 0 and word in ARTICLES and not bare:
                return None
            part, last = part + value, value
        else:
            break
        end = found.end()
    if end < 0:
        return han(text)
    below = PARTS.match(text, end)
    if below:
        return Fraction(
            total + part, PART_VALUES[below[1].lower().removesuffix("s").replace("halve", "half")]
        ), below.end()
    return Fraction(total + part), end


def fits(last: int, value: int) -> bool:
    return last in (100, 1000) or (20 <= last < 100 and 0 < value < 10)


def value_of_word(word: str) -> int | None:
    if word in UNITS:
        return UNITS[word]
    found = GERMAN.fullmatch(word)
    return UNITS[found[1]] + UNITS[found[2]] if found and found[2] in UNITS else None


def han(text: str) -> tuple[Fraction, int] | None:
    """Chinese and Japanese numbers below a hundred."""
    signs = re.match(r"[〇零一二三四五六七八九十两]{1,3}", text)
    if not signs:
        return None
    before, ten, after = signs[0].partition("十")
    if not ten:
        return (Fraction(HAN[before]), 1) if len(before) == 1 else None
    if len(before) > 1 or len(after) > 1:
        return None
    return Fraction(HAN.get(before, 1) * 10 + HAN.get(after, 0)), len(signs[0])
