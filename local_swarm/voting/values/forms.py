"""Marked text in, the one form of the value that it is out, where all of it is a value. Pure and linear.

What these forms cannot take is compared as text: never is a part of a text taken for the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from local_swarm.voting.values.context import ValueContext
from local_swarm.voting.values.dates import date_form, time_form
from local_swarm.voting.values.expressions import expression_form
from local_swarm.voting.values.notation import plain_notation
from local_swarm.voting.values.number_words import number_of_words
from local_swarm.voting.values.numerals import Numeral, numeral
from local_swarm.voting.values.units import KNOWN, Unit, unit_at, unit_named

LONGEST_VALUE = 1_000  # characters
DEEPEST = 6  # values within values
ABOUT = re.compile(
    r"(?:(?:about|approximately|approx\.?|roughly|around|exactly|nearly|almost|only|just|circa|ca\.|etwa|environ"
    r"|alrededor de"
    r"|a total of|the|i\.e\.|at|in|on|=|≈|:)\s+|[=≈~:]\s?)++",
    re.IGNORECASE,
)
MONEY = re.compile(r"(-?)\s?(US\$|[$€£¥₹₽₩]|(?:USD|EUR|GBP|JPY|INR|CHF|CNY|Rs\.?)(?=[\s\d]))\s?(-?)(?=[\s\d.])")
SCALE = re.compile(
    r"\s?(thousand|million|billion|trillion|tausend|millionen|milliarden|mio\.?|mrd\.?|bn)\b|(?<=\d)([kK])\b"
    r"|(?<=\d)([MB])(?![\w])"
)
SCALES = {"t": 3, "k": 3, "m": 6, "b": 9, "tr": 12, "millia": 9, "mrd": 9}
PER = re.compile(r"\s?(?:per|each|pro|/)\s?[^\W\d_]++\b")
NONE = re.compile(
    r"(?:there (?:are|is) |it has |has )?(?:no|keine?|aucune?|ningun[oa]?|nessuna?) (?:\w+ )?(?:real |such )?"
    r"(?:solutions?|roots?|answer|lösung(?:en)?|solución|soluzione|number|values?)\b[^.]{0,40}"
    r"|none(?: of them)?|no solution|∅|⟨\s*⟩|empty set|the empty set|does not exist|dne|undefined|not defined"
    r"|nothing|keine[rs]?|aucune?",
    re.IGNORECASE,
)
INFINITE = re.compile(
    r"(\+|-|minus |plus |positive |negative )?(?:∞|infinity|inf|infinite|unendlich|l'infini)", re.IGNORECASE
)
SIDE = re.compile(r"[A-Za-z]\w{0,2}(?:_\{?\w+\}?)?(?:\s?\([\w, ]{1,12}\))?'*|\\?[A-Za-z]+\([\w, ]*\)|\S{1,2}")
BRACKETS = {"(": ")", "[": "]", "⟨": "⟩", "{": "}"}
ENTRY = re.compile(
    r"\s*(?:,|;)\s*(?:and|or|und|oder|et|ou|y|o|e)\s+|\s*;\s*|,\s+|\s+(?:and|or|und|oder|et|ou|y)\s+|,(?!\d{3}(?!\d))|、"
)
JOINED = re.compile(r"\s(?:and|or|und|oder|et|ou|y)\s", re.IGNORECASE)
RATIO = re.compile(r"(\d{1,9}(?:\.\d+)?)\s?(?::|to|in|out of|zu|à)\s?(\d{1,9}(?:\.\d+)?)")
DIMENSIONS = re.compile(r"(\d{1,9})((?:\s?[x×X]\s?|\s?by\s)\d{1,9})++(?!\s?\^)")
ADDRESS = re.compile(r"\d{1,6}(?:\.\d{1,6}){2,5}(?:/\d{1,2})?(?![\w])")
DOTTED = re.compile(r"[vV]?\d{1,6}(?:\.\d{1,6}){1,5}(?:[-+/]?[\w.]{1,12})?")
LETTERS = re.compile(r"[A-Za-z](?:\d)?")
WORDY = re.compile(r"[^\W\d_]+(?:[-' ][^\W\d_]+){0,4}")


def value_form(text: str, context: ValueContext, depth: int = 0) -> str | None:
    """The form of a value, None where it is none, or more than one."""
    plain = (
        without_margins(text if depth else plain_notation(text[:LONGEST_VALUE])) if len(text) <= LONGEST_VALUE else ""
    )
    if not plain or depth > DEEPEST:
        return None
    ways: Sequence[Callable[[str, ValueContext], str | None]] = (
        none_form,
        time_form,
        date_form,
        dotted_form,
        tolerance_form,
        ratio_form,
        quantity_form,
        dimensions_form,
    )
    found = next((form for way in ways if (form := way(plain, context))), None)
    return found or side_form(plain, context, depth) or row_form(plain, context, depth) or expression_form(plain)


def without_margins(plain: str) -> str:
    plain = plain.strip().strip("\"“”„'’‘«»").strip()
    if plain.endswith("$") and not plain.startswith("$"):
        plain = plain[:-1]
    plain = re.sub(r"(?<![.…])[.,;:!。！]++$", "", plain).strip()
    about = ABOUT.match(plain)
    plain = plain[about.end() :] if about else plain
    return without_brackets(plain)


def without_brackets(plain: str) -> str:
    """Without braces, and round brackets about a single number, that merely group."""
    if len(plain) > 2 and plain[0] == "{" and closing_place(plain, 0) == len(plain) and not re.search("[,;]", plain):
        return plain[1:-1].strip()
    found = numeral(plain, 1) if plain[:1] == "(" else None
    return plain[1:-1] if found and plain[found.end :] == ")" else plain


def none_form(plain: str, context: ValueContext) -> str | None:
    if NONE.fullmatch(plain):
        return "0" if context.counts and context.number else "none"
    if found := INFINITE.fullmatch(plain):
        return "-∞" if (found[1] or "").strip().lower() in ("-", "minus", "negative") else "∞"
    return None


def dotted_form(plain: str, context: ValueContext) -> str | None:
    """Versions and addresses: 3.10 is not 3.1 where a version is asked for."""
    version = re.sub(r"^(?:version|python|v)\s?(?=\d)", "", plain, flags=re.IGNORECASE)
    if not DOTTED.fullmatch(version):
        return None
    marked = version != plain or plain[0] in "vV" or (context.version and not context.number)
    several = version.count(".") > 1 and numeral(version, 0, context.commas) is None
    return f"version {version.lstrip('vV')}" if marked or several else None


def tolerance_form(plain: str, context: ValueContext) -> str | None:
    before, sign, behind = plain.partition("±")
    if not sign:
        return None
    spread = quantity_form(behind.strip(), context) or expression_form(behind.strip())
    if not spread:
        return None
    middle = quantity_form(before.strip(), context) if before.strip() else None
    return f"{middle} ± {spread}" if middle else None if before.strip() else as_set([spread, f"-{spread}"])


def ratio_form(plain: str, context: ValueContext) -> str | None:
    found = RATIO.fullmatch(plain)
    if not found or (":" not in plain and not re.search("[a-zà]", plain)):
        return None
    above, below = Fraction(found[1]), Fraction(found[2])
    if not below:
        return None
    return (
        number_text(above / below) if context.chance else f"{(above / below).numerator}:{(above / below).denominator}"
    )


def dimensions_form(plain: str, _context: ValueContext) -> str | None:
    found = DIMENSIONS.fullmatch(plain)
    return "x".join(re.findall(r"\d+", plain)) if found and len(re.findall(r"\d+", plain)) < 6 else None


def quantity_form(plain: str, context: ValueContext) -> str | None:
    """A number with what may stand around it: currency, percent, unit, the word for what was counted."""
    found = quantity_at(plain, context)
    if not found:
        return None
    form, end = found
    rest = plain[end:].strip(" .,!")
    return form if not rest or is_counted(rest, context) else None


def is_counted(rest: str, context: ValueContext) -> bool:
    """Whether words behind a number only say of what: "apples", "red apples in total"."""
    if not WORDY.fullmatch(rest) or LETTERS.fullmatch(rest):
        return False
    words = rest.lower().split()
    return (context.number or (len(words) < 3 and rest == rest.lower() and not context.kind)) and not JOINED.search(
        f" {rest} "
    )


def quantity_at(plain: str, context: ValueContext, at: int = 0) -> tuple[str, int] | None:
    """(form, end) of the quantity that begins there. Words for numbers count as digits do."""
    money = MONEY.match(plain, at)
    found = number_at(plain, money.end() if money else at, context)
    if not found:
        return dotted_at(plain, at)
    value, end = found.value, found.end
    value *= -1 if money and (money[1] or money[3]) else 1
    if scale := SCALE.match(plain, end):
        word = (scale[1] or scale[2] or scale[3]).lower().rstrip(".")
        key = next(key for key in ("millia", "mrd", "tr", "t", "k", "m", "b") if word.startswith(key))
        value, end = value * 10 ** SCALES[key], scale.end()
    if percent := re.compile(r"\s?(?:%|percent\b|per cent\b|prozent\b)", re.IGNORECASE).match(plain, end):
        return (number_text(value) if context.percent else number_text(value / 100)), percent.end()
    unit = None
    behind = unit_at(plain, end + (plain[end : end + 1] in (" ", "-")))
    if money:
        unit = unit_named(money[2]) or KNOWN["inr"]
    if behind and not plain[behind[1] : behind[1] + 1].isalnum() and not (unit and unit.dimension[:5] != "money"):
        unit, end = unit or behind[0], behind[1]
        compound = quantity_at(plain, context, joint(plain, end)) if unit.dimension == "time" else None
        if compound and (more := seconds_at(plain, joint(plain, end), context)):
            value, end = value + more[0] / unit.factor, more[1]
    if unit and (per := PER.match(plain, end)):
        end = per.end()
    return in_unit(value, unit, context), end


def dotted_at(plain: str, at: int) -> tuple[str, int] | None:
    found = ADDRESS.match(plain, at)
    return (f"version {found[0]}", found.end()) if found else None


def joint(plain: str, end: int) -> int:
    found = re.compile(r"\s?,?\s(?:and |und |et )?|(?=\d)").match(plain, end)
    return found.end() if found else len(plain)


def seconds_at(plain: str, at: int, context: ValueContext) -> tuple[Fraction, int] | None:
    """What goes on after hours: "and 15 minutes", in seconds."""
    found = number_at(plain, at, context)
    unit = unit_at(plain, found.end + (plain[found.end : found.end + 1] == " ")) if found else None
    return (found.value * unit[0].factor, unit[1]) if found and unit and unit[0].dimension == "time" else None


def number_at(plain: str, at: int, context: ValueContext) -> Numeral | None:
    if found := numeral(plain, at, context.commas):
        digit = plain[found.end : found.end + 1]
        goes_on = digit and (digit.isdigit() or (digit in ".,:/^" and plain[found.end + 1 : found.end + 2].isdigit()))
        return None if goes_on else found
    minus = re.compile(r"(?:minus|negative)\s", re.IGNORECASE).match(plain, at)
    begin = minus.end() if minus else at
    if minus and (digits := numeral(plain, begin, context.commas)):
        return Numeral(-digits.value, digits.end)
    words = number_of_words(plain[begin : begin + 200], bare=context.number and at == 0)
    return Numeral(-words[0] if minus else words[0], begin + words[1]) if words else None


def in_unit(value: Fraction, unit: Unit | None, context: ValueContext) -> str:
    """In the unit that the question names no unit is written; dollars and degrees go without saying."""
    if unit is None or unit.name in ("usd", "°"):
        return number_text(value)
    wanted = dict(context.units).get(unit.dimension)
    if wanted:
        return number_text(value * unit.factor / wanted.factor)
    return f"{number_text(value * unit.factor)} {unit.dimension}"


def number_text(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def side_form(plain: str, context: ValueContext, depth: int) -> str | None:
    """ "x = 5", "7 * 6 = 42", "f(x) = 2x": what stands behind the last sign, if only a name or a sum is before it."""
    for sign in ("=", "∈", "≈"):
        before, found, behind = plain.rpartition(sign)
        if not found or before[-1:] in "<>!≠" or (re.search("[,;]", before) and not re.fullmatch(r"[^,;=]*", behind)):
            continue
        if re.search(r"[,;]|\s(?:and|or)\s", before):
            return None
        if SIDE.fullmatch(before.strip()) or is_sum(before):
            return value_form(behind.strip(), context, depth + 1)
    return None


def is_sum(before: str) -> bool:
    """Whether digits and signs are all there is, with words for what is counted."""
    return bool(re.search(r"\d", before)) and bool(re.fullmatch(r"[\d\s.,$€£%()+\-*/×·÷=^√xX]++", before))


def row_form(plain: str, context: ValueContext, depth: int) -> str | None:
    """Intervals, tuples, sets and lists; a bare list is a set where its order can't matter."""
    opened, closed = plain[:1], plain[-1:]
    enclosed = opened in BRACKETS and closed in ")]⟩}" and closing_place(plain, 0) == len(plain)
    if "∪" in plain:
        parts = [value_form(part, context, depth + 1) for part in plain.split("∪")]
        return " ∪ ".join(sorted(part for part in parts if part)) if all(parts) else None
    entries = parts_of(plain[1:-1] if enclosed else plain)
    if len(entries) < 2 and not (enclosed and opened in "[⟨"):
        return None
    forms = [entry_form(entry, context, depth, not enclosed) for entry in entries if entry.strip()]
    if not all(forms) or (not enclosed and len(forms) > 1 and not all(is_value(form) for form in forms if form)):
        return None
    kept = [form for form in forms if form]
    joined = bool(JOINED.search(plain)) and not enclosed
    named_all = all("=" in entry for entry in entries)
    if (
        opened in "⟨{"
        or joined
        or (context.unordered and (not enclosed or opened == "["))
        or (named_all and not enclosed)
    ):
        return as_set(kept)
    return f"{opened}{'; '.join(kept)}{closed}" if enclosed and opened + closed != "[]" else f"[{'; '.join(kept)}]"


