"""Qualcomm's Adreno on Android, by the kernel's files; it shares the phone's memory. Snapdragon on Windows: see `windows`."""

from __future__ import annotations

import re
from pathlib import Path

from local_swarm.hardware.files import read
from local_swarm.hardware.profile import Accelerator
from local_swarm.hardware.run import Run

FILES = (Path("/sys/class/kgsl/kgsl-3d0/gpu_model"), Path("/sys/kernel/gpu/gpu_model"))
CPUINFO = Path("/proc/cpuinfo")
LONGEST_MODEL = 1_000  # characters
PROPERTIES = (("getprop", "ro.soc.manufacturer"), ("getprop", "ro.soc.model"))


def probe(run: Run, files: tuple[Path, ...] = FILES, cpuinfo: Path = CPUINFO) -> tuple[Accelerator, ...]:
    model = next((text for file in files if (text := read(file))), "")
    if model:
        return parse(model, "", "", "")
    maker, chip = (run(command) or "" for command in PROPERTIES)
    return parse("", read(cpuinfo), maker, chip)


def parse(model: str, cpuinfo: str, maker: str, chip: str) -> tuple[Accelerator, ...]:
    """`Adreno740v2` of the graphics driver, which newer Android hides; else who made the chip, by its properties (`QTI`,
    `SM8550`) or by `Hardware : Qualcomm Technologies, Inc SM8550`."""
    if found := re.search(r"Adreno\D{0,40}+(\d{3})", model[:LONGEST_MODEL]):
        return (Accelerator("qualcomm", f"Adreno {found[1]}", None, None, "shared"),)
    hardware = re.search(r"^Hardware\s*+:\s*+.*(?:Qualcomm|Snapdragon|qcom)", cpuinfo, re.MULTILINE | re.IGNORECASE)
    if hardware or re.match(r"QTI$|QUALCOMM|QCOM", maker.strip().upper()):
        name = f"Adreno of {chip.strip()}" if chip.strip() else "Adreno"
        return (Accelerator("qualcomm", name, None, None, "shared"),)
    return ()
