"""Probes parse text as the tools print it; none needs the hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from local_swarm.hardware import amd, apple_silicon, memory, nvidia, processor
from local_swarm.hardware.detector import accelerators, architecture, detect, system
from local_swarm.hardware.run import run

GIB = 1 << 30


def test_nvidia_cards_with_their_memory() -> None:
    two = "NVIDIA GeForce RTX 4090, 24564, 23028, 550.54.14\nNVIDIA A100-SXM4-80GB, 81920, 80994, 550.54.14\n"
    first, second = nvidia.parse(two)
    assert (first.name, first.memory_bytes, first.driver) == ("NVIDIA GeForce RTX 4090", 24564 << 20, "550.54.14")
    assert second.free_bytes == 80994 << 20 and second.memory_kind == "dedicated"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
        "No devices were found",
        "NVIDIA GeForce RTX 40",
        "Failed to initialize NVML: Driver/library version mismatch",
    ],
)
def test_without_a_working_nvidia_driver_there_is_no_card(text: str) -> None:
    assert nvidia.parse(text) == ()


def test_unknown_nvidia_memory_is_unknown() -> None:
    [one] = nvidia.parse("NVIDIA GB10, [N/A], [N/A], 580.95.05")
    assert (one.memory_bytes, one.free_bytes) == (None, None)


def test_amd_cards_from_the_kernels_files(tmp_path: Path) -> None:
    for name, vendor, total in (("card0", "0x1002", 16 * GIB), ("card1", "0x8086", 0), ("card2", "0x1002", GIB // 2)):
        device = tmp_path / name / "device"
        device.mkdir(parents=True)
        (device / "vendor").write_text(vendor + "\n")
        (device / "mem_info_vram_total").write_text(f"{total}\n")
        (device / "mem_info_vram_used").write_text("1048576\n")
    (tmp_path / "card0-DP-1" / "device").mkdir(parents=True)
    big, small = amd.probe(run, tmp_path)
    assert (big.memory_bytes, big.free_bytes, big.memory_kind) == (16 * GIB, 16 * GIB - (1 << 20), "dedicated")
    assert small.memory_kind == "shared"


def test_apple_chips_share_the_machines_memory() -> None:
    [chip] = apple_silicon.parse("machdep.cpu.brand_string: Apple M2 Pro\nhw.memsize: 34359738368\n")
    assert (chip.name, chip.memory_bytes, chip.memory_kind) == ("Apple M2 Pro", 32 * GIB, "unified")
    assert apple_silicon.parse("machdep.cpu.brand_string: Intel(R) Core(TM) i7\nhw.memsize: 1\n") == ()


X86 = """processor\t: 0
model name\t: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu avx avx2 fma f16c

processor\t: 1
model name\t: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu avx avx2 fma f16c
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp sve i8mm\nprocessor\t: 1\nHardware\t: Qualcomm Technologies, Inc SM8550\n"


@pytest.mark.parametrize(
    ("texts", "cores"),
    [
        (("200000 100000", "", ""), 2),
        (("150000 100000", "", ""), 1),
        (("50000 100000", "", ""), 1),
        (("max 100000", "", ""), None),
        (("", "400000", "100000"), 4),
        (("", "-1", "100000"), None),
        (("", "", ""), None),
        (("1 0", "", ""), None),
    ],
)
def test_a_containers_share_of_time_counts_as_cores(texts: tuple[str, str, str], cores: int | None) -> None:
    assert processor.parse_quota(*texts) == cores


def test_two_threads_of_a_core_are_one_core() -> None:
    found = processor.parse_cpuinfo(X86, 2)
    assert (found.name, found.physical_cores, found.logical_cores) == ("Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", 1, 2)
    assert found.features == ("avx", "avx2", "f16c", "fma")


def test_arm_tells_no_cores_so_threads_count() -> None:
    found = processor.parse_cpuinfo(ARM, 8)
    assert (found.name, found.physical_cores) == ("Qualcomm Technologies, Inc SM8550", 8)
    assert "sve" in found.features


def test_a_container_with_fewer_threads_than_cores_has_as_many_cores() -> None:
    eight = "".join(f"processor : {n}\nphysical id : 0\ncore id : {n}\n\n" for n in range(8))
    assert processor.parse_cpuinfo(eight, 3).physical_cores == 3


def test_an_empty_cpuinfo_knows_nothing_but_the_count() -> None:
    assert processor.parse_cpuinfo("", 4).name is None


def test_a_mac_tells_by_sysctl() -> None:
    found = processor.parse_sysctl("machdep.cpu.brand_string: Apple M1\nhw.physicalcpu: 8\nhw.logicalcpu: 8\n", 8)
    assert (found.name, found.physical_cores) == ("Apple M1", 8)


@pytest.mark.parametrize(
    ("text", "limit"), [("max", None), ("", None), ("4294967296", 4 * GIB), (str(2**63 - 4096), None), ("0", None)]
)
def test_limits_of_control_groups(text: str, limit: int | None) -> None:
    assert memory.parse_limit(text) == limit


def test_a_control_group_limits_and_what_is_left_of_it_is_told(tmp_path: Path) -> None:
    assert memory.probe(tmp_path).limit_bytes is None
    (tmp_path / "memory.max").write_text("max\n", encoding="utf-8")
    old = tmp_path / "memory"
    old.mkdir()
    (old / "memory.limit_in_bytes").write_text(f"{GIB}\n", encoding="utf-8")
    assert memory.probe(tmp_path).limit_bytes == GIB
    (old / "memory.usage_in_bytes").write_text(f"{GIB // 2}\n", encoding="utf-8")
    (old / "memory.stat").write_text("cache 5\ninactive_file 100\ntotal_inactive_file 0\n", encoding="utf-8")
    assert memory.probe(tmp_path).available_bytes == GIB // 2 + 100


def test_programs_that_are_absent_fail_or_hang_say_nothing() -> None:
    assert run(("no-such-program-anywhere",)) is None
    assert run(("false",)) is None
    assert run(("sleep", "30")) is None


def test_every_probe_may_fail_and_the_machine_is_still_described() -> None:
    def broken(_command: Sequence[str]) -> None:
        return None

    found = detect(broken)
    assert found.arch and found.line and accelerators("darwin", broken) == ()


def test_this_machine_is_detected() -> None:
    found = asdict(detect())
    assert set(found) == {"os", "arch", "cpu", "memory", "accelerators", "hidden"}
    assert found["memory"]["total_bytes"] > 1 << 28 and found["cpu"]["logical_cores"] >= 1


@pytest.mark.parametrize(
    ("name", "os"),
    [("linux", "linux"), ("darwin", "darwin"), ("win32", "windows"), ("android", "android"), ("freebsd14", "linux")],
)
def test_systems_have_names(name: str, os: str) -> None:
    assert system(name) == os


@pytest.mark.parametrize(
    ("machine", "name"), [("AMD64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64"), ("riscv64", "riscv64")]
)
def test_architectures_have_names(machine: str, name: str) -> None:
    assert architecture(machine) == name
