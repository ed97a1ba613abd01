"""Memory: psutil where it is installed (always, once set up), else the kernel's text, and the limit that a control group sets."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from local_swarm.hardware.files import read
from local_swarm.hardware.profile import Memory

GROUPS = Path("/sys/fs/cgroup")  # as seen from inside a container
MEMINFO = Path("/proc/meminfo")
# Limit and use, in version 2 and 1 of control groups.
FILES = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
STATISTICS = ("memory.stat", "memory/memory.stat")
NO_LIMIT = 1 << 60  # version 1 writes a huge number where there is none


def probe(groups: Path = GROUPS, meminfo: Path = MEMINFO) -> Memory:
    limit, left = parse_group({name: read(groups / name) for name in (*FILES[0], *FILES[1], *STATISTICS)})
    total, available, swap = by_library() or parse_meminfo(read(meminfo))
    known = [size for size in (available, left) if size is not None]
    return Memory(total, min(known, default=None), limit, swap)


def by_library() -> tuple[int | None, int | None, int | None] | None:
    try:
        psutil = importlib.import_module("psutil")
        now = psutil.virtual_memory()
    except Exception:  # a phone may forbid the files that it reads
        return None
    try:
        swap = int(psutil.swap_memory().total)
    except Exception:
        swap = None
    return int(now.total), int(now.available), swap


def parse_meminfo(text: str) -> tuple[int | None, int | None, int | None]:
    """(total, available, swap) in bytes, of lines like `MemTotal:       16318452 kB`."""
    told = {one[1]: int(one[2]) << 10 for one in re.finditer(r"^(\w++):\s++(\d{1,15}) kB$", text, re.MULTILINE)}
    return told.get("MemTotal"), told.get("MemAvailable"), told.get("SwapTotal")


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
