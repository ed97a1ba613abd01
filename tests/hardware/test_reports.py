"""Kinds of texts that public reports show misread: unknown fields, memory that is shared, names, sizes that belong to another."""

# ruff: noqa: N802, E501

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_swarm.hardware import amd, apple_silicon, intel, nvidia, processor, qualcomm, windows
from local_swarm.hardware.detector import accelerators
from local_swarm.hardware.kernel_cards import address, cards_of
from local_swarm.hardware.profile import Accelerator, Hardware, Memory, MemoryKind, Processor
from local_swarm.models.budget import MemoryRules, memory_pools
from tests.hardware.machines import amdgpu, arc, lay, mig, printing, registry, smi

GIB, MIB = 1 << 30, 1 << 20


def nothing(_command: object) -> None:
    return None


# ------------------------------------------------------------------------------------------------ NVIDIA


@pytest.mark.parametrize(
    ("line", "name", "total_mib", "driver"),
    [
        ("Orin (nvgpu), [N/A], [N/A], [N/A]", "Orin (nvgpu)", None, None),
        ("Orin (nvgpu), [Not Supported], [Not Supported], N/A", "Orin (nvgpu)", None, None),
        ("NVIDIA RTX 6000 Ada, 49140, [Unknown Error], 550.1", "NVIDIA RTX 6000 Ada", 49140, "550.1"),
        (
            "NVIDIA H100L-2-24C, [Insufficient Permissions], [Insufficient Permissions], [N/A], Enabled",
            "NVIDIA H100L-2-24C",
            None,
            None,
        ),
        ("NVIDIA GeForce RTX 4090, ERR!, ERR!, 550.54", "NVIDIA GeForce RTX 4090", None, "550.54"),
        ("NVIDIA GeForce RTX 4090, , , 550.54", "NVIDIA GeForce RTX 4090", None, "550.54"),
        ("GeForce GTX 1080 Ti, 11178, 11170", "GeForce GTX 1080 Ti", 11178, None),
        ("NVIDIA GeForce RTX 3080, 10240 MiB, 9800 MiB, 535.1", "NVIDIA GeForce RTX 3080", 10240, "535.1"),
        ("Tesla V100-SXM2-32GB\t32510\t32480\t450.51", "Tesla V100-SXM2-32GB", 32510, "450.51"),
        ("NVIDIA A10; 23028; 22500; 535.1", "NVIDIA A10", 23028, "535.1"),
        (
            "NVIDIA A100-SXM4-40GB, 40960, 40370, 525.60, Enabled, 00000000:07:00.0",
            "NVIDIA A100-SXM4-40GB",
            40960,
            "525.60",
        ),
        ("[GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]", "NVIDIA graphics", None, None),
        ("NVIDIA GB10, 0, 0, 580.1", "NVIDIA GB10", None, "580.1"),
    ],
)
def test_a_card_with_unknown_fields_is_a_card(line: str, name: str, total_mib: int | None, driver: str | None) -> None:
    [card] = nvidia.parse(f"{line}\r\n")
    assert (card.name, card.driver) == (name, driver)
    assert card.memory_bytes == (None if total_mib is None else total_mib * MIB)


@pytest.mark.parametrize(
    "line",
    [
        "name, memory.total [MiB], memory.free [MiB], driver_version",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver, try again",
        "Unable to determine the device handle for GPU0000:0B:00.0: Unknown Error",
        "Unable to determine the device handle, reboot, Unknown Error",
        'Field "mig.mode.current" is not a valid field to query.',
        "Failed to initialize NVML: GPU access blocked by the operating system",
        "Matrox, foo, bar, baz",
    ],
)
def test_a_line_without_a_card_is_none(line: str) -> None:
    assert nvidia.parse(line) == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("JMJWOA-Generic-GPU", "unified"),
        ("NVIDIA N1X", "unified"),
        ("NVIDIA RTX Spark", "unified"),
        ("NVIDIA GB10", "unified"),
        ("NVIDIA Thor", "unified"),
        ("NVIDIA Tegra Orin (nvgpu)", "unified"),
        ("NVIDIA GH200 480GB", "dedicated"),
        ("NVIDIA GB200", "dedicated"),
        ("NVIDIA GB300", "dedicated"),
        ("NVIDIA RTX A6000", "dedicated"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "dedicated"),
        ("NVIDIA T4G", "dedicated"),
        ("NVIDIA A100-SXM4-80GB", "dedicated"),
        ("NVIDIA L40S", "dedicated"),
        ("NVIDIA GeForce RTX 3060", "dedicated"),
        ("GRID T4-8Q", "dedicated"),
        ("Quadro P2200", "dedicated"),
    ],
)
def test_on_arm_what_has_no_cards_name_shares_the_machines_memory(name: str, kind: MemoryKind) -> None:
    [card] = nvidia.parse(f"{name}, 65471, 64900, 615.33")
    assert nvidia.on_architecture(card, "arm64").memory_kind == kind


