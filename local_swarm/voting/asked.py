"""The words of a question in, the kind of answer that fits it out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AskedKind = Literal[
    "function",
    "class",
    "program",
    "code",
    "file",
    "edit",
    "regex",
    "sql",
    "shell",
    "number",
    "choice",
    "yes_no",
    "json",
    "short",
    "prose",
]


@dataclass(frozen=True, slots=True)
class Asked:
    """`kind`: the kind of answer that fits, None where nothing tells; `sure`: whether other kinds are no answer.
    `names`: functions or classes that the words may ask for, the likeliest first, of which an answer defines one.
    `language`: of the code, as fences call it. `options`: (label, words) of a choice, labels as they stand there.
    `path`: of the file that is to be changed."""

    kind: AskedKind | None = None
    sure: bool = False
    names: tuple[str, ...] = ()
    language: str = ""
    options: tuple[tuple[str, str], ...] = ()
    path: str = ""


def asked_of(_text: str, name: str | None = None) -> Asked:
    """`name`: of the function that is asked for, where that is known."""
    return Asked("function", names=(name,)) if name else Asked()


NOTHING_ASKED = Asked()
