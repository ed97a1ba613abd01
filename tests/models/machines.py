"""Machines as people own them: what each has, what is chosen for it, and why where that is not the order of the research."""

from __future__ import annotations

from dataclasses import dataclass

from local_swarm.hardware.profile import Accelerator, Hardware, Memory, MemoryKind, Processor, System, Vendor

GIB = 1 << 30


@dataclass(frozen=True)
class Machine:
    """`pick`: model, quantization, context, keys and values, workers. `differs`: why it is not what the research would take for
    as much memory."""

    name: str
    hardware: Hardware
    pick: str
    differs: str = ""


def machine(memory: float, os: System = "linux", *cards: Accelerator, arch: str = "x86_64", cores: int = 8) -> Hardware:
    size = int(memory * GIB)
    return Hardware(os, arch, Processor(None, cores, cores), Memory(size, size), cards)


def card(vendor: Vendor, name: str, total: float, free: float, kind: MemoryKind = "dedicated") -> Accelerator:
    return Accelerator(vendor, name, int(total * GIB), int(free * GIB), kind)


def apple(chip: str, memory: int, limit: float) -> Hardware:
    """`limit`: GiB that Metal lets the graphics cores hold, two thirds of memory, three quarters from 36 GiB on."""
    one = Accelerator("apple", chip, memory * GIB, None, "unified", limit_bytes=int(limit * GIB))
    return machine(memory, "darwin", one, arch="arm64")


def phone(memory: float) -> Hardware:
    return machine(memory, "android", arch="arm64")


def nvidia(memory: float, name: str, total: float, free: float, count: int = 1) -> Hardware:
    return machine(memory, "linux", *[card("nvidia", name, total, free)] * count)


PHONE = "4B by memory alone; phones get 1-3B models"
BETTER = "4B by memory alone; the 9B fits with its cache in 8 bits"
SLOW = "27B by memory alone; a processor would read 13 GB or more for every token"

# What the research takes for so many GB that may be used, its first choice whose layers are known.
RESEARCH = {
    2: "qwen3.5-2b",
    4: "qwen3.5-4b",
    8: "qwen3.5-9b",
    16: "qwen3.8-27b",
}

