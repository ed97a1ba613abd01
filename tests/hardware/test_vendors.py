"""Every vendor's probe on what its tools print: several versions of them, and broken, cut, translated and forbidden output.

The texts have the form of the tools' own, shortened: from their documentation, from reports of their users, or from their source.
"""

# ruff: noqa: N802, E501

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.errors import UsageError
from local_swarm.hardware import amd, apple_silicon, intel, memory, nvidia, processor, qualcomm, windows
from local_swarm.hardware.detector import PROBES, accelerators
from local_swarm.hardware.profile import hardware_from
from local_swarm.hardware.run import Run, run, together

GIB, MIB = 1 << 30, 1 << 20


def printing(outputs: Mapping[str, str]) -> Run:
    """A machine on which commands that begin so print that."""

    def answer(command: Sequence[str]) -> str | None:
        line = " ".join(command)
        return next((text for begin, text in outputs.items() if line.startswith(begin)), None)

    return answer


def silent(_command: Sequence[str]) -> None:
    return None


# ------------------------------------------------------------------------------------------------ NVIDIA

SMI_535 = """Tue Nov  4 10:12:31 2025
+---------------------------------------------------------------------------------------+
| NVIDIA-SMI 535.183.01             Driver Version: 535.183.01   CUDA Version: 12.2     |
|-----------------------------------------+----------------------+----------------------+
"""
SMI_580 = "| NVIDIA-SMI 580.65.06              Driver Version: 580.65.06      CUDA Version: 13.0     |\n"
SMI_610 = "| NVIDIA-SMI 610.10        KMD Version: 610.10        CUDA UMD Version: 13.2     |\n"
MIG_LIST = """GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f)
  MIG 3g.40gb     Device  0: (UUID: MIG-0a7b3f63-9d3f-57a3-a2d7-64ae3c83dd9c)
  MIG 1g.10gb+me  Device  1: (UUID: MIG-4a4d3b5d-7b5f-5d6c-8f2f-3b7a51f1f6a0)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-d1c82b93-5b1f-4b05-a8d9-1f9c5b4b2f0a)
"""


@pytest.mark.parametrize(("text", "version"), [(SMI_535, "12.2"), (SMI_580, "13.0"), (SMI_610, "13.2"), ("", None)])
def test_the_cuda_of_a_driver(text: str, version: str | None) -> None:
    assert nvidia.parse_cuda(text) == (f"CUDA {version}" if version else None)


def test_cards_are_asked_for_by_the_program_where_the_library_is_missing() -> None:
    outputs = {"nvidia-smi --query": "NVIDIA GeForce RTX 3090, 24576, 24117, 535.183.01", "nvidia-smi": SMI_535}
    [card] = nvidia.probe(printing(outputs), library="no_such_library")
    assert (card.memory_bytes, card.free_bytes, card.runtime) == (24576 * MIB, 24117 * MIB, "CUDA 12.2")


def test_wsl_keeps_the_program_elsewhere(tmp_path: Path) -> None:
    outputs = {"/usr/lib/wsl/lib/nvidia-smi --query": "NVIDIA GeForce RTX 4070, 12282, 10844, 566.36"}
    assert nvidia.probe(printing(outputs), tmp_path, "no_such_library")[0].name == "NVIDIA GeForce RTX 4070"


def test_a_card_that_is_cut_counts_by_its_slices() -> None:
    whole = "NVIDIA A100-SXM4-80GB, 81920, 81038, 550.90.07\n" * 2
    cards = nvidia.probe(printing({"nvidia-smi --query": whole, "nvidia-smi -L": MIG_LIST}), library="no_such_library")
    assert [card.memory_bytes for card in cards] == [40 * GIB, 10 * GIB, 81920 * MIB]
    assert cards[0].name == "NVIDIA A100-SXM4-80GB MIG 3g.40gb"


def test_chips_that_share_the_machines_memory_are_known() -> None:
    [spark] = nvidia.parse("NVIDIA GB10, [N/A], [N/A], 580.95.05")
    [jetson] = nvidia.parse("Orin (nvgpu), [Not Supported], [Not Supported], 540.4.0")
    assert spark.memory_kind == jetson.memory_kind == "unified" and spark.memory_bytes is None


