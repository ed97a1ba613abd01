"""Which cards count is what drivers make of the environment: numbers, UUIDs, slices, and what hides them all."""

from __future__ import annotations

import pytest

from local_swarm.hardware.profile import Accelerator, Hardware, Memory, Processor, Vendor
from local_swarm.hardware.visible import visible
from local_swarm.models.budget import MemoryRules, memory_pools

GIB = 1 << 30


def card(name: str, gib: int, uuid: str | None = None, vendor: Vendor = "nvidia", **more: object) -> Accelerator:
    return Accelerator(vendor, name, gib * GIB, None, "dedicated", uuid=uuid, **more)  # type: ignore[arg-type]


THREE = (card("a", 24, "GPU-aa01"), card("b", 12, "GPU-ab02"), card("c", 48, "GPU-cc03"))
CUT = (
    card("s0", 40, "MIG-0a7b", index=0, slice=True),
    card("s1", 10, "MIG-GPU-5c89/1/0", index=0, slice=True),
    card("whole", 80, "GPU-dd04", index=1),
)
RADEONS = tuple(card(name, 16, f"GPU-{name}{name}", "amd", runtime="ROCm 6.3") for name in "xyz")
ARCS = tuple(
    card(name, 12, None, "intel", runtime="Vulkan", pci=f"0000:0{place}:00.0") for place, name in enumerate("pq", 3)
)


def seen(cards: tuple[Accelerator, ...], **environment: str) -> str:
    return " ".join(one.name for one in visible(cards, environment)[0])


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("1", "b"),
        ("0,2", "a c"),
        ("2,0", "a c"),
        (" 1 , 2 ", "b c"),
        ("", ""),
        ("-1", ""),
        ("NoDevFiles", ""),
        ("none", ""),
        ("void", ""),
        ("all", ""),
        ("7", ""),
        ("0,7,1", "a"),
        ("0,-1,1", "a"),
        ("1,1", ""),
        ("GPU-ab02", "b"),
        ("gpu-ab02", ""),
        ("GPU-c", "c"),
        ("GPU-a", ""),
        ("GPU-cc03,GPU-aa01", "a c"),
        ("GPU-cc03,GPU-zz", "c"),
        ("0,,1", "a"),
        ("9" * 400, ""),
    ],
)
def test_cuda_cards_are_those_of_the_list_up_to_its_first_mistake(value: str, names: str) -> None:
    assert seen(THREE, CUDA_VISIBLE_DEVICES=value) == names


def test_without_a_variable_or_with_one_of_others_every_card_counts() -> None:
    assert (
        seen(THREE) == seen(THREE, HIP_VISIBLE_DEVICES="", ZE_AFFINITY_MASK="9", NVIDIA_VISIBLE_DEVICES="1") == "a b c"
    )
    assert visible(THREE, {})[1] == ()


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("0", "s0 s1"),
        ("1", "whole"),
        ("MIG-0a7b", "s0"),
        ("MIG-GPU-5c89/1/0", "s1"),
        ("GPU-dd04", "whole"),
        ("MIG-f", ""),
    ],
)
def test_slices_are_chosen_by_their_own_names_or_by_their_cards_number(value: str, names: str) -> None:
    assert seen(CUT, CUDA_VISIBLE_DEVICES=value) == names


def test_cudas_own_order_begins_with_the_fastest() -> None:
    assert seen(THREE, CUDA_VISIBLE_DEVICES="0", CUDA_DEVICE_ORDER="FASTEST_FIRST") == "c"
    assert seen(THREE, CUDA_VISIBLE_DEVICES="0", CUDA_DEVICE_ORDER="PCI_BUS_ID") == "a"


