"""Intel graphics on Linux: which there are by the kernel's files, how large by what the driver, the tools or the PCI bus tell."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from local_swarm.hardware.files import first_int, read
from local_swarm.hardware.profile import Accelerator
from local_swarm.hardware.run import Run, together
from local_swarm.units import TOOL_UNITS

VENDOR = "0x8086"
CARDS = Path("/sys/class/drm")
XPU_SMI = ("xpu-smi", "discovery", "--dump", "1,2,16")  # number, name, memory
SYCL_LS = ("sycl-ls",)
# Device numbers of cards of their own (pci-ids.ucw.cz): Alchemist, Battlemage, the data centre's.
CARD_NUMBERS = re.compile(r"0x(56[9abc][0-9a-f]|e2[012][0-9a-f]|0bd[0-9a-f]|490[5-9])")
NAMES = {
    "0x56a0": "Intel Arc A770",
    "0x56a1": "Intel Arc A750",
    "0x56a2": "Intel Arc A580",
    "0x56a5": "Intel Arc A380",
    "0x56a6": "Intel Arc A310",
    "0x5690": "Intel Arc A770M",
    "0x5691": "Intel Arc A730M",
    "0x5692": "Intel Arc A550M",
    "0x5693": "Intel Arc A370M",
    "0x5694": "Intel Arc A350M",
    "0xe20b": "Intel Arc B580",
    "0xe20c": "Intel Arc B570",
    "0xe211": "Intel Arc Pro B60",
    "0xe212": "Intel Arc Pro B50",
    "0xe223": "Intel Arc Pro B70",
}
SMALL_WINDOW = 1 << 30  # a window onto a card's memory that is no larger shows only a part of it

LONGEST_LINE = 2_000  # characters


def probe(run: Run, cards: Path = CARDS) -> tuple[Accelerator, ...]:
    devices = [one for one in sorted(cards.glob("card[0-9]*/device")) if "-" not in one.parent.name]
    found = [one for device in devices if (one := parse(files_of(device)))]
    if any(one.memory_kind == "dedicated" for one in found):
        sizes, platforms = (text or "" for text in together([partial(run, XPU_SMI), partial(run, SYCL_LS)]))
        runtime = parse_sycl_ls(platforms) or "Vulkan"
        found = [replace(one, runtime=runtime) if one.memory_kind == "dedicated" else one for one in found]
        found = with_tool_sizes(found, parse_xpu_smi(sizes))
    return tuple(sorted(found, key=lambda one: (one.memory_kind != "dedicated", -(one.memory_bytes or 0))))


def files_of(device: Path) -> dict[str, str]:
    """`lmem_total_bytes` (i915 of Intel's own packages) lies beside the device, the tiles' sizes (xe) below it."""
    texts = {name: read(device / name) for name in ("vendor", "device", "resource")}
    texts["lmem_total_bytes"] = read(device.parent / "lmem_total_bytes")
    tiles = [read(path) for path in sorted(device.glob("tile*/physical_vram_size_bytes"))]
    return texts | {"tiles": " ".join(tiles)}


def parse(texts: Mapping[str, str]) -> Accelerator | None:
    """The files of one card. Integrated graphics have no memory of their own."""
    number = texts.get("device", "").lower()
    if texts.get("vendor", "").lower() != VENDOR:
        return None
    if not CARD_NUMBERS.fullmatch(number):
        return Accelerator("intel", NAMES.get(number, "Intel integrated graphics"), None, None, "shared")
    tiles = [size for one in texts.get("tiles", "").split() if (size := hexadecimal(one)) is not None]
    size = first_int(texts.get("lmem_total_bytes", "")) or sum(tiles) or window(texts.get("resource", ""))
    return Accelerator("intel", NAMES.get(number, "Intel Arc graphics"), size or None, None, "dedicated")


def hexadecimal(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None


def window(text: str) -> int | None:
    """The third line of a PCI device's `resource`: start and end of the window onto its memory, which shows all of it where it is
    resizable."""
    lines = text.splitlines()
    ends = [hexadecimal(one) for one in lines[2].split()[:2]] if len(lines) > 2 else []
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return None
    size = ends[1] - ends[0] + 1
    return size if size > SMALL_WINDOW else None


def parse_xpu_smi(text: str) -> list[tuple[str, int | None]]:
    """Name and bytes of every card, from lines like `0,"Intel(R) Arc(TM) A770 Graphics","15473.05 MiB"`; `N/A` is unknown."""
    found = []
    for row in csv.reader(line for line in text.splitlines() if len(line) <= LONGEST_LINE):
        if len(row) == 3 and row[0].strip().isdigit():
            amount = re.fullmatch(r"([\d.]+)\s*([A-Za-z]+)", row[2].strip())
            scale = TOOL_UNITS.get(amount[2].upper()) if amount else None
            size = int(float(amount[1]) * scale) if amount and scale and amount[1].count(".") < 2 else None
            found.append((plain(row[1]), size))
    return found


def parse_sycl_ls(text: str) -> str | None:
    """Whether oneAPI computes on a card here: a line `[level_zero:gpu]...`, before 2024 `[ext_oneapi_level_zero:gpu:0]...`."""
    return "SYCL" if re.search(r"^\[(?:ext_oneapi_)?level_zero:gpu", text, re.MULTILINE) else None


def with_tool_sizes(found: list[Accelerator], told: list[tuple[str, int | None]]) -> list[Accelerator]:
    """Sizes and names of cards from the tool, in order, where it knows as many."""
    cards = [one for one in told if "integrated" not in one[0].lower()]
    waiting = [one for one in found if one.memory_kind == "dedicated"]
    if len(cards) != len(waiting):
        return found
    fresh = iter(cards)
    return [
        replace(one, memory_bytes=one.memory_bytes or next(fresh)[1]) if one.memory_kind == "dedicated" else one
        for one in found
    ]


def plain(name: str) -> str:
    """`Intel(R) Arc(TM) A770 Graphics` as people say it."""
    return re.sub(r"\((?:R|TM)\)| Graphics$", "", name.strip()).strip()
