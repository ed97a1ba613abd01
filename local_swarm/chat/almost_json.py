"""Text that is JSON, or nearly, in, values and where they end out: what small models write where they mean JSON. Pure.

Linear in the text's length. What is no JSON by any reading raises ValueError.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any


def finite(number: str) -> float | None:
    """None for what JSON cannot say: an argument of a call must not become a text that clients cannot read."""
    return found if math.isfinite(found := float(number)) else None


# Models write line breaks within strings.
STRICT = json.JSONDecoder(strict=False, parse_float=finite, parse_constant=finite)
DEEPEST_VALUE = 100  # levels
MOST_VALUES = 64  # in a row
BETWEEN = re.compile(r"[\s,;]*+")
BLANK = re.compile(r"(?:\s++|//[^\n]*+|\#[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/)*+")
NUMBER = re.compile(r"[-+]?(?:\d++(?:\.\d++)?|\.\d++)(?:[eE][-+]?\d++)?(?![\w.])")
WORD = re.compile(r"[A-Za-z_$][\w$.-]*+")
WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None, "undefined": None}
OPENED = re.compile(r'"""|\'\'\'|["\'`\u201c\u201d\u2018\u2019]')
CLOSING = {"\u201c": '\u201d\u201c"', "\u201d": '\u201d"', "\u2018": "\u2019'", "\u2019": "\u2019'"}
BEGINNINGS = ("{", "[", '"', *CLOSING)
AFTER_STRING = re.compile(r"\s*+(?:[,:}\]]|//|/\*|$)")
# The two halves of a character that takes two stay together.
ESCAPE = re.compile(r"\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "/": "/",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "`": "`",
    "\n": "",
}


def values_in_row(text: str, closes: bool = True) -> tuple[list[Any], int]:
    """The JSON values at the beginning of a text, with blanks, commas or semicolons between them, and where they end.

    `closes`: brackets that are open at the end of the text are closed there; models forget the last one.
    """
    found: list[Any] = []
    at = BETWEEN.match(text).end()  # type: ignore[union-attr]
    while len(found) < MOST_VALUES and text[at : at + 1] in BEGINNINGS:
        try:
            value, end = value_at(text, at, closes)
        except ValueError:
            break
        found.append(value)
        at = BETWEEN.match(text, end).end()  # type: ignore[union-attr]
    return found, at


def value_at(text: str, at: int = 0, closes: bool = True) -> tuple[Any, int]:
    """One value and its end: as strict as it is written, as lenient as it needs."""
    try:
        return STRICT.raw_decode(text, at)
    except (ValueError, RecursionError):
        reading = Reading(text, at, closes)
        return reading.value(0), reading.at


class Reading:
    """One pass over an almost-JSON value."""

    def __init__(self, text: str, at: int, closes: bool) -> None:
        self.text, self.at, self.closes = text, at, closes

    def value(self, depth: int) -> Any:
        if depth > DEEPEST_VALUE:
            raise ValueError("nests too deeply")
        mark = self._peek()
        if mark == "{":
            return self._object(depth)
        if mark == "[":
            return self._list(depth)
        if OPENED.match(mark):
            return self._string()
        if found := NUMBER.match(self.text, self.at):
            self.at = found.end()
            return STRICT.decode(found[0]) if found[0][0] not in "+." else finite(found[0])
        word = WORD.match(self.text, self.at)
        if not word or word[0] not in WORDS:
            raise ValueError(f"no value at {self.at}")
        self.at = word.end()
        return WORDS[word[0]]

    def _object(self, depth: int) -> dict[str, Any]:
        if depth > DEEPEST_VALUE:
            raise ValueError("nests too deeply")
        self.at += 1
        if self._peek() == "{":  # doubled, as templates escape them
            inner = self._object(depth + 1)
            if self._peek() == "}":
                self.at += 1
            return inner
        made: dict[str, Any] = {}
        while not self._ends("}"):
            key = self._key()
            if self._peek() not in (":", "="):
                raise ValueError(f"no colon at {self.at}")
            self.at += 1
            made[key] = self.value(depth + 1)
            self._comma()
        return made

    def _list(self, depth: int) -> list[Any]:
        self.at += 1
        made = []
        while not self._ends("]"):
            made.append(self.value(depth + 1))
            self._comma()
        return made

    def _key(self) -> str:
        if OPENED.match(self._peek()):
            return self._string()
        word = WORD.match(self.text, self.at)
        if not word:
            raise ValueError(f"no name at {self.at}")
        self.at = word.end()
        return word[0]

    def _string(self) -> str:
        """Up to the first closing quote after which the value can go on: quotes within it may lack their backslash."""
        opened = OPENED.match(self.text, self.at)
        assert opened is not None
        mark = opened[0]
        closing = re.compile(re.escape(mark) if len(mark) == 3 else f"[{CLOSING.get(mark, mark)}]")
        either = re.compile(rf"\\.|{closing.pattern}", re.DOTALL)
        at = opened.end()
        while found := either.search(self.text, at):
            at = found.end()
            if found[0][0] != "\\" and AFTER_STRING.match(self.text, at):
                self.at = at
                return unescape(self.text[opened.end() : found.start()])
        raise ValueError("a string without an end")

    def _peek(self) -> str:
        """The next character that is no blank and no comment; nothing at the end."""
        found = BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.text[self.at : self.at + 1]

    def _comma(self) -> None:
        if self._peek() == ",":
            self.at += 1

    def _ends(self, bracket: str) -> bool:
        """Whether an object or a list ends here: with its bracket, or where the text or the markup around it does."""
        mark = self._peek()
        if mark == bracket:
            self.at += 1
            return True
        over = not mark or mark == "<" or self.text.startswith("```", self.at)
        if over and not self.closes:
            raise ValueError("the text ends within a value")
        return over


def unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return ESCAPE.sub(lambda found: escape_of(found[1]), text)


def escape_of(code: str) -> str:
    """An escape that JSON does not know is the text that it is, as the backslashes of Windows paths are."""
    if len(code) > 1:
        return str(STRICT.decode(f'"\\{code}"'))
    return ESCAPES.get(code, "\\" + code)
