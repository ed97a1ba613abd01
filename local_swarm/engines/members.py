"""Members of a roster in, workers over the engines that they name out. Starts nothing.

What is missing is said before anything is loaded: an engine that is not installed names the extra to install.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from local_swarm.backends.base import Backend
from local_swarm.config import Config
from local_swarm.confined.process import Confined
from local_swarm.engines import folder, gguf, server
from local_swarm.engines.kinds import SERVER, folder_engine, is_server, kind_for_file, kind_for_folder, needs_folder
from local_swarm.engines.machine import EngineKind, EnginePlan, LocatedMember, Machine, MadeEngine, NamedMember
from local_swarm.engines.sources import locate_model
from local_swarm.models.folder import read_folder
from local_swarm.models.planner import Plan
from local_swarm.models.resolve import of_path
from local_swarm.roster import Member
from local_swarm.survey import Survey
from local_swarm.swarm.worker import Worker

# How an engine of each kind is made. Another engine is another line here.
MAKERS: Mapping[EngineKind, Callable[[LocatedMember, Machine], MadeEngine]] = {
    "llamacpp": gguf.make_process,
    "llama-server": gguf.make_server,
    "mlx": folder.make_mlx,
    "transformers": folder.make_engine,
    "vllm": folder.make_vllm,
    "openai_compatible": server.make_engine,
}


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers and the plans of their engines, in the order of the members."""

    workers: tuple[Worker, ...]
    plans: Mapping[Backend, EnginePlan]

    @property
    def backends(self) -> tuple[Backend, ...]:
        return tuple(self.plans)

    @property
    def plan(self) -> Plan:
        """The plan of the first member as it is now, with what is to be told of the others."""
        first, *others = (one.plan for one in self.plans.values())
        also = [f"{plan.workers} workers of {plan.model} by {plan.engine}" for plan in others]
        return replace(first, workers=len(self.workers), why=(*first.why, *also))


def locate_member(named: NamedMember, config: Config, survey: Survey) -> LocatedMember:
    """A member with its model on this disk, fetched from the hub where it must be.

    Raises UsageError, UnknownModel, BadModelFile, DownloadFailed."""
    member, source = named.member, named.source
    if is_server(member):
        return LocatedMember(member, SERVER)
    if source is None:
        return LocatedMember(member, kind_for_file(member.engine, config.models.engine, None, survey.readers))
    if source.kind == "server":
        return LocatedMember(replace(member, url=source.text, model=None), SERVER)
    if source.repository and needs_folder(member):
        folder_engine(member.engine, survey.readers)  # what is missing is said before gigabytes are fetched
    path = locate_model(source)
    if path and path.is_dir():
        weights = read_folder(path)
        return LocatedMember(member, kind_for_folder(member.engine, weights, survey), folder=weights)
    kind = kind_for_file(member.engine, config.models.engine, str(path or source.text), survey.readers)
    found = of_path(path, survey.header) if path else survey.advisor(config).find(source)
    return LocatedMember(member, kind, found)


def make_crew(located: Sequence[LocatedMember], config: Config, survey: Survey, confined: Confined) -> Crew:
    """Local members share this machine's memory in equal parts. Raises UsageError."""
    local = sum(one.kind != SERVER for one in located)
    machine = Machine(survey, with_share(config, max(1, local)), confined)
    workers: list[Worker] = []
    plans: dict[Backend, EnginePlan] = {}
    for place, one in enumerate(located, start=1):
        backend, plan = MAKERS[one.kind](one, machine)
        plans[backend] = plan
        for name in worker_names(one.member, place, len(located), plan.plan.workers):
            workers.append(Worker(name, len(workers) + 1, backend, one.member.weight))
    return Crew(tuple(workers), plans)


def worker_names(member: Member, place: int, members: int, count: int) -> list[str]:
    """`w1`, `w2` ... of a single member without a name, else `name-1` or `m2-1`."""
    prefix = f"{member.name or f'm{place}'}-" if members > 1 or member.name else "w"
    return [f"{prefix}{number}" for number in range(1, count + 1)]


def with_share(config: Config, parts: int) -> Config:
    hardware = replace(
        config.hardware,
        ram_fraction=config.hardware.ram_fraction / parts,
        gpu_memory_fraction=config.hardware.gpu_memory_fraction / parts,
    )
    return replace(config, hardware=hardware)
