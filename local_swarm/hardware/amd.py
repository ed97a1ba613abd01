"""AMD cards on Linux: by the kernel's own files, which need no tool and no rights; `amd-smi` or `rocm-smi` add better names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from local_swarm.hardware.files import first_int, read
from local_swarm.hardware.kernel_cards import CARDS, address, cards_of
from local_swarm.hardware.profile import Accelerator, MemoryKind
from local_swarm.hardware.run import Run, together
from local_swarm.units import TOOL_UNITS

VENDOR = "0x1002"
ROCM = Path("/opt/rocm/.info/version")
NAMES = Path("/usr/share/libdrm/amdgpu.ids")  # the drivers' own list, which comes with Mesa
FILES = ("mem_info_vram_total", "mem_info_vram_used", "mem_info_gtt_total", "product_name", "unique_id")
AMD_SMI = ("amd-smi", "static", "--asic", "--bus", "--vram", "--driver", "--json")
ROCM_SMI = ("rocm-smi", "--showproductname", "--showbus", "--showmeminfo", "vram", "--showdriverversion", "--json")
CHIP = re.compile(r"0x[0-9a-f]{4}|gfx[0-9a-f]{3,4}")
# Graphics beside a processor, by PCI number and by target (pci-ids.ucw.cz, llvm.org AMDGPUUsage), and in people's names.
INTEGRATED = re.compile(r"0x(?:1[0-9a-f]{3}|98[0-9a-f]{2})|gfx(?:902|909|90c|1013|103[3-7]|1103|115\w|117\w)")
INTEGRATED_NAME = re.compile(
    r"Radeon(?:\(TM\))? (?:RX )?(?:Vega )?(?:\d{1,4}[MS] |\d{1,2} )?Graphics|Radeon \d{3,4}[MS]$|w/ Radeon"
)
UNIFIED = ("0x1586", "gfx1151")  # Strix Halo: of those, the one whose memory is fast enough to compute in
ONE_MEMORY = ("0x74a0",)  # MI300A: what it tells as its own is main memory itself
INTEGRATED_BELOW = 3 << 30  # what firmware sets aside for integrated graphics is less than any card we would compute on
USUALLY_BORROWED = 16 << 30  # bytes, where a machine does not tell what its graphics may borrow
UNKNOWN = "AMD graphics"
MOST_CARDS = 512


def probe(run: Run, cards: Path = CARDS, rocm: Path = ROCM, names: Path = NAMES) -> tuple[Accelerator, ...]:
    listed = read(names)
    kernel = [
        replace(
            one,
            index=number,
            pci=card.pci,
            name=name_in(listed, card.device, read(card.folder / "revision")) or one.name,
        )
        for number, card in enumerate(cards_of(VENDOR, cards))
        for one in parse({name: read(card.folder / name) for name in FILES} | {"vendor": VENDOR, "device": card.device})
    ]
    if not kernel and cards.exists():
        return ()  # without the kernel's driver no tool finds a card either, and asking them takes time
    newer, older = (text or "" for text in together([partial(run, AMD_SMI), partial(run, ROCM_SMI)]))
    return merge_cards(tuple(kernel), parse_amd_smi(newer) or parse_rocm_smi(older), parse_version(read(rocm)))


def parse(texts: Mapping[str, str]) -> list[Accelerator]:
    """The files of one card, by name; sizes in bytes. The last is what graphics may borrow from main memory."""
    if texts.get("vendor", "").lower() != VENDOR:
        return []
    names = ("mem_info_vram_total", "mem_info_vram_used", "mem_info_gtt_total")
    size, used, borrowed = (first_int(texts.get(name, "")) for name in names)
    unique = texts.get("unique_id", "").removeprefix("0x")
    card = card_of(texts.get("product_name") or UNKNOWN, size, used, borrowed, texts.get("device", "").lower())
    return [replace(card, uuid=f"GPU-{unique}" if unique else None)]


def name_in(names: str, device: str, revision: str) -> str | None:
    """Of lines like `744C,\tC8,\tAMD Radeon RX 7900 XTX`: device, revision, name."""
    numbers = [re.escape(one.removeprefix("0x")) for one in (device, revision)]
    found = re.search(rf"^{numbers[0]},[ \t]*+{numbers[1]},[ \t]*+(\S.*)$", names, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found and all(numbers) else None


def card_of(name: str, size: int | None, used: int | None, borrowed: int | None, chip: str) -> Accelerator:
    """`chip`: its PCI number or target."""
    kind = kind_of(size, borrowed, chip, name)
    if kind == "unified":
        both = (size, 0 if chip in ONE_MEMORY else borrowed)
        whole = sum(known) if len(known := [one for one in both if one is not None]) == 2 else None
        return Accelerator("amd", name, whole, None, kind, limit_bytes=whole)
    free = size - used if size is not None and used is not None and used <= size else None
    return Accelerator("amd", name, size, free, kind)


def kind_of(size: int | None, borrowed: int | None = None, chip: str = "", name: str = "") -> MemoryKind:
    """Graphics beside a processor borrow main memory. Their own counts as a card's only where the firmware sets more aside than
    they may borrow: then it is lost to the processor anyway."""
    if chip in ONE_MEMORY:
        return "unified"
    if CHIP.fullmatch(chip):
        beside = INTEGRATED.fullmatch(chip) is not None
    else:
        beside = bool(INTEGRATED_NAME.search(name)) or (size or INTEGRATED_BELOW) < max(INTEGRATED_BELOW, borrowed or 0)
    most = USUALLY_BORROWED if borrowed is None else max(INTEGRATED_BELOW, borrowed)
    if not beside or (size or 0) > most:
        return "dedicated"
    return "unified" if chip in UNIFIED else "shared"


def parse_amd_smi(text: str) -> tuple[Accelerator, ...]:
    """`amd-smi static --json`: a list of cards, since ROCm 6.4 under `gpu_data`; warnings may stand before it."""
    told = within(text)
    cards = told.get("gpu_data") if isinstance(told, dict) else told
    known = [card for card in (cards if isinstance(cards, list) else [])[:MOST_CARDS] if isinstance(card, dict)]
    return tuple(card_of_amd_smi(card, place) for place, card in enumerate(known))


def card_of_amd_smi(told: Any, place: int) -> Accelerator:
    asic, vram, driver, bus = (object_at(told, key) for key in ("asic", "vram", "driver", "bus"))
    chip = chip_of(asic.get("device_id"), asic.get("target_graphics_version"))
    card = card_of(text_of(asic.get("market_name")) or UNKNOWN, bytes_of(vram.get("size")), None, None, chip)
    version = text_of(driver.get("version") or driver.get("driver_version"))
    return replace(card, driver=version, index=place, pci=address(str(bus.get("bdf"))))


def parse_rocm_smi(text: str) -> tuple[Accelerator, ...]:
    """`rocm-smi --json`: an object by `card0`, `card1` and `system`; keys changed their case over the versions."""
    told = within(text)
    if not isinstance(told, dict):
        return ()
    version = text_of({key.lower(): value for key, value in object_at(told, "system").items()}.get("driver version"))
    found: list[Accelerator] = []
    for name, card in islice(told.items(), MOST_CARDS):
        if not re.fullmatch(r"card\d+", name) or not isinstance(card, dict):
            continue
        facts = {key.lower(): str(value) for key, value in card.items()}
        total, used = (first_int(facts.get(f"vram total {key} (b)", "")) for key in ("memory", "used memory"))
        label = text_of(facts.get("card series")) or text_of(facts.get("device name")) or UNKNOWN
        chip = chip_of(facts.get("card model"), facts.get("device id"), facts.get("gfx version"))
        made = card_of(label, total, used, None, chip)
        found.append(replace(made, driver=version, index=len(found), pci=address(facts.get("pci bus", ""))))
    return tuple(found)


def chip_of(*told: Any) -> str:
    """The first that is a PCI number or a target: older tools write a name there."""
    return next((text for one in told if CHIP.fullmatch(text := str(one).strip().lower())), "")


def parse_version(text: str) -> str | None:
    found = re.match(r"(\d+\.\d+)", text)
    return f"ROCm {found[1]}" if found else None


def merge_cards(
    kernel: tuple[Accelerator, ...], told: tuple[Accelerator, ...], runtime: str | None
) -> tuple[Accelerator, ...]:
    """What the kernel says, with what the tools add. Without ROCm cards compute by Vulkan. The largest come first."""
    both = [merge(one, of_same_card(one, kernel, told)) for one in kernel] or list(told)
    runs = [replace(one, runtime=runtime or "Vulkan") for one in both]
    return tuple(sorted(runs, key=lambda one: -(one.memory_bytes or 0)))


def of_same_card(
    one: Accelerator, kernel: tuple[Accelerator, ...], told: tuple[Accelerator, ...]
) -> Accelerator | None:
    """What a tool tells of a card: by its address, else by its place where both know as many."""
    if one.pci and any(other.pci for other in told):
        return next((other for other in told if other.pci == one.pci), None)
    return told[one.index or 0] if len(kernel) == len(told) else None


def merge(mine: Accelerator, theirs: Accelerator | None) -> Accelerator:
    if theirs is None:
        return mine
    known = mine.memory_bytes is not None
    return replace(
        mine if known else replace(theirs, name=mine.name, index=mine.index, pci=mine.pci, uuid=mine.uuid),
        name=theirs.name if mine.name == UNKNOWN else mine.name,
        driver=theirs.driver,
        free_bytes=mine.free_bytes
        if mine.free_bytes is not None or mine.memory_kind == "unified"
        else theirs.free_bytes,
    )


def within(text: str) -> Any:
    """The JSON in a text, whatever stands before it."""
    begin = min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=-1)
    try:
        return json.JSONDecoder().raw_decode(text[begin:])[0] if begin >= 0 else None
    except (ValueError, RecursionError):
        return None


def object_at(told: Any, key: str) -> Mapping[str, Any]:
    found = told.get(key) if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def bytes_of(told: Any) -> int | None:
    """Bytes of `{"value": 16368, "unit": "MB"}` or `16368 MB`."""
    value, unit = (told.get("value"), told.get("unit")) if isinstance(told, dict) else (told, "MB")
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+)\s*([A-Za-z]+)", value.strip())):
        value, unit = int(found[1]), found[2]
    scale = TOOL_UNITS.get(str(unit).upper())
    return int(value) * scale if isinstance(value, int) and value >= 0 and scale else None


def text_of(told: Any) -> str | None:
    return str(told) if told and str(told).strip().upper() not in ("N/A", "UNKNOWN") else None
