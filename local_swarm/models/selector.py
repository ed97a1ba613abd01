"""Hardware, a model's header and wishes in, a plan with its memory arithmetic and its reasons out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm.errors import DoesNotFit, WrongUse
from local_swarm.hardware.profile import Accelerator, Hardware
from local_swarm.models import starter
from local_swarm.models.gguf import Header

COMFORTABLE_CONTEXT = 32_768  # what a coding agent works well with
SMALLEST_CONTEXT = 2_048
LONGEST_ANSWER = 4_096
MOST_WORKERS = 32
MOST_SHELF = 8 << 30
PHONE_SHARE = 0.25  # of main memory
KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32}  # of one key or value, by how they are kept
MOST_SEQUENCES = 256  # llama.cpp's own bound
SEQUENCES_PER_WORKER = 4  # so that a few requests can be in the batch at once
DEAR_STATE = 1 << 20  # bytes of recurrent state from which a sequence is dear, and there are half as many
COMPUTE_BYTES = 160 << 20  # scratch of a 512-token batch; measured 90 to 150 MiB on models of 0.5B to 7B
QUANTIZATIONS = {
    0: "f32",
    1: "f16",
    2: "q4_0",
    7: "q8_0",
    8: "q5_0",
    14: "q4_k_s",
    15: "q4_k_m",
    16: "q5_k_s",
    17: "q5_k_m",
    18: "q6_k",
    32: "bf16",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Shares of memory that models may take, the bounds of the number of workers, and how keys and values are kept."""

    ram_fraction: float = 0.5
    gpu_memory_fraction: float = 1.0
    min_instances: int = 2
    max_instances: int = 8
    kv_type: str = "f16"


@dataclass(frozen=True, slots=True)
class Wishes:
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
    """What will run. `cells` is the room of the whole cache, `sequences` how many answers may be in the works at once,
    `shelf_bytes` what idle prefixes may take of main memory."""

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
    shelf_bytes: int
    why: tuple[str, ...]

    @property
    def starter(self) -> bool:
        return self.path == starter.PATH

    def as_json(self) -> dict[str, Any]:
        memory = {name: getattr(self.memory, name) for name in (*MemoryNeed.__dataclass_fields__, "total_bytes")}
        fields = ("model", "quantization", "engine", "workers", "context")
        return {**{name: getattr(self, name) for name in fields}, "memory": memory, "why": list(self.why)}


def plan(hardware: Hardware, header: Header, wishes: Wishes, rules: Rules) -> Plan:
    """Raises DoesNotFit when no allowed setting fits the memory, WrongUse for wishes that cannot be."""
    budget, source = budget_of(hardware, rules)
    card = computing(hardware)
    workers, why_workers = number_of_workers(hardware, wishes, rules)
    trained = header.context or SMALLEST_CONTEXT
    if wishes.context is not None and not 1 <= wishes.context <= trained:
        raise WrongUse(f"{header.name} reads at most {trained} tokens. Ask for --context {trained} or less.")
    context = wishes.context or min(trained, COMFORTABLE_CONTEXT, wishes.at_most or trained)
    while not (need := memory_need(header, workers, context, budget, rules.kv_type)).fits:
        if wishes.context is not None or context // 2 < SMALLEST_CONTEXT:
            raise DoesNotFit(too_large(header, workers, context, need, source))
        context //= 2
    why = [why_model(header), why_workers, why_context(context, trained, wishes), f"memory: {source} may be used"]
    quantization = QUANTIZATIONS.get(int(header.metadata.get("general.file_type", -1)))
    return Plan(
        starter.NAME if header.path == starter.PATH else header.path.stem, header.path, quantization, header.architecture,
        "llamacpp", workers, context, answer_tokens(context), cells(workers, context),
        sequences(header, workers), threads(hardware, header), card is not None, rules.kv_type, need,
        shelf_bytes(hardware, rules, need), tuple(why),
    )  # fmt: skip


def computing(hardware: Hardware) -> Accelerator | None:
    """The accelerator that models run on: the first with memory of its own, or Apple's."""
    return next((one for one in hardware.accelerators if one.memory_kind in ("dedicated", "unified")), None)


