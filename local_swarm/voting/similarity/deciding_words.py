"""Texts in, which of them contradict each other in the words that decide out. Pure, linear in each text.

Two texts may share nearly all of their words and yet say the opposite: `--soft` and `--hard`, 4 degrees and 14, before the
meal and after it. Texts contradict where both name a value for the same thing and the values differ; a text that only says
more than the other does not. What a number or one of a pair of opposites is said of is told by the words near it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from local_swarm.voting.asking.languages import is_path
from local_swarm.voting.asking.sentences import words_of
from local_swarm.voting.similarity.meaning import EMPTY_WORDS, stem

MOST_WORDS, MOST_CLAUSES, MOST_SLOTS = 600, 24, 60  # of one text that are compared
MOST_TEXT_COMPARED = 6_000  # characters
NEAR = 4  # words with a meaning on each side that tell what a value is said of
HELD_OFF = 3  # words behind a negation that it reaches
SAME_CLAUSE = 0.6  # share of words from which two clauses speak of the same
SHORT = 40  # words up to which a text is decided by the one command or name in it
DIFFERENT = 0.25  # likeness at most of two texts that contradict each other

TOKEN = re.compile(
    r"(?P<flag>(?<![\w-])--?[A-Za-z][\w-]*+)|(?P<number>(?:(?<![\w.)])[-−])?\d(?:[\d.,:]*\d)?)"
    r"|(?P<word>[^\W\d_]++(?:['’][^\W\d_]++)*+|°\s?[CFcf]\b|[%‰€$])|(?P<stop>[.;!?\n])|(?P<comma>[,():])"
)
SPAN = re.compile(r"`([^`\n]++)`")
LIST_MARK = re.compile(
    r"^[^\S\n]*+(?:#{1,6}[^\S\n]++)?(?:\d{1,3}[.)]|step \d++[.:)]?)(?=\s)", re.MULTILINE | re.IGNORECASE
)
NEGATIONS = words_of(
    "not no never nothing nobody without cannot none nor neither don't doesn't didn't isn't aren't wasn't weren't can't"
    " couldn't won't wouldn't shouldn't mustn't hasn't haven't nicht kein keine keinen nie ohne pas jamais sans"
    " nunca sin nessun senza"
)
SHUNNED = NEGATIONS | {"avoid", "instead", "unlike", "rather"}  # what follows within a few words is not advised
# Behind a negation: "no more than two" denies nothing.
BARELY = words_of(
    "more less fewer later longer sooner earlier higher lower greater only just even matter forget hesitate worry exceed"
)
COUNTED = (
    "zero two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty hundred thousand"
)
COUNTS = (0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 30, 40, 50, 60, 100, 1000)
NUMBERS = {word: str(count) for word, count in zip(COUNTED.split(), COUNTS, strict=True)}
# Each line names one unit in several ways.
UNITS_OF = """
°c celsius centigrade
°f fahrenheit
% percent prozent
km kilometer kilometers kilometre kilometres
mile miles
m meter meters metre metres
cm centimeter centimeters centimetre centimetres
mm millimeter millimeters millimetre millimetres
ft foot feet
inch inches
kg kilogram kilograms kilos
g gram grams
mg milligram milligrams
lb lbs pound pounds
ml milliliter milliliters millilitre millilitres
l liter liters litre litres
ms millisecond milliseconds
s sec second seconds
min mins minute minutes
h hr hrs hour hours
day days
week weeks
month months
year years
kb kilobyte kilobytes
mb megabyte megabytes
gb gigabyte gigabytes
tb terabyte terabytes
bit bits
byte bytes
$ dollar dollars usd
€ euro euros eur
"""
UNITS = {name: line.split()[-1] for line in UNITS_OF.strip().split("\n") for name in line.split()}
OPPOSITES = """
before/after enable/disable increase/decrease increase/reduce soft/hard minimum/maximum min/max allow/deny allow/forbid
allow/block permit/prohibit true/false ascending/descending left/right above/below start/stop open/close on/off first/last
add/remove insert/delete push/pop encrypt/decrypt encode/decode compress/decompress upload/download import/export
install/uninstall mount/unmount lock/unlock accept/reject include/exclude show/hide public/private internal/external
input/output client/server local/remote north/south east/west hot/cold earlier/later safe/dangerous safe/unsafe
legal/illegal possible/impossible valid/invalid mutable/immutable synchronous/asynchronous static/dynamic signed/unsigned
positive/negative even/odd uppercase/lowercase horizontal/vertical row/column width/height inner/outer parent/child
source/target stack/heap tcp/udp shallow/deep ascend/descend rise/fall raise/lower buy/sell lend/borrow higher/lower
larger/smaller bigger/smaller faster/slower longer/shorter older/younger best/worst strong/weak expand/contract gain/loss
pass/fail success/failure eager/lazy required/optional mandatory/optional clockwise/counterclockwise inclusive/exclusive
staged/unstaged tracked/untracked inhale/exhale attach/detach connect/disconnect left-hand/right-hand sunrise/sunset
morning/evening day/night top/bottom forward/backward inside/outside stable/unstable
healthy/unhealthy cheap/expensive always/never
"""
DEGREE = stem("degrees")
PAIRS = [(stem(one), stem(other)) for one, other in (pair.split("/") for pair in OPPOSITES.split())]
SIDES = {side: [f"{one}/{other}" for one, other in PAIRS if side in (one, other)] for pair in PAIRS for side in pair}
OPENINGS = {
    **dict.fromkeys(("yes", "true", "correct", "right", "ja", "oui", "sí", "sì", "да"), "yes"),
    **dict.fromkeys(("no", "false", "incorrect", "wrong", "nein", "non", "não", "нет"), "no"),
}
STAND_IN = re.compile(r"[<\[{($].*|[A-Z][A-Z_0-9]*+|.*(?:file|path|dir|folder|name|your|example).*")
PLAIN = re.compile(r"[a-z][a-z-]*+")
PATH = re.compile(r"(?:~|\.{1,2})?/\S*+|~")

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slot:
    """A value and what it is said of: `of` its kind, such as the unit of a number; `near` the words around it."""

    of: str
    value: str
    near: frozenset[str]


@dataclass(frozen=True, slots=True)
class Clause:
    words: frozenset[str]
    denies: bool


@dataclass(frozen=True, slots=True)
class Deciding:
    """The words of a text that decide. `opening`: "yes" or "no" where it begins so; `spans`: what stands in backticks,
    each as its words; `size` in words."""

    slots: dict[str, list[Slot]]
    clauses: tuple[Clause, ...]
    flags: frozenset[str]
    paths: frozenset[str]
    spans: frozenset[tuple[str, ...]]
    opening: str
    size: int


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    stem: str  # "" of what has no meaning of its own


def kept_apart(alike: Matrix, texts: Sequence[str]) -> Matrix:
    """A likeness (n, n) of texts in which those that contradict each other are not alike."""
    apart: Matrix = np.where(contradictions(texts), np.minimum(alike, DIFFERENT), alike)
    return apart


def contradictions(texts: Sequence[str]) -> NDArray[np.bool_]:
    """(n, n): which of them can't both be right."""
    read = [deciding_words_of(text) for text in texts]
    against = np.zeros((len(read), len(read)), dtype=np.bool_)
    for row in range(len(read)):
        for column in range(row):
            against[row, column] = against[column, row] = contradict(read[row], read[column])
    return against


