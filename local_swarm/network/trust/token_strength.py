"""A token that a person chose in, why it can be guessed out. Pure, in time linear in its length."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

SHORTEST = 20  # characters
LONGEST = 1024
ENOUGH_BITS = 50.0  # by a strict estimate
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
    """Why an attacker could guess the token. None if it is strong enough.

    A strong token has at least 20 characters, 8 different ones, and 50 bits by this estimate. A character counts by
    its rarity within the token (Shannon entropy). A predictable one counts a fifth: it continues a row of the
    alphabet or the keyboard, repeats the one before, belongs to a repeated stretch of four, or to a common word.
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
    """An estimate of the guesses needed, as a power of two."""
    small = token.lower()
    counts, total = Counter(small), len(small)
    each = -sum(count / total * math.log2(count / total) for count in counts.values())
    expected = predictable(small)
    return each * (sum(not one for one in expected) + 0.2 * sum(expected))


def predictable(text: str) -> list[bool]:
    """For each character whether its surroundings predict it."""
    expected = [False] * len(text)
    adjacent = {pair for row in ROWS for pair in (*pairs(row), *pairs(row[::-1]))}
    for index in range(1, len(text)):
        step = ord(text[index]) - ord(text[index - 1])
        expected[index] = step in (-1, 0, 1) or text[index - 1 : index + 1] in adjacent
    seen: dict[str, int] = {}
    for index in range(len(text) - 3):
        piece = text[index : index + 4]
        if seen.setdefault(piece, index) != index:
            expected[index : index + 4] = [True] * 4
    plain = text.translate(str.maketrans("013457@$", "oleastas"))
    for word in WORDS:
        at = plain.find(word)
        while at >= 0:
            expected[at : at + len(word)] = [True] * len(word)
            at = plain.find(word, at + len(word))
    return expected


def pairs(row: str) -> Iterable[str]:
    return (row[index : index + 2] for index in range(len(row) - 1))
