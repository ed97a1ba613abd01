"""What is chosen for whom: a table of machines, and the rules behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_swarm.errors import DoesNotFit, UsageError
from local_swarm.hardware.profile import hardware_from
from local_swarm.models.budget import MemoryRules
from local_swarm.models.planner import RunOptions
from local_swarm.models.registry import Variant, load
from local_swarm.models.selector import Choice, choose
from tests.models.machines import MACHINES, RESEARCH, Machine, apple, machine, nvidia, phone

ROOT = Path(__file__).parent.parent.parent
CATALOGUE = load(ROOT / "config", ROOT / "none")


def where(variant: Variant) -> Path:
    return Path("/models") / Path(variant.file).name


def chosen(
    one: Machine, preferred: tuple[str, ...] = ("auto",), rules: MemoryRules | None = None, **wishes: int
) -> Choice:
    return choose(one.hardware, CATALOGUE, RunOptions(**wishes), rules or MemoryRules(), preferred, where)


def described(choice: Choice) -> str:
    plan = choice.plan
    return f"{choice.entry.id} {choice.variant.quantization} {plan.context} {plan.kv_type} {plan.workers}"


@pytest.mark.parametrize("one", MACHINES, ids=lambda one: one.name)
def test_every_machine_gets_what_the_table_says(one: Machine) -> None:
    choice = chosen(one)
    assert described(choice) == one.pick
    assert choice.plan.memory.fits and choice.plan.workers >= 2
    rows = [size for size in RESEARCH if size * 10**9 <= (choice.plan.memory.budget_bytes or 0)]
    by_memory = RESEARCH[rows[-1]] if rows else choice.entry.id
    assert (by_memory != choice.entry.id) == bool(one.differs)


def table() -> str:
    rows = ["| machine | may be used | model | context | workers | needs |", "|---|---|---|---|---|---|"]
    for one in MACHINES:
        choice = chosen(one)
        plan, memory = choice.plan, choice.plan.memory
        kept = ", 8-bit cache" if plan.kv_type == "q8_0" else ""
        rows.append(
            f"| {one.name} | {(memory.budget_bytes or 0) / 1e9:.1f} GB | {choice.entry.title} {choice.variant.quantization} | "
            f"{plan.context:,}{kept} | {plan.workers} | {memory.total_bytes / 1e9:.1f} GB |"
        )
    return "\n".join(rows)


def test_the_table_in_the_documents_is_this_one() -> None:
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    found = text.split("<!-- machines start -->\n")[1].split("\n<!-- machines end -->")[0]
    assert found == table(), table()


def test_more_memory_never_gives_a_worse_model() -> None:
    order = [entry.id for entry in CATALOGUE.order(("auto",))]
    ranks = [order.index(chosen(Machine("", nvidia(16, "a card", size, size), "")).entry.id) for size in range(3, 97)]
    assert ranks == sorted(ranks, reverse=True)


def test_it_says_why_and_why_nothing_better_and_what_would_change_it() -> None:
    why = chosen(Machine("", machine(23.4), "")).plan.why
    told = "\n".join(why)
    assert "Qwen3.5-9B q6_k, 7.5 GB, the best that fits" in told
    assert "not Qwen3.6-35B-A3B: with 2 workers" in told and "GiB more would do" in told
    assert "not q8_0: a processor would read 10 GB for every token" in told
    assert "5 workers" in told and "context 32768" in told and "50% of 23.4 GiB memory" in told


def test_a_users_order_overrides_the_catalogues() -> None:
    desktop = Machine("", nvidia(64, "a card", 24, 23.5), "")
    assert chosen(desktop, preferred=("gpt-oss",)).entry.id == "gpt-oss-20b"
    assert chosen(desktop, preferred=("qwen2.5-coder", "auto")).entry.id == "qwen2.5-coder-14b"
    assert chosen(desktop, preferred=("qwen2.5-coder:3b",)).variant.quantization == "q8_0"
    with pytest.raises(UsageError, match=r"preferred_models.*Did you mean gpt-oss"):
        chosen(desktop, preferred=("gpt-os",))


def test_the_seeds_order_works_on_its_own_machines() -> None:
    seed = ("qwen2.5-coder", "deepseek-coder", "codellama")
    picks = [
        chosen(Machine("", one, ""), preferred=seed) for one in (phone(12), machine(16), apple("Apple M2", 32, 21))
    ]
    assert [pick.entry.id for pick in picks] == ["qwen2.5-coder-3b", "qwen2.5-coder-7b", "qwen2.5-coder-14b"]


def test_wishes_bind_the_choice() -> None:
    desktop = Machine("", nvidia(64, "a card", 12, 11.6), "")
    long = chosen(desktop, context=131_072)
    assert long.plan.context == 131_072 and long.plan.memory.fits
    assert chosen(desktop, instances=3).plan.workers == 3
    assert chosen(desktop, rules=MemoryRules(max_instances=4)).plan.workers == 4


def test_a_machine_too_small_for_all_is_told_what_to_do() -> None:
    with pytest.raises(DoesNotFit, match="--starter"):
        chosen(Machine("", machine(0.5), ""))


def test_where_memory_is_unknown_the_smallest_model_is_the_best_guess() -> None:
    choice = chosen(Machine("", hardware_from({}), ""))
    assert (choice.entry.id, choice.variant.quantization) == ("qwen2.5-coder-0.5b", "q4_k_m")
    assert "memory: unknown" in " ".join(choice.plan.why)


def test_models_whose_cache_is_unknown_are_never_chosen_by_themselves() -> None:
    with pytest.raises(DoesNotFit):
        chosen(Machine("", nvidia(64, "a card", 80, 79), ""), preferred=("minicpm5-2b", "mellum2"))
