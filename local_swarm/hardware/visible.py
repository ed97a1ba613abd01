"""Cards and the environment in, the cards that a process may compute on out, with a sentence for what is hidden. Pure.

Not looked at: NVIDIA_VISIBLE_DEVICES. It tells a container's runtime which cards to pass in, so what is seen inside is its
outcome already, and its numbers are those of the host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from local_swarm.hardware.profile import Accelerator

Cards = Sequence[Accelerator]
Concerns = Callable[[Accelerator], bool]
Picks = Callable[[str, Cards], list[Accelerator]]  # those that a value names, in its order

MOST_ENTRIES = 256  # entries of a list
LONGEST_VALUE = 4_096  # characters
LONGEST_SHOWN = 60
SYCL_BACKENDS = ("level_zero", "opencl", "*")  # of Intel's graphics


def visible(cards: Cards, environment: Mapping[str, str]) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    """Those that count, in the order given, and a sentence for each variable that hides some."""
    known = with_numbers(cards)
    left, told = sorted(known, key=lambda one: one.index or 0), []
    for variable, concerns, picks in choices(environment):
        value, asked = environment[variable][:LONGEST_VALUE], [one for one in left if concerns(one)]
        kept = [one for one in picks(value, left if picks is by_vulkan else asked) if one in asked]
        if hidden := [one for one in asked if one not in kept]:
            told.append(sentence(variable, value, hidden))
        left = [*(one for one in left if one not in asked), *kept]  # a later one counts in the order of an earlier
    return tuple(one for one in known if one in left), tuple(told)


def with_numbers(cards: Cards) -> list[Accelerator]:
    """Cards without a number of their own count in the order given, those of each maker by themselves."""
    found: list[Accelerator] = []
    for one in cards:
        place = sum(other.vendor == one.vendor for other in found)
        found.append(one if one.index is not None else replace(one, index=place))
    return found


def choices(environment: Mapping[str, str]) -> Iterator[tuple[str, Concerns, Picks]]:
    """(variable, whom it concerns, how it is read) of those that are set, in the order in which drivers apply them."""
    fastest = environment.get("CUDA_DEVICE_ORDER", "").upper() == "FASTEST_FIRST"
    hip = next(
        (name for name in ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES") if name in environment), "GPU_DEVICE_ORDINAL"
    )
    table: tuple[tuple[str, Concerns, Picks], ...] = (
        ("CUDA_VISIBLE_DEVICES", lambda one: one.vendor == "nvidia", fastest_first if fastest else by_list),
        ("ROCR_VISIBLE_DEVICES", lambda one: one.vendor == "amd", by_list),
        (hip, lambda one: one.vendor == "amd" and (hip == "HIP_VISIBLE_DEVICES" or runs_rocm(one)), by_list),
        ("ZE_AFFINITY_MASK", lambda one: one.vendor == "intel", by_mask),
        ("ONEAPI_DEVICE_SELECTOR", lambda one: one.vendor == "intel", by_selector),
        ("GGML_VK_VISIBLE_DEVICES", lambda one: one.runtime == "Vulkan", by_vulkan),
    )
    return (row for row in table if row[0] in environment)


def runs_rocm(one: Accelerator) -> bool:
    return (one.runtime or "").startswith("ROCm")


def by_list(value: str, cards: Cards) -> list[Accelerator]:
    """A list of numbers and UUIDs, or beginnings of them (CUDA C++ Programming Guide, environment variables). It ends at its
    first entry that names no card, such as -1 or NoDevFiles; where a card comes twice nothing is visible. Slices share the
    number of their card."""
    places = [list(group) for _, group in groupby(cards, key=lambda one: one.index)]
    kept: list[Accelerator] = []
    for entry in value.split(",", MOST_ENTRIES)[:MOST_ENTRIES]:
        found = cards_named(entry.strip(), places, kept)
        if not found:
            break
        if found[0] in kept:
            return []
        kept += found
    return kept


def cards_named(entry: str, places: Sequence[list[Accelerator]], kept: Cards) -> list[Accelerator]:
    if number := re.match(r"\+?(\d{1,6})", entry):
        place = int(number[1])
        return places[place] if place < len(places) else []
    if not re.match(r"(?:GPU|MIG)-", entry):
        return []
    cards = [one for group in places for one in group]
    found = [one for one in cards if one.uuid and one.uuid.lower().startswith(entry.lower())]
    if found:
        return found if len(found) == 1 else []  # the beginning of several names none
    # It is one of these: count on the smallest.
    nameless = [one for one in cards if one.uuid is None and one not in kept]
    return sorted(nameless, key=lambda one: one.memory_bytes or 0)[:1]


def fastest_first(value: str, cards: Cards) -> list[Accelerator]:
    """CUDA's own order; which card is fastest is taken from its memory."""
    return by_list(value, sorted(cards, key=lambda one: -(one.memory_bytes or 0)))


def by_mask(value: str, cards: Cards) -> list[Accelerator]:
    """`0,2`, or `0.1` for a part of the first (Level Zero specification); an empty mask hides nothing."""
    asked = {int(one[1]) for one in re.finditer(r"(?:^|,)\s*+(\d{1,4})(?!\d)", value)}
    return [one for place, one in enumerate(dedicated_first(cards)) if place in asked or not value.strip()]


def by_selector(value: str, cards: Cards) -> list[Accelerator]:
    """`level_zero:0,1`, `*:gpu`, `opencl:cpu;level_zero:*`, `!level_zero:1` (SYCL's environment variables)."""
    every = range(len(cards))
    terms = [term.strip().lower() for term in value.split(";", MOST_ENTRIES)[:MOST_ENTRIES] if term.strip()]
    wanted = {place for term in terms if term[0] != "!" for place in places_of(term, every)}
    refused = {place for term in terms if term[0] == "!" for place in places_of(term[1:], every)}
    anything = all(term[0] == "!" for term in terms)
    order = dedicated_first(cards)
    return [order[place] for place in every if (anything or place in wanted) and place not in refused]


def places_of(term: str, every: range) -> set[int]:
    backend, _, devices = term.partition(":")
    if backend not in SYCL_BACKENDS:
        return set()
    entries = {entry.strip().partition(".")[0] for entry in devices.split(",", MOST_ENTRIES)[:MOST_ENTRIES]}
    return {place for place in every if str(place) in entries or entries & {"*", "gpu"}}


def by_vulkan(value: str, cards: Cards) -> list[Accelerator]:
    """Numbers of all makers' cards together, those with memory of their own first, as Vulkan's loader lists them."""
    asked = {int(number) for number in re.findall(r"(?<!\d)\d{1,4}(?!\d)", value)}
    return [one for place, one in enumerate(dedicated_first(cards)) if place in asked]


def dedicated_first(cards: Cards) -> list[Accelerator]:
    return sorted(cards, key=lambda one: (one.memory_kind != "dedicated", one.pci or ""))


def sentence(variable: str, value: str, hidden: Cards) -> str:
    names = ", ".join(dict.fromkeys(one.name for one in hidden))
    shown = value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}..."
    return f"{variable}={shown} hides {len(hidden)} of the graphics cards: {names}."