def test_where_no_tool_works_the_kernel_knows_the_name(tmp_path: Path) -> None:
    folder = tmp_path / "0000:01:00.0"
    folder.mkdir()
    (folder / "information").write_text("Model: \t\t NVIDIA GeForce GTX 1080\nIRQ:   \t\t 33\n", encoding="utf-8")
    [card] = nvidia.probe(silent, tmp_path, "no_such_library")
    assert (card.name, card.memory_bytes) == ("NVIDIA GeForce GTX 1080", None)


class Library:
    """NVML as nvidia-ml-py offers it, for one whole card and one that is cut in two."""

    def nvmlInit(self) -> None: ...

    def nvmlShutdown(self) -> None: ...

    def nvmlSystemGetDriverVersion(self) -> bytes:
        return b"550.54.14"

    def nvmlSystemGetCudaDriverVersion(self) -> int:
        return 12040

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, number: int) -> str:
        return ("whole", "cut")[number]

    def nvmlDeviceGetName(self, handle: str) -> str:
        return {"whole": "NVIDIA L4"}.get(handle, "NVIDIA H100 PCIe")

    def nvmlDeviceGetMigMode(self, handle: str) -> tuple[int, int]:
        if handle == "whole":
            raise RuntimeError("Not Supported")
        return 1, 1

    def nvmlDeviceGetMaxMigDeviceCount(self, _handle: str) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, _handle: str, number: int) -> str:
        if number > 1:
            raise RuntimeError("Not Found")
        return f"slice {number}"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:
        return SimpleNamespace(total=24 * GIB if handle == "whole" else 40 * GIB, free=20 * GIB)


class Broken(Library):
    def nvmlDeviceGetCount(self) -> int:
        raise RuntimeError("Driver/library version mismatch")


