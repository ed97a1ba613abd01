"""A number of bytes in, the words for it out: one way for memory, one for files. Imports nothing of the project."""

from __future__ import annotations

MIB, GIB = 1 << 20, 1 << 30  # bytes
GB = 1_000_000_000
# What vendors' tools write behind a number; all of them count in binary.
TOOL_UNITS = {"B": 1, "KB": 1 << 10, "KIB": 1 << 10, "MB": MIB, "MIB": MIB, "GB": GIB, "GIB": GIB}


def memory_size(count: int | float | None) -> str:
    """Binary units, as systems count memory: `7.8 GiB`, and below one GiB `512 MiB`."""
    if count is None:
        return "unknown"
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"


def file_size(count: int | float | None) -> str:
    """Decimal units, as the hub counts files: `5.7 GB`."""
    return "? GB" if count is None else f"{count / GB:.1f} GB"
