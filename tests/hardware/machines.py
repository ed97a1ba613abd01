"""What public reports show of machines of others: what their tools print, what their kernels tell, and the main memory beside it.

The texts have the form of the tools' own, shortened. A plan for each of them stands in docs/models.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from local_swarm.hardware import amd, apple_silicon, intel, nvidia, qualcomm, windows
from local_swarm.hardware.detector import Probe, find
from local_swarm.hardware.profile import Accelerator, Hardware, Memory, Processor, System
from local_swarm.hardware.run import Run

GIB, MIB = 1 << 30, 1 << 20
VENDORS = {"amd": "0x1002", "intel": "0x8086", "nvidia": "0x10de"}


@dataclass(frozen=True)
class TextMachine:
    """`memory`: GiB of main memory. `prints`: by the beginnings of commands. `cards`: the kernel's files of each, by maker."""

    name: str
    memory: float
    prints: Mapping[str, str] = field(default_factory=dict)
    cards: Sequence[tuple[str, Mapping[str, str]]] = ()
    os: System = "linux"
    arch: str = "x86_64"
    environment: Mapping[str, str] = field(default_factory=dict)
    limit: float | None = None  # GiB of a control group

    def hardware(self, folder: Path) -> Hardware:
        lay(folder, self.cards)
        found, hidden = find(self.probes(folder), self.arch, printing(self.prints), self.environment)
        size = int(self.memory * GIB)
        memory = Memory(size, size, int(self.limit * GIB) if self.limit else None)
        return Hardware(self.os, self.arch, Processor(None, 8, 8), memory, found, hidden)

    def probes(self, folder: Path) -> Sequence[Probe]:
        def on_windows(run: Run) -> tuple[Accelerator, ...]:
            return windows.probe(run, int(self.memory * GIB))

        cuda = partial(nvidia.probe, cards=folder / "none", library="no_such_library", board=folder / "none")
        by_system: dict[System, Sequence[Probe]] = {
            "linux": (
                cuda,
                partial(amd.probe, cards=folder / "drm", rocm=folder / "rocm", names=folder / "none"),
                partial(intel.probe, cards=folder / "drm"),
            ),
            "windows": (cuda, on_windows),
            "darwin": (apple_silicon.probe,),
            "android": (partial(qualcomm.probe, files=(), cpuinfo=folder / "none"),),
        }
        return by_system[self.os]


def printing(outputs: Mapping[str, str]) -> Run:
    """A machine on which commands that begin so print that."""

    def answer(command: Sequence[str]) -> str | None:
        line = " ".join(command)
        return next((text for begin, text in outputs.items() if line.startswith(begin)), None)

    return answer


def lay(folder: Path, cards: Sequence[tuple[str, Mapping[str, str]]]) -> None:
    """Files as the kernel has them: `card0/device/vendor` and so on; a key `rocm` is the version of ROCm."""
    for place, (maker, files) in enumerate(cards):
        device = folder / "drm" / f"card{place}" / "device"
        device.mkdir(parents=True)
        for name, text in {"vendor": VENDORS[maker], **files}.items():
            path = folder / "rocm" if name == "rocm" else device / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")


def smi(*lines: str, listed: str = "", head: str = "") -> dict[str, str]:
    """The answer to the query, that of `nvidia-smi -L`, and the table."""
    return {"nvidia-smi --query": "\n".join(lines) + "\n", "nvidia-smi -L": listed, "nvidia-smi": head}


def amdgpu(device: str, vram: float, gtt: float, pci: str = "0000:03:00.0", **more: str) -> tuple[str, dict[str, str]]:
    sizes = {"mem_info_vram_total": vram, "mem_info_gtt_total": gtt, "mem_info_vram_used": 0.03}
    files = {name: str(int(size * GIB)) for name, size in sizes.items()}
    return "amd", files | {"device": device, "uevent": f"DRIVER=amdgpu\nPCI_SLOT_NAME={pci}"} | more