def test_of_cards_without_a_uuid_the_smallest_is_counted_on() -> None:
    assert seen((card("a", 24), card("b", 12)), CUDA_VISIBLE_DEVICES="GPU-1234") == "b"


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"HIP_VISIBLE_DEVICES": "1"}, "y"),
        ({"ROCR_VISIBLE_DEVICES": "1,2"}, "y z"),
        ({"ROCR_VISIBLE_DEVICES": "GPU-zz"}, "z"),
        ({"ROCR_VISIBLE_DEVICES": "1,2", "HIP_VISIBLE_DEVICES": "0"}, "y"),
        ({"ROCR_VISIBLE_DEVICES": "2,1", "HIP_VISIBLE_DEVICES": "0"}, "z"),
        ({"CUDA_VISIBLE_DEVICES": "2"}, "z"),
        ({"CUDA_VISIBLE_DEVICES": "2", "HIP_VISIBLE_DEVICES": "0"}, "x"),
        ({"GPU_DEVICE_ORDINAL": "1"}, "y"),
        ({"GGML_VK_VISIBLE_DEVICES": "0"}, "x y z"),
    ],
)
def test_amds_variables_apply_one_after_the_other(environment: dict[str, str], names: str) -> None:
    assert seen(RADEONS, **environment) == names


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"ZE_AFFINITY_MASK": "1"}, "q"),
        ({"ZE_AFFINITY_MASK": "0.0,0.1"}, "p"),
        ({"ZE_AFFINITY_MASK": ""}, "p q"),
        ({"ONEAPI_DEVICE_SELECTOR": "level_zero:1"}, "q"),
        ({"ONEAPI_DEVICE_SELECTOR": "*:gpu"}, "p q"),
        ({"ONEAPI_DEVICE_SELECTOR": "opencl:cpu;level_zero:0"}, "p"),
        ({"ONEAPI_DEVICE_SELECTOR": "!level_zero:0"}, "q"),
        ({"ONEAPI_DEVICE_SELECTOR": "cuda:*"}, ""),
        ({"GGML_VK_VISIBLE_DEVICES": "1"}, "q"),
        ({"GGML_VK_VISIBLE_DEVICES": ""}, ""),
        ({"CUDA_VISIBLE_DEVICES": ""}, "p q"),
    ],
)
def test_intels_cards_by_level_zero_sycl_and_vulkan(environment: dict[str, str], names: str) -> None:
    assert seen(ARCS, **environment) == names


def test_vulkan_counts_the_cards_of_all_makers() -> None:
    cards = (card("n", 24, pci="0000:01:00.0", runtime="CUDA 12.4"), *ARCS)
    assert seen(cards, GGML_VK_VISIBLE_DEVICES="1") == "n p"


def test_what_is_hidden_is_said_with_the_variable_that_hides_it() -> None:
    [told] = visible(THREE, {"CUDA_VISIBLE_DEVICES": "1"})[1]
    assert told == "CUDA_VISIBLE_DEVICES=1 hides 2 of the graphics cards: a, c."
    assert len(visible(THREE, {"CUDA_VISIBLE_DEVICES": "x" * 9000})[1][0]) < 200


def test_two_cards_that_are_alike_are_two() -> None:
    alike = (card("a", 24), card("a", 24))
    assert seen(alike, CUDA_VISIBLE_DEVICES="1") == "a" and seen(alike) == "a a"


def budget(*cards: Accelerator, arch: str = "x86_64") -> float:
    machine = Hardware("linux", arch, Processor(None, 8, 8), Memory(64 * GIB, 64 * GIB), cards)
    return round((memory_pools(machine, MemoryRules())[0].budget_bytes or 0) / GIB, 1)


def test_a_process_computes_on_one_slice_or_on_all_whole_cards() -> None:
    assert budget(*CUT[:2]) == 36.0
    assert budget(*CUT) == 72.0
    assert budget(CUT[0], card("small", 8)) == 36.0
    assert budget(card("cut", 0, slice=True)) == 32.0  # main memory


def test_a_card_that_tells_no_size_counts_as_a_usual_one_beside_none_that_does() -> None:
    unknown = Accelerator("nvidia", "a card", None, None, "dedicated")
    assert budget(unknown) == 5.4 and budget(unknown, card("known", 24)) == 21.6
    rules = MemoryRules(gpu_memory_fraction=0.5)
    machine = Hardware("linux", "x86_64", Processor(None, 8, 8), Memory(64 * GIB, 64 * GIB), (unknown,))
    assert (memory_pools(machine, rules)[0].budget_bytes or 0) == int(2.7 * GIB)


def test_a_card_of_its_own_is_used_before_a_chip_that_shares() -> None:
    chip = Accelerator("amd", "chip", 110 * GIB, None, "unified", limit_bytes=110 * GIB)
    assert budget(chip, card("card", 24)) == 21.6 and budget(chip) == 32.0
