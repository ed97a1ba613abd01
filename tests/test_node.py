"""Wiring: a start finds everything out once, and what happens when the plan meets a machine with less memory than it said."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local_swarm.backends.base import ModelFacts
from local_swarm.backends.process.loading import give_up, load_what_fits
from local_swarm.backends.process.messages import Load
from local_swarm.cli.prepare import prepare_launch
from local_swarm.config import Config, load
from local_swarm.engines.gguf import load_of, plan_engine, split_shares
from local_swarm.engines.machine import EnginePlan, LocatedMember, Machine
from local_swarm.errors import DoesNotFit
from local_swarm.hardware.profile import Accelerator, Hardware, Memory, Processor
from local_swarm.launch import Launch, make_launch
from local_swarm.memory_watch import MemoryWatch
from local_swarm.models import registry, starter
from local_swarm.models.gguf import Header, read_header
from local_swarm.models.registry import Catalogue
from local_swarm.models.resolve import of_path
from local_swarm.network.service import NoFederation
from local_swarm.node import Node, assemble, connect, run_node
from local_swarm.roster import Member, Roster, read_roster
from local_swarm.survey import Readers, Survey
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_swarm import scripted_swarm

pytestmark = pytest.mark.anyio

GIB = 1 << 30
MACHINE = Hardware("linux", "x86_64", Processor("a processor", 4, 8), Memory(16 * GIB, 12 * GIB))


def config(**flags: Any) -> Config:
    return load(None, {"models.model": starter.NAME, **flags}, environment={})


class CountingReaders:
    """Readers that note what was read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    @property
    def readers(self) -> Readers:
        return Readers(self.hardware, self.roster, self.catalogue, self.header)

    def hardware(self) -> Hardware:
        self.counts["hardware"] += 1
        return MACHINE

    def roster(self, path: Path) -> Roster:
        self.counts["roster"] += 1
        return read_roster(path)

    def catalogue(self, data: Path, home: Path) -> Catalogue:
        self.counts["catalogue"] += 1
        return registry.load(data, home)

    def header(self, path: Path) -> Header:
        self.counts[path.name] += 1
        return read_header(path)


def prepared(settings: Config, counting: CountingReaders) -> Launch:
    """As the command line starts."""
    quiet = Console(file=io.StringIO())
    return prepare_launch(settings, quiet, menu=False, ask=False, survey=Survey(counting.readers))


ONE_START = {"hardware": 1, "catalogue": 1, starter.PATH.name: 1}


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path / "home"))


@pytest.fixture
def llama_cpp() -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")


def node_of(settings: Config, readers: Readers | None = None) -> Node:
    local = assemble(make_launch(settings, Survey(readers)))
    return connect(local, NoFederation(local.swarm))


# ------------------------------------------------------------------------------- found out once


async def test_one_start_looks_at_the_machine_the_catalogue_and_the_model_once(llama_cpp: None) -> None:
    counting = CountingReaders()
    launch = prepared(config(), counting)
    async with run_node(launch.config, launch, serve=False) as node:
        assert node.plan.starter and node.status().machine["line"] == MACHINE.line
    assert counting.counts == ONE_START


def test_a_roster_of_several_members_is_read_once_and_so_is_the_model_that_they_share(
    tmp_path: Path, llama_cpp: None
) -> None:
    counting = CountingReaders()
    file = tmp_path / "roster.yaml"
    file.write_text("members: [{model: starter, workers: 2}, {model: starter, workers: 1}]", encoding="utf-8")
    local = assemble(prepared(config(**{"swarm.roster": str(file)}), counting))
    assert [worker.name for worker in local.swarm.workers] == ["m1-1", "m1-2", "m2-1"]
    assert counting.counts == {**ONE_START, "roster": 1}


def test_a_smaller_context_is_planned_from_the_same_look_at_the_machine(llama_cpp: None) -> None:
    counting = CountingReaders()
    machine = Machine(Survey(counting.readers), config(), FakeBackend().confined)
    plan = plan_engine(LocatedMember(Member(), "llamacpp", of_path(starter.PATH, machine.survey.header)), machine)
    plan.shrink(DoesNotFit("Not enough memory."))
    assert counting.counts == ONE_START


# ------------------------------------------------------------------------- memory that runs out


