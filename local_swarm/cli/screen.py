"""Values in, what people see of them on a terminal out: rich's console, but foreign text is only ever text.

No markup is read in what is printed, so a name such as `[bold]` stays one; colours are given as styles or `Text`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from local_swarm.terminal import printable


class Screen(Console):
    """Whatever is rendered, tables, bars and live screens included, passes `printable` piece by piece."""

    def __init__(self, **wishes: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **wishes)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(plain(renderable), options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))

    def render_str(self, text: str, **wishes: Any) -> Text:
        return super().render_str(printable(text), **wishes)


def plain(renderable: RenderableType) -> RenderableType:
    """A text is cleaned before its lines are broken, so that no order is broken in two that mean something else."""
    if isinstance(renderable, Text) and (clean := printable(renderable.plain)) != renderable.plain:
        return Text(clean, style=renderable.style, justify=renderable.justify, overflow=renderable.overflow)
    return printable(renderable) if isinstance(renderable, str) else renderable


def marked(word: str, style: str, rest: str) -> Text:
    """A word in a style, and text after it."""
    return Text.assemble((word, style), printable(rest))
