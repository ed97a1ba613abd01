"""NVIDIA cards: by nvidia-ml-py where it is installed, by `nvidia-smi`, which comes with every driver, else by the kernel."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from local_swarm.hardware.files import read
from local_swarm.hardware.kernel_cards import address
from local_swarm.hardware.profile import Accelerator, MemoryKind
from local_swarm.hardware.run import Run, together

FIELDS = "name,memory.total,memory.free,driver_version"
PROGRAMS = (
    "nvidia-smi",
    "/usr/lib/wsl/lib/nvidia-smi",  # WSL, where it is on no path
    r"C:\Windows\System32\nvidia-smi.exe",
    r"C:\Program Files\NVIDIA Corporation\NVSMI\nvidia-smi.exe",  # drivers before 2020
)
CARDS = Path("/proc/driver/nvidia/gpus")
BOARD = Path("/proc/device-tree/model")
# `MIG 1g.10gb+me  Device  0: (UUID: MIG-0a7b)`; `1c.3g.40gb` is one of several that compute in a slice of 40 GB.
MIG = re.compile(
    r"^[ \t]++MIG ((?:\d++c\.)?+\d++g\.(\d{1,5})gb\S{0,40})\s++Device\s++\d++:(?: \(UUID: ([^\s)]++)\))?+", re.MULTILINE
)
WHOLE = re.compile(r"^GPU \d{1,4}: (.{1,200}?) \(UUID: ?([^\s)]{0,200})\)?", re.MULTILINE)
UNKNOWN = "NVIDIA graphics"
LONGEST_CARD, LONGEST_SECTION = 2_000, 20_000  # characters: of one card in the query, of its slices in the list
SHARING = re.compile(r"GB10\b|\bN1X?\b|Orin|Thor|Xavier|Jetson|Tegra|nvgpu")  # chips that share the machine's memory
# Names of cards with memory of their own, e.g. `GeForce`, `RTX A6000`, `GRID T4-8Q`, `A100-SXM4-80GB`, `GH200 480GB`.
OWN_MEMORY = re.compile(
    r"GeForce|Quadro|Tesla|TITAN|GRID|NVS|CMP|(?:RTX|GTX|GT|MX) ?(?:PRO )?[A-Z]?\d"
    r"|\b(?:GH|GB|VR)\d00|\b[ABHLPVTKMR]\d{1,4}[A-Z]?\b"
)
# What stands for a size that the driver does not tell: `[N/A]`, `[Insufficient Permissions]`, `ERR!`, nothing.
SIZE = re.compile(r"(\d{1,9}) ?(?:MiB)?|\[.*\]|N/A|ERR!|Unknown Error|Not Supported|", re.IGNORECASE)


def probe(run: Run, cards: Path = CARDS, library: str = "pynvml", board: Path = BOARD) -> tuple[Accelerator, ...]:
    if found := by_library(library):
        return found
    for program in PROGRAMS:
        asked = ((program, f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits"), (program, "-L"), (program,))
        told, listed, head = (text or "" for text in together([partial(run, one) for one in asked]))
        if found := parse(told) or parse_list(listed):
            return with_slices(found, listed, parse_cuda(head), parse_cut(head))
    kernel = parse_kernel({path.parent.name: read(path) for path in sorted(cards.glob("*/information"))})
    return kernel or parse_board(read(board))


def by_library(name: str) -> tuple[Accelerator, ...]:
    """What NVML tells, nothing where it is missing: then the program is asked."""
    try:
        return told_by(importlib.import_module(name))
    except ImportError:
        return ()


def told_by(nvml: Any) -> tuple[Accelerator, ...]:
    """What NVML tells, nothing where it does not work at all; what it does not tell of a card is unknown."""
    if answer(nvml.nvmlInit, failed=False) is False:
        return ()
    try:
        driver = words(answer(nvml.nvmlSystemGetDriverVersion))
        version = answer(nvml.nvmlSystemGetCudaDriverVersion)
        runtime = f"CUDA {version // 1000}.{version % 1000 // 10}" if isinstance(version, int) else None
        found: list[Accelerator] = []
        for number in range(answer(nvml.nvmlDeviceGetCount) or 0):
            handle = answer(partial(nvml.nvmlDeviceGetHandleByIndex, number))
            found += cards_of(nvml, handle, number) if handle is not None else []  # a card that is lost has none
        return tuple(replace(one, driver=driver, runtime=runtime) for one in found)
    finally:
        answer(nvml.nvmlShutdown)


def answer(question: Callable[[], Any], failed: Any = None) -> Any:
    """NVML's errors are made at run time, broken drivers have their own, and old versions lack functions."""
    try:
        return question()
    except Exception:
        return failed