class Cramped:
    """An engine that can be loaded with a context of at most so many tokens."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.loads: list[Load] = []

    def reload(self, options: Load) -> None:
        self.loads.append(options)

    def stand_in(self, engine: str) -> None:
        raise AssertionError("Memory that ran out calls for no other engine.")

    async def load(self) -> ModelFacts:
        if not self.loads or self.loads[-1].context > self.room:
            raise DoesNotFit("Not enough memory.")
        return ModelFacts("cramped", "fake", self.loads[-1].context, 100, "none")


def planned(settings: Config) -> EnginePlan:
    machine = Machine(Survey(CountingReaders().readers), settings, FakeBackend().confined)
    return plan_engine(LocatedMember(Member(), "llamacpp", of_path(starter.PATH, machine.survey.header)), machine)


async def load_in(room: int, settings: Config) -> tuple[EnginePlan, Cramped]:
    plan, engine = planned(settings), Cramped(room)
    await load_what_fits(engine, lambda problem: load_of(plan.shrink(problem), settings, []))
    return plan, engine


async def test_where_memory_runs_out_a_smaller_context_is_tried_and_told(caplog: pytest.LogCaptureFixture) -> None:
    plan, engine = await load_in(9000, config())
    assert [options.context for options in engine.loads] == [16_384, 8_192]
    assert plan.plan.context == 8_192 and "memory ran out" in plan.plan.why[-1]
    assert "context of 16384; trying 8192" in caplog.text


async def test_a_context_that_was_asked_for_is_not_changed() -> None:
    settings = config(**{"models.context": 16_384})
    with pytest.raises(DoesNotFit):
        await load_in(9000, settings)
    with pytest.raises(DoesNotFit):
        planned(settings).shrink(DoesNotFit("Not enough memory."))


async def test_a_machine_without_any_room_is_told_so() -> None:
    with pytest.raises(DoesNotFit):
        await load_in(10, config())
    with pytest.raises(DoesNotFit):
        await load_what_fits(Cramped(10), give_up)


def test_a_smaller_plan_for_another_file_is_none() -> None:
    plan = planned(config()).plan
    other = EnginePlan(plan, lambda at_most: replace(plan, path=Path("other.gguf"), context=at_most))
    with pytest.raises(DoesNotFit):
        other.shrink(DoesNotFit("Not enough memory."))
    assert other.plan is plan


def test_what_the_engine_is_told_is_the_plan() -> None:
    settings = config(**{"swarm.instances": 3, "models.kv_type": "q8_0", "hardware.tensor_split": "3,1"})
    plan = planned(settings).plan
    options = load_of(plan, settings, [])
    assert (options.workers, options.kv_type, options.tensor_split) == (3, "q8_0", [3.0, 1.0])
    assert options.cells == plan.cells and options.tuning and options.host_cache_bytes > 0


def test_a_split_that_is_no_numbers_is_a_sentence() -> None:
    with pytest.raises(Exception, match="tensor_split"):
        split_shares("much,less")


# ------------------------------------------------------------------------------ while it runs


async def test_a_machine_short_of_memory_gives_up_memories_and_then_takes_requests_again() -> None:
    backend = FakeBackend()
    swarm = scripted_swarm(backend, 2)
    watch = MemoryWatch(MACHINE, lambda: MACHINE, swarm, [backend])
    watch.apply(Memory(16 * GIB, GIB // 4))
    assert (swarm.pressure, backend.forgotten) == ("requests", 1)
    watch.apply(Memory(16 * GIB, 12 * GIB))
    assert (swarm.pressure, backend.forgotten) == ("none", 1)


def test_a_node_that_stops_says_so(llama_cpp: None) -> None:
    node = node_of(config())
    assert node.status().health == "starting"
    node.lifecycle.stopping = True
    assert node.status().health == "stopping"


def test_the_status_tells_of_graphics_cards_as_they_are_now(llama_cpp: None) -> None:
    node = node_of(config(), CountingReaders().readers)
    card = Accelerator("nvidia", "a card", 8 * GIB, 4 * GIB, "dedicated")
    node.watch.hardware = replace(MACHINE, accelerators=(card,))
    assert node.hardware.accelerators == (card,)
    assert node.status().machine["accelerators"][0]["free_bytes"] == 4 * GIB


def test_two_members_on_llama_cpp_are_told_apart_in_the_status(tmp_path: Path, llama_cpp: None) -> None:
    roster = tmp_path / "roster.yaml"
    first, second = "{model: local-swarm-starter, workers: 2}", "{name: big, model: local-swarm-starter, workers: 1}"
    roster.write_text(f"members:\n  - {first}\n  - {second}\n", encoding="utf-8")
    node = node_of(config(**{"swarm.roster": str(roster)}))
    assert [engine.member for engine in node.status().engines] == ["m1", "big"]
    assert [engine.member for engine in node_of(config()).status().engines] == ["w"]
