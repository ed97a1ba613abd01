"""Hardware and rules in, the memory pools that a model may lie in and its budget in each out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from local_swarm.hardware.makers import worthwhile
from local_swarm.hardware.nvidia import on_architecture
from local_swarm.hardware.profile import Accelerator, Hardware
from local_swarm.limits import USUAL_VOICES
from local_swarm.units import memory_size

PHONE_SHARE = 0.25  # of main memory
CARD_SHARE = 0.9  # of what is free on a card: its driver and the screen want more now and then
LEAST_CARD = int(2.5e9)  # bytes; what fits on less than this is worse than what the processor runs beside it
ASSUMED_CARD = 6 << 30  # bytes of a card that does not tell: most that are sold have more


@dataclass(frozen=True, slots=True)
class MemoryRules:
    """Shares of memory that models may take, the bounds of the number of workers, how keys and values are kept (`auto`: in 16
    bits, or in 8 where that lets a better model fit), and whether graphics chips may be used."""

    ram_fraction: float = 0.5
    gpu_memory_fraction: float = 1.0
    min_instances: int = 2
    max_instances: int = USUAL_VOICES
    kv_type: str = "auto"
    gpu: bool = True


@dataclass(frozen=True, slots=True)
class MemoryPool:
    """Memory that a model may lie in. `budget_bytes` None: unknown, so everything fits. `rule`: where the number comes from."""

    gpu: bool
    budget_bytes: int | None
    rule: str


def compute_device(hardware: Hardware) -> Accelerator | None:
    """The accelerator that models run on: the first with memory of its own, or one that shares all of the machine's."""
    known = worthwhile([on_architecture(one, hardware.arch) for one in hardware.accelerators])
    kinds = [next((one for one in known if one.memory_kind == kind), None) for kind in ("dedicated", "unified")]
    return next((one for one in kinds if one), None)


def memory_pools(hardware: Hardware, rules: MemoryRules) -> tuple[MemoryPool, ...]:
    """Where a model may lie, the fastest first; the last one always is main memory."""
    card = compute_device(hardware) if rules.gpu else None
    if card is None:
        return (main_memory_pool(hardware, rules),)
    if card.memory_kind == "unified":
        return (unified_pool(hardware, rules, card),)
    cards = card_pool(hardware, rules, card)
    if cards.budget_bytes is not None and cards.budget_bytes < LEAST_CARD:
        return (main_memory_pool(hardware, rules),)
    return cards, main_memory_pool(hardware, rules)


def card_pool(hardware: Hardware, rules: MemoryRules, card: Accelerator) -> MemoryPool:
    """All cards of one maker together, since an engine is built for one of them and splits a model over its cards; or a single
    slice of a card, where that is more: a process computes on one slice alone."""
    alike = [one for one in hardware.accelerators if one.memory_kind == "dedicated" and one.vendor == card.vendor]
    whole = [one for one in alike if not one.slice]
    together = [whole] if whole else []
    best = max([*together, *([one] for one in alike if one.slice)], key=lambda cards: sum(map(free_on, cards)))
    share, free = CARD_SHARE * rules.gpu_memory_fraction, sum(map(free_on, best))
    known = [one for one in best if free_of(one) is not None]
    if not known:
        return MemoryPool(
            True, int(ASSUMED_CARD * share), f"{card.name} tells no size, {memory_size(ASSUMED_CARD)} are assumed"
        )
    names = known[0].name if len(known) == 1 else f"{len(known)} cards like {known[0].name}"
    return MemoryPool(True, int(free * share), f"{share:.0%} of the {memory_size(free)} free on {names}")


def free_of(one: Accelerator) -> int | None:
    return one.free_bytes if one.free_bytes is not None else one.memory_bytes


def free_on(one: Accelerator) -> int:
    return free_of(one) or 0


def unified_pool(hardware: Hardware, rules: MemoryRules, card: Accelerator) -> MemoryPool:
    """Main memory by its usual share, and never more than the chip lets its graphics cores hold."""
    pool = main_memory_pool(hardware, rules)
    if card.limit_bytes is not None and (pool.budget_bytes is None or card.limit_bytes < pool.budget_bytes):
        return MemoryPool(
            True, card.limit_bytes, f"the {memory_size(card.limit_bytes)} that {card.name} may hold at once"
        )
    return MemoryPool(True, pool.budget_bytes, pool.rule)


def main_memory_pool(hardware: Hardware, rules: MemoryRules) -> MemoryPool:
    size, share = hardware.memory.usable_bytes, share_of(hardware, rules)
    if size is None:
        return MemoryPool(False, None, "unknown, so nothing is known to fit")
    return MemoryPool(False, int(size * share), f"{share:.0%} of {memory_size(size)} memory")


def share_of(hardware: Hardware, rules: MemoryRules) -> float:
    return min(rules.ram_fraction, PHONE_SHARE) if hardware.os == "android" else rules.ram_fraction
