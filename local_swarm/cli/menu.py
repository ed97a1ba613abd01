"""An advisor and a terminal in, the user's settings out. Only asked for, or on a first start; every choice is a flag as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console
from rich.prompt import IntPrompt
from rich.table import Table

from local_swarm.cli.tables import hardware_table, plan_table
from local_swarm.errors import DoesNotFit, SwarmError
from local_swarm.limits import MOST_VOICES
from local_swarm.models import starter
from local_swarm.models.advice import Advisor, name_of, size_of
from local_swarm.models.planner import SMALLEST_CONTEXT, Plan, RunOptions
from local_swarm.models.registry import Entry, Variant
from local_swarm.paths import program_name
from local_swarm.units import file_size

CONTEXTS = (4_096, 8_192, 16_384, 32_768, 65_536, 131_072)


@dataclass(frozen=True, slots=True)
class Picked:
    """`settings`: by dotted key, as a file or the command line would set them. `embedding`: the repository of an embedding model
    to fetch as well."""

    settings: Mapping[str, Any]
    embedding: str | None = None

    @property
    def command(self) -> str:
        """The same without a menu."""
        flags = {"models.model": "--model", "swarm.instances": "--instances", "models.context": "--context"}
        return " ".join([program_name(), *(f"{flags[key]} {value}" for key, value in self.settings.items())])


class Menu:
    """Questions and answers on one terminal. `stream`: where answers come from, the terminal if None. `embedding`: the repository
    of an embedding model that is not here and may be had."""

    def __init__(self, advisor: Advisor, console: Console, stream: Any = None, embedding: str | None = None) -> None:
        self.advisor, self.console, self.stream, self.embedding = advisor, console, stream, embedding
        self.wanted: str | None = None

    def run(self) -> Picked:
        """Raises EOFError when nobody answers any more."""
        self.console.print(hardware_table(self.advisor.hardware))
        while True:
            picked = self.ask_how()
            if picked:
                self.console.print(f"The same without this menu:  {picked.command}", style="dim")
                return replace(picked, embedding=self.wanted)

    def ask_how(self) -> Picked | None:
        """One round of the main question; None to ask it again."""
        try:
            best = self.advisor.recommendation()
            name = f"{best.entry.title} {best.variant.quantization}"
            offer = f"{name}, {file_size(best.variant.bytes)} to fetch, {size_of(best.plan)}"
        except DoesNotFit:
            best, offer = None, "nothing real fits this machine"
        more = ["Fetch the embedding model as well, which compares prose by its meaning"] if self.embedding else []
        number = self.choose(
            "How shall the swarm run?",
            [
                f"Recommended: {offer}",
                "Browse what fits",
                "Put it together: family, size, quantization, workers, context",
                "The starter model, at once: a demonstration that comes with the program",
                *more,
            ],
        )
        if number == 4:
            self.console.print(f"{self.embedding} will be fetched after the model.", style="dim")
            self.wanted, self.embedding = self.embedding, None
            return None
        if number == 0 and best:
            self.console.print(plan_table(best.plan))
            return Picked({"models.model": name_of(best)})
        if number == 1:
            return self.browse()
        if number == 2:
            return self.wizard()
        return Picked({"models.model": starter.NAME})

    def browse(self) -> Picked | None:
        offers = [
            (entry, variant, plan)
            for entry in self.advisor.catalogue
            for variant in entry.finest_first()
            if (plan := self.advisor.fits(entry, variant))
        ]
        names = [f"{entry.name}:{variant.quantization}" for entry, variant, _ in offers]
        lines = [
            f"{name:32} {file_size(variant.bytes):>8}  {size_of(plan)}"
            for name, (_, variant, plan) in zip(names, offers, strict=True)
        ]
        number = self.choose("What fits this machine:", [*lines, "back"])
        return Picked({"models.model": names[number]}) if number < len(names) else None

    def wizard(self) -> Picked | None:
        families = sorted({entry.family for entry in self.advisor.catalogue})
        family = families[self.choose("Family:", families)]
        entries = [entry for entry in self.advisor.catalogue if entry.family == family]
        entry = entries[self.choose("Size:", [f"{one.size:10} {one.facts.get('role', '')}" for one in entries])]
        variants = entry.finest_first()
        variant = variants[
            self.choose(
                "Quantization:",
                [f"{one.quantization:12} {file_size(one.bytes):>8}  {self.need(entry, one)}" for one in variants],
            )
        ]
        workers = self.number("Workers", 1, MOST_VOICES, self.usual_workers(entry, variant))
        context = self.context(entry, variant, workers)
        return Picked(
            {
                "models.model": f"{entry.name}:{variant.quantization}",
                "swarm.instances": workers,
                "models.context": context,
            }
        )

    def context(self, entry: Entry, variant: Variant, workers: int) -> int:
        """The length of the context, with what each would take."""
        longest = (entry.shape.context if entry.shape else None) or CONTEXTS[-1]
        lengths = [one for one in CONTEXTS if SMALLEST_CONTEXT <= one <= longest] or [longest]
        lines = [f"{one:7} {self.need(entry, variant, RunOptions(workers, one))}" for one in lengths]
        return lengths[self.choose("Context, in tokens of prompt and answer together:", lines)]

    def need(self, entry: Entry, variant: Variant, options: RunOptions | None = None) -> str:
        plan = self.plan_of(entry, variant, options)
        return size_of(plan) if plan else "unknown" if entry.shape is None else "does not fit"

    def plan_of(self, entry: Entry, variant: Variant, options: RunOptions | None = None) -> Plan | None:
        asking = replace(self.advisor, options=options) if options else self.advisor
        try:
            return asking.fits(entry, variant)
        except SwarmError:
            return None

    def usual_workers(self, entry: Entry, variant: Variant) -> int:
        plan = self.plan_of(entry, variant)
        return plan.workers if plan else 2

    # -- asking

    def choose(self, question: str, lines: Sequence[str]) -> int:
        """The place of the line that was chosen."""
        rows = Table.grid(padding=(0, 1))
        rows.add_column(justify="right", style="bold")
        rows.add_column(no_wrap=True, overflow="ellipsis")
        for place, line in enumerate(lines, 1):
            rows.add_row(str(place), line)
        self.console.print(f"\n{question}", style="bold")
        self.console.print(rows)
        return self.number("Number", 1, len(lines), 1) - 1

    def number(self, question: str, low: int, high: int, default: int) -> int:
        while True:
            given = IntPrompt.ask(
                f"{question} ({low}-{high})", console=self.console, default=default, stream=self.stream
            )
            if low <= given <= high:
                return given
            self.console.print(f"Between {low} and {high}, please.", style="red")
