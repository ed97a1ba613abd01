"""A member with a folder of safetensors in, its engine in a process of ours and its plan out: MLX, Transformers or vLLM."""

from __future__ import annotations

from local_swarm.backends.process.backend import ProcessBackend
from local_swarm.backends.process.lifecycle import Description
from local_swarm.backends.process.messages import Load
from local_swarm.chat.template import template_for
from local_swarm.engines.machine import EnginePlan, LocatedMember, Machine, MadeEngine, adapter_files, memory_limit
from local_swarm.errors import SwarmError, UsageError
from local_swarm.models.budget import MemoryRules, memory_pools
from local_swarm.models.folder_plan import plan_folder
from local_swarm.models.model_kind import template_remarks
from local_swarm.models.planner import Plan, RunOptions, number_of_workers
from local_swarm.roster import Member

STAND_IN = "transformers"  # for vLLM


def make_mlx(located: LocatedMember, machine: Machine) -> MadeEngine:
    """Raises UsageError for adapters that it cannot take."""
    if len(located.member.adapters) > 1:
        raise UsageError("MLX takes one adapter for a model. Give each a member of its own.")
    return make_engine(located, machine, bytes_per_value=2.0)


def make_vllm(located: LocatedMember, machine: Machine) -> MadeEngine:
    """With Transformers to stand in where it fails. Raises UsageError for adapters, which it cannot take."""
    if located.member.adapters:
        raise UsageError("vLLM members take no adapters here. Use engine: transformers for them.")
    return make_engine(located, machine, other=STAND_IN)


def make_engine(
    located: LocatedMember, machine: Machine, bytes_per_value: float | None = None, other: str | None = None
) -> MadeEngine:
    """`bytes_per_value`: of a key or value; None is as wide as the chip computes. `other`: the engine that stands in, if
    it is installed, where this one fails. Raises UsageError, DoesNotFit."""
    plan = plan_of(located, machine, bytes_per_value)
    folder, member = located.folder, located.member
    assert folder
    load = Load(
        path=str(folder.path),
        context=plan.context,
        answer_tokens=plan.answer_tokens,
        cells=plan.cells,
        sequences=plan.sequences,
        threads=plan.threads,
        workers=plan.workers,
        adapters=adapter_files(member),
        options=options_of(member),
        memory_bytes=memory_limit(plan.memory),
    )
    about = Description(
        folder.name, folder.architecture, template_for(folder.chat_template, folder.chatml), engine=located.kind
    )
    made = EnginePlan(plan)

    def stand_in(problem: SwarmError) -> str:
        if other is None or not machine.survey.readers.module(other):
            raise problem
        made.hand_over(other, problem.message)
        return other

    return ProcessBackend(load, about, confined=machine.confined, stand_in=stand_in), made


def options_of(member: Member) -> dict[str, str]:
    options = {"device": member.device, "dtype": member.dtype, "quantization": member.quantization}
    return {name: value for name, value in options.items() if value}


def plan_of(located: LocatedMember, machine: Machine, bytes_per_value: float | None = None) -> Plan:
    """What would run; loads nothing. Raises UsageError, DoesNotFit."""
    folder, member, config = located.folder, located.member, machine.config
    assert folder
    hardware, rules = machine.survey.hardware, rules_of(member, machine)
    pool = memory_pools(hardware, rules)[0]
    options = RunOptions(member.workers or config.swarm.instances)
    workers, why = number_of_workers(hardware, options, rules, pool.gpu)
    width = bytes_per_value or (2.0 if pool.gpu else 4.0)
    how = plan_folder(folder, workers, member.context or config.models.context, pool.budget_bytes, width)
    remarks = tuple(template_remarks(folder.chat_template, folder.chatml))
    reasons = (
        f"model: {folder.path}, run by {located.kind}",
        *remarks,
        why,
        f"context {how.context}",
        f"memory: {pool.rule} may be used",
    )
    return Plan(
        model=folder.name,
        path=folder.path,
        quantization=folder.quantization,
        architecture=folder.architecture,
        engine=located.kind,
        workers=workers,
        context=how.context,
        answer_tokens=how.answer_tokens,
        cells=how.cells,
        sequences=how.sequences,
        threads=hardware.cpu.physical_cores or 1,
        gpu=pool.gpu,
        kv_type="f16",
        memory=how.memory,
        host_cache_bytes=0,
        why=reasons,
        remarks=remarks,
    )


def rules_of(member: Member, machine: Machine) -> MemoryRules:
    swarm, share = machine.config.swarm, machine.config.hardware
    return MemoryRules(
        ram_fraction=share.ram_fraction,
        gpu_memory_fraction=share.gpu_memory_fraction,
        min_instances=swarm.min_instances,
        max_instances=swarm.max_instances,
        gpu=member.device != "cpu",
    )