def is_value(form: str) -> bool:
    return bool(re.search(r"[\d∞]", form)) or len(form) < 3


def entry_form(entry: str, context: ValueContext, depth: int, bare: bool) -> str | None:
    name, sign, rest = entry.partition("=")
    if sign and not SIDE.fullmatch(name.strip()):
        return None
    same = bool(sign) and context.unordered
    form = value_form(rest if sign else entry, context, depth + 1)
    if form is None and (not bare or LETTERS.fullmatch(entry)) and re.fullmatch(r"[\"'\w -]{1,60}", entry):
        form = entry.strip("\"' ").casefold()
    return form if not sign or same or form is None else f"{name.strip()}={form}"


def as_set(forms: Sequence[str]) -> str:
    kept = sorted({*forms})
    names = {form.partition("=")[0] for form in kept if "=" in form}
    if len(names) == 1 and all("=" in form for form in kept):
        kept = sorted(form.partition("=")[2] for form in kept)
    return kept[0] if len(kept) == 1 else f"{{{'; '.join(kept)}}}"


def closing_place(text: str, at: int) -> int:
    """The place after the bracket that closes the one there; any closing bracket does, as intervals have them."""
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] in "([⟨{") - (text[place] in ")]⟩}")
        if depth == 0:
            return place + 1
    return -1


def parts_of(text: str) -> list[str]:
    """Split where commas, semicolons and "and" stand outside of brackets."""
    depths, depth = [], 0
    for sign in text:
        depth -= sign in ")]⟩}"
        depths.append(depth)
        depth += sign in "([⟨{"
    begin, made = 0, []
    for found in ENTRY.finditer(text):
        if depths[found.start()] <= 0 and found.start() >= begin:
            made.append(text[begin : found.start()])
            begin = found.end()
    return [*made, text[begin:]]
