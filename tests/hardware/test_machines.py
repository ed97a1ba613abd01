"""The texts of others' machines as plans: each was looked at by eye, and what docs/models.md shows of them is true."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest

from local_swarm.errors import DoesNotFit
from local_swarm.hardware.profile import Hardware, hardware_from
from local_swarm.models.budget import MemoryRules, memory_pools
from local_swarm.models.planner import RunOptions
from local_swarm.models.registry import load
from local_swarm.models.selector import choose
from local_swarm.units import memory_size
from tests.hardware.machines import TEXT_MACHINES, TextMachine

ROOT = Path(__file__).parent.parent.parent
CATALOGUE = load(ROOT / "config", ROOT / "none")


@cache
def hardware_of(place: int) -> Hardware:
    with tempfile.TemporaryDirectory() as folder:
        return TEXT_MACHINES[place].hardware(Path(folder))


def cards_of(hardware: Hardware) -> str:
    """Alike ones are counted, in the order in which they are used."""
    told: dict[str, int] = {}
    for one in hardware.accelerators:
        size = "" if one.memory_bytes is None else f" {memory_size(one.memory_bytes)}"
        words = f"{one.name}{size}, {one.memory_kind}"
        told[words] = told.get(words, 0) + 1
    return "; ".join(f"{count} x {words}" if count > 1 else words for words, count in told.items()) or "none"


def row(place: int) -> str:
    hardware = hardware_of(place)
    try:
        plan = choose(
            hardware, CATALOGUE, RunOptions(), MemoryRules(), ("auto",), lambda one: Path("/m") / Path(one.file).name
        ).plan
        planned = f"{plan.model} {plan.quantization} | {plan.workers} | {plan.context:,}"
        budget = memory_size(plan.memory.budget_bytes) + (", card" if plan.gpu else "")
    except DoesNotFit:
        planned, budget = (
            "nothing fits: `--starter` | |",
            memory_size(memory_pools(hardware, MemoryRules())[-1].budget_bytes),
        )
    return f"| {TEXT_MACHINES[place].name} | {cards_of(hardware)} | {budget} | {planned} |"


def table() -> str:
    head = ["| machine | accelerators | may be used | model | workers | context |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(row(place) for place in range(len(TEXT_MACHINES)))])


def test_the_plans_in_the_documents_are_those_of_the_texts() -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    found = text.split("<!-- texts start -->\n")[1].split("\n<!-- texts end -->")[0]
    assert found == table(), table()


@pytest.mark.parametrize("place", range(len(TEXT_MACHINES)), ids=lambda place: TEXT_MACHINES[place].name)
def test_no_plan_promises_more_than_the_machine_has(place: int) -> None:
    one, hardware = TEXT_MACHINES[place], hardware_of(place)
    pools = memory_pools(hardware, MemoryRules())
    assert (pools[-1].budget_bytes or 0) <= (one.limit or one.memory) * (1 << 30)
    own = sum(card.memory_bytes or 0 for card in hardware.accelerators if card.memory_kind == "dedicated")
    assert not pools[0].gpu or len(pools) == 1 or (pools[0].budget_bytes or 0) <= max(own, 6 << 30)


@pytest.mark.parametrize("place", range(len(TEXT_MACHINES)), ids=lambda place: TEXT_MACHINES[place].name)
def test_every_machine_can_be_planned_for_from_another(place: int) -> None:
    hardware = hardware_of(place)
    assert hardware_from(hardware.as_json()) == hardware
    assert isinstance(TEXT_MACHINES[place], TextMachine)
