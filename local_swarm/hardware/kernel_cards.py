"""Linux' own list of graphics cards in, those of one maker out, in the order of their PCI addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from local_swarm.hardware.files import read

CARDS = Path("/sys/class/drm")
NO_COMPUTE = ("radeon",)  # drivers of cards from before 2012, on which nothing of ours runs
ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


@dataclass(frozen=True, slots=True)
class KernelCard:
    """`folder`: of the device. `device`: its number in hexadecimal, e.g. `0x744c`. `pci`: its address."""

    folder: Path
    device: str
    pci: str | None


def cards_of(vendor: str, cards: Path = CARDS) -> list[KernelCard]:
    """`vendor`: its PCI number, e.g. `0x1002`."""
    numbers = {int(path.name[4:]): path for path in cards.glob("card*") if re.fullmatch(r"card\d{1,4}", path.name)}
    found = [card_in(path / "device", vendor) for _, path in sorted(numbers.items())]  # card0-HDMI-A-1 is a connector
    return sorted((one for one in found if one), key=lambda one: one.pci or "")


def card_in(folder: Path, vendor: str) -> KernelCard | None:
    """The numbers are in files of their own, and again in `uevent`: `PCI_ID=1002:744C`, `PCI_SLOT_NAME=0000:03:00.0`."""
    told = dict(line.partition("=")[::2] for line in read(folder / "uevent").splitlines())
    maker, _, device = told.get("PCI_ID", ":").lower().partition(":")
    if (read(folder / "vendor").lower() or f"0x{maker}") != vendor or told.get("DRIVER") in NO_COMPUTE:
        return None
    number = read(folder / "device").lower() or (f"0x{device}" if device else "")
    return KernelCard(folder, number, address(told.get("PCI_SLOT_NAME", "")) or address(folder.resolve().name))


def address(text: str) -> str | None:
    """A PCI address in the kernel's form; tools write eight digits or capitals."""
    found = text.strip().lower()
    if not ADDRESS.fullmatch(found):
        return None
    domain, _, rest = found.partition(":")
    return f"{domain[-4:]}:{rest}"
