"""An open GGUF file in, the values of its header out, one after the other. Knows what a value is, not what it means.

Every length is checked against the file before anything is read, so a damaged or hostile header costs an error, never memory.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

from local_swarm.errors import BadModelFile
from local_swarm.models.file_on_disk import download_hint

MAX_TEXT = 1 << 24  # bytes of one string: chat templates are the longest, some ten thousand
MAX_ITEMS = 1 << 24  # items of one array: vocabularies have up to some hundred thousand
MAX_TEXTS = 1 << 22  # texts in all arrays together: each takes time to pass over
MAX_LAYERS = 4096
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
LENGTH = struct.Struct("<Q")
BLOCK_BYTES = 1 << 20
USUAL_TEXT = 64  # bytes for which a text of a vocabulary has room, so that few texts cost no whole block
CHATML_MARK = b"\x0c\0\0\0\0\0\0\0<|im_start|>"  # as a vocabulary lists it: its length, then its letters


class GgufReader:
    """Reads little-endian values and never past the end of the file."""

    def __init__(self, file: BinaryIO, size: int, path: Path) -> None:
        self.file, self.size, self.path = file, size, path
        self.texts_left = MAX_TEXTS
        self.chatml = False

    def take(self, count: int) -> bytes:
        if count > self.size - self.file.tell():
            raise BadModelFile(
                f"{self.path} is cut off or damaged: its header points beyond its end. "
                f"Download it again.{download_hint(self.path)}"
            )
        return self.file.read(count)

    def scalar(self, code: str) -> Any:
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def count(self, limit: int, what: str) -> int:
        value = int(self.scalar("Q"))
        if value > limit:
            raise BadModelFile(f"{self.path} is damaged: it claims {value} {what}. Download it again.")
        return value

    def text(self) -> str:
        return self.take(self.count(MAX_TEXT, "bytes in one text")).decode("utf-8", "replace")

    def pass_over(self, texts: int) -> None:
        """Go on behind so many texts, by blocks: vocabularies have some hundred thousand."""
        while texts:
            block = self.file.read(min(BLOCK_BYTES, texts * USUAL_TEXT))
            at, end = 0, len(block)
            self.chatml = self.chatml or CHATML_MARK in block
            while texts and at + LENGTH.size <= end:
                following = at + LENGTH.size + LENGTH.unpack_from(block, at)[0]
                if following > end:
                    break
                at, texts = following, texts - 1
            self.file.seek(at - end, os.SEEK_CUR)
            if at == 0 and texts:  # one text longer than a block, or the end of the file
                self.take(self.count(MAX_TEXT, "bytes in one text"))
                texts -= 1

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            return self.array()
        if kind not in SCALARS:
            raise BadModelFile(f"{self.path} is damaged: metadata of unknown type {kind}. Download it again.")
        return self.scalar(SCALARS[kind])

    def array(self) -> Any:
        kind, count = int(self.scalar("I")), self.count(MAX_ITEMS, "items in one list")
        if kind == STRING:
            self.texts_left -= count
            if self.texts_left < 0:
                raise BadModelFile(f"{self.path} is damaged: it claims over {MAX_TEXTS} texts. Download it again.")
            self.pass_over(count)
            return count
        if kind == ARRAY:
            raise BadModelFile(
                f"{self.path} has a list of lists in its metadata, which llama.cpp does not read. Use another file of this model."
            )
        if kind not in SCALARS:
            raise BadModelFile(f"{self.path} is damaged: a list of unknown type {kind}. Download it again.")
        data = self.take(count * struct.calcsize("<" + SCALARS[kind]))
        return list(struct.unpack(f"<{count}{SCALARS[kind]}", data)) if count <= MAX_LAYERS else count