@pytest.mark.parametrize(("library", "sizes"), [(Library(), [24, 40, 40]), (Broken(), [])])
def test_the_library_tells_cards_and_slices_or_nothing(library: Library, sizes: list[int]) -> None:
    cards = nvidia.told_by(library)
    assert [(card.memory_bytes or 0) // GIB for card in cards] == sizes
    assert not cards or (cards[0].driver, cards[0].runtime) == ("550.54.14", "CUDA 12.4")
    assert not cards or cards[1].name == "NVIDIA H100 PCIe (MIG)"


# --------------------------------------------------------------------------------------------------- AMD

AMD_SMI_62 = json.dumps(
    [
        {
            "gpu": 0,
            "asic": {
                "market_name": "AMD Radeon RX 7800 XT",
                "vendor_id": "0x1002",
                "target_graphics_version": "gfx1101",
            },
            "vram": {"type": "GDDR6", "vendor": "SAMSUNG", "size": {"value": 16368, "unit": "MB"}},
            "driver": {"name": "amdgpu", "version": "6.8.5"},
        },
    ]
)
AMD_SMI_64 = """Permission needed to access required GPU device node(s):
  • /dev/kfd: Permission denied

To resolve this issue, try the following:
  • Add your user to the required group(s)

""" + json.dumps(
    {
        "gpu_data": [
            {
                "gpu": 0,
                "asic": {"market_name": "AMD Radeon AI PRO R9700"},
                "vram": {"type": "GDDR6", "size": {"value": 32704, "unit": "MB"}},
            },
            {
                "gpu": 1,
                "asic": {"market_name": "AMD Radeon 8060S Graphics"},
                "vram": {"size": {"value": 512, "unit": "MB"}},
            },
            {"gpu": 2, "asic": "N/A", "vram": {"size": "N/A"}},
        ]
    }
)
AMD_SMI_60 = (
    '[{"gpu": 0, "asic": {"market_name": "AMD Instinct MI210"}, "vram": {"vram_type": "HBM2e", "size": "65520 MB"}}]'
)
ROCM_SMI_62 = json.dumps(
    {
        "card0": {
            "VRAM Total Memory (B)": "21458059264",
            "VRAM Total Used Memory (B)": "27856896",
            "Card Series": "Radeon RX 7900 XT",
            "Card Model": "0x744c",
            "GFX Version": "gfx1100",
        },
        "card1": {
            "VRAM Total Memory (B)": "67108864",
            "VRAM Total Used Memory (B)": "26079232",
            "Card Series": "N/A",
            "Device Name": "Raphael",
        },
        "system": {"Driver version": "6.8.5"},
    }
)
ROCM_SMI_52 = '{"card0": {"VRAM Total Memory (B)": "17163091968", "Card series": "Navi 21 [Radeon RX 6800]"}, "system": {"Driver version": "5.18.13"}}'
BROKEN = [
    "",
    "{",
    "[",
    "null",
    "3",
    "{}",
    "[]",
    '{"gpu_data": 3}',
    '[{"gpu": 0}, null, 3]',
    '{"card0": null}',
    '{"card0": {"VRAM Total Memory (B)": "viele"}}',
    'Traceback (most recent call last):\n  File "/usr/bin/amd-smi", line 1\nImportError: libdrm',
    "Zugriff verweigert",
    "WARNING: No AMD GPUs specified",
    AMD_SMI_64[:420],
    "[" * 5000,
]


def test_amd_smi_tells_names_sizes_and_drivers() -> None:
    [card] = amd.parse_amd_smi(AMD_SMI_62)
    assert (card.name, card.memory_bytes, card.driver) == ("AMD Radeon RX 7800 XT", 16368 * MIB, "6.8.5")
    big, shared, unknown = amd.parse_amd_smi(AMD_SMI_64)
    assert (big.memory_kind, shared.memory_kind) == ("dedicated", "shared")
    assert (unknown.name, unknown.memory_bytes) == ("AMD graphics", None)
    assert amd.parse_amd_smi(AMD_SMI_60)[0].memory_bytes == 65520 * MIB


def test_rocm_smi_tells_them_too_in_the_words_of_its_version() -> None:
    card, integrated = amd.parse_rocm_smi(ROCM_SMI_62)
    assert (card.name, card.memory_bytes, card.driver) == ("Radeon RX 7900 XT", 21458059264, "6.8.5")
    assert card.free_bytes == 21458059264 - 27856896
    assert (integrated.name, integrated.memory_kind) == ("Raphael", "shared")
    assert amd.parse_rocm_smi(ROCM_SMI_52)[0].name == "Navi 21 [Radeon RX 6800]"


@pytest.mark.parametrize("text", BROKEN)
def test_broken_output_of_amds_tools_finds_no_size_and_breaks_nothing(text: str) -> None:
    found = amd.parse_amd_smi(text) + amd.parse_rocm_smi(text)
    assert all(card.memory_bytes is None for card in found)


def drm(folder: Path, name: str, **files: str) -> None:
    device = folder / name / "device"
    device.mkdir(parents=True)
    for file, text in files.items():
        (device / file).write_text(text + "\n", encoding="utf-8")


def test_the_kernel_knows_the_size_and_the_tool_the_name(tmp_path: Path) -> None:
    drm(tmp_path, "card1", vendor="0x1002", mem_info_vram_total=str(16 * GIB), mem_info_vram_used=str(GIB))
    version = tmp_path / "version"
    version.write_text("6.3.1-48\n", encoding="utf-8")
    [card] = amd.probe(printing({"amd-smi": AMD_SMI_62}), tmp_path, version)
    assert (card.name, card.memory_bytes, card.free_bytes) == ("AMD Radeon RX 7800 XT", 16 * GIB, 15 * GIB)
    assert (card.runtime, card.driver) == ("ROCm 6.3", "6.8.5")
    [plain] = amd.probe(silent, tmp_path, tmp_path / "none")
    assert (plain.name, plain.runtime) == ("AMD graphics", "Vulkan")


def test_without_amds_driver_its_tools_are_not_even_asked(tmp_path: Path) -> None:
    asked: list[str] = []

    def listening(command: Sequence[str]) -> None:
        asked.append(command[0])

    assert amd.probe(listening, tmp_path) == () and asked == []


# ------------------------------------------------------------------------------------------------- Intel

XPU_SMI = 'Device ID,Device Name,Memory Physical Size\n0,"Intel(R) Arc(TM) A770 Graphics","15473.05 MiB"\n'
XPU_SMI_UNKNOWN = 'Device ID,Device Name,Memory Physical Size\n0,"Intel(R) Arc(TM) A310 LP Graphics","N/A"\n'
SYCL_2024 = """[opencl:cpu][opencl:0] Intel(R) OpenCL, Intel(R) Core(TM) i9-10900X CPU @ 3.70GHz OpenCL 3.0 (Build 0) [2024.18.6.0.02]
[level_zero:gpu][level_zero:0] Intel(R) oneAPI Unified Runtime over Level-Zero, Intel(R) Arc(TM) A770 Graphics 12.55.8 [1.3.29735]
"""
SYCL_2023 = "[ext_oneapi_level_zero:gpu:0] Intel(R) Level-Zero, Intel(R) Arc(TM) A770 Graphics 1.3 [1.3.28454]\n"
SYCL_NO_GPU = "[opencl:cpu][opencl:0] Intel(R) OpenCL, Intel(R) Core(TM) i7-8750H CPU OpenCL 3.0 (Build 0) [2024.18.7.0.11_160000]\n"
RESOURCE = "0x00000000a2000000 0x00000000a2ffffff 0x0000000000140204\n0x0000000000000000 0x0000000000000000 0x0000000000000000\n{}\n"
RESIZED = RESOURCE.format("0x0000006000000000 0x00000063ffffffff 0x000000000014220c")
SMALL = RESOURCE.format("0x0000006000000000 0x000000600fffffff 0x000000000014220c")


@pytest.mark.parametrize(
    ("files", "size"),
    [
        ({"lmem_total_bytes": str(16 * GIB)}, 16 * GIB),
        ({"tiles": "0x2f0000000"}, 0x2F0000000),
        ({"tiles": "0x400000000 0x400000000"}, 32 * GIB),
        ({"resource": RESIZED}, 16 * GIB),
        ({"resource": SMALL}, None),
        ({"resource": "garbage\nx\ny z"}, None),
        ({}, None),
    ],
)
def test_intels_cards_by_whatever_the_kernel_tells(files: dict[str, str], size: int | None) -> None:
    card = intel.parse({"vendor": "0x8086", "device": "0x56a0", **files})
    assert card and (card.name, card.memory_kind, card.memory_bytes) == ("Intel Arc A770", "dedicated", size)


@pytest.mark.parametrize("device", ["0x46a6", "0x7d55", "0xa7a0", "0x64a0", ""])
def test_integrated_graphics_have_no_memory_of_their_own(device: str) -> None:
    one = intel.parse({"vendor": "0x8086", "device": device})
    assert one and (one.memory_kind, one.memory_bytes) == ("shared", None)


def test_other_makers_are_not_intels() -> None:
    assert intel.parse({"vendor": "0x10de", "device": "0x56a0"}) is None and intel.parse({}) is None


def test_what_the_kernel_does_not_tell_the_tool_does(tmp_path: Path) -> None:
    drm(tmp_path, "card0", vendor="0x8086", device="0x46a6")
    drm(tmp_path, "card1", vendor="0x8086", device="0x56a0", resource=SMALL)
    card, integrated = intel.probe(printing({"xpu-smi": XPU_SMI, "sycl-ls": SYCL_2024}), tmp_path)
    assert (card.memory_bytes, card.runtime) == (int(15473.05 * MIB), "SYCL")
    assert integrated.memory_kind == "shared"
    assert intel.probe(printing({"xpu-smi": XPU_SMI_UNKNOWN}), tmp_path)[0].memory_bytes is None


@pytest.mark.parametrize(
    ("text", "runtime"),
    [(SYCL_2024, "SYCL"), (SYCL_2023, "SYCL"), (SYCL_NO_GPU, None), ("", None), ("sycl-ls: error", None)],
)
def test_oneapi_computes_where_level_zero_sees_a_card(text: str, runtime: str | None) -> None:
    assert intel.parse_sycl_ls(text) == runtime


@pytest.mark.parametrize("text", ["", "0", "0,,", '0,"x","1.2.3 MiB"', "a,b,c", '0,"Arc","viel"', XPU_SMI[:60], '"'])
def test_broken_output_of_xpu_smi_knows_no_size(text: str) -> None:
    assert all(size is None for _, size in intel.parse_xpu_smi(text))


# ------------------------------------------------------------------------------------------------- Apple

M2 = "machdep.cpu.brand_string: Apple M2 Max\nhw.memsize: 103079215104\n"
IOREG = (
    '+-o AGXAcceleratorG14X  <class AGXAcceleratorG14X, id 0x1000003d4>\n    {\n      "gpu-core-count" = 38\n    }\n'
)


def test_apples_chips_with_cores_and_the_limit_of_metal() -> None:
    outputs = {"sysctl machdep": M2, "sysctl iogpu": "iogpu.wired_limit_mb: 0\n", "ioreg": IOREG}
    [chip] = apple_silicon.probe(printing(outputs))
    assert (chip.cores, chip.memory_bytes, chip.limit_bytes, chip.runtime) == (38, 96 * GIB, 72 * GIB, "Metal")


@pytest.mark.parametrize(
    ("memory_gib", "wired", "limit_gib"),
    [
        (8, "", 8 * 2 / 3),
        (16, "iogpu.wired_limit_mb: 0", 32 / 3),
        (36, "", 27),
        (64, "", 48),
        (16, "iogpu.wired_limit_mb: 14336", 14),
    ],
)
def test_metal_lets_graphics_hold_a_part_of_memory(memory_gib: int, wired: str, limit_gib: float) -> None:
    assert apple_silicon.limit(memory_gib * GIB, wired) == int(limit_gib * GIB)


def test_a_mac_with_intels_processor_has_no_such_chip() -> None:
    assert (
        apple_silicon.probe(
            printing({"sysctl": "machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H\nhw.memsize: 1\n"})
        )
        == ()
    )
    assert apple_silicon.probe(silent) == ()


SYSCTL_M1 = (
    "machdep.cpu.cores_per_package: 8\nmachdep.cpu.brand_string: Apple M1\nhw.physicalcpu: 8\nhw.logicalcpu: 8\n"
)
ARM_M2 = "hw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_BF16: 1\nhw.optional.arm.FEAT_I8MM: 1\nhw.optional.arm.FEAT_SME: 0\n"
SYSCTL_INTEL = """machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
machdep.cpu.features: FPU VME SSE4.2 AVX1.0 FMA F16C
machdep.cpu.leaf7_features: RDWRFSGS BMI1 AVX2 SMEP
hw.physicalcpu: 6
"""


def test_features_of_macs() -> None:
    assert processor.parse_sysctl(SYSCTL_M1, 8, ARM_M2).features == ("asimd", "asimddp", "i8mm", "bf16")
    assert processor.parse_sysctl(SYSCTL_M1, 8).features == ("asimd",)
    old = processor.parse_sysctl(SYSCTL_INTEL, 12)
    assert (old.features, old.physical_cores) == (("avx", "avx2", "f16c", "fma"), 6)


# ---------------------------------------------------------------------------------------------- Qualcomm


@pytest.mark.parametrize("model", ["Adreno740v2", "Adreno (TM) 740", "Adreno740\n"])
def test_adreno_by_its_driver(model: str, tmp_path: Path) -> None:
    file = tmp_path / "gpu_model"
    file.write_text(model, encoding="utf-8")
    [chip] = qualcomm.probe(silent, (file,), tmp_path / "none")
    assert (chip.name, chip.memory_kind, chip.memory_bytes) == ("Adreno 740", "shared", None)


def test_adreno_by_the_properties_where_the_driver_is_hidden(tmp_path: Path) -> None:
    outputs = {"getprop ro.soc.manufacturer": "QTI\n", "getprop ro.soc.model": "SM8650\n"}
    assert qualcomm.probe(printing(outputs), (), tmp_path / "none")[0].name == "Adreno of SM8650"
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nHardware\t: Qualcomm Technologies, Inc SM8250\n", encoding="utf-8")
    assert qualcomm.probe(silent, (), cpuinfo)[0].name == "Adreno"


def test_other_phones_have_none(tmp_path: Path) -> None:
    assert qualcomm.probe(printing({"getprop ro.soc.manufacturer": "Mediatek\n"}), (), tmp_path / "none") == ()


# ----------------------------------------------------------------------------------------------- Windows

KEY = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}"


