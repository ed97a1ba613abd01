"""Graphics on Windows that NVIDIA's tool does not tell of, by the registry: the drivers write there what their cards have."""

from __future__ import annotations

import re
from functools import partial

from local_swarm.hardware.profile import Accelerator, MemoryKind, Vendor
from local_swarm.hardware.run import Run, together

CLASS = r"HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"  # display adapters
ADAPTERS = 8
KIND = re.compile(r"(?<! ) {2,}+REG_\w++ {2,}+")
MAKERS: tuple[tuple[str, Vendor], ...] = (
    ("VEN_1002", "amd"),
    ("VEN_8086", "intel"),
    ("VEN_QCOM", "qualcomm"),
    ("QCOM", "qualcomm"),
)
CARD_BELOW = {
    "amd": 3 << 30,
    "intel": 2 << 30,
    "qualcomm": 1 << 60,
    "nvidia": 0,
    "apple": 1 << 60,
}  # less is integrated


def probe(run: Run) -> tuple[Accelerator, ...]:
    told = together([partial(run, ("reg", "query", rf"{CLASS}\{number:04}")) for number in range(ADAPTERS)])
    found = [one for text in told if (one := parse(text or ""))]
    unique = {(one.name, one.memory_bytes): one for one in found}  # a card that moved leaves its old entry behind
    return tuple(sorted(unique.values(), key=lambda one: (one.memory_kind != "dedicated", -(one.memory_bytes or 0))))


def parse(text: str) -> Accelerator | None:
    """One adapter as `reg query` prints it: lines of name, type and value, the same in every language of Windows."""
    values = values_of(text)
    name, device = values.get("DriverDesc", ""), values.get("MatchingDeviceId", "").upper()
    vendor = next((vendor for mark, vendor in MAKERS if mark in device), None)
    if not name or vendor is None:
        return None
    size = number(values.get("HardwareInformation.qwMemorySize", ""))
    kind: MemoryKind = "dedicated" if size is not None and size >= CARD_BELOW[vendor] else "shared"
    label = re.sub(r"\((?:R|TM)\)", "", name).strip()
    return Accelerator(
        vendor=vendor,
        name=label,
        memory_bytes=size if kind == "dedicated" else None,
        free_bytes=None,
        memory_kind=kind,
        driver=values.get("DriverVersion"),
        runtime="Vulkan" if kind == "dedicated" else None,
    )


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
