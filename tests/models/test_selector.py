from __future__ import annotations

from pathlib import Path

import pytest

from local_swarm.errors import DoesNotFit, UnknownModel, UsageError
from local_swarm.hardware.profile import Accelerator, Hardware, Memory, MemoryKind, Processor, System, Vendor
from local_swarm.models import starter
from local_swarm.models.budget import MemoryRules, memory_pools
from local_swarm.models.gguf import Header, read_header
from local_swarm.models.planner import Plan, RunOptions, plan
from local_swarm.models.registry import Catalogue
from local_swarm.models.resolve import find, is_path, model_of, resolve
from local_swarm.models.storage import Storage

GIB = 1 << 30


def machine(memory_gib: float | None = 16, os: System = "linux", *cards: Accelerator) -> Hardware:
    size = int(memory_gib * GIB) if memory_gib else None
    return Hardware(os, "x86_64", Processor("a processor", 8, 16), Memory(size, size), cards)


def card(gib: int, kind: MemoryKind = "dedicated", vendor: Vendor = "nvidia") -> Accelerator:
    return Accelerator(vendor, "a card", gib * GIB, gib * GIB, kind)


def model(weights_gib: float = 4.5, trained: int = 131_072) -> Header:
    """The shape of a model of seven billion parameters."""
    facts = {
        "general.architecture": "x",
        "general.file_type": 15,
        "x.context_length": trained,
        "x.block_count": 28,
        "x.embedding_length": 3584,
        "x.attention.head_count": 28,
        "x.attention.head_count_kv": 4,
    }
    size = int(weights_gib * GIB)
    return Header(Path("/models/seven.gguf"), size, size, 300, facts)


def planned(hardware: Hardware, header: Header | None = None, **wishes: int) -> Plan:
    return plan(hardware, model_of(header or model()), RunOptions(**wishes), MemoryRules())


def test_a_processor_gets_five_workers_a_card_eight_a_phone_two() -> None:
    assert planned(machine(32)).workers == 5
    assert planned(machine(32, "linux", card(24))).workers == 8
    assert planned(machine(32, "darwin", card(32, "unified", "apple"))).workers == 8
    assert planned(machine(12, "android"), model(1.0)).workers == 2


def test_an_agent_gets_its_context_where_it_fits_and_less_where_it_does_not() -> None:
    assert planned(machine(32)).context == 32_768
    small = planned(machine(11))
    assert 2_048 <= small.context < 32_768 and "largest that fits" in " ".join(small.why)
    assert planned(machine(32), model(trained=4096)).context == 4096


def test_the_prompt_is_counted_once_and_only_answers_multiply() -> None:
    one, eight = planned(machine(64), instances=1), planned(machine(64), instances=8)
    assert one.memory.kv_context_bytes == eight.memory.kv_context_bytes == 32_768 * 28 * 4 * 256 * 2
    assert one.memory.kv_answers_bytes == 0
    assert eight.memory.kv_answers_bytes == 7 * eight.answer_tokens * 28 * 4 * 256 * 2
    assert eight.cells == 32_768 + 7 * eight.answer_tokens
    assert eight.memory.fits and eight.memory.total_bytes <= (eight.memory.budget_bytes or 0)


def test_budgets_follow_the_kind_of_memory() -> None:
    assert planned(machine(32)).memory.budget_bytes == 16 * GIB
    assert planned(machine(32, "linux", card(24))).memory.budget_bytes == int(24 * GIB * 0.9)
    assert planned(machine(32, "darwin", card(32, "unified", "apple"))).memory.budget_bytes == 16 * GIB
    assert planned(machine(12, "android"), model(1.0)).memory.budget_bytes == 3 * GIB
    assert planned(machine(32, "linux", card(2, "shared", "amd"))).memory.budget_bytes == 16 * GIB
    assert planned(machine(None)).memory.budget_bytes is None


def test_a_container_limit_counts() -> None:
    limited = Hardware("linux", "x86_64", Processor(None, 4, 4), Memory(64 * GIB, 60 * GIB, 16 * GIB))
    assert planned(limited).memory.budget_bytes == 8 * GIB


def test_workers_are_given_up_before_the_context_and_16_bit_keys_before_a_majority() -> None:
    tight = planned(machine(15, "linux", card(8)))
    assert (tight.context, tight.workers, tight.kv_type) == (32_768, 4, "f16")
    tighter = planned(machine(15, "linux", card(7)))
    assert tighter.context == 32_768 and tighter.kv_type == "q8_0" and tighter.workers >= 3


def test_all_cards_of_one_maker_count_and_those_of_another_do_not() -> None:
    two = machine(64, "linux", card(12), card(12), card(8, vendor="amd"), card(1, "shared", "intel"))
    assert planned(two).memory.budget_bytes == int(24 * GIB * 0.9)


