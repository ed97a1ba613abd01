"""A stranger's text or JSON in, the same fit to be worked on out: no half characters, no more pieces than can be read at once.

And values in, JSON out that is fit to be sent.

Everything here takes time in proportion to the length of what it is given. JSON is looked at as it arrives, chunk by chunk, so
that what is too much is known before anything is built of it.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any, NoReturn

MOST_PARTS = 200_000  # values and keys of one JSON text
MOST_ESCAPES = 2_000_000  # backslashes within its strings
MOST_BARE = 4 << 20  # bytes outside its strings
DEEPEST = 128  # brackets within brackets
PIECE = 64 << 10  # bytes: others get their turn between two
MOST_DIGITS = 400  # of one number; no float has more before its point

LONE = re.compile("[\ud800-\udfff]")
SURROGATES = re.compile(  # a first half without its second, or a second one without its first
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
BACKSLASH, STANDING_IN = b"\\\\", b"\x00\x01"  # the latter no JSON has
RAW = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # a surrogate as some programs write it, which UTF-8 forbids
UNFINISHED = re.compile(rb"(?:(?:\\u[dD][89abAB][0-9a-fA-F]{2})?\\(?:u[0-9a-fA-F]{0,4})?|\xed[\x80-\xbf]?)\Z")
LONGEST_UNFINISHED = 12
STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
BRACKETS = bytes(1 if byte in b"[{" else 255 for byte in range(256))
NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class TooMuch(ValueError):
    """JSON with more in it than is read. The message says of what."""


class TooDeep(TooMuch):
    """Brackets within brackets within brackets."""


def sanitize_text(text: str) -> str:
    """Half a character (a lone surrogate) becomes the sign for a broken one; nothing can be done with it but to fail later."""
    return text if text.isascii() else LONE.sub("\ufffd", text)


def sanitize_json(data: bytes) -> bytes:
    """The same in JSON that nobody has read yet, where most are written as escapes. Nothing changes its length."""
    if (b"\\ud" in data or b"\\uD" in data) and STANDING_IN not in data:
        plain = SURROGATES.sub(rb"\\ufffd", data.replace(BACKSLASH, STANDING_IN))
        data = plain.replace(STANDING_IN, BACKSLASH)
    return RAW.sub("\ufffd".encode(), data) if b"\xed" in data else data


class Intake:
    """JSON as it arrives. `feed` gives on what is mended and keeps back what may be half of something, `end` the rest.

    Both raise TooMuch once there is more than a reader could bear. What is no JSON passes: the reader stops at the same place.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._within = False
        self._parts = self._escapes = self._bare = self._depth = 0

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        at = divisible(data)
        data, self._rest = data[:at], data[at:]
        return self._screen(data)

    def end(self) -> bytes:
        data, self._rest = self._rest, b""
        return self._screen(data)

    def _screen(self, data: bytes) -> bytes:
        self._count(data)
        return sanitize_json(data)

    def _count(self, data: bytes) -> None:
        self._escapes += data.count(b"\\")
        if self._within and b'"' not in data:  # the middle of a long text
            self._judge(self._depth)
            return
        # A quote and a byte that no JSON has, behind it all: the byte is left over where the quote ended a string.
        bare = STRINGS.sub(b"", (b'"' if self._within else b"") + data + b'"\x01')
        self._within = bare.endswith(b"\x01")
        bare = bare.removesuffix(b"\x01")
        self._bare += len(bare)
        brackets = bare.translate(BRACKETS, NO_BRACKETS)
        opened = brackets.count(1)
        self._parts += bare.count(b",") + bare.count(b":") + opened
        deepest = self._depth + opened
        if deepest > DEEPEST:
            deepest = max(accumulate((1 if one == 1 else -1 for one in brackets), initial=self._depth))
        self._depth += 2 * opened - len(brackets)
        self._judge(deepest)

    def _judge(self, depth: int) -> None:
        if depth > DEEPEST:
            raise TooDeep(f"it has more than {DEEPEST} levels of nesting")
        for count, most, words in (
            (self._parts, MOST_PARTS, "values"),
            (self._escapes, MOST_ESCAPES, "escaped characters"),
            (self._bare, MOST_BARE, "bytes outside of texts"),
        ):
            if count > most:
                raise TooMuch(f"it has more than {most} {words}")


def divisible(data: bytes) -> int:
    """Where bytes of JSON can be cut so that no escape, no pair of them and no character that is looked for is cut in two."""
    found = UNFINISHED.search(data, max(0, len(data) - LONGEST_UNFINISHED))
    if not found:
        return len(data)
    at = found.start()
    slashes = at - len(data[:at].rstrip(b"\\")) if data[at : at + 1] == b"\\" else 0
    return at - slashes % 2  # with an odd number before it, this backslash is the second of two that mean one


def take_json(data: bytes) -> bytes:
    """All of it at once, mended. Raises TooMuch."""
    intake = Intake()
    pieces = [intake.feed(data[at : at + PIECE]) for at in range(0, len(data), PIECE)]
    return b"".join([*pieces, intake.end()])


def parse_json(data: bytes) -> Any:
    """The value of JSON that has been through `Intake`. Raises ValueError, a JSONDecodeError where it is none.

    Infinite numbers and those that are none are refused, however they are written: answers could not repeat them.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise json.JSONDecodeError("it is not UTF-8", "", 0) from None
    return json.loads(text, parse_float=finite, parse_int=integer, parse_constant=no_number)


def finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        no_number(text)
    return number


def integer(text: str) -> int:
    return int(text) if len(text) <= MOST_DIGITS else no_number(text)


def no_number(text: str) -> NoReturn:
    raise json.JSONDecodeError(f"{text[:20]} is not a number that JSON has", "", 0)


def encode_json(content: Any) -> bytes:
    """JSON in UTF-8. Half characters become question marks and numbers that JSON does not have become null."""
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(with_nulls(content), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def with_nulls(value: Any) -> Any:
    """The same with null for infinite numbers and those that are none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: with_nulls(one) for key, one in value.items()}
    return [with_nulls(one) for one in value] if isinstance(value, (list, tuple)) else value
