"""Values in, tables and lines for people out. Asks nothing and decides nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from local_swarm.commands import program_name
from local_swarm.config import Setting
from local_swarm.hardware.profile import Accelerator, Hardware
from local_swarm.models.advice import Advisor, LocalModel, size_of
from local_swarm.models.budget import MemoryRules, memory_pools
from local_swarm.models.downloader import DownloadProgress as Told
from local_swarm.models.downloader import Show
from local_swarm.models.planner import Plan
from local_swarm.models.registry import Entry
from local_swarm.models.selector import usual_file
from local_swarm.units import file_size, memory_size

PLAIN_EVERY_S = 15.0  # between lines where the output is no terminal


def hardware_table(hardware: Hardware) -> Table:
    rows = two_columns()
    cpu, memory = hardware.cpu, hardware.memory
    rows.add_row("system", f"{hardware.os}, {hardware.arch}")
    cores = f"{cpu.physical_cores or '?'} cores, {cpu.logical_cores or '?'} threads"
    rows.add_row("processor", f"{cpu.name or 'unknown'}, {cores}")
    if cpu.features:
        rows.add_row("", ", ".join(cpu.features))
    limited = f", limited to {memory_size(memory.limit_bytes)}" if memory.limit_bytes else ""
    rows.add_row(
        "memory", f"{memory_size(memory.total_bytes)}, {memory_size(memory.available_bytes)} available{limited}"
    )
    for one in hardware.accelerators:
        rows.add_row("graphics", graphics(one))
    if not hardware.accelerators:
        rows.add_row("graphics", "none that models could use")
    for hidden in hardware.hidden:
        rows.add_row("", hidden)
    for place in memory_pools(hardware, MemoryRules()):
        where = "models" if place.gpu or len(memory_pools(hardware, MemoryRules())) == 1 else "or, slower"
        rows.add_row(where, f"{memory_size(place.budget_bytes)}: {place.rule}")
    return rows


def graphics(one: Accelerator) -> str:
    size = memory_size(one.memory_bytes)
    free = f", {memory_size(one.free_bytes)} free" if one.free_bytes is not None else ""
    kinds = {
        "dedicated": f"{size} of its own{free}",
        "unified": f"shares {size if one.memory_bytes else 'all memory'} with the processor",
    }
    facts = [one.name, kinds.get(one.memory_kind, "uses main memory; not used for models")]
    facts += [f"driver {one.driver}"] if one.driver else []
    facts += [f"{one.cores} cores"] if one.cores else []
    return ", ".join([*facts, *([one.runtime] if one.runtime else [])])


def without_commands(reasons: Iterable[str]) -> tuple[list[str], list[str]]:
    """Reasons for a table, and those that tell a command: a table would break it in the middle, and nobody could copy it."""
    name = f" {program_name()} "
    split: tuple[list[str], list[str]] = ([], [])
    for reason in reasons:
        split[name in reason].append(reason)
    return split


def plan_table(plan: Plan) -> RenderableType:
    """What would run, where its memory goes and why."""
    rows, need = two_columns(), plan.memory
    rows.add_row("model", f"{plan.model}  {plan.quantization or ''}")
    rows.add_row("runs on", "the graphics card" if plan.gpu else "the processor")
    rows.add_row("workers", str(plan.workers))
    rows.add_row("context", f"{plan.context} tokens")
    rows.add_row("memory", size_of(plan))
    parts = {
        "weights": need.weights_bytes,
        "prompt": need.kv_context_bytes,
        "answers": need.kv_answers_bytes,
        "state": need.state_bytes,
        "scratch": need.compute_bytes,
    }
    rows.add_row("", "  ".join(f"{name} {memory_size(size)}" for name, size in parts.items() if size))
    reasons, commands = without_commands(plan.why)
    for place, reason in enumerate(reasons):
        rows.add_row("" if place else "why", reason)
    return Group(rows, *commands)


def models_table(advisor: Advisor, entries: Sequence[Entry], everything: bool) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("model", "bits", "to fetch", "needs here", "on disk", "licence"):
        rows.add_column(name, no_wrap=name != "on disk")
    for entry in entries:
        usual = usual_file(entry)
        plan = advisor.fits(entry, usual) if usual else None
        here = [one.quantization for one in entry.variants if one in advisor.on_disk]
        if not plan and not here and not everything:
            continue
        size = file_size(usual.bytes if usual else None)
        needs = size_of(plan).split(" of ")[0] if plan else ("unknown" if entry.shape is None else "too large")
        named = " ".join(map(str, sorted({one.bits for one in entry.variants if one.bits})))
        rows.add_row(*(entry.name, named, size, needs, ", ".join(here), entry.licence))
    return rows


def own_table(found: Sequence[LocalModel]) -> Table:
    """Files that the catalogue does not know, with what they need, or why they cannot run."""
    rows = two_columns()
    for one in found:
        rows.add_row(one.name, size_of(one.plan).split(" of ")[0] if one.plan else one.problem or "")
    return rows


def peers_table(peers: Sequence[Mapping[str, Any]]) -> Table:
    """Other machines, as the daemon's `peers` control lists them."""
    rows = Table(*("name", "address", "state", "model", "workers", "latency"), box=None, pad_edge=False)
    for one in peers:
        latency = "" if one["latency_ms"] is None else f"{one['latency_ms']:.0f} ms"
        values = (one[key] for key in ("name", "address", "state", "model", "workers"))
        rows.add_row(*("" if value is None else str(value) for value in values), latency)
    return rows


def settings_table(found: Sequence[Setting]) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("setting", "value", "from"):
        rows.add_column(name)
    for one in found:
        rows.add_row(one.key, setting_text(one.value), one.origin)
    return rows


def setting_text(value: object) -> str:
    """A setting's value as a file would have it."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def two_columns() -> Table:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    return rows


@contextmanager
def progress(console: Console, name: str) -> Iterator[Show]:
    """A bar with rate and time left on a terminal, a line now and then elsewhere."""
    if not console.is_terminal:
        yield plain_progress(console, name)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(name, total=None)
        yield lambda told: bars.update(
            task, completed=told.done, total=told.total or None, description=told.note or name
        )


def plain_progress(console: Console, name: str) -> Show:
    shown, noted = 0.0, ""

    def show(told: Told) -> None:
        nonlocal shown, noted
        note = told.note.partition(";")[0]
        if time.monotonic() - shown < PLAIN_EVERY_S and note in ("", noted):  # what is new is said at once
            return
        shown, noted = time.monotonic(), note or noted
        left = f", {told.seconds_left / 60:.0f} minutes left" if told.seconds_left else ""
        rate = f", {told.rate / 1e6:.1f} MB/s" if told.rate else ""
        share = told.note or f"{told.done / max(1, told.total):.0%} of {file_size(told.total)}"
        console.print(f"{name}: {share}{rate}{left}", style="dim", soft_wrap=True)

    return show