def arc(device: str, pci: str, window: int = 0, **more: str) -> tuple[str, dict[str, str]]:
    """`window`: GiB of the PCI window onto its memory."""
    region = f"0x0 0x0 0x0\n0x0 0x0 0x0\n0x6000000000 {0x6000000000 + (window << 30) - 1:#x} 0x14220c" if window else ""
    return "intel", {"device": device, "uevent": f"PCI_SLOT_NAME={pci}", "resource": region, **more}


def registry(*adapters: tuple[str, str, str]) -> dict[str, str]:
    """Name, id and size in hexadecimal of each display adapter."""
    made = {}
    for place, (name, device, size) in enumerate(adapters):
        lines = [f"    DriverDesc    REG_SZ    {name}", f"    MatchingDeviceId    REG_SZ    {device}"]
        lines += ["    DriverVersion    REG_SZ    32.0.15.6636"]
        lines += [f"    HardwareInformation.qwMemorySize    REG_QWORD    {size}"] if size else []
        made[f"reg query {windows.CLASS}\\{place:04}"] = f"\r\n{windows.CLASS}\r\n" + "\r\n".join(lines) + "\r\n"
    return made


def apple(chip: str, gib: int, wired: int = 0) -> dict[str, str]:
    return {
        "sysctl machdep": f"machdep.cpu.brand_string: {chip}\nhw.memsize: {gib * GIB}\n",
        "sysctl iogpu": f"iogpu.wired_limit_mb: {wired}\n",
    }


def mac(chip: str, gib: int, wired: int = 0) -> TextMachine:
    name = f"{chip}, {gib} GB" + (f", limit set to {wired} MB" if wired else "")
    return TextMachine(name, gib, apple(chip, gib, wired), os="darwin", arch="arm64")


def phone(chip: str, maker: str, gib: float) -> TextMachine:
    prints = {"getprop ro.soc.manufacturer": f"{maker}\n", "getprop ro.soc.model": f"{chip}\n"}
    return TextMachine(f"Phone, {chip}, {round(gib)} GB", gib * 0.93, prints, os="android", arch="arm64")


def mig(card: str, *slices: str) -> str:
    lines = [f"  MIG {name}  Device  {place}: (UUID: MIG-{place:08x})" for place, name in enumerate(slices)]
    return "\n".join([f"GPU 0: {card} (UUID: GPU-5c89852c)", *lines]) + "\n"


CUT = """+-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
|=========================================+========================+======================|
|   0  NVIDIA A100-SXM4-80GB          On  | 00000000:07:00.0   Off |                   On |
| N/A   31C    P0             62W /  400W |      45MiB / 81920MiB  |     N/A      Default |
|                                         |                        |              Enabled |
+-----------------------------------------+------------------------+----------------------+

+-----------------------------------------------------------------------------------------+
| Processes:                                                                              |
+-----------------------------------------------------------------------------------------+
"""
TWO = ("NVIDIA GeForce RTX 3090, 24576, 24117, 550.120", "NVIDIA GeForce RTX 3060, 12288, 11900, 550.120")
TWO_LISTED = "GPU 0: NVIDIA GeForce RTX 3090 (UUID: GPU-aa01)\nGPU 1: NVIDIA GeForce RTX 3060 (UUID: GPU-bb02)\n"
AMD_SMI = json.dumps(
    {
        "gpu_data": [
            {
                "gpu": 0,
                "asic": {"market_name": "AMD Radeon RX 7900 XTX", "target_graphics_version": "gfx1100"},
                "bus": {"bdf": "0000:03:00.0"},
                "vram": {"size": {"value": 24560, "unit": "MB"}},
                "driver": {"name": "amdgpu", "version": "6.12.12"},
            },
            {
                "gpu": 1,
                "asic": {"market_name": "AMD Radeon Graphics", "target_graphics_version": "gfx1036"},
                "bus": {"bdf": "0000:0e:00.0"},
                "vram": {"size": {"value": 2048, "unit": "MB"}},
            },
        ]
    }
)
ROCM_SMI = json.dumps(
    {
        "card0": {
            "VRAM Total Memory (B)": "17163091968",
            "VRAM Total Used Memory (B)": "10000000",
            "Card Series": "AMD Radeon RX 6800",
            "Card Model": "0x73bf",
            "PCI Bus": "0000:0A:00.0",
            "GFX Version": "gfx1030",
        }
    }
)
XPU = """Device ID,Device Name,PCI BDF Address,Memory Physical Size
0,"Intel(R) Arc(TM) A770 Graphics","0000:03:00.0","15473.05 MiB"
1,"Intel(R) Arc(TM) A380 Graphics","0000:07:00.0","5930.00 MiB"
"""