def adapter(name: str, device: str, size: str | None, kind: str = "REG_QWORD") -> str:
    lines = [f"    DriverDesc    REG_SZ    {name}", f"    MatchingDeviceId    REG_SZ    {device}"]
    lines += ["    DriverVersion    REG_SZ    32.0.101.6127"]
    lines += [f"    HardwareInformation.qwMemorySize    {kind}    {size}"] if size else []
    return f"\r\n{KEY}\\0000\r\n" + "\r\n".join(lines) + "\r\n\r\n"


RX = adapter("AMD Radeon RX 7900 XTX", "PCI\\VEN_1002&DEV_744C&REV_C8", "0x600000000")
APU = adapter("AMD Radeon(TM) Graphics", "PCI\\VEN_1002&DEV_1681", "0x20000000")
ARC = adapter("Intel(R) Arc(TM) B580 Graphics", "pci\\ven_8086&dev_e20b", "0000000003000000", "REG_BINARY")
IRIS = adapter("Intel(R) Iris(R) Xe Graphics", "PCI\\VEN_8086&DEV_9A49", "0x8000000")
X_ELITE = adapter("Qualcomm(R) Adreno(TM) X1-85 GPU", "ACPI\\VEN_QCOM&DEV_0C36", None)
BASIC = adapter("Microsoft Basic Display Adapter", "PCI\\CC_0300", None)


