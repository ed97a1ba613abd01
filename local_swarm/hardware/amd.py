"""AMD cards by the kernel's own files (`/sys/class/drm`), which need no tool and no rights."""

from __future__ import annotations

from pathlib import Path

from local_swarm.hardware.profile import Accelerator
from local_swarm.hardware.run import Run

VENDOR = "0x1002"
CARDS = Path("/sys/class/drm")
FILES = ("vendor", "mem_info_vram_total", "mem_info_vram_used", "product_name")
INTEGRATED_BELOW = 4 << 30  # what firmware sets aside for integrated graphics is less than any card we would compute on


def probe(_run: Run, cards: Path = CARDS) -> tuple[Accelerator, ...]:
    found = []
    for device in sorted(cards.glob("card[0-9]*/device")):
        if "-" not in device.parent.name:  # card0-HDMI-A-1 is a connector
            texts = {name: read(device / name) for name in FILES}
            found += parse(texts)
    return tuple(found)


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def parse(texts: dict[str, str]) -> list[Accelerator]:
    """The files of one card, by name; sizes in bytes."""
    if texts.get("vendor", "").lower() != VENDOR:
        return []
    total, used = texts.get("mem_info_vram_total", ""), texts.get("mem_info_vram_used", "")
    size = int(total) if total.isdigit() else None
    free = size - int(used) if size is not None and used.isdigit() else None
    kind = "shared" if size is not None and size < INTEGRATED_BELOW else "dedicated"
    return [Accelerator("amd", texts.get("product_name") or "AMD graphics", size, free, kind)]  # type: ignore[arg-type]
