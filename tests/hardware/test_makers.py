"""Cards of several makers in one machine: the plan and the engine are made for the same ones."""

from __future__ import annotations

from local_swarm.environment.install_plan import engine_builds
from local_swarm.hardware.makers import worthwhile
from local_swarm.hardware.profile import Accelerator, Hardware, Memory, MemoryKind, Processor, Vendor
from local_swarm.models.budget import MemoryRules, compute_device, memory_pools

GIB = 1 << 30


def card(vendor: Vendor, gib: int | None, kind: MemoryKind = "dedicated") -> Accelerator:
    return Accelerator(vendor, f"{vendor} card", gib * GIB if gib else None, None, kind)


def machine(*cards: Accelerator) -> Hardware:
    return Hardware("linux", "x86_64", Processor("Xeon", 8, 16), Memory(64 * GIB, 60 * GIB), cards)


def test_a_card_for_the_screen_leaves_the_computing_to_a_large_one_of_another_maker() -> None:
    for large in (card("amd", 24), card("intel", 16), card("amd", 96, "unified"), card("amd", None)):
        cards = (card("nvidia", 2), large)
        assert compute_device(machine(*cards)) == large
        assert memory_pools(machine(*cards), MemoryRules())[0].gpu
        assert engine_builds("linux", cards, lambda program: program)[0].kind != "cuda"


def test_a_tiny_card_by_itself_or_beside_shared_graphics_is_kept() -> None:
    for cards in ((card("nvidia", 2),), (card("nvidia", 2), card("intel", None, "shared"))):
        assert worthwhile(cards) == cards


def test_several_small_cards_of_one_maker_count_together() -> None:
    cards = (card("nvidia", 2), card("nvidia", 4), card("amd", 24))
    assert worthwhile(cards) == cards