def test_a_chip_that_shares_memory_is_one_place_and_never_promised_beside_it() -> None:
    cards = nvidia.parse("JMJWOA-Generic-GPU, 65471, 64900, 615.33")
    machine = Hardware("linux", "arm64", Processor(None, 20, 20), Memory(128 * GIB, 120 * GIB), cards)
    [pool] = memory_pools(machine, MemoryRules())
    assert pool.gpu and pool.budget_bytes == 65471 * MIB


@pytest.mark.parametrize(
    ("slices", "sizes"),
    [
        (("1c.3g.40gb",), [40]),
        (("3g.40gb", "2g.20gb", "1g.10gb+me"), [40, 20, 10]),
        (("1g.24gb+gfx", "1g.24gb-me"), [24, 24]),
        (("1g.5gb",) * 7, [5] * 7),
        (("7g.141gb",), [141]),
        (("2c.4g.40gb+me.all",), [40]),
    ],
)
def test_slices_have_the_memory_in_their_name(slices: tuple[str, ...], sizes: list[int]) -> None:
    told = smi("NVIDIA A100-SXM4-80GB, 81920, 81038, 550.90", listed=mig("NVIDIA A100-SXM4-80GB", *slices))
    cards = nvidia.probe(printing(told), library="no_such_library")
    assert [(card.memory_bytes or 0) // GIB for card in cards] == sizes
    assert all(card.slice and card.uuid and card.uuid.startswith("MIG-") for card in cards)


def test_slices_are_read_as_old_drivers_write_them() -> None:
    listed = "GPU 0: A100 (UUID: GPU-2fa5)\n  MIG 1c.3g.20gb Device 0: (UUID: MIG-GPU-2fa5/1/0)\n"
    [card] = nvidia.probe(printing(smi("A100, 40960, 40000, 460.32", listed=listed)), library="no_such_library")
    assert (card.memory_bytes, card.uuid) == (20 * GIB, "MIG-GPU-2fa5/1/0")


class Orin:
    """NVML as a chip has it that tells little, and a driver that tells no version."""

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, number: int) -> str:
        if number:
            raise RuntimeError("GPU is lost")
        return "chip"

    def nvmlDeviceGetName(self, _handle: str) -> bytes:
        return b"Orin (nvgpu)"

    def __getattr__(self, name: str) -> Any:
        def refuse(*_arguments: object) -> None:
            raise RuntimeError("Not Supported")

        return refuse


class Empty(Orin):
    """A card in slices, of which none was made."""

    def nvmlDeviceGetMigMode(self, _handle: str) -> tuple[int, int]:
        return 1, 1

    def nvmlDeviceGetMaxMigDeviceCount(self, _handle: str) -> int:
        return 7

    def nvmlDeviceGetMemoryInfo(self, _handle: str) -> Any:
        return SimpleNamespace(total=80 * GIB, free=79 * GIB)


def test_what_the_library_does_not_tell_is_unknown() -> None:
    [chip] = nvidia.told_by(Orin())
    assert (chip.name, chip.memory_bytes, chip.driver, chip.memory_kind) == ("Orin (nvgpu)", None, None, "unified")
    [empty] = nvidia.told_by(Empty())
    assert (empty.memory_bytes, empty.slice) == (0, True)