@pytest.mark.parametrize(
    ("text", "vendor", "name", "kind", "size"),
    [
        (RX, "amd", "AMD Radeon RX 7900 XTX", "dedicated", 24 * GIB),
        (APU, "amd", "AMD Radeon Graphics", "shared", None),
        (ARC, "intel", "Intel Arc B580 Graphics", "dedicated", 12 * GIB),
        (IRIS, "intel", "Intel Iris Xe Graphics", "shared", None),
        (X_ELITE, "qualcomm", "Qualcomm Adreno X1-85 GPU", "shared", None),
    ],
)
def test_windows_registry_tells_of_adapters(text: str, vendor: str, name: str, kind: str, size: int | None) -> None:
    one = windows.parse(text)
    assert one and (one.vendor, one.name, one.memory_kind, one.memory_bytes) == (vendor, name, kind, size)


@pytest.mark.parametrize(
    "text", ["", BASIC, "FEHLER: Zugriff verweigert\r\n", RX[:140], APU.replace("0x20000000", "0xzz")]
)
def test_what_the_registry_does_not_tell_is_not_made_up(text: str) -> None:
    one = windows.parse(text)
    assert one is None or (one.memory_bytes is None and one.memory_kind == "shared")


def test_the_best_adapter_comes_first_and_an_old_entry_counts_once() -> None:
    outputs = {f"reg query {windows.CLASS}\\000{place}": text for place, text in enumerate((APU, RX, RX, BASIC))}
    assert [one.name for one in windows.probe(printing(outputs))] == ["AMD Radeon RX 7900 XTX", "AMD Radeon Graphics"]