def test_what_is_too_large_for_the_card_runs_on_the_processor_and_says_so() -> None:
    what = planned(machine(64, "linux", card(4)))
    assert not what.gpu and what.workers == 5 and "too large for the graphics card" in " ".join(what.why)


def test_a_tiny_card_is_left_alone_and_graphics_can_be_forbidden() -> None:
    assert [place.gpu for place in memory_pools(machine(16, "linux", card(2)), MemoryRules())] == [False]
    assert [place.gpu for place in memory_pools(machine(16, "linux", card(24)), MemoryRules(gpu=False))] == [False]


def test_what_the_chip_may_hold_at_once_bounds_unified_memory() -> None:
    chip = Accelerator("apple", "Apple M2", 16 * GIB, None, "unified", limit_bytes=6 * GIB)
    [place] = memory_pools(machine(16, "darwin", chip), MemoryRules())
    assert place.gpu and place.budget_bytes == 6 * GIB


def test_a_card_that_tells_no_size_is_taken_for_a_small_one() -> None:
    silent = Accelerator("intel", "a card", None, None, "dedicated")
    assert memory_pools(machine(32, "linux", silent), MemoryRules())[0].budget_bytes == int(6 * GIB * 0.9)


def test_a_card_that_may_not_be_used_is_told_of() -> None:
    what = plan(machine(64, "linux", card(24)), model_of(model()), RunOptions(), MemoryRules(gpu=False))
    assert not what.gpu and "the graphics card is not used" in " ".join(what.why)


def test_memory_that_is_taken_at_the_moment_is_told() -> None:
    busy = Hardware("linux", "x86_64", Processor(None, 4, 4), Memory(32 * GIB, 2 * GIB))
    assert "only 2.0 GiB are free at the moment" in " ".join(planned(busy).why)


def test_what_cannot_fit_is_refused_with_numbers() -> None:
    with pytest.raises(DoesNotFit, match=r"GiB.*--context"):
        planned(machine(8))
    with pytest.raises(DoesNotFit):
        planned(machine(20), context=131_072, instances=32)


def test_impossible_wishes_are_wrong_use() -> None:
    with pytest.raises(UsageError, match="131072"):
        planned(machine(64), context=200_000)
    for count in (0, -1, 33):
        with pytest.raises(UsageError, match="--instances"):
            planned(machine(64), instances=count)


def test_wishes_are_kept() -> None:
    wished = planned(machine(64), instances=3, context=5000)
    assert (wished.workers, wished.context) == (3, 5000)
    assert "as you asked" in " ".join(wished.why)


def test_the_plan_as_json_has_the_fields_of_the_contract() -> None:
    told = planned(machine(32)).as_json()
    assert set(told) == {"model", "quantization", "engine", "workers", "context", "memory", "why"}
    assert set(told["memory"]) == {
        "weights_bytes",
        "kv_context_bytes",
        "kv_answers_bytes",
        "state_bytes",
        "compute_bytes",
        "total_bytes",
        "budget_bytes",
    }
    assert (told["model"], told["quantization"]) == ("seven", "q4_k_m")


def test_the_starter_runs_on_one_core_and_is_known_as_such() -> None:
    what = planned(machine(16), read_header(starter.PATH))
    assert (what.starter, what.threads, what.model, what.quantization) == (True, 1, starter.NAME, "q8_0")
    assert planned(machine(16)).threads == 8


def test_models_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(starter.PATH.read_bytes())
    none, own = Catalogue((), ()), Storage(tmp_path)
    assert find(resolve("starter"), none, own).path == starter.PATH
    mine = tmp_path / "mine.gguf"
    assert find(resolve("mine"), none, own).path == find(resolve(str(mine)), none, own).path == mine
    with pytest.raises(UnknownModel, match=r"Did you mean mine\?"):
        find(resolve("mein"), none, own)
    with pytest.raises(UnknownModel, match=r"here are local-swarm-starter, mine\."):
        find(resolve("zzz"), none, own)


@pytest.mark.parametrize("path", ["/a/b", "./b", "../b", "~/b", "b.gguf", "C:\\models\\b", "C:/models/b", ".\\b"])
def test_what_begins_like_a_path_is_one(path: str) -> None:
    assert is_path(path)


@pytest.mark.parametrize("name", ["qwen", "org/model", "qwen2.5-coder:3b:q4"])
def test_all_else_is_a_name(name: str) -> None:
    assert not is_path(name)


def test_what_lies_here_is_never_looked_for_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert resolve("owner/name").kind == "hub"
    monkeypatch.chdir(tmp_path)
    assert resolve("owner/name").kind == "path"
    assert (resolve(".").kind, resolve(".").path) == ("path", tmp_path)
