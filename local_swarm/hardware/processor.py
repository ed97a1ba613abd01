"""The processor, from the kernel's text on Linux and Android, from `sysctl` on macOS, from the environment on Windows."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from local_swarm.hardware.profile import Processor, System
from local_swarm.hardware.run import Run

TELLING = (
    "avx",
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "amx_tile",
    "f16c",
    "fma",
    "asimd",
    "asimddp",
    "i8mm",
    "sve",
    "bf16",
)
# How much time a control group may take: version 2, then version 1.
QUOTA = (
    Path("/sys/fs/cgroup/cpu.max"), Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)  # fmt: skip
SYSCTL = ("sysctl", "machdep.cpu.brand_string", "hw.physicalcpu", "hw.logicalcpu")


def probe(system: System, run: Run, cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    logical = usable_cores()
    if system in ("linux", "android"):
        try:
            return parse_cpuinfo(cpuinfo.read_text(encoding="utf-8", errors="replace"), logical)
        except OSError:
            return Processor(None, None, logical)
    if system == "darwin":
        return parse_sysctl(run(SYSCTL) or "", logical)
    return Processor(platform.processor() or None, None, logical)


def usable_cores(quota: tuple[Path, Path, Path] = QUOTA) -> int | None:
    """Cores that this process may use: what a container or `taskset` allows counts."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    allowed = parse_quota(*(read(path) for path in quota))
    return min(cores, allowed) if cores and allowed else cores


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def parse_quota(maximum: str, old_quota: str, old_period: str) -> int | None:
    """Whole cores that a control group's share of time makes: version 2 says `200000 100000` in one file, version 1 in two."""
    quota, _, period = maximum.partition(" ") if maximum else (old_quota, "", old_period)
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return max(1, int(quota) // int(period))


def parse_cpuinfo(text: str, logical: int | None) -> Processor:
    """`/proc/cpuinfo`: x86 says `model name`, `flags`, `core id`; ARM says `Hardware` and `Features`, and no cores."""
    name = re.search(r"^(?:model name|Hardware|Model)\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    present = set(flags[1].split()) if flags else set()
    packages = re.findall(r"^physical id\s*:\s*(\d+)$", text, re.MULTILINE)
    cores = re.findall(r"^core id\s*:\s*(\d+)$", text, re.MULTILINE)
    physical = len(set(zip(packages, cores, strict=False))) if cores and len(packages) == len(cores) else None
    if physical is None:
        physical = logical
    elif logical is not None:
        physical = min(physical, logical)
    return Processor(
        name[1].strip() if name else None, physical, logical, tuple(flag for flag in TELLING if flag in present)
    )


def parse_sysctl(text: str, logical: int | None) -> Processor:
    found = dict(re.findall(r"^([\w.]+): (.+)$", text, re.MULTILINE))
    physical = found.get("hw.physicalcpu", "")
    return Processor(found.get("machdep.cpu.brand_string"), int(physical) if physical.isdigit() else None, logical)
