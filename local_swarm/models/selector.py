"""Hardware, the catalogue and options in, the best model for this machine and why out. Pure.

The catalogue's order says which model is better; the first one that fits is taken, at the finest quantization that still leaves
room for all workers. What a worse quantization, fewer workers and a shorter context may cost before a smaller model is better
is decided by `acceptable_setting`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_swarm.commands import command
from local_swarm.errors import DoesNotFit
from local_swarm.hardware.profile import Hardware
from local_swarm.models.budget import MemoryPool, MemoryRules, memory_pools
from local_swarm.models.memory_shape import ModelFile
from local_swarm.models.planner import (
    MAJORITY,
    Plan,
    RunOptions,
    RunSetting,
    comfortable,
    least_workers,
    need_of,
    number_of_workers,
    plan_of,
    settings,
    why_context,
    why_pool,
    why_workers,
)
from local_swarm.models.registry import Catalogue, Entry, Variant
from local_swarm.units import GB, file_size, memory_size

USUAL_BITS = 4  # finer is only worth it where nothing else is given up for it
FEWEST_BITS = 3
MOST_READ = 8_000_000_000  # bytes a token on a processor: at 40 GB/s of memory about five tokens a second
PHONE_BILLIONS = 3.1
FLOORS = (16_384, 8_192, 2_048)  # contexts below which the next smaller model is tried first
MOST_CONTEXT = 1 << 30


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen. `plan.why` says why, and why nothing better."""

    entry: Entry
    variant: Variant
    plan: Plan


@dataclass(frozen=True, slots=True)
class SelectionInput:
    """All that a choice depends on."""

    hardware: Hardware
    options: RunOptions
    rules: MemoryRules
    path_of: Callable[[Variant], Path]
    pool: MemoryPool

    @property
    def phone(self) -> bool:
        return self.hardware.os == "android"

    @property
    def workers(self) -> tuple[int, str]:
        return number_of_workers(self.hardware, self.options, self.rules, self.pool.gpu)

    @property
    def least(self) -> int:
        return least_workers(self.options, self.rules, self.workers[0])

    def longest(self, model: ModelFile) -> int:
        """The context that is wanted of a model."""
        wanted = self.options.context or min(comfortable(self.hardware), self.options.at_most or MOST_CONTEXT)
        return min(wanted, model.shape.context or FLOORS[-1])


def choose(
    hardware: Hardware,
    catalogue: Catalogue,
    options: RunOptions,
    rules: MemoryRules,
    preferred: Sequence[str],
    path_of: Callable[[Variant], Path],
    allowed: Callable[[Variant], bool] = lambda _: True,
) -> Choice:
    """The best model of those preferred. `path_of`: where a file lies or would lie; `allowed`: e.g. whether it is on disk.

    Raises DoesNotFit where none fits, UsageError for a preference or wish that cannot be."""
    order = catalogue.order(preferred)
    found = memory_pools(hardware, rules)
    for pool in found:
        question = SelectionInput(hardware, options, rules, path_of, pool)
        blind = pool.budget_bytes is None  # then everything would fit: the smallest is the best guess
        for floor in FLOORS:
            for entry in reversed(order) if blind else order:
                for variant in [usual_file(entry) or entry.variants[0]] if blind else entry.finest_first():
                    if allowed(variant) and (setting := acceptable_setting(question, entry, variant, floor)):
                        return choice_of(
                            question, order=order, entry=entry, variant=variant, setting=setting, found=found
                        )
    raise DoesNotFit(
        "None of the preferred models fits this machine"
        + (f" ({found[-1].rule} may be used)." if found[-1].budget_bytes is not None else ".")
        + f" Run the small one that comes with the program: {command('--starter')}"
    )