def contradict(one: Deciding, other: Deciding) -> bool:
    if one.opening and other.opening and one.opening != other.opening:
        return True
    return (
        any(slots_differ(slots, other.slots[of]) for of, slots in one.slots.items() if of in other.slots)
        or denies_what_other_says(one.clauses, other.clauses)
        or flags_differ(one.flags, other.flags)
        or commands_differ(one, other)
    )


def slots_differ(mine: Sequence[Slot], theirs: Sequence[Slot]) -> bool:
    """Whether both give the same thing a value, and neither knows that of the other."""
    own, others = {slot.value for slot in mine}, {slot.value for slot in theirs}
    return any(
        one.value not in others and two.value not in own and near_alike(one.near, two.near)
        for one in mine
        for two in theirs
    )


def near_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return not one or not other or bool(one & other)


def denies_what_other_says(mine: Sequence[Clause], theirs: Sequence[Clause]) -> bool:
    """Whether two clauses speak of the same, one of them in the negative, and no clause of the other side agrees."""
    return any(is_denied(one, theirs) for one in mine) and any(is_denied(one, mine) for one in theirs)


def is_denied(one: Clause, clauses: Sequence[Clause]) -> bool:
    same = [other for other in clauses if len(one.words & other.words) >= SAME_CLAUSE * len(one.words | other.words)]
    return bool(same) and all(other.denies != one.denies for other in same)


def flags_differ(one: frozenset[str], other: frozenset[str]) -> bool:
    """Long options are compared with long ones, and letters with letters: `-a` may well be `--all`."""
    for long in (True, False):
        mine, theirs = ({flag for flag in flags if flag.startswith("--") == long} for flags in (one, other))
        if mine - theirs and theirs - mine:
            return True
    return False


def commands_differ(one: Deciding, other: Deciding) -> bool:
    """Of two short texts: other paths, or one command or name in each, and not the same."""
    if max(one.size, other.size) > SHORT:
        return False
    if one.paths - other.paths and other.paths - one.paths:
        return True
    if len(one.spans) != 1 or len(other.spans) != 1:
        return False
    (mine,), (theirs,) = one.spans, other.spans
    if mine[0] != theirs[0]:
        return bool(PLAIN.match(mine[0].lower()) and PLAIN.match(theirs[0].lower()))
    pairs = zip(mine[1:2], theirs[1:2], strict=False)
    return any(
        a != b and all(PLAIN.fullmatch(word) and not STAND_IN.fullmatch(word) for word in (a, b)) for a, b in pairs
    )


# ------------------------------------------------------------------------------------------------ reading


