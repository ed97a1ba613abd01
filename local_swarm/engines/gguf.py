"""A member with a .gguf file in, llama.cpp's engine for it and its plan out: by the bindings, or by llama.cpp's own server."""

from __future__ import annotations

from dataclasses import replace

from local_swarm.backends.openai_compatible.managed_server import PROGRAM, ManagedLlamaServer
from local_swarm.backends.process.backend import ProcessBackend
from local_swarm.backends.process.lifecycle import Description
from local_swarm.backends.process.messages import Load
from local_swarm.chat.template import template_for
from local_swarm.config import Config
from local_swarm.engines.machine import EnginePlan, LocatedMember, Machine, MadeEngine, adapter_files, memory_limit
from local_swarm.errors import DoesNotFit, UsageError
from local_swarm.models.planner import Plan
from local_swarm.models.resolve import of_path
from local_swarm.paths import home
from local_swarm.roster import Member

ALL_LAYERS = 999


def make_process(located: LocatedMember, machine: Machine) -> MadeEngine:
    """llama.cpp in a process of ours. Raises UsageError."""
    config = config_of(located.member, machine.config)
    plan = plan_engine(located, machine)
    adapters = adapter_files(located.member)

    def load_plan(now: Plan) -> Load:
        return load_of(now, config, adapters)

    def reload(problem: DoesNotFit) -> Load:
        return load_plan(plan.shrink(problem))

    made = plan.plan
    header = machine.survey.header(made.path)
    about = Description(
        model=made.model,
        architecture=made.architecture,
        template=template_for(header.chat_template, header.chatml),
        description=header.metadata.get("general.description"),
        starter=made.starter,
    )
    return ProcessBackend(load_plan(made), about, confined=machine.confined, replan=reload), plan


def make_server(located: LocatedMember, machine: Machine) -> MadeEngine:
    """llama.cpp's own server, run by us. Raises UsageError."""
    plan = plan_of(located, machine)
    if located.member.adapters:
        raise UsageError(f"Adapters need llama-cpp-python, which is not used here: {PROGRAM} runs {plan.model}.")
    program = machine.survey.readers.program(PROGRAM)
    assert program, "the kind was chosen because it is here"
    load = load_of(plan, config_of(located.member, machine.config), [])
    header = machine.survey.header(plan.path)
    template = None if header.chat_template else template_for(None, header.chatml)
    return ManagedLlamaServer(program, load, plan.model, template=template), EnginePlan(replace(plan, engine=PROGRAM))


def plan_engine(located: LocatedMember, machine: Machine) -> EnginePlan:
    """A plan that may shrink, unless its context was asked for."""
    if config_of(located.member, machine.config).models.context is not None:
        return EnginePlan(plan_of(located, machine))
    plan = plan_of(located, machine)
    found = located.model or of_path(plan.path, machine.survey.header)  # what was chosen stays chosen
    return EnginePlan(plan, lambda at_most: plan_of(replace(located, model=found), machine, at_most))


def plan_of(located: LocatedMember, machine: Machine, at_most: int | None = None) -> Plan:
    """What would run; loads nothing. `at_most` bounds the context. Raises UsageError."""
    config = config_of(located.member, machine.config)
    return machine.survey.advisor(config, at_most).what_runs(located.model)


def config_of(member: Member, config: Config) -> Config:
    """What a swarm of this member alone would be configured with."""
    models = replace(config.models, context=member.context or config.models.context)
    swarm = replace(config.swarm, instances=member.workers or config.swarm.instances)
    layers = 0 if member.device == "cpu" else config.hardware.gpu_layers
    return replace(config, models=models, swarm=swarm, hardware=replace(config.hardware, gpu_layers=layers))


def load_of(plan: Plan, config: Config, adapters: list[tuple[str, float]]) -> Load:
    """What the engine's process is told of a plan."""
    layers = config.hardware.gpu_layers
    return Load(
        path=str(plan.path),
        context=plan.context,
        answer_tokens=plan.answer_tokens,
        cells=plan.cells,
        sequences=plan.sequences,
        threads=plan.threads,
        kv_type=plan.kv_type,
        gpu_layers=(ALL_LAYERS if layers is None else layers) if plan.gpu else 0,
        main_gpu=config.hardware.main_gpu,
        tensor_split=split_shares(config.hardware.tensor_split),
        host_cache_bytes=plan.host_cache_bytes,
        workers=plan.workers,
        tuning=str(home() / "tuning.json"),
        adapters=adapters,
        memory_bytes=memory_limit(plan.memory, plan.host_cache_bytes),
    )


def split_shares(shares: str | None) -> list[float]:
    """The share of each card. Raises UsageError."""
    try:
        return [float(share) for share in shares.split(",")] if shares else []
    except ValueError as problem:
        raise UsageError(f"hardware.tensor_split must be numbers like '3,1', not {shares!r}.") from problem