MACHINES = (
    Machine("Phone, 4 GB", phone(3.6), "qwen2.5-coder-0.5b q4_k_m 8192 f16 2"),
    Machine("Phone, 6 GB", phone(5.5), "qwen2.5-coder-1.5b q4_k_m 8192 q8_0 2"),
    Machine("Phone, 8 GB", phone(7.4), "qwen3.5-2b q4_k_m 8192 f16 2"),
    Machine("Phone, 12 GB", phone(11.2), "qwen3.5-2b q4_k_m 8192 f16 2"),
    Machine("Phone, 16 GB", phone(15.1), "qwen3.5-2b q4_k_m 8192 f16 2", PHONE),
    Machine("Raspberry Pi 5, 8 GB", machine(7.9, arch="arm64", cores=4), "qwen3.5-4b q4_k_m 32768 q8_0 4"),
    Machine("Old laptop, 4 GB", machine(3.7, cores=2), "qwen3.5-2b q4_k_m 32768 q8_0 5"),
    Machine("Laptop, 8 GB", machine(7.6, cores=4), "qwen3.5-4b q4_k_m 32768 q8_0 3"),
    Machine("Laptop, 16 GB", machine(15.4), "qwen3.5-9b q4_k_m 32768 f16 4"),
    Machine("Cloud machine, 24 GB, 2 cores", machine(23.4, cores=2), "qwen3.5-9b q6_k 32768 f16 5"),
    Machine("Desktop, 32 GB", machine(31.2), "qwen3.5-9b q6_k 32768 f16 5", SLOW),
    Machine("Desktop, 64 GB", machine(62.7), "qwen3.6-35b-a3b ud-q6_k 32768 f16 5", SLOW),
    Machine("Server, 128 GB", machine(125.5, cores=32), "qwen3.6-35b-a3b q8_0 32768 f16 5", SLOW),
    Machine("MacBook Air M1, 8 GB", apple("Apple M1", 8, 5.3), "qwen3.5-4b q4_k_m 32768 q8_0 5"),
    Machine("MacBook Air M3, 16 GB", apple("Apple M3", 16, 10.7), "qwen3.5-9b q4_k_m 32768 f16 7"),
    Machine("Mac mini M4, 24 GB", apple("Apple M4", 24, 16), "qwen3.5-9b q8_0 32768 f16 8"),
    Machine("MacBook Pro M3 Pro, 36 GB", apple("Apple M3 Pro", 36, 27), "qwen3.8-27b ud-q4_k_m 16384 q8_0 4"),
    Machine("MacBook Pro M4 Max, 64 GB", apple("Apple M4 Max", 64, 48), "qwen3.8-27b ud-q6_k 32768 f16 8"),
    Machine("Mac Studio M2 Ultra, 192 GB", apple("Apple M2 Ultra", 192, 144), "qwen3.8-27b q8_0 32768 f16 8"),
    Machine("GeForce MX450, 2 GB", nvidia(15.5, "NVIDIA GeForce MX450", 2, 1.9), "qwen3.5-9b q4_k_m 32768 f16 4"),
    Machine("GeForce GTX 1650, 4 GB", nvidia(15.5, "NVIDIA GeForce GTX 1650", 4, 3.7), "qwen3.5-2b q8_0 32768 f16 8"),
    Machine("GeForce RTX 2060, 6 GB", nvidia(15.5, "NVIDIA GeForce RTX 2060", 6, 5.6), "qwen3.5-4b q4_k_m 32768 f16 6"),
    Machine(
        "GeForce RTX 4060, 8 GB",
        nvidia(31.2, "NVIDIA GeForce RTX 4060", 8, 7.6),
        "qwen3.5-9b q4_k_m 32768 q8_0 5",
        BETTER,
    ),
    Machine(
        "GeForce RTX 3060, 12 GB", nvidia(31.2, "NVIDIA GeForce RTX 3060", 12, 11.6), "qwen3.5-9b q6_k 32768 f16 8"
    ),
    Machine(
        "GeForce RTX 4060 Ti, 16 GB",
        nvidia(31.2, "NVIDIA GeForce RTX 4060 Ti", 16, 15.6),
        "qwen3.5-9b q8_0 32768 f16 8",
    ),
    Machine(
        "GeForce RTX 3090, 24 GB",
        nvidia(62.7, "NVIDIA GeForce RTX 3090", 24, 23.5),
        "qwen3.8-27b ud-q4_k_m 32768 f16 6",
    ),
    Machine(
        "GeForce RTX 5090, 32 GB", nvidia(62.7, "NVIDIA GeForce RTX 5090", 32, 31.2), "qwen3.8-27b ud-q6_k 32768 f16 8"
    ),
    Machine(
        "2 x GeForce RTX 3090", nvidia(125.5, "NVIDIA GeForce RTX 3090", 24, 23.5, 2), "qwen3.8-27b q8_0 32768 f16 8"
    ),
    Machine("A100, 80 GB", nvidia(251, "NVIDIA A100-SXM4-80GB", 80, 79), "qwen3.8-27b q8_0 32768 f16 8"),
    Machine("4 x RTX A6000, 48 GB", nvidia(503, "NVIDIA RTX A6000", 48, 47.5, 4), "qwen3.8-27b q8_0 32768 f16 8"),
    Machine(
        "Radeon RX 7800 XT, 16 GB",
        machine(31.2, "linux", card("amd", "Radeon RX 7800 XT", 16, 15.7)),
        "qwen3.5-9b q8_0 32768 f16 8",
    ),
    Machine(
        "Radeon RX 7900 XTX, 24 GB",
        machine(31.2, "linux", card("amd", "Radeon RX 7900 XTX", 24, 23.6)),
        "qwen3.8-27b ud-q4_k_m 32768 f16 7",
    ),
    Machine(
        "Arc A770, 16 GB",
        machine(31.2, "linux", card("intel", "Intel Arc A770", 15.9, 15.6)),
        "qwen3.5-9b q8_0 32768 f16 8",
    ),
    Machine(
        "Arc B580, 12 GB, Windows",
        machine(31.7, "windows", Accelerator("intel", "Intel Arc B580", 12 * GIB, None, "dedicated")),
        "qwen3.5-9b q6_k 32768 f16 8",
    ),
    Machine(
        "Laptop with Iris Xe, 16 GB",
        machine(15.4, "linux", card("intel", "Intel Iris Xe", 7, 7, "shared")),
        "qwen3.5-9b q4_k_m 32768 f16 4",
    ),
    Machine(
        "Snapdragon X Elite, 32 GB, Windows",
        machine(31.6, "windows", card("qualcomm", "Qualcomm Adreno X1-85", 15, 15, "shared"), arch="arm64", cores=12),
        "qwen3.5-9b q6_k 32768 f16 5",
        SLOW,
    ),
)