def test_windows_processors_have_names() -> None:
    text = "\r\nHKEY_LOCAL_MACHINE\\HARDWARE\r\n    ProcessorNameString    REG_SZ    AMD Ryzen 7 7840U w/ Radeon 780M   \r\n"
    found = processor.probe("windows", printing({"reg query HKLM\\HARDWARE": text}))
    assert found.name == "AMD Ryzen 7 7840U w/ Radeon 780M" and found.logical_cores


# ------------------------------------------------------------------------------------- memory and all

MEMINFO = "MemTotal:       16318452 kB\nMemFree:         312000 kB\nMemAvailable:   12034560 kB\nSwapTotal:       2097148 kB\n"


def test_the_kernels_text_tells_memory_where_psutil_cannot() -> None:
    assert memory.parse_meminfo(MEMINFO) == (16318452 << 10, 12034560 << 10, 2097148 << 10)
    assert memory.parse_meminfo("MemTotal: viel kB\n") == (None, None, None)


@given(
    st.text(),
    st.sampled_from(
        [
            nvidia.parse,
            amd.parse_amd_smi,
            amd.parse_rocm_smi,
            intel.parse_xpu_smi,
            windows.parse,
            apple_silicon.parse,
            memory.parse_meminfo,
        ]
    ),
)
def test_no_text_whatever_breaks_a_parser(text: str, parse: Any) -> None:
    parse(text)


