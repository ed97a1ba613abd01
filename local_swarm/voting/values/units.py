"""A word behind or before a number in, the unit or currency that it means out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

Table = dict[str, tuple[str, str]]  # dimension -> unit in base units, "=" its names

# dimension: factor names; the factor in the dimension's base unit.
UNITS_OF = {
    "length": "0.001 mm millimeter millimetre;0.01 cm centimeter centimetre zentimeter;1 m meter metre;1000 km kilometer"
    " kilometre;0.0254 in inch inches;0.3048 ft foot feet;0.9144 yd yard;1609.344 mi mile",
    "area": "0.0001 cm^2 cm2;1 m^2 m2 sqm quadratmeter;1000000 km^2 km2;0.09290304 ft^2 sqft",
    "volume": "0.001 ml milliliter millilitre;1 l liter litre;0.001 cm^3 cm3;1000 m^3 m3",
    "mass": "0.000001 mg milligram;0.001 g gram gramm;1 kg kilogram kilogramm kilo;1000 t ton tonne;0.45359237 lb lbs pound-mass",
    "time": "0.001 ms millisecond;1 s sec second sekunde seconde segundo secondo;60 min minute minuto minuut;3600 h hr hour"
    " stunde heure hora ora;86400 day tag jour día giorno;604800 week woche semaine semana",
    "years": "1 month monat mois mes;12 year yr jahr année an año anno",
    "speed": "1 m/s mps;1/3.6 km/h kmh kph km/hr;0.44704 mph",
    "data": "1 b byte;1000 kb kilobyte;1000000 mb megabyte;1000000000 gb gigabyte;1024 kib;1048576 mib;1073741824 gib",
    "temperature C": "1 °c celsius",
    "temperature F": "1 °f fahrenheit",
    "angle": "1 ° degree deg grad",
    "angle rad": "1 rad radian",
}
CURRENCIES = {
    "usd": "$ usd us$ dollar",
    "eur": "€ eur euro",
    "gbp": "£ gbp pound pfund",
    "jpy": "¥ jpy yen",
    "inr": "₹ inr rupee",
    "rub": "₽ rub ruble",
    "krw": "₩ krw won",
    "chf": "chf franken",
    "cny": "cny rmb yuan 元",
    "cent": "¢ cent",
}
PER = re.compile(
    r"\b(k)?(?:ilomet(?:er|re)|(mi)(?:les?)?|m(?:et(?:er|re))?)s?\s++(?:per|an?|pro)\s++(h|s)(?:ours?|r"
    r"|ec(?:onds?)?|tunde)?\b",
    re.IGNORECASE,
)
SQUARE = re.compile(r"\b(?:sq\.?|square|cubic)\s++(\w+)", re.IGNORECASE)
UNIT = re.compile(
    r"[°€$£¥₹₽₩¢元]\s?[CFcf]?(?![a-zA-Z])|US\$|[^\W\d_]++(?:\^?\{?[23]\}?(?!\d"
    r"|\.\d))?(?:/[^\W\d_]++)?(?:\^?\{?[23]\}?(?!\d|\.\d))?"
)


@dataclass(frozen=True, slots=True)
class Unit:
    name: str
    dimension: str
    factor: Fraction


def known_units() -> dict[str, Unit]:
    made: dict[str, Unit] = {}
    for dimension, table in UNITS_OF.items():
        for row in table.split(";"):
            factor, first, *others = row.split()
            above, _, below = factor.partition("/")
            unit = Unit(first, dimension, Fraction(above) / Fraction(below or 1))
            made |= dict.fromkeys([first, *others], unit)
    for name, names in CURRENCIES.items():
        made |= dict.fromkeys(names.split(), Unit(name, f"money {name}", Fraction(1)))
    return made


KNOWN = known_units()


def unit_at(text: str, at: int = 0) -> tuple[Unit, int] | None:
    """The unit that stands there, plurals as well, and where it ends."""
    if found := PER.match(text, at):
        unit = KNOWN.get("km/h" if found[1] else "mph" if found[2] else f"m/{found[3].lower()}")
        return (unit, found.end()) if unit else None
    if found := SQUARE.match(text, at):
        length = unit_named(found[1])
        power = "3" if text[at : at + 5].lower() == "cubic" else "2"
        unit = KNOWN.get(f"{length.name}^{power}") if length else None
        return (unit, found.end()) if unit else None
    found = UNIT.match(text, at)
    if found and found[0].lower() == "in" and re.match(r"\s++[^\W\d_]", text[found.end() : found.end() + 9]):
        return None
    unit = unit_named(found[0].replace("{", "").replace("}", "").replace(" ", "")) if found else None
    return (unit, found.end()) if found and unit else None


def unit_named(word: str) -> Unit | None:
    low = word.lower()
    if word in ("M", "H", "S", "T", "L", "G", "B") and word != "L":
        return None
    for name in (low, low.removesuffix("s"), low.removesuffix("es"), low.removesuffix("n"), low.removesuffix("en")):
        if name in KNOWN and (name == low or len(name) > 2):
            return KNOWN[name]
    return None


def units_in(text: str) -> Iterator[Unit]:
    """Each unit that a text names, where its name is more than a letter, or stands behind a number or the word "in"."""
    at = 0
    while found := UNIT.search(text, at):
        at = found.start()
        unit = unit_at(text, at)
        at = unit[1] if unit else found.end()
        before = text[max(0, found.start() - 4) : found.start()].rstrip()
        if (unit and found[0].lower() != "in") and (
            len(found[0]) > 2 or not found[0].isalpha() or before[-1:].isdigit() or before.lower().endswith("in")
        ):
            yield unit[0]
