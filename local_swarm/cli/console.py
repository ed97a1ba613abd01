"""The streams that a program prints to in, the same made safe out: no character and no console makes printing fail."""

from __future__ import annotations

import io
from typing import TextIO


def safe(*streams: TextIO) -> None:
    """Piped output is UTF-8 everywhere, as who reads it expects; a console that lacks a character (Windows has such) shows
    another one instead of ending the program."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="replace")