def test_a_jetson_before_jetpack_6_is_known_by_its_board(tmp_path: Path) -> None:
    board = tmp_path / "model"
    board.write_text("NVIDIA Jetson Xavier NX Developer Kit\0", encoding="utf-8")
    [chip] = nvidia.probe(nothing, tmp_path, "no_such_library", board)
    assert (chip.name, chip.memory_kind) == ("NVIDIA Jetson Xavier NX Developer Kit", "unified")
    board.write_text("Raspberry Pi 5 Model B Rev 1.0\0", encoding="utf-8")
    assert nvidia.probe(nothing, tmp_path, "no_such_library", board) == ()


# --------------------------------------------------------------------------------------------------- AMD


@pytest.mark.parametrize(
    ("device", "size", "borrowed", "kind"),
    [
        ("0x1586", 4, 110, "unified"),
        ("0x1586", 0.5, 62, "unified"),
        ("0x1586", 96, 15.2, "dedicated"),
        ("0x15bf", 4, 13.6, "shared"),
        ("0x150e", 8, 11.4, "shared"),
        ("0x15bf", 16, 7.4, "dedicated"),
        ("0x164e", 0.5, 31, "shared"),
        ("0x13fe", 12, 2.5, "dedicated"),
        ("0x74a0", 125, 62, "unified"),
        ("0x74a1", 192, 1007, "dedicated"),
        ("0x7480", 8, 62, "dedicated"),
        ("0x699f", 2, 15, "dedicated"),
        ("", 4, 110, "shared"),
        ("", 16, None, "dedicated"),
    ],
)
def test_graphics_beside_a_processor_are_a_card_only_with_more_than_they_may_borrow(
    device: str, size: float, borrowed: float | None, kind: MemoryKind
) -> None:
    texts = {"vendor": "0x1002", "device": device, "mem_info_vram_total": str(int(size * GIB))}
    texts |= {"mem_info_gtt_total": str(int(borrowed * GIB))} if borrowed else {}
    assert amd.parse(texts)[0].memory_kind == kind


@pytest.mark.parametrize(
    ("name", "integrated"),
    [
        ("AMD Radeon(TM) Graphics", True),
        ("AMD Radeon 780M Graphics", True),
        ("AMD Radeon 610M", True),
        ("AMD Radeon(TM) RX Vega 11 Graphics", True),
        ("AMD Radeon(TM) 8060S Graphics", True),
        ("AMD Radeon RX 7600M XT", False),
        ("AMD Radeon RX 6700S", False),
        ("AMD Radeon Pro W7900", False),
        ("AMD Radeon VII", False),
    ],
)
def test_where_no_number_is_told_the_name_tells(name: str, integrated: bool) -> None:
    assert amd.kind_of(4 * GIB, None, "", name) == ("shared" if integrated else "dedicated")


def test_a_tool_names_the_card_at_its_address(tmp_path: Path) -> None:
    lay(
        tmp_path,
        [amdgpu("0x164e", 2, 30, "0000:0e:00.0"), amdgpu("0x744c", 24, 31, "0000:03:00.0", unique_id="f5f0a1c3")],
    )
    told = '[{"asic": {"market_name": "RX 7900 XTX"}, "bus": {"bdf": "0000:03:00.0"}, "vram": {"size": {"value": 24560, "unit": "MB"}}}]'
    card, beside = amd.probe(printing({"amd-smi": told}), tmp_path / "drm", tmp_path / "none", tmp_path / "none")
    assert (card.name, card.pci, card.index, card.uuid) == ("RX 7900 XTX", "0000:03:00.0", 0, "GPU-f5f0a1c3")
    assert (beside.name, beside.index, beside.memory_kind) == ("AMD graphics", 1, "shared")


def test_cards_have_the_names_of_the_drivers_own_list(tmp_path: Path) -> None:
    lay(tmp_path, [amdgpu("0x744c", 24, 31, revision="0xc8")])
    names = tmp_path / "amdgpu.ids"
    names.write_text(
        "# comment\n1.0.0\n744C,\tC8,\tAMD Radeon RX 7900 XTX\n744C,\tCC,\tAMD Radeon RX 7900 XT\n", encoding="utf-8"
    )
    [card] = amd.probe(nothing, tmp_path / "drm", tmp_path / "none", names)
    assert card.name == "AMD Radeon RX 7900 XTX"
    assert amd.name_in("744C,\tC8,\tx", "", "") is None


