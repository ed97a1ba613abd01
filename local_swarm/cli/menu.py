"""An advisor and a terminal in, the user's settings out. Only asked for, or on a first start; every choice is a flag as well."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from local_swarm.cli.dialog import HINT, Dialog, WasLeft, WentBack
from local_swarm.cli.tables import hardware_table, plan_table
from local_swarm.commands import command
from local_swarm.errors import DoesNotFit, SwarmError
from local_swarm.limits import MOST_VOICES
from local_swarm.models import starter
from local_swarm.models.advice import Advisor, LocalModel, name_of, size_of
from local_swarm.models.planner import SMALLEST_CONTEXT, Plan, RunOptions
from local_swarm.models.registry import Entry, Variant
from local_swarm.models.selector import Choice, usual_file
from local_swarm.units import file_size, memory_size

CONTEXTS = (4_096, 8_192, 16_384, 32_768, 65_536, 131_072)
MOST_HERE = 3  # models on this disk that the first question names


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
        return command(*(word for key, value in self.settings.items() for word in (flags[key], str(value))))


@dataclass(slots=True)
class Wish:
    """What the wizard has asked so far."""

    family: str = ""
    entry: Entry | None = None
    variant: Variant | None = None
    workers: int = 0
    context: int = 0

    @property
    def file(self) -> tuple[Entry, Variant]:
        assert self.entry and self.variant
        return self.entry, self.variant


@dataclass(frozen=True, slots=True)
class Offer:
    """A line of the first question, and what it leads to: None asks the question again."""

    line: str
    choose: Callable[[], Picked | None] = field(repr=False)


class Menu:
    """Questions and answers on one terminal. `stream`: where answers come from, the terminal if None. `embedding`: the repository
    of an embedding model that is not here and may be had."""

    def __init__(self, advisor: Advisor, console: Console, stream: Any = None, embedding: str | None = None) -> None:
        self.advisor, self.console, self.dialog = advisor, console, Dialog(console, stream)
        self.embedding, self.wanted = embedding, ""

    def run(self) -> Picked:
        """Raises EOFError when nobody answers any more, WasLeft when the user wants none of it."""
        self.console.print(hardware_table(self.advisor.hardware))
        while True:
            offers = self.offers()
            try:
                number = self.dialog.choose("How shall the swarm run?", [one.line for one in offers])
            except WentBack:  # there is nothing before it
                raise WasLeft from None
            try:
                picked = offers[number].choose()
            except WentBack:
                continue
            if picked:
                self.console.print(f"The same without this menu:\n{picked.command}", style="dim")
                return replace(picked, embedding=self.wanted or None)

    def offers(self) -> list[Offer]:
        """The lines of the first question. First what needs no download, if there is anything."""
        embedding = Offer("Fetch the model for embeddings as well", self.want_embedding)
        return [
            *map(self.local_offer, self.runnable_here()),
            self.recommended_offer(),
            Offer("Browse what fits", self.browse),
            Offer("Put it together: family, size, quantization, workers, context", self.wizard),
            Offer(
                "The starter model, at once: a demonstration that comes with the program",
                lambda: Picked({"models.model": starter.NAME}),
            ),
            Offer("A file of mine: a .gguf, or a folder of safetensors", self.own_file),
            *([embedding] if self.embedding else []),
        ]

    def runnable_here(self) -> list[LocalModel]:
        return [one for one in self.advisor.local_models() if one.plan][:MOST_HERE]

    def local_offer(self, model: LocalModel) -> Offer:
        assert model.plan
        line = f"Run what is here: {model.name}, {room(model.plan)}"
        return Offer(line, lambda: Picked({"models.model": model.name}))

    def recommended_offer(self) -> Offer:
        try:
            best = self.advisor.recommendation()
        except DoesNotFit:
            return Offer("Recommended: nothing real fits this machine", lambda: Picked({"models.model": starter.NAME}))
        name = f"{best.entry.title} {best.variant.quantization}"
        line = f"Recommended: {name}, {self.to_fetch(best.variant)}, {size_of(best.plan)}"
        return Offer(line, lambda: self.pick_best(best))

    def pick_best(self, best: Choice) -> Picked:
        self.console.print(plan_table(best.plan))
        return Picked({"models.model": name_of(best)})

    def to_fetch(self, variant: Variant) -> str:
        """How much a choice would download, and how much room there is for it."""
        if variant in self.advisor.on_disk:
            return "on this disk"
        return f"{file_size(variant.bytes)} to fetch{self.free()}"

    def free(self) -> str:
        folder = next(
            (one for one in (self.advisor.storage.folder, *self.advisor.storage.folder.parents) if one.exists()), None
        )
        return f" ({file_size(shutil.disk_usage(folder).free)} free)" if folder else ""

    def want_embedding(self) -> None:
        self.console.print(f"{self.embedding} will be fetched after the model.", style="dim")
        self.wanted, self.embedding = self.embedding or "", None

    def own_file(self) -> Picked | None:
        while True:
            typed = self.dialog.ask("Path:").strip("'\"")
            path = Path(typed).expanduser()
            if typed and path.exists():
                return self.pick_file(path.absolute())
            self.console.print(f"There is no file or folder {typed!r}. {HINT}", style="red")

    def pick_file(self, path: Path) -> Picked | None:
        try:
            self.advisor.find(str(path))
        except SwarmError as problem:
            self.console.print(problem.message, style="red")
            return None
        return Picked({"models.model": str(path)})

    # -- models of the catalogue

    def rank_entries(self) -> list[Entry]:
        """The catalogue, what is recommended first."""
        order = list(self.advisor.catalogue.order(self.advisor.preferred))
        return [*order, *(one for one in self.advisor.catalogue if one not in order)]

    def browse(self) -> Picked | None:
        """A line for each model, then one for each of its files."""
        found = [
            (entry, variant, plan)
            for entry in self.rank_entries()
            if (fit := self.usual(entry))
            for variant, plan in [fit]
        ]
        while True:
            lines = [
                f"{entry.name:26} {variant.quantization:7} {file_size(variant.bytes):>8}  {room(plan)}"
                for entry, variant, plan in found
            ]
            entry, _, _ = found[self.dialog.choose("What fits this machine:", lines)]
            try:
                return Picked({"models.model": entry.name_with(self.quantization(entry, fitting=True))})
            except WentBack:
                continue

    def usual(self, entry: Entry) -> tuple[Variant, Plan] | None:
        """The file of a model that one would take, or the finest that fits."""
        usual = usual_file(entry)
        files = [*([usual] if usual else []), *entry.finest_first()]
        return next(((one, plan) for one in files if (plan := self.advisor.fits(entry, one))), None)

    def quantization(self, entry: Entry, fitting: bool = False) -> Variant:
        variants = [one for one in entry.finest_first() if not fitting or self.advisor.fits(entry, one)]
        compared = self.advisor.comparison(entry)
        needs = {one: memory_size(need.total_bytes) for one, need in compared.needs.items()} if compared else {}
        lines = [
            f"{one.quantization:12} {self.to_fetch(one)}  {needs.get(one) or self.need(entry, one)}" for one in variants
        ]
        return variants[self.dialog.choose(f"Quantization{f', {compared.text}' if compared else ''}:", lines)]

    def wizard(self) -> Picked | None:
        """One question after the other; going back asks the one before."""
        wish, steps, place = Wish(), (self.family, self.size, self.file, self.workers, self.context), 0
        while place < len(steps):
            try:
                steps[place](wish)
                place += 1
            except WentBack:
                if place == 0:
                    raise
                place -= 1
        entry, variant = wish.file
        settings = {"swarm.instances": wish.workers, "models.context": wish.context}
        return Picked({"models.model": entry.name_with(variant), **settings})

    def family(self, wish: Wish) -> None:
        families = list(dict.fromkeys(entry.family for entry in self.rank_entries()))
        wish.family = families[self.dialog.choose("Family, what is recommended first:", families)]

    def size(self, wish: Wish) -> None:
        entries = [entry for entry in self.advisor.catalogue if entry.family == wish.family]
        lines = [f"{one.size:10} {one.facts.get('role', '')}" for one in entries]
        wish.entry = entries[self.dialog.choose("Size:", lines)]

    def file(self, wish: Wish) -> None:
        assert wish.entry
        wish.variant = self.quantization(wish.entry)

    def workers(self, wish: Wish) -> None:
        entry, variant = wish.file
        most = self.most_workers(entry, variant)
        usual = self.plan_of(entry, variant)
        asked = self.dialog.number("Workers", 1, most, min(most, usual.workers if usual else 2))
        wish.workers = asked or 1

    def context(self, wish: Wish) -> None:
        """The length of the context, with what each would take."""
        entry, variant = wish.file
        longest = (entry.shape.context if entry.shape else None) or CONTEXTS[-1]
        lengths = [one for one in CONTEXTS if SMALLEST_CONTEXT <= one <= longest] or [longest]
        lines = [f"{one:7} {self.need(entry, variant, RunOptions(wish.workers, one))}" for one in lengths]
        wish.context = lengths[self.dialog.choose("Context, in tokens of prompt and answer together:", lines)]

    def most_workers(self, entry: Entry, variant: Variant) -> int:
        """As many as fit with a small context; where even one does not, or nothing is known, no bound but the program's."""
        fitting = (
            count
            for count in range(MOST_VOICES, 0, -1)
            if self.plan_of(entry, variant, RunOptions(count, SMALLEST_CONTEXT))
        )
        return next(fitting, MOST_VOICES)

    def need(self, entry: Entry, variant: Variant, options: RunOptions | None = None) -> str:
        plan = self.plan_of(entry, variant, options)
        return room(plan) if plan else "unknown" if entry.shape is None else "does not fit"

    def plan_of(self, entry: Entry, variant: Variant, options: RunOptions | None = None) -> Plan | None:
        asking = replace(self.advisor, options=options) if options else self.advisor
        try:
            return asking.fits(entry, variant)
        except SwarmError:
            return None


def room(plan: Plan) -> str:
    """What a plan takes, and for how much that is."""
    return f"{size_of(plan)} for {plan.workers} workers, {plan.context:,} tokens"
