"""A text from elsewhere in, what a terminal may be given of it out. Needs the standard library alone, as setting up does.

Answers, names of machines and models, what a hub or another machine says: whoever writes them could move the cursor, set the
title, fill the clipboard (OSC 52), or make a line read otherwise than it is. Everything that is printed passes through here.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

from local_swarm.intake import sanitize_text

# Sequences as ECMA-48 (5.4 and 8.3) has them. A text that is never ended goes to the end of its line. Every part is of letters
# that the next cannot begin with, and none can fail once it has begun, so the time is in proportion to the length.
ORDERS = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*+[ -/]*+[@-~]?"  # CSI: cursor, colours, modes
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*+(?:\x07|\x1b\\\\|\x9c)?"  # OSC, DCS, SOS, PM, APC
    "|\x1b[ -/]*+[0-~]?"  # all others
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # single ones, but for tabs and the ends of lines
    "|[\u202a-\u202e\u2066-\u2069]"  # what turns the direction of writing round (CVE-2021-42574)
)
# JSON lets them stand as they are.
HIDDEN = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text without anything that a terminal would obey; half characters become U+FFFD."""
    if text.isascii() and text.replace("\n", " ").replace("\t", " ").isprintable():
        return text
    return sanitize_text(ORDERS.sub("", text.replace("\r\n", "\n")))


def line(text: str) -> str:
    """The same on one line."""
    return " ".join(printable(text).split("\n"))


def json_text(value: Any) -> str:
    """JSON for people and programs: letters as they are, and as escapes what a terminal would obey. Nothing is lost."""
    return HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


class Formatter(logging.Formatter):
    """Lines of a log that cannot pass for others: what comes after the first line of a message is indented."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record)).replace("\n", "\n  ")


def log_to_stderr(level: int = logging.WARNING) -> None:
    """Warnings and worse, or what `level` says, of all of the program."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
