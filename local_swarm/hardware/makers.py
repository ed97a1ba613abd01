"""Cards in, those out whose makers' cards are worth computing on: plan and engine are made for the same ones. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from local_swarm.hardware.profile import Accelerator, Vendor

LEAST_TOGETHER = 2_800_000_000  # bytes; a card that only drives a screen has less


def worthwhile(cards: Sequence[Accelerator]) -> tuple[Accelerator, ...]:
    """All in the order given, without those of makers whose own memory is tiny together, where another maker's are left."""
    kept = tuple(one for one in cards if one.memory_kind == "shared" or not is_tiny(cards, one.vendor))
    return kept if any(one.memory_kind != "shared" for one in kept) else tuple(cards)


def is_tiny(cards: Sequence[Accelerator], vendor: Vendor) -> bool:
    """A card that tells no size may be large, and a chip that computes in main memory is."""
    sizes = [one.memory_bytes if one.memory_kind == "dedicated" else None for one in cards if one.vendor == vendor]
    return None not in sizes and sum(size or 0 for size in sizes) < LEAST_TOGETHER
