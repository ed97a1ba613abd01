"""AMD cards on Linux: by the kernel's own files, which need no tool and no rights; `amd-smi` or `rocm-smi` add better names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from local_swarm.hardware.files import first_int, read
from local_swarm.hardware.profile import Accelerator, MemoryKind
from local_swarm.hardware.run import Run, together
from local_swarm.units import TOOL_UNITS

VENDOR = "0x1002"
CARDS = Path("/sys/class/drm")
ROCM = Path("/opt/rocm/.info/version")
FILES = ("vendor", "device", "mem_info_vram_total", "mem_info_vram_used", "mem_info_gtt_total", "product_name")
AMD_SMI = ("amd-smi", "static", "--asic", "--vram", "--driver", "--json")
ROCM_SMI = ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--showdriverversion", "--json")
INTEGRATED_BELOW = 3 << 30  # what firmware sets aside for integrated graphics is less than any card we would compute on
UNKNOWN = "AMD graphics"


def probe(run: Run, cards: Path = CARDS, rocm: Path = ROCM) -> tuple[Accelerator, ...]:
    kernel = [
        one
        for device in sorted(cards.glob("card[0-9]*/device"))
        if "-" not in device.parent.name  # card0-HDMI-A-1 is a connector
        for one in parse({name: read(device / name) for name in FILES})
    ]
    if not kernel and cards.exists():
        return ()  # without the kernel's driver no tool finds a card either, and asking them takes time
    newer, older = (text or "" for text in together([partial(run, AMD_SMI), partial(run, ROCM_SMI)]))
    return merge_cards(tuple(kernel), parse_amd_smi(newer) or parse_rocm_smi(older), parse_version(read(rocm)))


def parse(texts: Mapping[str, str]) -> list[Accelerator]:
    """The files of one card, by name; sizes in bytes."""
    if texts.get("vendor", "").lower() != VENDOR:
        return []
    size, used = first_int(texts.get("mem_info_vram_total", "")), first_int(texts.get("mem_info_vram_used", ""))
    free = size - used if size is not None and used is not None and used <= size else None
    return [Accelerator("amd", texts.get("product_name") or UNKNOWN, size, free, kind_of(size))]


def kind_of(size: int | None) -> MemoryKind:
    return "shared" if size is not None and size < INTEGRATED_BELOW else "dedicated"


def parse_amd_smi(text: str) -> tuple[Accelerator, ...]:
    """`amd-smi static --json`: a list of cards, since ROCm 6.4 under `gpu_data`; warnings may stand before it."""
    told = within(text)
    cards = told.get("gpu_data") if isinstance(told, dict) else told
    found = []
    for card in cards if isinstance(cards, list) else []:
        asic, vram, driver = (object_at(card, key) for key in ("asic", "vram", "driver"))
        size = bytes_of(vram.get("size"))
        name = str(asic.get("market_name") or UNKNOWN)
        version = text_of(driver.get("version") or driver.get("driver_version"))
        found.append(
            Accelerator(
                vendor="amd",
                name=UNKNOWN if name == "N/A" else name,
                memory_bytes=size,
                free_bytes=None,
                memory_kind=kind_of(size),
                driver=version,
            )
        )
    return tuple(found)


def parse_rocm_smi(text: str) -> tuple[Accelerator, ...]:
    """`rocm-smi --json`: an object by `card0`, `card1` and `system`; keys changed their case over the versions."""
    told = within(text)
    if not isinstance(told, dict):
        return ()
    version = text_of({key.lower(): value for key, value in object_at(told, "system").items()}.get("driver version"))
    found = []
    for name, card in told.items():
        if not re.fullmatch(r"card\d+", name) or not isinstance(card, dict):
            continue
        facts = {key.lower(): str(value) for key, value in card.items()}
        total, used = (
            first_int(facts.get("vram total memory (b)", "")),
            first_int(facts.get("vram total used memory (b)", "")),
        )
        free = total - used if total is not None and used is not None and used <= total else None
        label = text_of(facts.get("card series")) or text_of(facts.get("device name")) or UNKNOWN
        found.append(
            Accelerator(
                vendor="amd",
                name=label,
                memory_bytes=total,
                free_bytes=free,
                memory_kind=kind_of(total),
                driver=version,
            )
        )
    return tuple(found)


def parse_version(text: str) -> str | None:
    found = re.match(r"(\d+\.\d+)", text)
    return f"ROCm {found[1]}" if found else None


def merge_cards(
    kernel: tuple[Accelerator, ...], told: tuple[Accelerator, ...], runtime: str | None
) -> tuple[Accelerator, ...]:
    """What the kernel says, with the tools' names and drivers where both know the same number of cards. Without ROCm cards
    compute by Vulkan. The largest come first."""
    if kernel and len(kernel) == len(told):
        both = [
            replace(
                mine,
                name=theirs.name if mine.name == UNKNOWN else mine.name,
                driver=theirs.driver,
                memory_bytes=mine.memory_bytes if mine.memory_bytes is not None else theirs.memory_bytes,
                free_bytes=mine.free_bytes if mine.free_bytes is not None else theirs.free_bytes,
                memory_kind=mine.memory_kind if mine.memory_bytes is not None else theirs.memory_kind,
            )
            for mine, theirs in zip(kernel, told, strict=True)
        ]
    else:
        both = list(kernel or told)
    runs = [replace(one, runtime=runtime or "Vulkan") for one in both]
    return tuple(sorted(runs, key=lambda one: -(one.memory_bytes or 0)))


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
