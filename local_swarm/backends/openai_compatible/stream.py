"""Bytes of a server's answer in, its JSON objects out; pieces of text that may end within a character in, whole ones out. Pure.

Server-sent events as WHATWG's HTML standard has them, read as leniently as servers write them: any line end, no blank after the
colon, comments, events with a name, a last event without a line end. One object that is not within an event is taken as well.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

MOST_REPLY_BYTES = 16 << 20  # of one answer
LINE_ENDS = re.compile(rb"[\r\n]+")
FIELDS = (b"data:", b"error:")  # some versions of llama-server name the field of an error so
DONE = b"[DONE]"
MARK = b"\xef\xbb\xbf"  # of UTF-8, which some put before all else

PAIRS = re.compile("[\ud800-\udbff][\udc00-\udfff]")
FIRST_HALF = re.compile("[\ud800-\udbff]\\Z")
NO_BYTES = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # surrogates that do not stand for a byte (PEP 383)


class ServerStream:
    """Feed it with `feed`, end it with `close`; both tell the objects that are whole by then. `done`: the server says
    that it has said all. Raises ValueError for what is no JSON object, and for too much."""

    def __init__(self) -> None:
        self.done = False
        self._parts: list[bytes] = []
        self._read = 0
        self._whole: bool | None = None  # one object; None before the first byte

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        self._read += len(data)
        if self._read > MOST_REPLY_BYTES:
            raise ValueError("an answer without an end")
        if self._whole is None and (begun := data.removeprefix(MARK).lstrip()):
            self._whole, data = begun[:1] in b"{[<", begun
        if self._whole or not LINE_ENDS.search(data):
            self._parts.append(data)
            return iter(())
        *lines, rest = LINE_ENDS.split(b"".join((*self._parts, data)))
        self._parts = [rest]
        return self._objects(lines)

    def close(self) -> Iterator[dict[str, Any]]:
        rest, self._parts = b"".join(self._parts), []
        return iter([parse_object(rest)]) if self._whole else self._objects([rest])

    def _objects(self, lines: list[bytes]) -> Iterator[dict[str, Any]]:
        for line in lines:
            field = next((field for field in FIELDS if line.startswith(field)), None)
            data = line[len(field) :].strip() if field else b""
            self.done = self.done or data == DONE
            if data and not self.done:
                yield parse_object(data)


def parse_object(data: bytes) -> dict[str, Any]:
    """Half characters in it stay what they are, for `Characters` to join. Raises ValueError."""
    if data.startswith(b"<"):
        raise ValueError("a web page")
    try:
        made = json.loads(data.decode("utf-8", "surrogateescape"))
    except RecursionError:
        raise ValueError("JSON that nests too deeply") from None
    if not isinstance(made, dict):
        raise ValueError("a chunk that is no object")
    return made


class Characters:
    """Pieces of text as servers cut them: between the halves of a surrogate pair, or between the bytes of a character."""

    def __init__(self) -> None:
        self._held = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, text: str) -> str:
        text, self._held = self._held + text, ""
        if half := FIRST_HALF.search(text):
            text, self._held = text[: half.start()], half[0]
        text = PAIRS.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
        return self._decoder.decode(NO_BYTES.sub("\ufffd", text).encode("utf-8", "surrogateescape"))


def whole_text(text: str) -> str:
    """The same without halves; one at the end, where the limit of tokens has cut it, is left out."""
    return Characters().push(text)