NVIDIA = (
    TextMachine("GeForce RTX 4090", 62.7, smi("NVIDIA GeForce RTX 4090, 24564, 23028, 550.54.14")),
    TextMachine(
        "Laptop, RTX 4060 and Iris Xe",
        15.4,
        smi("NVIDIA GeForce RTX 4060 Laptop GPU, 8188, 7805, 560.94"),
        [arc("0xa7a0", "0000:00:02.0")],
    ),
    TextMachine("Laptop, MX450", 15.4, smi("NVIDIA GeForce MX450, 2048, 1993, 535.183")),
    TextMachine(
        "WSL, RTX 4070",
        15.5,
        {"/usr/lib/wsl/lib/nvidia-smi --query": "NVIDIA GeForce RTX 4070, 12282, 10844, 566.36\n"},
    ),
    TextMachine(
        "RTX 5090 and RTX 3060",
        93.9,
        smi("NVIDIA GeForce RTX 5090, 32607, 31900, 580.65", "NVIDIA GeForce RTX 3060, 12288, 12000, 580.65"),
    ),
    TextMachine(
        "RTX 3090 and 3060, CUDA_VISIBLE_DEVICES=1", 62.7, smi(*TWO), environment={"CUDA_VISIBLE_DEVICES": "1"}
    ),
    TextMachine(
        "RTX 3090 and 3060, CUDA_VISIBLE_DEVICES=GPU-aa",
        62.7,
        smi(*TWO, listed=TWO_LISTED),
        environment={"CUDA_VISIBLE_DEVICES": "GPU-aa"},
    ),
    TextMachine(
        "RTX 3090 and 3060, CUDA_VISIBLE_DEVICES=-1", 62.7, smi(*TWO), environment={"CUDA_VISIBLE_DEVICES": "-1"}
    ),
    TextMachine(
        "RTX 3090 beside one that is lost",
        62.7,
        smi(
            "[GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]",
            "NVIDIA GeForce RTX 3090, 24576, 24117, 550.120",
        ),
    ),
    TextMachine("RTX 4090, memory `ERR!`", 62.7, smi("NVIDIA GeForce RTX 4090, ERR!, ERR!, 550.54.14")),
    TextMachine("Quadro RTX 5000, driver and tool differ", 62.7, smi("Quadro RTX 5000, [N/A], [N/A], 460.89")),
    TextMachine("Tesla K80, two chips", 125.5, smi(*["Tesla K80, 11441, 11441, 470.256.02"] * 2)),
    TextMachine("Tesla P40", 62.7, smi("Tesla P40, 23040, 22919, 535.183.01")),
    TextMachine("Tesla T4, cloud", 14.6, smi("Tesla T4, 15360, 14918, 535.183.01")),
    TextMachine("vGPU, GRID A100D-20C", 62.7, smi("GRID A100D-20C, 20480, 19200, 550.90.07")),
    TextMachine("L40S, 8 of them", 1007.0, smi(*["NVIDIA L40S, 46068, 45400, 570.86"] * 8)),
    TextMachine("H200", 1007.0, smi("NVIDIA H200, 143771, 143100, 570.86.15")),
    TextMachine(
        "A100 cut into 3g.40gb, 2g.20gb, 1g.10gb",
        251.0,
        smi(
            "NVIDIA A100-SXM4-80GB, 81920, 81038, 550.90",
            listed=mig("NVIDIA A100-SXM4-80GB", "3g.40gb", "2g.20gb", "1g.10gb"),
        ),
    ),
    TextMachine(
        "A100, `MIG 1c.3g.40gb`",
        251.0,
        smi(
            "NVIDIA A100-SXM4-80GB, 81920, 81038, 550.90",
            listed=mig("NVIDIA A100-SXM4-80GB", "1c.3g.40gb", "1c.3g.40gb"),
        ),
    ),
    TextMachine(
        "A100 cut, no slice made",
        251.0,
        smi("NVIDIA A100-SXM4-80GB, 81920, 81038, 550.90", listed=mig("NVIDIA A100-SXM4-80GB"), head=CUT),
    ),
    TextMachine(
        "H100 in a container with one slice",
        31.3,
        smi(
            "NVIDIA H100 80GB HBM3, [Insufficient Permissions], [Insufficient Permissions], 550.90",
            listed=mig("NVIDIA H100 80GB HBM3", "1g.10gb+me"),
        ),
        limit=16.0,
    ),
    TextMachine(
        "H100, two slices, the second visible",
        251.0,
        smi("NVIDIA H100 NVL, 95830, 95000, 560.35", listed=mig("NVIDIA H100 NVL", "3g.47gb", "1g.12gb")),
        environment={"CUDA_VISIBLE_DEVICES": "MIG-00000001"},
    ),
    TextMachine(
        "RTX PRO 6000 cut into 1g.24gb+gfx",
        251.0,
        smi(
            "NVIDIA RTX PRO 6000 Blackwell Server Edition, 97887, 97000, 580.65",
            listed=mig("NVIDIA RTX PRO 6000 Blackwell Server Edition", *["1g.24gb+gfx"] * 4),
        ),
    ),
    TextMachine("GH200", 477.0, smi("NVIDIA GH200 480GB, 97871, 96700, 570.148.08"), arch="arm64"),
    TextMachine("GB200", 880.0, smi("NVIDIA GB200, 189471, 188000, 580.65"), arch="arm64"),
    TextMachine("DGX Spark", 119.6, smi("NVIDIA GB10, [N/A], [N/A], 580.95.05"), arch="arm64"),
    TextMachine("N1X by WSL", 128.0, smi("JMJWOA-Generic-GPU, 65471, 64900, 615.33"), arch="arm64"),
    TextMachine("Jetson AGX Orin, JetPack 6.0", 61.4, smi("Orin (nvgpu), [N/A], [N/A], [N/A]"), arch="arm64"),
    TextMachine("Jetson Orin Nano, JetPack 6.2", 7.4, smi("Orin (nvgpu), [N/A], [N/A], 540.4.0"), arch="arm64"),
    TextMachine(
        "Jetson AGX Thor, `nvidia-smi -L` only",
        122.8,
        {"nvidia-smi -L": "GPU 0: NVIDIA Thor  (UUID: 54d0709b-558d-5a59-9c65-0c5fc14a21a4)\n"},
        arch="arm64",
    ),
    TextMachine("Ampere Altra with RTX A6000", 125.5, smi("NVIDIA RTX A6000, 49140, 48600, 550.120"), arch="arm64"),
    TextMachine("Graviton with T4G", 15.4, smi("NVIDIA T4G, 15360, 14900, 550.120"), arch="arm64"),
)
AMD = (
    TextMachine(
        "Radeon RX 7900 XTX beside Raphael",
        62.0,
        {"amd-smi": AMD_SMI},
        [amdgpu("0x164e", 2, 30, "0000:0e:00.0"), amdgpu("0x744c", 23.98, 31, rocm="6.4.1-83")],
    ),
    TextMachine(
        "Radeon RX 6800, ROCm 5",
        31.2,
        {"rocm-smi": ROCM_SMI},
        [amdgpu("0x73bf", 15.98, 15.6, "0000:0a:00.0", rocm="5.7.1-98")],
    ),
    TextMachine("Radeon RX 7600 in 128 GB", 125.5, {}, [amdgpu("0x7480", 7.98, 62)]),
    TextMachine("Radeon RX 9070 XT", 31.2, {}, [amdgpu("0x7550", 15.9, 15.6)]),
    TextMachine(
        "Two RX 7900 XTX, HIP_VISIBLE_DEVICES=0",
        125.5,
        {},
        [amdgpu("0x744c", 23.98, 62, "0000:03:00.0"), amdgpu("0x744c", 23.98, 62, "0000:83:00.0")],
        environment={"HIP_VISIBLE_DEVICES": "0"},
    ),
    TextMachine(
        "MI300X, 8 of them",
        2015.0,
        {},
        [
            amdgpu("0x74a1", 191.98, 1007, f"0000:{bus:02x}:00.0", product_name="AMD Instinct MI300X OAM", rocm="6.3.1")
            for bus in range(5, 85, 10)
        ],
    ),
    TextMachine("MI300A", 125.5, {}, [amdgpu("0x74a0", 125.5, 62.7, rocm="6.3.1")]),
    TextMachine("Strix Halo, 512 MiB set aside", 124.9, {}, [amdgpu("0x1586", 0.5, 62.4, "0000:c3:00.0")]),
    TextMachine("Strix Halo, 4 GiB set aside, may borrow 110", 121.3, {}, [amdgpu("0x1586", 4, 110, "0000:c3:00.0")]),
    TextMachine("Strix Halo, 64 of 128 GiB set aside", 62.4, {}, [amdgpu("0x1586", 64, 31.2, "0000:c3:00.0")]),
    TextMachine("Strix Halo, 96 of 128 GiB set aside", 30.5, {}, [amdgpu("0x1586", 96, 15.24, "0000:c3:00.0")]),
    TextMachine("Radeon 780M, 4 GiB set aside", 27.3, {}, [amdgpu("0x15bf", 4, 13.6, "0000:c4:00.0")]),
    TextMachine("Radeon 780M, 16 of 32 GiB set aside", 14.9, {}, [amdgpu("0x15bf", 16, 7.4, "0000:c4:00.0")]),
    TextMachine("Radeon 890M, 8 GiB set aside", 22.8, {}, [amdgpu("0x150e", 8, 11.4, "0000:65:00.0")]),
    TextMachine("Steam Deck", 14.5, {}, [amdgpu("0x163f", 1, 7.2, "0000:04:00.0")]),
    TextMachine("BC-250, 12 of 16 GiB set aside", 3.6, {}, [amdgpu("0x13fe", 12, 2.5, "0000:01:00.0")]),
)
INTEL = (
    TextMachine(
        "Arc A770 and A380, `xpu-smi`",
        62.7,
        {"xpu-smi": XPU},
        [arc("0x56a0", "0000:03:00.0", 16), arc("0x56a5", "0000:07:00.0")],
    ),
    TextMachine("Arc A380, window of 8 GiB", 31.2, {}, [arc("0x56a5", "0000:03:00.0", 8)]),
    TextMachine("Arc A310", 15.4, {}, [arc("0x56a6", "0000:03:00.0")]),
    TextMachine("Arc B580, window of 16 GiB", 31.2, {}, [arc("0xe20b", "0000:03:00.0", 16)]),
    TextMachine(
        "Arc B580 by xe",
        31.2,
        {},
        [arc("0xe20b", "0000:03:00.0", 16, **{"tile0/physical_vram_size_bytes": "0x2f0000000"})],
    ),
    TextMachine("Arc Pro B60, two", 125.5, {}, [arc("0xe211", "0000:03:00.0", 32), arc("0xe211", "0000:04:00.0", 32)]),
    TextMachine(
        "Two Arc B580, ZE_AFFINITY_MASK=1",
        62.7,
        {},
        [arc("0xe20b", "0000:03:00.0"), arc("0xe20b", "0000:07:00.0")],
        environment={"ZE_AFFINITY_MASK": "1"},
    ),
    TextMachine("Lunar Lake, Arc 140V", 31.0, {}, [arc("0x64a0", "0000:00:02.0")]),
    TextMachine("Meteor Lake and Arc A370M", 31.0, {}, [arc("0x7d55", "0000:00:02.0"), arc("0x5693", "0000:03:00.0")]),
    TextMachine(
        "A card newer than this program", 31.0, {}, [arc("0x7d99", "0000:00:02.0"), arc("0xf7a1", "0000:03:00.0", 16)]
    ),
)
OTHERS = (
    TextMachine(
        "Windows, GeForce without `nvidia-smi`, and Iris Xe",
        31.7,
        registry(
            ("Intel(R) Iris(R) Xe Graphics", "PCI\\VEN_8086&DEV_9A49", "0x8000000"),
            ("NVIDIA GeForce RTX 4070", "PCI\\VEN_10DE&DEV_2786", "0x2fe000000"),
        ),
        os="windows",
    ),
    TextMachine(
        "Windows, RTX 4070 by both",
        31.7,
        smi("NVIDIA GeForce RTX 4070, 12282, 10844, 566.36")
        | registry(("NVIDIA GeForce RTX 4070", "PCI\\VEN_10DE&DEV_2786", "0x2fe000000")),
        os="windows",
    ),
    TextMachine(
        "Windows, Radeon RX 7900 XTX and Raphael",
        31.2,
        registry(
            ("AMD Radeon(TM) Graphics", "PCI\\VEN_1002&DEV_164E", "0x20000000"),
            ("AMD Radeon RX 7900 XTX", "PCI\\VEN_1002&DEV_744C&REV_C8", "0x5fec00000"),
        ),
        os="windows",
    ),
    TextMachine(
        "Windows, Radeon 780M, 4 GiB set aside",
        27.3,
        registry(("AMD Radeon(TM) 780M", "PCI\\VEN_1002&DEV_15BF", "0x100000000")),
        os="windows",
    ),
    TextMachine(
        "Windows, Strix Halo, 96 GiB set aside",
        31.2,
        registry(("AMD Radeon(TM) 8060S Graphics", "PCI\\VEN_1002&DEV_1586", "0x1800000000")),
        os="windows",
    ),
    TextMachine(
        "Windows, Arc B580",
        31.7,
        registry(("Intel(R) Arc(TM) B580 Graphics", "PCI\\VEN_8086&DEV_E20B", "0x2f9000000")),
        os="windows",
    ),
    TextMachine(
        "Windows, Arc 140V (16GB)",
        31.5,
        registry(("Intel(R) Arc(TM) 140V GPU (16GB)", "PCI\\VEN_8086&DEV_64A0", "0x8000000")),
        os="windows",
    ),
    TextMachine(
        "Windows, Snapdragon X Elite",
        31.6,
        registry(("Qualcomm(R) Adreno(TM) X1-85 GPU", "ACPI\\VEN_QCOM&DEV_0C36", "")),
        os="windows",
        arch="arm64",
    ),
    mac("Apple M1", 8),
    mac("Apple M2 Pro", 16),
    mac("Apple M4", 24),
    mac("Apple M3 Pro", 36),
    mac("Apple M5 Max", 128),
    mac("Apple M2 Ultra", 192),
    mac("Apple M4", 16, 14336),
    TextMachine("Apple M1 (Virtual), 7 GB", 7, apple("Apple M1 (Virtual)", 7), os="darwin", arch="arm64"),
    TextMachine("Intel Mac with an AMD card", 32, apple("Intel(R) Core(TM) i9-9880H CPU @ 2.30GHz", 32), os="darwin"),
    phone("SM8650", "QTI", 12),
    phone("SM8450", "Qualcomm Technologies, Inc", 8),
    phone("MT6985", "Mediatek", 12),
    phone("Tensor G3", "Google", 8),
    phone("s5e9945", "Samsung", 8),
    TextMachine("Raspberry Pi 5, 8 GB", 7.9, arch="arm64"),
    TextMachine("A service limited to 2 GiB in 62 GiB", 62.7, limit=2.0),
    TextMachine(
        "A pod limited to 12 GiB with an RTX 4090",
        125.5,
        smi("NVIDIA GeForce RTX 4090, 24564, 24000, 550.54.14"),
        limit=12.0,
    ),
)
TEXT_MACHINES = (*NVIDIA, *AMD, *INTEL, *OTHERS)
