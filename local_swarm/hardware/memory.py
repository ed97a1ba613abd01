"""Memory: psutil where it is installed (always, once set up), and the limit that a control group sets."""

from __future__ import annotations

import importlib
from pathlib import Path

from local_swarm.hardware.profile import Memory

# Control groups, version 2 and 1, as seen from inside a container.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
NO_LIMIT = 1 << 60  # version 1 writes a huge number where there is none


def probe(limits: tuple[Path, ...] = LIMITS) -> Memory:
    limit = next((size for size in (parse_limit(read(path)) for path in limits) if size), None)
    try:
        now = importlib.import_module("psutil").virtual_memory()
    except ImportError:
        return Memory(None, None, limit)
    return Memory(int(now.total), int(now.available), limit)


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def parse_limit(text: str) -> int | None:
    return int(text) if text.isdigit() and 0 < int(text) < NO_LIMIT else None
