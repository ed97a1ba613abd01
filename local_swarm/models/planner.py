"""Hardware, one model and options in, a plan with its memory arithmetic and its reasons out. Pure.

weights once + cache of the context once + (workers - 1) answers + recurrent state of every sequence + scratch <= budget

Scratch is what a batch is computed in. On a processor, whose attention is not fused, most of it grows with the cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from local_swarm.commands import command
from local_swarm.errors import DoesNotFit, UsageError
from local_swarm.hardware.profile import Hardware
from local_swarm.limits import LONGEST_ANSWER, MOST_VOICES, USUAL_VOICES
from local_swarm.models import starter
from local_swarm.models.budget import MemoryPool, MemoryRules, compute_device, main_memory_pool, memory_pools
from local_swarm.models.memory_shape import ModelFile, is_attention_fused, scratch_bytes
from local_swarm.units import memory_size

COMFORTABLE_CONTEXT = 32_768  # what a coding agent works well with
PHONE_CONTEXT = 8_192
SMALLEST_CONTEXT = 2_048
MAJORITY = 3  # workers from which two that agree can outvote one
MOST_HOST_CACHE_BYTES = 8 << 30
KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32}  # of one key or value, by how they are kept
MOST_SEQUENCES = 256  # llama.cpp's own bound
SEQUENCES_PER_WORKER = 4  # so that a few requests can be in the batch at once
DEAR_STATE = 1 << 20  # bytes of recurrent state from which a sequence is dear, and there are half as many
QUANTIZATIONS = {  # llama.cpp's number of how most weights are kept -> its name
    0: "f32",
    1: "f16",
    2: "q4_0",
    3: "q4_1",
    7: "q8_0",
    8: "q5_0",
    9: "q5_1",
    10: "q2_k",
    11: "q3_k_s",
    12: "q3_k_m",
    13: "q3_k_l",
    14: "q4_k_s",
    15: "q4_k_m",
    16: "q5_k_s",
    17: "q5_k_m",
    18: "q6_k",
    19: "iq2_xxs",
    20: "iq2_xs",
    21: "q2_k_s",
    22: "iq3_xs",
    23: "iq3_xxs",
    24: "iq1_s",
    25: "iq4_nl",
    26: "iq3_s",
    27: "iq3_m",
    28: "iq2_s",
    29: "iq2_m",
    30: "iq4_xs",
    31: "iq1_m",
    32: "bf16",
    36: "tq1_0",
    37: "tq2_0",
    38: "mxfp4",
    39: "nvfp4",
    40: "q1_0",
    41: "q2_0",
}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for; None leaves it to the selector. `at_most`: a context that turned out to be too large, halved."""

    instances: int | None = None
    context: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    weights_bytes: int
    kv_context_bytes: int
    kv_answers_bytes: int
    state_bytes: int
    compute_bytes: int
    budget_bytes: int | None

    @property
    def total_bytes(self) -> int:
        return (
            self.weights_bytes + self.kv_context_bytes + self.kv_answers_bytes + self.state_bytes + self.compute_bytes
        )

    @property
    def fits(self) -> bool:
        return self.budget_bytes is None or self.total_bytes <= self.budget_bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run. `path`: where the file lies, or will lie once downloaded. `cells` is the room of the whole cache,
    `sequences` how many answers may be in the works at once, `host_cache_bytes` what idle prefixes may take of main memory.
    `remarks`: what the user should know of the model."""

    model: str
    path: Path
    quantization: str | None
    architecture: str
    engine: str
    workers: int
    context: int
    answer_tokens: int
    cells: int
    sequences: int
    threads: int
    gpu: bool
    kv_type: str
    memory: MemoryNeed
    host_cache_bytes: int
    why: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def note(self) -> str | None:
        """What is to be told with every answer; None where there is nothing."""
        said = " ".join(f"{one[:1].upper()}{one[1:]}." for one in self.remarks)
        return starter.NOTE if self.starter else said or None

    @property
    def starter(self) -> bool:
        return self.path == starter.PATH

    def because(self, *reasons: str) -> Plan:
        return replace(self, why=(*self.why, *reasons))

    def as_json(self) -> dict[str, Any]:
        memory = {name: getattr(self.memory, name) for name in (*MemoryNeed.__dataclass_fields__, "total_bytes")}
        fields = ("model", "quantization", "engine", "workers", "context")
        return {**{name: getattr(self, name) for name in fields}, "memory": memory, "why": list(self.why)}


@dataclass(frozen=True, slots=True)
class RunSetting:
    """One way of running a model."""

    context: int
    kv_type: str
    workers: int


def plan(hardware: Hardware, model: ModelFile, options: RunOptions, rules: MemoryRules) -> Plan:
    """The best setting for a model that was chosen already, wherever it fits.

    Raises DoesNotFit when no allowed setting fits the memory, UsageError for options that cannot be."""
    longest = longest_context(hardware, model, options)
    contexts = [longest]
    while options.context is None and contexts[-1] // 2 >= SMALLEST_CONTEXT:
        contexts.append(contexts[-1] // 2)
    found = memory_pools(hardware, rules)
    for pool in found:
        workers, reason = number_of_workers(hardware, options, rules, pool.gpu)
        for setting in settings(contexts, workers, least_workers(options, rules, workers), rules):
            if need_of(model, setting, pool).fits:
                made = plan_of(hardware, model, setting, pool, rules)
                return made.because(
                    *model.remarks,
                    why_workers(setting, workers, reason),
                    why_context(setting, longest, model, options),
                    *why_pool(hardware, pool, found, rules),
                )
    closest = RunSetting(
        contexts[-1], "q8_0" if rules.kv_type != "f16" else "f16", least_workers(options, rules, workers)
    )
    need = need_of(model, closest, found[-1])
    raise DoesNotFit(too_large(model, closest, need, found[-1].rule))


def settings(contexts: Sequence[int], workers: int, least: int, rules: MemoryRules) -> Iterator[RunSetting]:
    """Ways of running a model, the most wanted first: a long context before many workers, enough workers for a majority before
    keys and values in 16 bits."""
    kv_types = ("f16", "q8_0") if rules.kv_type == "auto" else (rules.kv_type,)
    for context in contexts:
        for fewest in dict.fromkeys((max(least, min(MAJORITY, workers)), least)):
            for kv_type in kv_types:
                for count in range(workers, fewest - 1, -1):
                    yield RunSetting(context, kv_type, count)


def plan_of(hardware: Hardware, model: ModelFile, setting: RunSetting, pool: MemoryPool, rules: MemoryRules) -> Plan:
    need = need_of(model, setting, pool)
    name = starter.NAME if model.path == starter.PATH else model.name
    return Plan(
        model=name,
        path=model.path,
        quantization=model.quantization,
        architecture=model.architecture,
        engine="llamacpp",
        workers=setting.workers,
        context=setting.context,
        answer_tokens=answer_tokens(setting.context),
        cells=cells(setting.workers, setting.context),
        sequences=sequences(model, setting.workers),
        threads=threads(hardware, model),
        gpu=pool.gpu,
        kv_type=setting.kv_type,
        memory=need,
        host_cache_bytes=host_cache_bytes(hardware, rules, need, pool),
        why=(),
        remarks=model.remarks,
    )


def longest_context(hardware: Hardware, model: ModelFile, options: RunOptions) -> int:
    """Raises UsageError for more than the model reads."""
    trained = model.shape.context or SMALLEST_CONTEXT
    if options.context is not None:
        if not 1 <= options.context <= trained:
            raise UsageError(f"{model.name} reads at most {trained} tokens. Ask for --context {trained} or less.")
        return options.context
    return min(trained, comfortable(hardware), options.at_most or trained)


def comfortable(hardware: Hardware) -> int:
    return PHONE_CONTEXT if hardware.os == "android" else COMFORTABLE_CONTEXT


def number_of_workers(hardware: Hardware, options: RunOptions, rules: MemoryRules, gpu: bool) -> tuple[int, str]:
    """How many should vote, and why. Raises UsageError."""
    if options.instances is not None:
        if not 1 <= options.instances <= MOST_VOICES:
            raise UsageError(f"--instances is between 1 and {MOST_VOICES}, not {options.instances}.")
        return options.instances, "as you asked"
    if gpu:
        usual, reason = USUAL_VOICES, "decoding on a graphics chip is bound by memory, so more voices are nearly free"
    elif hardware.os == "android":
        usual, reason = 2, "a phone has little to spare"
    else:
        usual, reason = 5, "on a processor each voice costs time, and five carry most of the gain"
    return max(rules.min_instances, min(usual, rules.max_instances)), reason


def least_workers(options: RunOptions, rules: MemoryRules, workers: int) -> int:
    return workers if options.instances is not None else min(workers, rules.min_instances)


def why_workers(setting: RunSetting, wanted: int, reason: str) -> str:
    if setting.workers < wanted:
        return f"{setting.workers} workers: as many as fit; {wanted} would be better"
    return f"{setting.workers} workers: {reason}"


def why_context(setting: RunSetting, longest: int, model: ModelFile, options: RunOptions) -> str:
    kept = "" if setting.kv_type == "f16" else ", kept in 8 bits"
    if options.context:
        return f"context {setting.context}: as you asked{kept}"
    if setting.context == model.shape.context:
        return f"context {setting.context}: all that this model reads{kept}"
    if setting.context == longest == PHONE_CONTEXT:
        return f"context {setting.context}: what a phone reads in bearable time{kept}"
    if setting.context == COMFORTABLE_CONTEXT:
        return f"context {setting.context}: comfortable for coding agents{kept}"
    return (
        f"context {setting.context}: the largest that fits{kept}; coding agents work better with {COMFORTABLE_CONTEXT}"
    )


def why_pool(hardware: Hardware, pool: MemoryPool, found: Sequence[MemoryPool], rules: MemoryRules) -> Iterator[str]:
    yield f"memory: {pool.rule}" + (" may be used" if pool.budget_bytes is not None else "")
    if not pool.gpu and found[0].gpu:
        yield f"on the processor: too large for the graphics card ({found[0].rule})"
    if not rules.gpu and compute_device(hardware):
        yield f"the graphics card is not used: gpu_layers is 0, or this engine was built without it ({command('setup')})"
    yield from (told.rstrip(".") for told in hardware.hidden)
    free = hardware.memory.available_bytes
    if not pool.gpu and pool.budget_bytes and free is not None and free < pool.budget_bytes:
        yield f"only {memory_size(free)} are free at the moment: close other programs if it runs short"


def answer_tokens(context: int) -> int:
    """Tokens that an answer is sure to get."""
    return min(LONGEST_ANSWER, max(1, context // 4))


def cells(workers: int, context: int) -> int:
    """The prompt is shared, so only answers multiply."""
    return context + (workers - 1) * answer_tokens(context)


def sequences(model: ModelFile, workers: int) -> int:
    """How many answers may be in the works at once, idle prefixes counted."""
    each = SEQUENCES_PER_WORKER // 2 if model.shape.state_bytes > DEAR_STATE else SEQUENCES_PER_WORKER
    return min(MOST_SEQUENCES, max(4 * each, each * workers))


def host_cache_bytes(hardware: Hardware, rules: MemoryRules, need: MemoryNeed, pool: MemoryPool) -> int:
    """A quarter of what models may take of main memory, as far as the model leaves it."""
    budget = main_memory_pool(hardware, rules).budget_bytes or 0
    card = compute_device(hardware)
    elsewhere = pool.gpu and card is not None and card.memory_kind == "dedicated"
    return max(0, min(MOST_HOST_CACHE_BYTES, budget // 4, budget - (0 if elsewhere else need.total_bytes)))


def need_of(model: ModelFile, setting: RunSetting, pool: MemoryPool) -> MemoryNeed:
    per_token = model.shape.kv_values * KV_BYTES[setting.kv_type]
    answers = (setting.workers - 1) * answer_tokens(setting.context)
    all_cells = cells(setting.workers, setting.context)
    scores = 0 if is_attention_fused(pool.gpu, setting.kv_type) else model.shape.scores_bytes(all_cells)
    return MemoryNeed(
        weights_bytes=model.weights_bytes,
        kv_context_bytes=int(setting.context * per_token),
        kv_answers_bytes=int(answers * per_token),
        state_bytes=model.shape.state_bytes * sequences(model, setting.workers),
        compute_bytes=scratch_bytes(model.weights_bytes) + scores,
        budget_bytes=pool.budget_bytes,
    )


def threads(hardware: Hardware, model: ModelFile) -> int:
    """One per physical core; of a network this small a single core is done before a second one has woken up."""
    cores = hardware.cpu.physical_cores or 1
    return 1 if model.weights_bytes < 32 << 20 else cores


def too_large(model: ModelFile, setting: RunSetting, need: MemoryNeed, rule: str) -> str:
    return (
        f"{model.name} with {setting.workers} workers and a context of {setting.context} tokens needs "
        f"{memory_size(need.total_bytes)}; {memory_size(need.budget_bytes or 0)} may be used ({rule}). "
        "Ask for a smaller --context, fewer --instances or a smaller model."
    )
