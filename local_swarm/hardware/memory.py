"""Memory: psutil where it is installed (always, once set up), else the kernel's text, and the limits that control groups set."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path

from local_swarm.hardware.control_groups import GROUPS, PROCESS, limiting_folders
from local_swarm.hardware.files import read
from local_swarm.hardware.profile import Memory

MEMINFO = Path("/proc/meminfo")
# Of one group: limits, the use of it and its statistics, in version 2 and 1. Above `memory.high` the kernel holds processes up.
LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")
USES = ("memory.current", "memory.usage_in_bytes")
STATISTICS = "memory.stat"
NO_LIMIT = 1 << 60  # version 1 writes a huge number where there is none


def probe(groups: Path = GROUPS, meminfo: Path = MEMINFO, process: Path = PROCESS) -> Memory:
    folders = limiting_folders(groups, process)
    told = [parse_group({name: read(one / name) for name in (*LIMITS, *USES, STATISTICS)}) for one in folders]
    limits = [limit for limit, _ in told if limit is not None]
    total, available, swap = by_library() or parse_meminfo(read(meminfo))
    known = [size for size in (available, *(left for _, left in told)) if size is not None]
    return Memory(total, min(known, default=None), min([*limits, *address_space()], default=None), swap)


def address_space() -> tuple[int, ...]:
    """What `ulimit -v` lets this process map, where it does: a model's file is mapped too."""
    try:
        resource = importlib.import_module("resource")
        limit = int(resource.getrlimit(resource.RLIMIT_AS)[0])
    except (ImportError, AttributeError, OSError, ValueError):
        return ()
    return (limit,) if 0 < limit < NO_LIMIT else ()


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


def parse_group(texts: Mapping[str, str]) -> tuple[int | None, int | None]:
    """(limit, what is left of it), from the files of one control group by name; files that are cached count as left."""
    statistics = texts.get(STATISTICS, "")
    # Version 1 tells the smallest limit of all groups above, also of those that a container does not see.
    above = re.search(r"^hierarchical_memory_limit (\d+)$", statistics, re.MULTILINE)
    told = [*(texts.get(name, "") for name in LIMITS), above[1] if above else ""]
    limit = min((size for text in told if (size := parse_limit(text)) is not None), default=None)
    used = next((int(text) for name in USES if (text := texts.get(name, "")).isdecimal() and len(text) < 20), None)
    if limit is None or used is None:
        return limit, None
    cached = re.search(r"^(?:total_)?inactive_file (\d{1,19})$", statistics, re.MULTILINE)
    return limit, max(0, limit - used + (int(cached[1]) if cached else 0))


def parse_limit(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 20 and 0 < int(text) < NO_LIMIT else None