def test_the_kernels_cards_come_in_the_order_of_their_addresses(tmp_path: Path) -> None:
    lay(tmp_path, [amdgpu("0x744c", 24, 31, f"0000:{bus:02x}:00.0") for bus in (9, 3, *range(0x10, 0x1A))])
    order = [one.pci for one in cards_of("0x1002", tmp_path / "drm")]
    assert order == sorted(one or "" for one in order) and len(order) == 12
    assert (address("00000000:0A:00.0"), address("garbage"), address("")) == ("0000:0a:00.0", None, None)


def test_a_card_is_known_by_its_event_file_alone(tmp_path: Path) -> None:
    device = tmp_path / "card0" / "device"
    device.mkdir(parents=True)
    (device / "uevent").write_text("DRIVER=amdgpu\nPCI_ID=1002:744C\nPCI_SLOT_NAME=0000:03:00.0\n", encoding="utf-8")
    [one] = cards_of("0x1002", tmp_path)
    assert (one.device, one.pci, cards_of("0x8086", tmp_path)) == ("0x744c", "0000:03:00.0", [])
    (device / "uevent").write_text("DRIVER=radeon\nPCI_ID=1002:68F9\n", encoding="utf-8")
    assert cards_of("0x1002", tmp_path) == []


# ------------------------------------------------------------------------------------------------- Intel

HEAD = "Device ID,Device Name,PCI BDF Address,Memory Physical Size\n"
OLD_HEAD = "Device ID,Device Name,Memory Physical Size\n"
A770, A380 = '"Intel(R) Arc(TM) A770 Graphics"', '"Intel(R) Arc(TM) A380 Graphics"'


@pytest.mark.parametrize(
    "told",
    [
        f'{OLD_HEAD}0,{A770},"15473.05 MiB"\n1,{A380},"5930.00 MiB"\n',
        f'{OLD_HEAD}0,{A380},"5930.00 MiB"\n1,{A770},"15473.05 MiB"\n',
        f'{OLD_HEAD}0,"Intel(R) UHD Graphics 770","N/A"\n1,{A770},"15473.05 MiB"\n2,{A380},"5930.00 MiB"\n',
        f'{HEAD}0,"Intel(R) Graphics","0000:07:00.0","5930.00 MiB"\n1,"Intel(R) Graphics","0000:03:00.0","15473.05 MiB"\n',
        f'{OLD_HEAD}0,{A380},"5930.00 MiB"\n',
        f'Device ID,Device Name,SOC UUID,Memory Physical Size\n0,{A770},"u","15473.05 MiB"\n1,{A380},"u","5930.00 MiB"\n',
    ],
)
def test_a_tools_sizes_go_to_the_cards_that_they_are_of(told: str, tmp_path: Path) -> None:
    lay(tmp_path, [arc("0x46a6", "0000:00:02.0"), arc("0x56a0", "0000:03:00.0", 16), arc("0x56a5", "0000:07:00.0", 8)])
    large, small, beside = intel.probe(printing({"xpu-smi": told}), tmp_path / "drm")
    assert (large.memory_bytes, small.memory_bytes) == (16 * GIB, 5930 * MIB)
    assert (beside.memory_kind, beside.memory_bytes) == ("shared", None)


@pytest.mark.parametrize(
    ("device", "window", "gib"), [("0x56a5", 8, 6), ("0xe20b", 16, 12), ("0xe20c", 16, 10), ("0x56a0", 8, 8)]
)
def test_a_window_that_is_larger_than_the_memory_is_not_taken_for_it(
    device: str, window: int, gib: int, tmp_path: Path
) -> None:
    lay(tmp_path, [arc(device, "0000:03:00.0", window)])
    assert intel.probe(nothing, tmp_path / "drm")[0].memory_bytes == gib * GIB


