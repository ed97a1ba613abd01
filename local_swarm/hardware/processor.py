"""The processor, from the kernel's text on Linux and Android, from `sysctl` on macOS, from the environment on Windows."""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import re
from dataclasses import replace
from pathlib import Path

from local_swarm.hardware import windows
from local_swarm.hardware.control_groups import GROUPS, PROCESS, limiting_folders
from local_swarm.hardware.files import read
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
QUOTA = ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us")  # of a control group: version 2, then version 1
SYSCTL = ("sysctl", "machdep.cpu", "hw.physicalcpu", "hw.logicalcpu")
ARM_FEATURES = ("sysctl", "hw.optional.arm")
APPLE = {"": "asimd", "DotProd": "asimddp", "I8MM": "i8mm", "BF16": "bf16"}
# In the order in which they say most.
NAMING = ("Model", "Hardware", "model name", "Model Name", "cpu", "cpu model")
# What many boards and chips of a family share: Raspberry Pis 2 to 5 say BCM2835, every 64-bit ARM may say AArch64.
FAMILY = re.compile(
    r"BCM2\d{3}$|(?:AArch64|ARMv\d+)[ -]|Generic |Flattened Device Tree|qcom$|(?:POWER|PPC)\d*$", re.IGNORECASE
)
NAMELESS = re.compile(r"unknown|none|null|\(null\)|n/a|default string|to be filled by o\.?e\.?m\.?|0|-", re.IGNORECASE)
SYSTEM_ON_CHIP = (("getprop", "ro.soc.manufacturer"), ("getprop", "ro.soc.model"))
CENTRAL = ("reg", "query", r"HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0")


def probe(
    system: System, run: Run, cpuinfo: Path = Path("/proc/cpuinfo"), board: Path = Path("/proc/device-tree/model")
) -> Processor:
    logical = usable_cores()
    if system in ("linux", "android"):
        found = parse_cpuinfo(read(cpuinfo), logical, read(board))
        return replace(found, name=found.name or chip_of(run)) if system == "android" else found
    if system == "darwin":
        return parse_sysctl(run(SYSCTL) or "", logical, run(ARM_FEATURES) or "")
    name = windows.parse_processor(run(CENTRAL) or "") or platform.processor() or None
    return Processor(name, physical_cores() or logical, logical, windows_features(platform.machine()))


def chip_of(run: Run) -> str | None:
    """A phone's chip by its properties, which newer kernels leave out of their text: `QTI SM8650`."""
    return plain_name(" ".join((run(command) or "").strip() for command in SYSTEM_ON_CHIP))


def physical_cores() -> int | None:
    """Physical cores as psutil counts them, None before it is installed."""
    try:
        found = importlib.import_module("psutil").cpu_count(logical=False)
    except Exception:
        return None
    return int(found) if found else None


def windows_features(machine: str) -> tuple[str, ...]:
    """What Windows' own function (winnt.h, PF_*_INSTRUCTIONS_AVAILABLE) says is there; nothing elsewhere."""
    present = getattr(getattr(getattr(ctypes, "windll", None), "kernel32", None), "IsProcessorFeaturePresent", None)
    if present is None:
        return ()
    numbers = {"asimd": 19, "asimddp": 43} if machine.upper() == "ARM64" else {"avx": 39, "avx2": 40, "avx512f": 41}
    return tuple(name for name, number in numbers.items() if present(number))


def usable_cores(groups: Path = GROUPS, process: Path = PROCESS) -> int | None:
    """Cores that this process may use: what `taskset` and the control groups above it allow counts."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    shares = [parse_quota(*(read(one / name) for name in QUOTA)) for one in limiting_folders(groups, process)]
    return min((one for one in (cores, *shares) if one), default=None)


def parse_quota(maximum: str, old_quota: str, old_period: str) -> int | None:
    """Whole cores that a control group's share of time makes: version 2 says `200000 100000` in one file, version 1 in two."""
    quota, _, period = maximum.partition(" ") if maximum else (old_quota, "", old_period)
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return max(1, int(quota) // int(period))


def parse_cpuinfo(text: str, logical: int | None, board: str = "") -> Processor:
    """`/proc/cpuinfo`: x86 says `model name`, `flags`, `core id`; ARM says `Model` or `Hardware`, and `Features`, and no cores;
    POWER says `cpu`. `board`: what the firmware calls it. The field that says most counts, wherever it stands."""
    fields: dict[str, str] = {}
    for line in re.finditer(r"^(\w[\w ]{0,30}?)[ \t]*+:[ \t]*+(\S.*)$", text, re.MULTILINE):
        fields.setdefault(line[1], line[2])
    names = [one for told in (*(fields.get(field, "") for field in NAMING), board) if (one := plain_name(told))]
    name = next((one for one in names if not FAMILY.match(one)), names[0] if names else None)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    present = set(flags[1].split()) if flags else set()
    packages = re.findall(r"^physical id\s*:\s*(\d+)$", text, re.MULTILINE)
    cores = re.findall(r"^core id\s*:\s*(\d+)$", text, re.MULTILINE)
    physical = len(set(zip(packages, cores, strict=False))) if cores and len(packages) == len(cores) else None
    if physical is None:
        physical = logical
    elif logical is not None:
        physical = min(physical, logical)
    return Processor(name, physical, logical, tuple(flag for flag in TELLING if flag in present))


def plain_name(text: str) -> str | None:
    """A name without its revision; what firmware writes where nobody gave one is none."""
    name = re.sub(r"\s+Rev(?:ision)? [\w.]+$", "", " ".join(text.replace("\0", " ").split()))
    return None if not name or NAMELESS.fullmatch(name) else name


def parse_sysctl(text: str, logical: int | None, arm: str = "") -> Processor:
    """`machdep.cpu.brand_string: Apple M1` and the like; features as `hw.optional.arm.FEAT_DotProd: 1` on Apple's own chips, else
    as `machdep.cpu.leaf7_features: AVX2 ...`."""
    found = {line[1]: line[2] for line in re.finditer(r"^([\w.]++): (.+)$", text, re.MULTILINE)}
    physical = found.get("hw.physicalcpu", "")
    name = found.get("machdep.cpu.brand_string")
    told = {"", *re.findall(r"^hw\.optional\.arm\.FEAT_(\w+): 1$", arm, re.MULTILINE)}
    features = [ours for theirs, ours in APPLE.items() if theirs in told] if "Apple" in (name or "") else []
    listed = f"{found.get('machdep.cpu.features', '')} {found.get('machdep.cpu.leaf7_features', '')}".lower()
    flags = set(listed.replace("avx1.0", "avx").split())
    features += [flag for flag in TELLING if flag in flags]
    return Processor(name, int(physical) if physical.isdigit() else None, logical, tuple(features))