def acceptable_setting(question: SelectionInput, entry: Entry, variant: Variant, floor: int) -> RunSetting | None:
    """The setting in which a file may be chosen, None where it may not: too coarse, too slow or too large here."""
    model = entry.model(variant, question.path_of(variant))
    if model is None or variant.bits < FEWEST_BITS or rejection_reason(question, entry, model):
        return None
    if question.phone and variant.bits > USUAL_BITS:
        return None
    workers, longest = question.workers[0], question.longest(model)
    if question.options.context and longest < question.options.context:
        return None
    if variant.bits >= USUAL_BITS and variant != usual_file(entry):
        roomy = RunSetting(longest, "q8_0" if question.rules.kv_type == "q8_0" else "f16", workers)
        return roomy if need_of(model, roomy, question.pool).fits else None
    least = question.least
    if variant.bits < USUAL_BITS:  # such a coarse file must not cost the context or the vote as well
        floor, least = longest, max(least, min(MAJORITY, workers))
    for setting in settings(contexts(longest, floor, question), workers, least, question.rules):
        if need_of(model, setting, question.pool).fits:
            return setting
    return None


def usual_file(entry: Entry) -> Variant | None:
    """The smallest file of four bits or more: whatever is larger is taken only where nothing is given up for it."""
    good = [one for one in entry.finest_first() if one.bits >= USUAL_BITS and one.bytes]
    return min(good, key=lambda one: one.bytes or 0) if good else None


def contexts(longest: int, floor: int, question: SelectionInput) -> list[int]:
    lengths = [longest]
    while question.options.context is None and lengths[-1] // 2 >= floor:
        lengths.append(lengths[-1] // 2)
    return lengths


def rejection_reason(question: SelectionInput, entry: Entry, model: ModelFile) -> str | None:
    """Why a model is not for this machine though it may fit."""
    if question.phone and (entry.params_b or 0) > PHONE_BILLIONS:
        return "too large for a phone"
    if not question.pool.gpu and (model.read_bytes or model.weights_bytes) > MOST_READ:
        return f"a processor would read {(model.read_bytes or model.weights_bytes) / GB:.0f} GB for every token, which is slow"
    return None


def choice_of(
    question: SelectionInput,
    order: Sequence[Entry],
    entry: Entry,
    variant: Variant,
    setting: RunSetting,
    found: Sequence[MemoryPool],
) -> Choice:
    model = entry.model(variant, question.path_of(variant))
    assert model
    workers, reason = question.workers
    longest = question.longest(model)
    made = plan_of(question.hardware, model, setting, question.pool, question.rules).because(
        f"model: {entry.title} {variant.quantization}, {file_size(variant.bytes or 0)}, the best that fits",
        *why_not(question, order, entry, variant),
        why_workers(setting, workers, reason),
        why_context(setting, longest, model, question.options),
        *why_pool(question.hardware, question.pool, found, question.rules),
    )
    return Choice(entry, variant, made)


def why_not(question: SelectionInput, order: Sequence[Entry], entry: Entry, variant: Variant) -> Iterator[str]:
    """Why not the next better model and the next finer quantization, and what would change it."""
    if question.pool.budget_bytes is None:
        return
    better = order[: order.index(entry)]
    if better:
        usual = usual_file(better[-1])
        if usual and (model := better[-1].model(usual, question.path_of(usual))):
            stopped = rejection_reason(question, better[-1], model)
            yield f"not {better[-1].title}: " + (stopped or memory_missing(question, model))
    finer = [one for one in entry.finest_first() if one.bits > variant.bits and one.bytes]
    if finer and (model := entry.model(finer[-1], question.path_of(finer[-1]))):
        stopped = rejection_reason(question, entry, model)
        coarse = "a phone reads coarse files faster" if question.phone else None
        yield f"not {finer[-1].quantization}: " + (
            stopped or coarse or memory_missing(question, model, all_workers=True)
        )


def memory_missing(question: SelectionInput, model: ModelFile, all_workers: bool = False) -> str:
    count, context = question.workers[0] if all_workers else question.least, question.longest(model)
    need = need_of(model, RunSetting(context, "f16" if all_workers else "q8_0", count), question.pool)
    have = question.pool.budget_bytes or 0
    if need.fits:
        return "it would fit, but is not on this disk"
    return (
        f"with {count} workers and a context of {context} it needs {memory_size(need.total_bytes)} of the "
        f"{memory_size(have)} that may be used; {memory_size(need.total_bytes - have)} more would do"
    )
