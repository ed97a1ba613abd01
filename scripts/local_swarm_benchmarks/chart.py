"""Names and seconds or other sizes in, a bar chart as SVG text out. Pure; readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, ROW, LEFT, RIGHT = 720, 34, 230, 70  # pixels


def chart(title: str, bars: Sequence[tuple[str, float]], unit: str = "s") -> str:
    """One bar each, the first one, against which the others are compared, marked."""
    longest = max(seconds for _, seconds in bars)
    height = ROW * (len(bars) + 1) + 12
    rows = [f'<text x="8" y="24" class="title">{escape(title)}</text>']
    for place, (name, seconds) in enumerate(bars):
        top = ROW * (place + 1) + 4
        length = (WIDTH - LEFT - RIGHT) * seconds / (longest or 1)
        kind = "own" if place == 0 else "bar"
        rows += [
            f'<text x="{LEFT - 10}" y="{top + 20}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top + 4}" width="{length:.1f}" height="{ROW - 10}" rx="3" class="{kind}"/>',
            f'<text x="{LEFT + length + 8:.1f}" y="{top + 20}">{seconds:.1f} {unit}</text>',
        ]
    style = (
        "text{font:14px system-ui,sans-serif;fill:#555}.title{font-weight:600}.own{fill:#2b8a3e}.bar{fill:#74b6d8}"
        "@media(prefers-color-scheme:dark){text{fill:#bbb}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"<style>{style}</style>{''.join(rows)}</svg>\n"
    )