def deciding_words_of(text: str) -> Deciding:
    text = LIST_MARK.sub("", text[:MOST_TEXT_COMPARED])
    spans = frozenset(words for span in SPAN.findall(text) if (words := tuple(span.replace("(", " ").split())))
    tokens = list(islice(tokens_of(text.replace("`", " ")), MOST_WORDS))
    slots: dict[str, list[Slot]] = {}
    for slot in islice(slots_of(tokens), MOST_SLOTS):
        slots.setdefault(slot.of, []).append(slot)
    return Deciding(
        slots=slots,
        clauses=tuple(islice(clauses_of(tokens), MOST_CLAUSES)),
        flags=frozenset(flags_of(tokens)),
        paths=frozenset(path for word in text.replace("`", " ").split() if (path := path_of(word))),
        spans=spans,
        opening=OPENINGS.get(tokens[0].text, "") if tokens else "",
        size=sum(token.kind in ("word", "number", "flag") for token in tokens),
    )


def tokens_of(text: str) -> Iterator[Token]:
    for found in TOKEN.finditer(text):
        kind, said = found.lastgroup or "", found[0].replace("’", "'").replace("−", "-")
        low = said if kind == "flag" else said.lower().replace(" ", "")
        if low in NUMBERS:
            yield Token("number", NUMBERS[low], "")
        elif kind == "number":
            yield Token(kind, re.sub(r",(?=\d{3})", "", said).removesuffix(".0"), "")
        else:
            meant = kind == "word" and low not in EMPTY_WORDS and low not in NEGATIONS
            yield Token(kind, low, stem(low) if meant else "")


def slots_of(tokens: Sequence[Token]) -> Iterator[Slot]:
    for at, token in enumerate(tokens):
        if token.kind == "number":
            yield from number_slots(tokens, at)
        elif token.kind == "word" and (side := stem(token.text)) in SIDES and not is_shunned(tokens, at):
            near = words_near(tokens, at)
            yield from (Slot(pair, side, near) for pair in SIDES[side])


def number_slots(tokens: Sequence[Token], at: int) -> Iterator[Slot]:
    """A number of what follows it, or after what goes before it, and the unit of a value."""
    value, near = tokens[at].text, words_near(tokens, at)
    follow = [token for token in tokens[at + 1 : at + 3] if token.kind == "word"]
    units = [UNITS[token.text] for token in follow if token.text in UNITS]
    of = follow[0].stem if follow and follow[0] is tokens[at + 1] else ""
    unit = units[0] if units and (follow[0].text in UNITS or of == DEGREE) else ""
    near -= {token.stem for token in follow} if unit else {of}
    if unit:
        yield Slot(f"unit of {value}", unit, near)
    if unit or of:
        yield Slot(f"number of {unit or of}", value, near)
    if not unit and at and tokens[at - 1].kind == "word":
        yield Slot(f"number after {tokens[at - 1].text}", value, near - {tokens[at - 1].stem})


def words_near(tokens: Sequence[Token], at: int) -> frozenset[str]:
    """Stems around a place, up to the ends of its clause; of opposites the pair, since both are said of the same."""
    found = []
    for steps in (range(at - 1, max(-1, at - 3 * NEAR), -1), range(at + 1, min(len(tokens), at + 3 * NEAR))):
        stems: list[str] = []
        for place in steps:
            if tokens[place].kind in ("stop", "comma") or len(stems) == NEAR:
                break
            stems += [tokens[place].stem] if tokens[place].stem else []
        found += stems
    return frozenset(SIDES[one][0] if one in SIDES else one for one in found)


def is_shunned(tokens: Sequence[Token], at: int) -> bool:
    before = tokens[max(0, at - HELD_OFF) : at]
    return any(token.text in SHUNNED for token in before) and not any(token.kind == "stop" for token in before)


def flags_of(tokens: Sequence[Token]) -> Iterator[str]:
    """`-rf` is `-r` and `-f`."""
    for at, token in enumerate(tokens):
        if token.kind == "flag" and not is_shunned(tokens, at):
            yield from [token.text] if token.text.startswith("--") else (f"-{letter}" for letter in token.text[1:])


def path_of(word: str) -> str:
    bare = word.strip(",;:!?()\"'").rstrip(".")
    looks = bool(PATH.fullmatch(bare)) or is_path(bare)
    return bare.removeprefix("./") if looks and not STAND_IN.fullmatch(bare) else ""


def clauses_of(tokens: Sequence[Token]) -> Iterator[Clause]:
    """By what is said in them, and whether that is denied. Whoever denies twice is not understood here."""
    words: set[str] = set()
    denials = 0
    end = Token("stop", "", "")
    for token, after in pairwise([*tokens, end, end]):
        if token.kind in ("stop", "comma"):
            if words and denials < 2:
                yield Clause(frozenset(words), denials == 1)
            words, denials = set(), 0
        elif token.text in NEGATIONS:
            denials += after.text not in BARELY
        elif token.stem:
            words.add(token.stem)
