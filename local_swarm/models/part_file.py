"""Pieces of a file and their offsets in, the beginning of the file on disk with its hash out.

What comes twice is compared with what is here, so that nothing is ever appended to what it does not belong to."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from io import BufferedWriter
from pathlib import Path
from types import TracebackType

CHUNK_BYTES = 1 << 20


class PartFile:
    """The first `size` bytes of a file. Used as a context while something is written to it. Everything raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = self.cuts = 0
        self.digest = sha256()
        self.file: BufferedWriter | None = None

    def take_up(self) -> None:
        """What an earlier attempt left."""
        with suppress(FileNotFoundError):
            self.read(self.path.stat().st_size)

    def read(self, size: int) -> None:
        self.size, self.digest = 0, sha256()
        with self.path.open("rb") as file:
            while block := file.read(min(CHUNK_BYTES, size - self.size)):
                self.digest.update(block)
                self.size += len(block)

    def head(self, count: int) -> bytes:
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            return file.read(min(count, self.size))
        return b""

    def __enter__(self) -> PartFile:
        self.file = self.path.open("ab")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.file:
            self.file.close()
        self.file = None

    def write(self, offset: int, block: bytes) -> int:
        """How many bytes longer the file became; fewer than none where what was here differs and had to go.

        `offset`: at most the size."""
        before = self.size
        known = before - offset
        if known > 0 and (same := self.equal(offset, block[:known])) < min(known, len(block)):
            self.cuts += 1
            self.cut(offset + same)
        fresh = block[self.size - offset :]
        if fresh and self.file:
            self.file.write(fresh)
            self.digest.update(fresh)
            self.size += len(fresh)
        return self.size - before

    def equal(self, offset: int, block: bytes) -> int:
        """How many bytes of a piece are those that are here."""
        if self.file:
            self.file.flush()
        with self.path.open("rb") as file:
            file.seek(offset)
            here = file.read(len(block))
        if here == block:
            return len(block)
        return next((at for at, pair in enumerate(zip(here, block, strict=False)) if pair[0] != pair[1]), len(here))

    def cut(self, size: int) -> None:
        """Keep the first bytes alone."""
        if self.file:
            self.file.flush()
        with self.path.open("ab") as file:
            file.truncate(size)
        self.read(size)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.size, self.digest = 0, sha256()