def cards_of(nvml: Any, handle: Any, number: int) -> list[Accelerator]:
    """The card, or the slices that it is cut into; cut and without a slice it computes nothing."""
    name = words(answer(lambda: nvml.nvmlDeviceGetName(handle))) or UNKNOWN
    whole = Accelerator("nvidia", name, None, None, kind_of(name), index=number)
    mode = answer(lambda: nvml.nvmlDeviceGetMigMode(handle)[0])  # most cards cannot be cut
    if mode != 1:
        bus = answer(lambda: nvml.nvmlDeviceGetPciInfo(handle).busId)
        return [replace(with_memory(nvml, handle, whole), pci=address(words(bus) or ""))]
    made = []
    for place in range(answer(lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0):
        part = answer(partial(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, place))
        if part is not None:
            own = words(answer(partial(nvml.nvmlDeviceGetName, part))) or ""
            named = replace(whole, name=own if "MIG" in own else f"{name} (MIG)", slice=True)
            made.append(with_memory(nvml, part, named))
    return made or [without_slice(whole)]


def with_memory(nvml: Any, handle: Any, card: Accelerator) -> Accelerator:
    """With its memory and its UUID."""
    memory = answer(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    total, free = answer(lambda: int(memory.total)), answer(lambda: int(memory.free))
    uuid = words(answer(lambda: nvml.nvmlDeviceGetUUID(handle)))
    return replace(card, memory_bytes=total or None, free_bytes=free if total else None, uuid=uuid)


def words(told: Any) -> str | None:
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else None if told is None else str(told)


def kind_of(name: str) -> MemoryKind:
    return "unified" if SHARING.search(name) else "dedicated"


def on_architecture(card: Accelerator, arch: str) -> Accelerator:
    """On ARM what has no card's name is a chip beside the processor: drivers of new ones, and WSL, call it anything. All that
    it tells is a part of main memory, and the most that it may hold."""
    if card.vendor != "nvidia" or card.slice:
        return card
    chip = card.memory_kind == "unified" or (arch == "arm64" and not OWN_MEMORY.search(card.name))
    return replace(card, memory_kind="unified", limit_bytes=card.memory_bytes) if chip else card


def parse(text: str) -> tuple[Accelerator, ...]:
    """One card a line: `NVIDIA GeForce RTX 4090, 24564, 23028, 550.54`; sizes in MiB. A line with a name and what stands for two
    sizes is a card, whatever else is missing or follows."""
    found: list[Accelerator] = []
    for line in text.splitlines():
        name, *rest = (field.strip() for field in re.split(r"[,;\t]", line[:LONGEST_CARD]))
        sizes = [SIZE.fullmatch(field) for field in rest[:2]]
        if len(sizes) == 2 and all(sizes):
            total, free = (mebibytes(one[1]) if one else None for one in sizes)
            driver = rest[2] if len(rest) > 2 and rest[2][:1].isdecimal() else None
            name = UNKNOWN if not name or SIZE.fullmatch(name) else name
            found.append(Accelerator("nvidia", name, total, free, kind_of(name), driver=driver, index=len(found)))
    return tuple(found)


def parse_list(text: str) -> tuple[Accelerator, ...]:
    """`nvidia-smi -L`, for drivers that do not answer the query: a name and nothing else."""
    names = [found[0].strip() for found in WHOLE.findall(text)]
    return tuple(
        Accelerator("nvidia", name, None, None, kind_of(name), index=number) for number, name in enumerate(names)
    )


def parse_cuda(text: str) -> str | None:
    """The newest CUDA that the driver runs, from the head of plain `nvidia-smi`."""
    found = re.search(r"CUDA(?: UMD)? Version:\s*(\d+\.\d+)", text)
    return f"CUDA {found[1]}" if found else None


def parse_cut(text: str) -> tuple[bool, ...]:
    """Of every card in the table of plain `nvidia-smi`, whether it is cut: the last column then ends in `Enabled`."""
    table = text.partition("Processes:")[0].partition("|===")[2]
    blocks = re.split(r"^\+[-+=]{20,}\+?[ \t]*$", table, flags=re.MULTILINE)
    cards = [block for block in blocks if re.search(r"^\|\s{0,9}\d{1,3}\s", block, re.MULTILINE)]
    return tuple(bool(re.search(r"\sEnabled\*?\s{1,9}\|\s*$", block)) for block in cards)


def with_slices(
    found: tuple[Accelerator, ...], listed: str, runtime: str | None, cut: tuple[bool, ...] = ()
) -> tuple[Accelerator, ...]:
    """Cards as `nvidia-smi -L` lists them with their slices below them: those that are cut are replaced by their slices, whose
    size stands in their name (`1g.10gb`)."""
    sections = WHOLE.split(listed)[1:]
    same = len(sections) == 3 * len(found)
    uuids, below = (sections[1::3], sections[2::3]) if same else ([""] * len(found), [""] * len(found))
    empty = cut if len(cut) == len(found) else (False,) * len(found)
    made: list[Accelerator] = []
    for card, uuid, lines, without in zip(found, uuids, below, empty, strict=True):
        card = replace(card, runtime=runtime, uuid=uuid or None)
        slices = [
            slice_of(card, name, int(size) << 30, own) for name, size, own in MIG.findall(lines[:LONGEST_SECTION])
        ]
        made += slices or [without_slice(card) if without and same else card]
    return tuple(made)


def slice_of(card: Accelerator, name: str, size: int, uuid: str) -> Accelerator:
    label = f"{card.name} MIG {name}"
    return replace(card, name=label, memory_bytes=size, free_bytes=None, uuid=uuid or None, slice=True)


def without_slice(card: Accelerator) -> Accelerator:
    """A card whose slices are still to be made: a process computes on none of it."""
    return replace(card, name=f"{card.name} (MIG, no slice)", memory_bytes=0, free_bytes=0, slice=True)


def parse_kernel(texts: dict[str, str]) -> tuple[Accelerator, ...]:
    """The driver's own files, which tell a name (`Model: NVIDIA GeForce RTX 3090`) and no size."""
    names = [(pci, re.search(r"^Model:[ \t]*(\S.*)$", text, re.MULTILINE)) for pci, text in texts.items()]
    return tuple(
        Accelerator("nvidia", one[1].strip(), None, None, kind_of(one[1]), index=number, pci=address(pci))
        for number, (pci, one) in enumerate(names)
        if one
    )


def parse_board(text: str) -> tuple[Accelerator, ...]:
    """What firmware calls a board: Jetsons before JetPack 6 have neither NVML nor `nvidia-smi`."""
    name = " ".join(text.replace("\0", " ").split())[:LONGEST_CARD]
    return (Accelerator("nvidia", name, None, None, "unified", index=0),) if re.search(r"Jetson|Tegra", name) else ()


def mebibytes(text: str | None) -> int | None:
    """A size of 0 is one that is not told."""
    return (int(text) << 20) or None if text and text.isdecimal() else None
