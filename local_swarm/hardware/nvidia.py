"""NVIDIA cards: by nvidia-ml-py where it is installed, by `nvidia-smi`, which comes with every driver, else by the kernel."""

from __future__ import annotations

import contextlib
import importlib
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from local_swarm.hardware.files import read
from local_swarm.hardware.profile import Accelerator, MemoryKind
from local_swarm.hardware.run import Run, together

FIELDS = "name,memory.total,memory.free,driver_version"
PROGRAMS = ("nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")  # the second: WSL, where it is on no path
CARDS = Path("/proc/driver/nvidia/gpus")
MIG = re.compile(r"^\s+MIG (\d+g\.(\d+)gb\S*)\s+Device\s+\d+:", re.MULTILINE)
WHOLE = re.compile(r"^GPU \d+: (.+?) \(UUID:", re.MULTILINE)
SHARING = ("GB10", "Orin", "Thor", "Xavier", "Jetson", "Tegra")  # chips whose graphics share the machine's memory


def probe(run: Run, cards: Path = CARDS, library: str = "pynvml") -> tuple[Accelerator, ...]:
    if found := by_library(library):
        return found
    for program in PROGRAMS:
        asked = ((program, f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits"), (program, "-L"), (program,))
        listed, slices, head = (text or "" for text in together([partial(run, one) for one in asked]))
        if found := parse(listed):
            return with_slices(found, slices, parse_cuda(head))
    return parse_kernel({path.parent.name: read(path) for path in sorted(cards.glob("*/information"))})


def by_library(name: str) -> tuple[Accelerator, ...]:
    """What NVML tells, nothing where it is missing: then the program is asked."""
    try:
        return told_by(importlib.import_module(name))
    except ImportError:
        return ()


def told_by(nvml: Any) -> tuple[Accelerator, ...]:
    """What NVML tells, nothing where it fails in any way: its errors are made at run time, and broken drivers have their own."""
    try:
        nvml.nvmlInit()
    except Exception:
        return ()
    try:
        driver = words(nvml.nvmlSystemGetDriverVersion())
        version = int(nvml.nvmlSystemGetCudaDriverVersion())
        runtime = f"CUDA {version // 1000}.{version % 1000 // 10}"
        found: list[Accelerator] = []
        for number in range(int(nvml.nvmlDeviceGetCount())):
            found += cards_of(nvml, nvml.nvmlDeviceGetHandleByIndex(number), driver, runtime)
        return tuple(found)
    except Exception:
        return ()
    finally:
        with contextlib.suppress(Exception):
            nvml.nvmlShutdown()


def cards_of(nvml: Any, handle: Any, driver: str, runtime: str) -> list[Accelerator]:
    """The card, or the slices that it is cut into: a program computes on one of them."""
    name = words(nvml.nvmlDeviceGetName(handle))
    slices = []
    with contextlib.suppress(Exception):  # most cards cannot be cut
        if nvml.nvmlDeviceGetMigMode(handle)[0] == 1:
            for number in range(int(nvml.nvmlDeviceGetMaxMigDeviceCount(handle))):
                with contextlib.suppress(Exception):
                    slices.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number))
    made = []
    for one in slices or [handle]:
        total = free = None
        with contextlib.suppress(Exception):
            told = nvml.nvmlDeviceGetMemoryInfo(one)
            total, free = int(told.total), int(told.free)
        label = name if one is handle else f"{name} (MIG)"
        made.append(
            Accelerator(
                vendor="nvidia",
                name=label,
                memory_bytes=total,
                free_bytes=free,
                memory_kind=kind_of(name),
                driver=driver,
                runtime=runtime,
            )
        )
    return made


def words(told: Any) -> str:
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)


def kind_of(name: str) -> MemoryKind:
    return "unified" if any(chip in name for chip in SHARING) else "dedicated"


def parse(text: str) -> tuple[Accelerator, ...]:
    """One card a line: `NVIDIA GeForce RTX 4090, 24564, 23028, 550.54`; sizes in MiB, or `[N/A]`, `[Not Supported]`."""
    found = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and fields[0] and fields[3][:1].isdigit():
            name, total, free, driver = fields
            card = Accelerator("nvidia", name, mebibytes(total), mebibytes(free), kind_of(name), driver=driver)
            found.append(card)
    return tuple(found)


def parse_cuda(text: str) -> str | None:
    """The newest CUDA that the driver runs, from the head of plain `nvidia-smi`."""
    found = re.search(r"CUDA(?: UMD)? Version:\s*(\d+\.\d+)", text)
    return f"CUDA {found[1]}" if found else None


def with_slices(found: tuple[Accelerator, ...], listed: str, runtime: str | None) -> tuple[Accelerator, ...]:
    """Cards as `nvidia-smi -L` lists them with their slices below them: those that are cut are replaced by their slices, whose
    size stands in their name (`1g.10gb`)."""
    sections = WHOLE.split(listed)[1:]
    below = sections[1::2] if len(sections) == 2 * len(found) else [""] * len(found)
    made: list[Accelerator] = []
    for card, lines in zip(found, below, strict=True):
        slices = MIG.findall(lines)
        card = replace(card, runtime=runtime)
        made += [slice_of(card, name, int(size) << 30) for name, size in slices] or [card]
    return tuple(made)


def slice_of(card: Accelerator, name: str, size: int) -> Accelerator:
    return replace(card, name=f"{card.name} MIG {name}", memory_bytes=size, free_bytes=None, memory_kind="dedicated")


def parse_kernel(texts: dict[str, str]) -> tuple[Accelerator, ...]:
    """The driver's own files, which tell a name (`Model: NVIDIA GeForce RTX 3090`) and no size."""
    names = [re.search(r"^Model:\s*(.+)$", text, re.MULTILINE) for text in texts.values()]
    return tuple(Accelerator("nvidia", one[1].strip(), None, None, kind_of(one[1])) for one in names if one)


def mebibytes(text: str) -> int | None:
    return int(text) << 20 if text.isdigit() and len(text) < 10 else None