def test_a_card_newer_than_this_program_is_known_by_where_it_is_or_by_its_window(tmp_path: Path) -> None:
    lay(tmp_path, [arc("0xffff", "0000:00:02.0"), arc("0xfffe", "0000:03:00.0"), arc("0xfffd", "0000:00:05.0", 16)])
    found = intel.probe(nothing, tmp_path / "drm")
    assert [one.memory_kind for one in found] == ["dedicated", "dedicated", "shared"]
    assert found[0].memory_bytes == 16 * GIB


# ----------------------------------------------------------------------------------- Windows and the others


def test_a_geforce_is_found_where_nvidias_program_is_on_no_path() -> None:
    told = registry(("NVIDIA GeForce RTX 4070", "PCI\\VEN_10DE&DEV_2786", "0x2fe000000"))
    [card] = accelerators("windows", printing(told), {})
    assert (card.vendor, card.memory_bytes, card.driver, card.runtime) == ("nvidia", 0x2FE000000, "566.36", "CUDA")
    both = told | {"nvidia-smi --query": "NVIDIA GeForce RTX 4070, 12282, 10844, 566.36"}
    [once] = accelerators("windows", printing(both), {})
    assert once.free_bytes == 10844 * MIB


@pytest.mark.parametrize(
    ("name", "device", "size", "kind"),
    [
        ("AMD Radeon(TM) 780M", "PCI\\VEN_1002&DEV_15BF", "0x100000000", "shared"),
        ("AMD Radeon(TM) 8060S Graphics", "PCI\\VEN_1002&DEV_1586", "0x1800000000", "dedicated"),
        ("AMD Radeon RX 7900 XTX", "PCI\\VEN_1002&DEV_744C", "", "dedicated"),
        ("Intel(R) Arc(TM) 140V GPU (16GB)", "PCI\\VEN_8086&DEV_64A0", "0x480000000", "shared"),
        ("Intel(R) Arc(TM) A310", "PCI\\VEN_8086&DEV_56A6", "0x100000000", "dedicated"),
        ("NVIDIA GeForce MX450", "PCI\\VEN_10DE&DEV_1F97", "0x80000000", "dedicated"),
    ],
)
def test_windows_adapters_are_cards_by_their_numbers(name: str, device: str, size: str, kind: str) -> None:
    [text] = registry((name, device, size)).values()
    one = windows.parse(text, 32 * GIB)
    assert (
        one
        and one.memory_kind == kind
        and one.memory_bytes == (int(size, 16) if size and kind == "dedicated" else None)
    )


def test_older_drivers_tell_their_size_under_another_name() -> None:
    [text] = registry(("NVIDIA GeForce GTX 960", "PCI\\VEN_10DE&DEV_1401", "")).values()
    one = windows.parse(f"{text}    HardwareInformation.MemorySize    REG_DWORD    0x80000000\r\n")
    assert one and one.memory_bytes == 2 * GIB


@pytest.mark.parametrize("chip", ["Apple M1 (Virtual)", "Apple processor"])
def test_a_virtual_macs_graphics_compute_nothing(chip: str) -> None:
    assert apple_silicon.parse(f"machdep.cpu.brand_string: {chip}\nhw.memsize: {7 * GIB}\n") == ()


@pytest.mark.parametrize("maker", ["QTI", "Qualcomm", "Qualcomm Technologies, Inc", "QUALCOMM TECHNOLOGIES, INC."])
def test_snapdragons_by_every_name_of_their_maker(maker: str) -> None:
    assert qualcomm.parse("", "", maker, "SM8450")[0].name == "Adreno of SM8450"
    assert qualcomm.parse("", "Hardware\t: qcom\n", "", "")[0].vendor == "qualcomm"


# --------------------------------------------------------------------------------------------- processors


