"""Graphics on Windows by the registry, where drivers write what their cards have. NVIDIA's count if its own tool is missing."""

from __future__ import annotations

import re
from functools import partial

from local_swarm.hardware import amd, intel, memory
from local_swarm.hardware.profile import Accelerator, MemoryKind, Vendor
from local_swarm.hardware.run import Run, together

CLASS = r"HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"  # display adapters
ADAPTERS = 8
KIND = re.compile(r"(?<! ) {2,}+REG_\w++ {2,}+")
MAKERS: tuple[tuple[str, Vendor], ...] = (
    ("VEN_10DE", "nvidia"),
    ("VEN_1002", "amd"),
    ("VEN_8086", "intel"),
    ("VEN_QCOM", "qualcomm"),
    ("QCOM", "qualcomm"),
)
# Older drivers write the second, which ends at 4 GiB.
SIZES = ("HardwareInformation.qwMemorySize", "HardwareInformation.MemorySize")


def probe(run: Run, main_bytes: int | None = None) -> tuple[Accelerator, ...]:
    """`main_bytes`: main memory, where it is not this machine's."""
    asked = [partial(run, ("reg", "query", rf"{CLASS}\{number:04}")) for number in range(ADAPTERS)]
    main = main_bytes or (memory.by_library() or (None,))[0]
    found = [one for text in together(asked) if (one := parse(text or "", main))]
    unique = {(one.name, one.memory_bytes): one for one in found}  # a card that moved leaves its old entry behind
    return tuple(sorted(unique.values(), key=lambda one: (one.memory_kind != "dedicated", -(one.memory_bytes or 0))))


def parse(text: str, main_bytes: int | None = None) -> Accelerator | None:
    """One adapter as `reg query` prints it: lines of name, type and value, the same in every language of Windows. `main_bytes`:
    main memory, half of which graphics may borrow."""
    values = values_of(text)
    label = re.sub(r"\((?:R|TM)\)", "", values.get("DriverDesc", "")).strip()
    device = values.get("MatchingDeviceId", "").upper()
    vendor = next((vendor for mark, vendor in MAKERS if mark in device), None)
    if not label or vendor is None:
        return None
    size = next((size for name in SIZES if (size := number(values.get(name, "")))), None)
    kind = kind_of(vendor, label, device, size, main_bytes // 2 if main_bytes else None)
    version = values.get("DriverVersion")
    return Accelerator(
        vendor=vendor,
        name=label,
        memory_bytes=size if kind == "dedicated" else None,
        free_bytes=None,
        memory_kind=kind,
        driver=nvidia_version(version) if vendor == "nvidia" else version,
        runtime=None if kind == "shared" else "CUDA" if vendor == "nvidia" else "Vulkan",
    )


def kind_of(vendor: Vendor, name: str, device: str, size: int | None, borrowed: int | None) -> MemoryKind:
    """By the device's number, which stands in its id: `PCI\\VEN_1002&DEV_744C`."""
    found = re.search(r"DEV_([0-9A-F]{4})", device)
    chip = f"0x{found[1].lower()}" if found else ""
    if vendor == "amd":
        return amd.kind_of(size, borrowed, chip, name)
    return "dedicated" if vendor == "nvidia" or (vendor == "intel" and intel.is_card(chip)) else "shared"


def nvidia_version(text: str | None) -> str | None:
    """`32.0.15.6636` is NVIDIA's own 566.36."""
    digits = "".join((text or "").split(".")[-2:])[-5:]
    return f"{digits[:3]}.{digits[3:]}" if len(digits) == 5 and digits.isdecimal() else text


def parse_processor(text: str) -> str | None:
    """`ProcessorNameString` of the first processor."""
    return values_of(text).get("ProcessorNameString")


def values_of(text: str) -> dict[str, str]:
    """Four blanks, a name, its type and its value stand in a line, with blanks between them."""
    found = {}
    for line in text.split("\n"):
        if line.startswith("    ") and line[4:5].strip() and (kind := KIND.search(line, 5)):
            found[line[4 : kind.start()]] = line[kind.end() :].rstrip("\r").rstrip(" ")
    return found


def number(text: str) -> int | None:
    """A REG_QWORD (`0x400000000`), or a REG_BINARY with the lowest byte first (`0000000004000000`)."""
    if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", text):
        return int(text, 16)
    if re.fullmatch(r"(?:[0-9a-fA-F]{2}){4,8}", text):
        return int.from_bytes(bytes.fromhex(text), "little")
    return None
