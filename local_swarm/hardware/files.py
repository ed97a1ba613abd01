"""A path in, its text out, empty where it cannot be read: how probes look at the kernel's files. Bounded and never raising."""

from __future__ import annotations

from pathlib import Path

LONGEST = 1 << 20  # characters; /proc/cpuinfo of a large server has some hundred thousand


def read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST).strip()
    except (OSError, ValueError):
        return ""


def first_int(text: str) -> int | None:
    """The number that a file consists of."""
    return int(text) if text.isdigit() and len(text) < 20 else None