@pytest.mark.parametrize(
    ("text", "board", "name"),
    [
        (
            "Hardware\t: BCM2835\nRevision\t: c04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n",
            "",
            "Raspberry Pi 5 Model B",
        ),
        (
            "model name\t: ARMv7 Processor rev 5 (v7l)\nHardware\t: BCM2835\nModel\t: Raspberry Pi 2 Model B Rev 1.1\n",
            "",
            "Raspberry Pi 2 Model B",
        ),
        ("Model : Raspberry Pi Compute Module 4 Rev 1.0\nHardware : BCM2711\n", "", "Raspberry Pi Compute Module 4"),
        (
            "model name : ARMv7 Processor rev 4 (v7l)\nHardware : BCM2709\n",
            "Raspberry Pi 3 Model B Rev 1.2\0",
            "Raspberry Pi 3 Model B",
        ),
        ("model name : ARMv7 Processor rev 4 (v7l)\nHardware : BCM2709\n", "", "BCM2709"),
        (
            "model name\t: ARMv8 Processor rev 1 (v8l)\n",
            "NVIDIA Jetson AGX Orin Developer Kit\0",
            "NVIDIA Jetson AGX Orin Developer Kit",
        ),
        ("Hardware\t: Generic DT based system\nmodel name\t: ARMv7 Processor rev 4\n", "Orange Pi PC", "Orange Pi PC"),
        ("Hardware\t: Rockchip RK3588S\nmodel name\t: Cortex-A76\n", "", "Rockchip RK3588S"),
        (
            "Processor\t: AArch64 Processor rev 14\nHardware\t: Qualcomm Technologies, Inc SM8550\n",
            "",
            "Qualcomm Technologies, Inc SM8550",
        ),
        ("Hardware\t: MT6893Z/CZA\n", "", "MT6893Z/CZA"),
        ("cpu\t\t: POWER9, altivec supported\nmodel\t\t: 8335-GTH\n", "IBM,8335-GTH", "POWER9, altivec supported"),
        ("system type\t: x\nModel Name\t: Loongson-3A5000\n", "", "Loongson-3A5000"),
        ("isa\t: rv64imafdc\nuarch\t: sifive,u74-mc\n", "StarFive VisionFive 2 v1.3B\0", "StarFive VisionFive 2 v1.3B"),
        ("isa\t: rv64imafdc\n", "", None),
        ("vendor_id       : IBM/S390\nprocessor 0: version = FF\n", "", None),
        ("CPU implementer\t: 0x41\nCPU part\t: 0xd40\n", "", None),
        (
            "model\t\t: 85\nmodel name\t: Intel Core Processor (Skylake, IBRS)\n",
            "",
            "Intel Core Processor (Skylake, IBRS)",
        ),
        ("model name\t: Virtual CPU a7769a6388d5 @ 2.5GHz\n", "", "Virtual CPU a7769a6388d5 @ 2.5GHz"),
        ("model name\t: unknown\n", "", None),
        ("model name\t: \nHardware\t: (null)\n", "To be filled by O.E.M.", None),
    ],
)
def test_a_machine_is_called_by_the_field_that_says_most(text: str, board: str, name: str | None) -> None:
    assert processor.parse_cpuinfo(f"processor\t: 0\n{text}", 4, board).name == name


def test_a_phone_whose_kernel_hides_its_chip_is_named_by_its_properties(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nCPU implementer\t: 0x51\n", encoding="utf-8")
    prints = {"getprop ro.soc.manufacturer": "QTI\n", "getprop ro.soc.model": "SM8650\n"}
    assert processor.probe("android", printing(prints), cpuinfo, tmp_path / "none").name == "QTI SM8650"
    assert processor.probe("android", nothing, cpuinfo, tmp_path / "none").name is None


def test_the_engine_counts_cards_as_the_plan_does() -> None:
    from local_swarm.backends.process.supervisor import Supervisor

    assert Supervisor("a_module", []).environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert (
        Supervisor("a_module", [], {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}).environment["CUDA_DEVICE_ORDER"]
        == "FASTEST_FIRST"
    )


def test_a_described_machine_keeps_what_tells_its_cards_apart() -> None:
    from local_swarm.hardware.profile import hardware_from

    one = Accelerator("nvidia", "a", 1, 1, "dedicated", index=1, uuid="GPU-1", pci="0000:01:00.0", slice=True)
    machine = Hardware("linux", "x86_64", Processor(None, 1, 1), Memory(1, 1), (one,), ("X=1 hides a card.",))
    assert hardware_from(machine.as_json()) == machine
