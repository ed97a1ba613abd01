"""Memory: psutil where it is installed (always, once set up), and the limit that a control group sets."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from local_swarm.hardware.profile import Memory

GROUPS = Path("/sys/fs/cgroup")  # as seen from inside a container
# Limit and use, in version 2 and 1 of control groups.
FILES = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
STATISTICS = ("memory.stat", "memory/memory.stat")
NO_LIMIT = 1 << 60  # version 1 writes a huge number where there is none


def probe(groups: Path = GROUPS) -> Memory:
    limit, left = parse_group({name: read(groups / name) for name in (*FILES[0], *FILES[1], *STATISTICS)})
    try:
        now = importlib.import_module("psutil").virtual_memory()
    except ImportError:
        return Memory(None, left, limit)
    available = int(now.available) if left is None else min(int(now.available), left)
    return Memory(int(now.total), available, limit)


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def parse_group(texts: dict[str, str]) -> tuple[int | None, int | None]:
    """(limit, what is left of it), from the files of a control group by name; files that are cached count as left."""
    for maximum, current in FILES:
        limit = parse_limit(texts.get(maximum, ""))
        if limit is None:
            continue
        used = texts.get(current, "")
        if not used.isdigit():
            return limit, None
        cached = re.search(
            r"^(?:total_)?inactive_file (\d+)$", "\n".join(texts.get(one, "") for one in STATISTICS), re.MULTILINE
        )
        return limit, max(0, limit - int(used) + (int(cached[1]) if cached else 0))
    return None, None


def parse_limit(text: str) -> int | None:
    return int(text) if text.isdigit() and 0 < int(text) < NO_LIMIT else None
