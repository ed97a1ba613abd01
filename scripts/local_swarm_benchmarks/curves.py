"""Measured votes in, line charts as SVG text out. Pure; readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 380, 56, 190, 40, 44  # pixels
COLOURS = ("#2b8a3e", "#1c7ed6", "#e8590c", "#9c36b5", "#868e96", "#c92a2a", "#0b7285", "#5c940d")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#555}.title{font-weight:600;font-size:14px}.grid{stroke:#8884;stroke-width:1}"
    "path{fill:none;stroke-width:2.5}@media(prefers-color-scheme:dark){text{fill:#bbb}}"
)

Points = Sequence[tuple[float, float]]


def gains(rows: Sequence[Mapping[str, Any]], name: str = "codegen16b") -> str:
    """Points over any answer by number of voters, a line for each strategy, of one set of samples."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["set"] == name and row["strategy"] != "auto, early":
            lines.setdefault(row["strategy"], []).append((row["n"], row["gain"]))
    return line_chart(f"Points over any answer, {name}", "voters", lines)


def reliability(rows: Sequence[Mapping[str, Any]]) -> str:
    """Share of right picks by reported agreement, a line for each set of samples, the largest vote of each."""
    largest = {row["set"]: row for row in rows if row.get("reliability")}
    lines: dict[str, Points] = {
        name: [(point["agreement"], point["right"]) for point in row["reliability"] if point["votes"] >= 10]
        for name, row in largest.items()
    }
    return line_chart(
        "Share of right picks by reported agreement", "reported agreement", {"as promised": [(0, 0), (1, 1)], **lines}
    )


def line_chart(title: str, across: str, lines: Mapping[str, Points]) -> str:
    points = [point for line in lines.values() for point in line] or [(0, 0), (1, 1)]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(0.0, *(y for _, y in points)), max(y for _, y in points)

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (x - left) / ((right - left) or 1) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - low) / ((high - low) or 1) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [f'<text x="8" y="22" class="title">{escape(title)}</text>', *grid(low, high, place, left, right)]
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>'
    )
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " L".join("{:.1f} {:.1f}".format(*place(x, y)) for x, y in sorted(line))
        height = TOP + 10 + 20 * number
        parts.append(f'<path d="M{path}" stroke="{colour}"/>')
        parts.append(f'<path d="M{WIDTH - RIGHT + 16} {height} h18" stroke="{colour}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 40}" y="{height + 4}">{escape(name)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<style>{STYLE}</style>{''.join(parts)}</svg>\n"
    )


def grid(low: float, high: float, place: Any, left: float, right: float) -> list[str]:
    made = []
    for y in ticks(low, high):
        height = place(left, y)[1]
        made.append(f'<path d="M{LEFT} {height:.1f} H{WIDTH - RIGHT}" class="grid"/>')
        made.append(f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in ticks(left, right):
        width = place(x, low)[0]
        made.append(f'<text x="{width:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>')
    return made


def ticks(low: float, high: float) -> list[float]:
    """Four to ten round numbers between two others."""
    rough = ((high - low) or 1) / 4
    power = 10.0 ** floor(log10(rough))
    step = max(size * power for size in (1, 2, 5) if size * power <= rough)
    return [round(at * step, 10) for at in range(ceil(low / step), floor(high / step) + 1)]
