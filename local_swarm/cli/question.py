"""The words of a command and standard input in, one question out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import BinaryIO

from local_swarm.cli.console import err
from local_swarm.errors import UsageError
from local_swarm.intake import sanitize_text
from local_swarm.pipes import has_input, is_pipe

STDIN = "-"  # as a question
MOST_QUESTION_BYTES = 4 << 20
FIRST_BYTE_S = 5.0  # some programs leave an open pipe on standard input that nothing will ever come from
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # PowerShell pipes such text


@dataclass(frozen=True, slots=True)
class StandardInput:
    """`stream` None: it is closed. `wait_s`: for its first byte."""

    stream: BinaryIO | None
    wait_s: float = FIRST_BYTE_S

    @property
    def is_terminal(self) -> bool:
        return self.stream is not None and self.stream.isatty()

    @property
    def is_silent(self) -> bool:
        """Whether nothing came in a while on what may bring something."""
        try:
            descriptor = self.stream.fileno() if self.stream else None
            return descriptor is not None and is_pipe(descriptor) and not has_input(descriptor, self.wait_s)
        except OSError:
            return False

    def text(self) -> str:
        """All of it. Raises UsageError for more than a question may have, and for what is no text."""
        try:
            data = self.stream.read(MOST_QUESTION_BYTES + 1) if self.stream else b""
        except OSError as problem:
            raise UsageError(f"Standard input cannot be read: {problem.strerror or problem}.") from problem
        if len(data) > MOST_QUESTION_BYTES:
            raise UsageError(
                f"Standard input has more than {MOST_QUESTION_BYTES >> 20} MiB, which no question may have."
            )
        return text_of(data)


def standard_input() -> StandardInput:
    return StandardInput(getattr(sys.stdin, "buffer", None))


def text_of(data: bytes) -> str:
    """Raises UsageError for what is no text."""
    try:
        text = data.decode(MARKS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise UsageError("Standard input is no text in UTF-8.") from problem
    if "\0" in text:
        raise UsageError("Standard input is no text: it has zero bytes in it.")
    return text


def question_of(words: str | None, given: StandardInput) -> str:
    """What is asked: the words, after the text on standard input where there is any; that text alone for `-` and without words.

    Without words a terminal is asked for them. Raises UsageError where there is nothing to ask."""
    if words is None and given.is_terminal:
        words = err.input("Your question: ")
    alone = words in (None, STDIN)
    read = "" if not alone and (given.is_terminal or is_left_silent(given)) else given.text()
    question = "\n\n".join(part for part in (read.strip("\n"), "" if alone else words) if part)
    if not question.strip():
        raise UsageError("There is nothing to ask: give a question, or a text on standard input.")
    return sanitize_text(question)


def is_left_silent(given: StandardInput) -> bool:
    if silent := given.is_silent:
        err.print("Nothing came on standard input, so only the question is asked.", style="dim")
    return silent
