"""Intel graphics on Linux: which there are by the kernel's files, how large by what the driver, the tools or the PCI bus tell."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from local_swarm.hardware.files import first_int, read
from local_swarm.hardware.kernel_cards import CARDS, KernelCard, address, cards_of
from local_swarm.hardware.profile import Accelerator
from local_swarm.hardware.run import Run, together
from local_swarm.units import TOOL_UNITS

VENDOR = "0x8086"
XPU_SMI = ("xpu-smi", "discovery", "--dump", "1,2,11,16")  # number, name, address, memory
COLUMNS = {"device name": "name", "pci bdf address": "pci", "memory physical size": "size"}  # of its head
WITHOUT_HEAD = {3: ("number", "name", "size"), 4: ("number", "name", "pci", "size")}
SYCL_LS = ("sycl-ls",)
# Device numbers of cards of their own (pci-ids.ucw.cz): Alchemist, Battlemage, the data centre's, DG1.
CARD_NUMBERS = re.compile(r"0x(56[9abc][0-9a-f]|e2[0-9a-f]{2}|0bd[0-9a-f]|0b6[9e]|490[5-9]|4f8[0-9a-f])")
# Names, and the GiB of those that are sold with one size only. A window onto memory has a power of two, and may be larger.
KNOWN: dict[str, tuple[str, int | None]] = {
    "0x56a0": ("Intel Arc A770", None),
    "0x56a1": ("Intel Arc A750", 8),
    "0x56a2": ("Intel Arc A580", 8),
    "0x56a5": ("Intel Arc A380", 6),
    "0x56a6": ("Intel Arc A310", 4),
    "0x5690": ("Intel Arc A770M", 16),
    "0x5691": ("Intel Arc A730M", 12),
    "0x5692": ("Intel Arc A550M", 8),
    "0x5693": ("Intel Arc A370M", 4),
    "0x5694": ("Intel Arc A350M", 4),
    "0x56b0": ("Intel Arc Pro A30M", 4),
    "0x56b1": ("Intel Arc Pro A40/A50", 6),
    "0x56b2": ("Intel Arc Pro A60M", 8),
    "0x56b3": ("Intel Arc Pro A60", 12),
    "0x56c0": ("Intel Data Center GPU Flex 170", 16),
    "0x56c1": ("Intel Data Center GPU Flex 140", 6),
    "0x0bd5": ("Intel Data Center GPU Max 1550", 128),
    "0x0bda": ("Intel Data Center GPU Max 1100", 48),
    "0xe20b": ("Intel Arc B580", 12),
    "0xe20c": ("Intel Arc B570", 10),
    "0xe211": ("Intel Arc Pro B60", 24),
    "0xe212": ("Intel Arc Pro B50", 16),
    "0xe223": ("Intel Arc Pro B70", 32),
}
ONE_SIZE = {name for name, size in KNOWN.values() if size}
SMALL_WINDOW = 1 << 30  # a window onto a card's memory that is no larger shows only a part of it

LONGEST_LINE = 2_000  # characters


def probe(run: Run, cards: Path = CARDS) -> tuple[Accelerator, ...]:
    listed = [(one, parse(files_of(one), one.pci)) for one in cards_of(VENDOR, cards)]
    found = [replace(card, index=number, pci=one.pci) for number, (one, card) in enumerate(listed) if card]
    if any(one.memory_kind == "dedicated" for one in found):
        sizes, platforms = (text or "" for text in together([partial(run, XPU_SMI), partial(run, SYCL_LS)]))
        runtime = parse_sycl_ls(platforms) or "Vulkan"
        found = [replace(one, runtime=runtime) if one.memory_kind == "dedicated" else one for one in found]
        found = with_tool_sizes(found, parse_table(sizes))
    return tuple(sorted(found, key=lambda one: (one.memory_kind != "dedicated", -(one.memory_bytes or 0))))


def files_of(card: KernelCard) -> dict[str, str]:
    """`lmem_total_bytes` (i915 of Intel's own packages) lies beside or in the device, the tiles' sizes (xe) below it."""
    found = {"vendor": VENDOR, "device": card.device, "resource": read(card.folder / "resource")}
    places = (card.folder.parent, card.folder)
    found["lmem_total_bytes"] = next((text for one in places if (text := read(one / "lmem_total_bytes"))), "")
    tiles = [
        *card.folder.glob("tile*/physical_vram_size_bytes"),
        *card.folder.glob("tile*/memory/physical_vram_size_bytes"),
    ]
    return found | {"tiles": " ".join(read(path) for path in sorted(tiles))}


def parse(texts: Mapping[str, str], pci: str | None = None) -> Accelerator | None:
    """The files of one card. Integrated graphics have no memory of their own, and are the second device of the first bus."""
    number = texts.get("device", "").lower()
    if texts.get("vendor", "").lower() != VENDOR:
        return None
    tiles = [size for one in texts.get("tiles", "").split() if (size := hexadecimal(one)) is not None]
    told = first_int(texts.get("lmem_total_bytes", "")) or sum(tiles)
    seen = window(texts.get("resource", ""))
    if not (told or seen or is_card(number)) and (pci is None or pci.startswith("0000:00:")):
        return Accelerator("intel", "Intel integrated graphics", None, None, "shared")
    name, gib = KNOWN.get(number, ("Intel Arc graphics", None))
    return Accelerator("intel", name, told or (gib << 30 if gib else seen) or None, None, "dedicated")


def is_card(number: str) -> bool:
    """`number`: of the PCI device, e.g. `0x56a0`."""
    return CARD_NUMBERS.fullmatch(number) is not None


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
    """Name and bytes of every card, `N/A` is unknown."""
    return [(one["name"], size_in(one["size"])) for one in parse_table(text)]


def parse_table(text: str) -> list[dict[str, str]]:
    """Name, size and address of every card, of lines like `0,"Intel(R) Arc(TM) A770 Graphics","15473.05 MiB"` below a head that
    names the columns."""
    found, columns = [], None
    for row in csv.reader(line for line in text.splitlines() if len(line) <= LONGEST_LINE):
        fields = [field.strip() for field in row]
        if "device name" in (head := [field.lower() for field in fields]):
            columns = [COLUMNS.get(field, field) for field in head]
        elif fields and fields[0].isdecimal():
            named = dict(zip(columns or WITHOUT_HEAD.get(len(fields), ()), fields, strict=False))
            if {"name", "size"} <= named.keys():
                found.append(named | {"name": plain(named["name"])})
    return found


def size_in(text: str) -> int | None:
    amount = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([A-Za-z]+)", text)
    scale = TOOL_UNITS.get(amount[2].upper()) if amount else None
    return int(float(amount[1]) * scale) if amount and scale else None


def parse_sycl_ls(text: str) -> str | None:
    """Whether oneAPI computes on a card here: a line `[level_zero:gpu]...`, before 2024 `[ext_oneapi_level_zero:gpu:0]...`."""
    return "SYCL" if re.search(r"^\[(?:ext_oneapi_)?level_zero:gpu", text, re.MULTILINE) else None


def with_tool_sizes(found: list[Accelerator], told: list[dict[str, str]]) -> list[Accelerator]:
    """What the tool says of each card that has no size yet: by its address, else by its name where that is one card's, else by
    its place where the tool knows as many."""
    cards = [one for one in found if one.memory_kind == "dedicated"]
    rows = told if len(told) == len(found) else [one for one in told if not is_integrated(one["name"])]
    order = found if len(told) == len(found) else cards
    made = []
    for one in found:
        same = [row for row in told if one.pci and address(row.get("pci", "")) == one.pci]
        same = same or [row for row in told if one.name == f"Intel {row['name']}" and not row.get("pci")]
        if len(same) != 1 and len(rows) == len(order) and not any(row.get("pci") and one.pci for row in rows):
            same = [rows[order.index(one)]] if one in order else []
        size = size_in(same[0]["size"]) if len(same) == 1 and one.memory_kind == "dedicated" else None
        sure = one.memory_bytes if one.name not in ONE_SIZE else None
        made.append(replace(one, memory_bytes=sure or size or one.memory_bytes))
    return made


def is_integrated(name: str) -> bool:
    """As the tool names it: `Iris Xe`, `UHD 770`, plain `Arc`, `Arc 140V GPU (16GB)`; cards are `Arc A770`, `Flex 170`."""
    return not re.search(r"\b(?:[AB]\d{2,3}M?|Flex \d+|Max \d+|DG1)\b", name)


def plain(name: str) -> str:
    """`Intel(R) Arc(TM) A770 Graphics` as people say it."""
    return re.sub(r"\((?:R|TM)\)| Graphics$|^Intel(?:\(R\))? ", "", name.strip()).strip()