def budget_of(hardware: Hardware, rules: Rules) -> tuple[int | None, str]:
    """Bytes that models may take, and the rule in words: a card's free memory less a tenth, half of unified or main memory, a
    quarter on phones."""
    card = computing(hardware)
    if card and card.memory_kind == "dedicated":
        size = card.free_bytes if card.free_bytes is not None else card.memory_bytes
        if size is not None:
            return int(size * 0.9 * rules.gpu_memory_fraction), f"90 % of the free memory of {card.name}"
    share = min(rules.ram_fraction, PHONE_SHARE) if hardware.os == "android" else rules.ram_fraction
    size = hardware.memory.usable_bytes
    return (
        (None, "unknown memory")
        if size is None
        else (int(size * share), f"{share:.0%} of {size / 2**30:.1f} GiB memory")
    )


def number_of_workers(hardware: Hardware, wishes: Wishes, rules: Rules) -> tuple[int, str]:
    if wishes.instances is not None:
        if not 1 <= wishes.instances <= MOST_WORKERS:
            raise WrongUse(f"--instances is between 1 and {MOST_WORKERS}, not {wishes.instances}.")
        return wishes.instances, f"{wishes.instances} workers: as you asked"
    if computing(hardware):
        usual, reason = 8, "decoding on a graphics chip is bound by memory, so more voices are nearly free"
    elif hardware.os == "android":
        usual, reason = 2, "a phone has little to spare"
    else:
        usual, reason = 5, "on a processor each voice costs time, and five carry most of the gain"
    workers = max(rules.min_instances, min(usual, rules.max_instances))
    return workers, f"{workers} workers: {reason}"


def why_model(header: Header) -> str:
    if header.path == starter.PATH:
        return "model: the small one that comes with the program; --model FILE.gguf runs another"
    return f"model: {header.path}, as you asked"


def why_context(context: int, trained: int, wishes: Wishes) -> str:
    if wishes.context:
        return f"context {context}: as you asked"
    if context == trained:
        return f"context {context}: all that this model reads"
    if context == COMFORTABLE_CONTEXT:
        return f"context {context}: comfortable for coding agents"
    return f"context {context}: the largest that fits; coding agents work better with {COMFORTABLE_CONTEXT}"


def answer_tokens(context: int) -> int:
    return min(LONGEST_ANSWER, max(1, context // 4))


def cells(workers: int, context: int) -> int:
    """The prompt is shared, so only answers multiply."""
    return context + (workers - 1) * answer_tokens(context)


def sequences(header: Header, workers: int) -> int:
    """How many answers may be in the works at once, idle prefixes counted."""
    each = SEQUENCES_PER_WORKER // 2 if header.state_bytes > DEAR_STATE else SEQUENCES_PER_WORKER
    return min(MOST_SEQUENCES, max(4 * each, each * workers))


def shelf_bytes(hardware: Hardware, rules: Rules, need: MemoryNeed) -> int:
    """A quarter of what models may take of main memory, as far as the model leaves it."""
    usable = hardware.memory.usable_bytes or 0
    share = min(rules.ram_fraction, PHONE_SHARE) if hardware.os == "android" else rules.ram_fraction
    mine = 0 if (card := computing(hardware)) and card.memory_kind == "dedicated" else need.total_bytes
    return max(0, min(MOST_SHELF, int(usable * share / 4), int(usable * share) - mine))


def memory_need(header: Header, workers: int, context: int, budget: int | None, kv_type: str = "f16") -> MemoryNeed:
    per_token = header.kv_bytes_per_token(KV_BYTES[kv_type]) or 0
    answers = (workers - 1) * answer_tokens(context) * per_token
    compute = COMPUTE_BYTES if header.weights_bytes > COMPUTE_BYTES else COMPUTE_BYTES // 8
    state = header.state_bytes * sequences(header, workers)
    return MemoryNeed(header.weights_bytes, context * per_token, answers, state, compute, budget)


def threads(hardware: Hardware, header: Header) -> int:
    """One per physical core; of a network this small a single core is done before a second one has woken up."""
    cores = hardware.cpu.physical_cores or 1
    return 1 if header.weights_bytes < 32 << 20 else cores


def too_large(header: Header, workers: int, context: int, need: MemoryNeed, source: str) -> str:
    gib = 2**30
    return (
        f"{header.name} with {workers} workers and a context of {context} tokens needs {need.total_bytes / gib:.1f} GiB; "
        f"{(need.budget_bytes or 0) / gib:.1f} GiB may be used ({source}). "
        "Ask for a smaller --context, fewer --instances or a smaller model."
    )
