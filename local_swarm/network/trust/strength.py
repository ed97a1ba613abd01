"""A token that a person chose in, why it can be guessed out. Pure, and linear in its length."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

SHORTEST = 20  # characters
LONGEST = 1024
ENOUGH_BITS = 50.0  # by an estimate that is generous with none of the usual tricks
FEWEST_CHARACTERS = 8  # different ones
ROWS = (
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1234567890",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
)
WORDS = (
    "password",
    "passwort",
    "secret",
    "admin",
    "token",
    "local",
    "swarm",
    "letmein",
    "welcome",
    "changeme",
    "default",
    "test",
    "hello",
    "love",
    "monkey",
    "dragon",
    "iloveyou",
    "login",
    "master",
    "network",
    "auth",
)


def weakness(token: str) -> str | None:
    """Why strangers would find it by trying, None if they would not.

    The rule: at least 20 characters, 8 different ones, and 50 bits by this estimate. Every character counts by how rare it is
    within the token (Shannon's entropy, at most 4.7 bits in letters alone), but only a fifth of that where it is foreseeable: it
    goes on in a row of the alphabet or a keyboard, repeats the one before, belongs to a stretch of four that was there before, or
    to one of the words that everybody tries.
    """
    if len(token) < SHORTEST:
        return f"it must have at least {SHORTEST} characters"
    if len(token) > LONGEST:
        return f"it must have at most {LONGEST} characters"
    seen = Counter(token)
    if len(seen) < FEWEST_CHARACTERS:
        return f"it must have at least {FEWEST_CHARACTERS} different characters, not {len(seen)}"
    return None if bits(token) >= ENOUGH_BITS else "it follows a pattern: words, repetitions or rows of keys"


def bits(token: str) -> float:
    """An estimate of the guesses that it takes, as a power of two."""
    small = token.lower()
    counts, total = Counter(small), len(small)
    each = -sum(count / total * math.log2(count / total) for count in counts.values())
    expected = foreseeable(small)
    return each * (sum(not one for one in expected) + 0.2 * sum(expected))


def foreseeable(text: str) -> list[bool]:
    """Of each character, whether what stands around it foretells it."""
    expected = [False] * len(text)
    neighbours = {pair for row in ROWS for pair in (*pairs(row), *pairs(row[::-1]))}
    for place in range(1, len(text)):
        step = ord(text[place]) - ord(text[place - 1])
        expected[place] = step in (-1, 0, 1) or text[place - 1 : place + 1] in neighbours
    seen: dict[str, int] = {}
    for place in range(len(text) - 3):
        piece = text[place : place + 4]
        if seen.setdefault(piece, place) != place:
            expected[place : place + 4] = [True] * 4
    plain = text.translate(str.maketrans("013457@$", "oleastas"))
    for word in WORDS:
        at = plain.find(word)
        while at >= 0:
            expected[at : at + len(word)] = [True] * len(word)
            at = plain.find(word, at + len(word))
    return expected


def pairs(row: str) -> Iterable[str]:
    return (row[place : place + 2] for place in range(len(row) - 1))