def test_a_probe_that_fails_or_hangs_costs_only_itself() -> None:
    def failing() -> str:
        raise RuntimeError("a driver that is not there")

    def hanging() -> str:
        threading.Event().wait(30)
        return "never"

    began = time.monotonic()
    assert together([failing, hanging, lambda: "found"], 0.2) == [None, None, "found"]
    assert time.monotonic() - began < 2


def test_tools_that_take_their_time_are_asked_at_the_same_time(tmp_path: Path) -> None:
    drm(tmp_path, "card0", vendor="0x8086", device="0x56a0")
    drm(tmp_path, "card1", vendor="0x1002", mem_info_vram_total=str(16 * GIB))
    never = threading.Event()

    def slow(_command: Sequence[str]) -> None:
        never.wait(0.3)

    began = time.monotonic()
    assert intel.probe(slow, tmp_path)[0].name == "Intel Arc A770"
    assert amd.probe(slow, tmp_path, tmp_path / "none")[0].memory_bytes == 16 * GIB
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("system", PROBES)
def test_on_every_system_nothing_is_found_where_every_tool_fails(system: Any) -> None:
    def failing(_command: Sequence[str]) -> str:
        raise OSError("permission denied")

    assert isinstance(accelerators(system, failing), tuple)


def test_detection_takes_less_than_two_seconds() -> None:
    began = time.monotonic()
    accelerators("linux", run)
    assert time.monotonic() - began < 2


# ----------------------------------------------------------------------------- another machine's description


def test_a_machine_can_be_described_with_what_is_known() -> None:
    one = hardware_from({"arch": "aarch64", "memory": {"total_bytes": 8 * GIB}, "accelerators": [{"vendor": "apple"}]})
    assert (one.os, one.arch, one.memory.total_bytes, one.memory.limit_bytes) == ("linux", "arm64", 8 * GIB, None)
    assert (one.accelerators[0].memory_kind, one.accelerators[0].memory_bytes) == ("unified", None)


def test_what_detect_prints_describes_the_same_machine() -> None:
    from local_swarm.hardware.detector import detect

    found = detect()
    assert hardware_from(json.loads(json.dumps(found.as_json()))) == found


@pytest.mark.parametrize(
    "told",
    [
        [],
        3,
        None,
        {"os": "plan9"},
        {"memory": 8},
        {"memory": {"total_bytes": "8 GB"}},
        {"memory": {"total_bytes": -1}},
        {"cpu": [1]},
        {"cpu": {"features": 3}},
        {"accelerators": ["nvidia"]},
        {"accelerators": [{"vendor": "3dfx"}]},
        {"accelerators": [{"vendor": "nvidia", "memory_kind": "much"}]},
        {"memory": {"total_bytes": True}},
        {"memory": {"total_bytes": float("nan")}},
    ],
)
def test_what_cannot_be_a_machine_is_a_sentence(told: Any) -> None:
    with pytest.raises(UsageError):
        hardware_from(told)
