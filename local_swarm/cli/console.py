"""Values in, what people and programs see of them out: the one console of the command line, in two streams.

No markup is read in what is printed, so a name such as `[bold]` stays one; colors are given as styles or `Text`. No line of text
is broken, since terminals do so themselves and programs read lines.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from local_swarm.terminal import json_text, printable


class Screen(Console):
    """rich's console, but foreign text is only ever text: tables, bars and live screens included, all passes `printable`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, "soft_wrap": True, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(plain(renderable), options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


out = Screen()
err = Screen(stderr=True)


def plain(renderable: RenderableType) -> RenderableType:
    """A text is cleaned before its lines are broken, so that no order is broken in two that mean something else."""
    if isinstance(renderable, Text) and (clean := printable(renderable.plain)) != renderable.plain:
        return Text(clean, style=renderable.style, justify=renderable.justify, overflow=renderable.overflow)
    return printable(renderable) if isinstance(renderable, str) else renderable


def with_label(label: str, style: str, text: str) -> Text:
    """A text after a label in a style."""
    return Text.assemble((label, style), printable(text))


def print_json(value: Any) -> None:
    """What `--json` prints: one line on standard output."""
    print(json_text(value))


def print_figures(figures: Mapping[str, Any]) -> None:
    """One figure a line, for people."""
    for name, value in figures.items():
        out.print(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")


def accept_every_character(*streams: TextIO) -> None:
    """Piped output is UTF-8 everywhere, as who reads it expects. A console that lacks a character (Windows has such) shows
    another one, where the program would end otherwise."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="replace")
