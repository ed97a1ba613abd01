"""Settings and hardware in, what could run here out: what is recommended, what is here already, what a name means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from local_swarm.commands import command
from local_swarm.config import Config
from local_swarm.errors import DoesNotFit, UnknownModel, UsageError
from local_swarm.hardware.profile import Hardware
from local_swarm.models import starter
from local_swarm.models.budget import MemoryRules, memory_pools
from local_swarm.models.folder import read_folder
from local_swarm.models.gguf import read_header
from local_swarm.models.planner import MemoryNeed, Plan, RunOptions, RunSetting, need_of, plan
from local_swarm.models.registry import Catalogue, Entry, Variant, load
from local_swarm.models.resolve import ModelSource, ReadHeader, ResolvedModel, find, read_model, resolve
from local_swarm.models.selector import Choice, choose
from local_swarm.models.storage import Storage, storage
from local_swarm.paths import data_folder, home
from local_swarm.units import file_size, memory_size

MOST_BYTES = 1 << 62  # more than any file has


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this disk. `name`: as `--model` takes it. `plan` None: it cannot run here, and `problem` says why."""

    name: str
    path: Path
    plan: Plan | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What each file of a model needs in one and the same setting, so that fewer bits need less."""

    setting: RunSetting
    needs: Mapping[Variant, MemoryNeed]

    @property
    def text(self) -> str:
        """The setting in words."""
        return f"with {self.setting.workers} workers and a context of {self.setting.context} tokens"


@dataclass(frozen=True)
class Advisor:
    """Answers for one machine and one set of settings. `preferred`: names, the best first; `auto` is the catalogue's order.
    `read` reads a file's header."""

    hardware: Hardware
    catalogue: Catalogue
    storage: Storage
    preferred: tuple[str, ...]
    options: RunOptions
    rules: MemoryRules
    read: ReadHeader = field(default=read_header, repr=False)

    def recommendation(self) -> Choice:
        """The best model for this machine, be it here or not. Raises DoesNotFit."""
        return self.choose()

    def choose(self, here: dict[Variant, Path] | None = None) -> Choice:
        known = here or {}
        return choose(
            hardware=self.hardware,
            catalogue=self.catalogue,
            options=self.options,
            rules=self.rules,
            preferred=self.preferred,
            path_of=lambda variant: known.get(variant, self.storage.path_of(variant)),
            allowed=lambda variant: here is None or variant in here,
        )

    @cached_property
    def on_disk(self) -> dict[Variant, Path]:
        """The files of the catalogue that are on this disk, in our folder or in the cache of another program."""
        pairs = [(entry, variant) for entry in self.catalogue for variant in entry.variants]
        return {variant: path for entry, variant in pairs if (path := self.storage.find(entry, variant))}

    def best_here(self) -> Plan | None:
        """The best of the models that are here already: one of the preferred, else the largest file of our folder that fits."""
        try:
            return self.choose(self.on_disk).plan
        except DoesNotFit:
            plans = [made for path in self.storage.own_files() if (made := self.plan_if_it_fits(path))]
        return max(plans, key=lambda one: one.memory.weights_bytes, default=None)

    def plan_if_it_fits(self, path: Path) -> Plan | None:
        made = self.local_model(path.stem, path).plan
        largest = f"model: {path.name}, the largest in {path.parent} that fits"
        return replace(made, why=(largest, *made.why)) if made else None

    def local_model(self, name: str, path: Path) -> LocalModel:
        """A file of this disk, with its plan or the reason why it has none."""
        try:
            return LocalModel(name, path, plan(self.hardware, read_model(path, self.read), self.options, self.rules))
        except UsageError as problem:
            return LocalModel(name, path, None, problem.message)

    def local_models(self) -> list[LocalModel]:
        """All models on this disk, but for the starter: the catalogue's and the files of our folder. First what a start without a
        choice runs, then what else runs, the largest first, then what does not."""
        named = {path: entry.name_with(one) for entry in self.catalogue for one, path in self.files_of(entry)}
        named |= {path: path.stem for path in self.storage.own_files() if path not in named}
        best = self.best_here()
        found = [self.local_model(name, path) for path, name in named.items()]
        weights = {one.path: one.plan.memory.weights_bytes if one.plan else 0 for one in found}
        return sorted(found, key=lambda one: (not (best and best.path == one.path), -weights[one.path]))

    def own_models(self) -> list[LocalModel]:
        """The files of our folder that the catalogue does not know."""
        known = set(self.on_disk.values())
        return [one for one in self.local_models() if one.path not in known]

    def files_of(self, entry: Entry) -> list[tuple[Variant, Path]]:
        """Those of an entry that are on this disk."""
        return [(one, self.on_disk[one]) for one in entry.variants if one in self.on_disk]

    def find(self, model: str | ModelSource) -> ResolvedModel:
        """Raises UnknownModel, BadModelFile, and UsageError for the address of a server."""
        source = resolve(model) if isinstance(model, str) else model
        return find(source, self.catalogue, self.storage, self.read)

    def plan_for(self, found: ResolvedModel) -> Plan:
        """Raises DoesNotFit, BadModelFile, UsageError, and UnknownModel where nothing is known of the model before it is here."""
        if found.model is None and found.on_disk:
            folder = read_folder(found.path)
            raise UsageError(
                f"{folder.path} is a folder of safetensors. Its plan is made when it starts: only files have one."
            )
        if found.model is None:
            raise UnknownModel(f"What {found.name} needs is not known before it is here. {to_fetch(found.name)}")
        made = plan(self.hardware, found.model, self.options, self.rules)
        what = "the small one that comes with the program" if made.starter else f"{found.name}, as you asked"
        where = () if found.on_disk else (f"not here yet: {command('download', found.name)}",)
        return replace(made, why=(f"model: {what}", *where, *made.why))

    def starter(self) -> Plan:
        """The model that always is here, with a hint at a better one."""
        made = self.plan_for(self.find(starter.NAME))
        try:
            better = self.recommendation()
        except DoesNotFit:
            return made
        size = file_size(better.variant.bytes or 0)
        return made.because(f"a real model for this machine, {size}: {command('download', name_of(better))}")

    def plain_start(self) -> Plan:
        """What a start without a choice runs, and what would be better. Where nothing but the starter is here, what would be
        better, and that the starter runs until then."""
        here = self.best_here()
        try:
            best = self.recommendation()
        except DoesNotFit as problem:
            return here or self.starter().because(problem.message)
        if here is None:
            until = "until it is here, a start without a choice runs the starter model"
            return best.plan.because(f"not here yet: {command('download', name_of(best))}", until)
        if best.variant in self.on_disk:
            return here
        size = file_size(best.variant.bytes or 0)
        better = f"{best.entry.title} {best.variant.quantization}, {size}"
        return here.because(f"recommended here, but not on this disk: {better}: {command('download', name_of(best))}")

    def what_runs(self, found: ResolvedModel | None) -> Plan:
        """What a start would run, without fetching anything: without a model the best that is here. Raises UnknownModel where the
        model is not."""
        if found is None:
            return self.best_here() or self.starter()
        if found.path == starter.PATH:
            return self.starter()
        if not found.on_disk:
            raise UnknownModel(f"{found.name} is not on this disk. {to_fetch(found.name)}")
        return self.plan_for(found)

    def fits(self, entry: Entry, variant: Variant) -> Plan | None:
        """A plan for a file of the catalogue, None where it is too large or nothing is known of it."""
        model = entry.model(variant, self.storage.path_of(variant))
        try:
            return plan(self.hardware, model, self.options, self.rules) if model else None
        except (DoesNotFit, UsageError):
            return None

    def comparison(self, entry: Entry) -> Comparison | None:
        """The files of an entry in the setting of the smallest that fits; None where none does."""
        sized = sorted(entry.variants, key=lambda one: one.bytes or MOST_BYTES)
        made = next((made for one in sized if (made := self.fits(entry, one))), None)
        if made is None:
            return None
        setting = RunSetting(made.context, made.kv_type, made.workers)
        pool = next(one for one in memory_pools(self.hardware, self.rules) if one.gpu == made.gpu)
        models = {one: entry.model(one, self.storage.path_of(one)) for one in entry.finest_first()}
        return Comparison(setting, {one: need_of(model, setting, pool) for one, model in models.items() if model})

    def entry_json(self, entry: Entry) -> dict[str, Any]:
        """One model of the catalogue for a program to read: what there is of it, what fits this machine and what is here."""
        variants = [
            {
                "quantization": one.quantization,
                "repo": one.repo,
                "file": one.file,
                "bytes": one.bytes,
                "status": one.status,
                "fits": self.fits(entry, one) is not None,
                "on_disk": one in self.on_disk,
            }
            for one in entry.variants
        ]
        return {
            "id": entry.id,
            "name": entry.name,
            "family": entry.family,
            "size": entry.size,
            "title": entry.title,
            "licence": entry.licence,
            "context": entry.shape.context if entry.shape else None,
            "quantizations": [one.quantization for one in entry.finest_first()],
            "fits": any(one["fits"] for one in variants),
            "on_disk": any(one["on_disk"] for one in variants),
            "variants": variants,
        }


def name_of(choice: Choice) -> str:
    """As `--model` takes it."""
    return choice.entry.name_with(choice.variant)


def size_of(plan: Plan) -> str:
    """Memory that a plan takes, in GiB and in percent of what may be used."""
    total, budget = plan.memory.total_bytes, plan.memory.budget_bytes
    share = f" of {memory_size(budget)} allowed ({total / budget:.0%})" if budget else ""
    return f"{memory_size(total)}{share}"


def to_fetch(name: str) -> str:
    """The sentence that says how a model is fetched."""
    return f"Fetch it: {command('download', name)}"


def advisor(
    config: Config,
    hardware: Hardware,
    at_most: int | None = None,
    graphics: bool = True,
    *,
    catalogue: Catalogue | None = None,
    read: ReadHeader = read_header,
) -> Advisor:
    """`at_most` bounds the context where the settings leave it free; `graphics`: whether the engine that is here can use a card;
    `catalogue`: where it has been read already.

    Raises UsageError for a mistake in the catalogue."""
    rules = MemoryRules(
        ram_fraction=config.hardware.ram_fraction,
        gpu_memory_fraction=config.hardware.gpu_memory_fraction,
        min_instances=config.swarm.min_instances,
        max_instances=config.swarm.max_instances,
        kv_type=config.models.kv_type,
        gpu=graphics and config.hardware.gpu_layers != 0,
    )
    return Advisor(
        hardware=hardware,
        catalogue=load(data_folder(), home()) if catalogue is None else catalogue,
        storage=storage(config.models_folder),
        preferred=config.models.preferred_models,
        options=RunOptions(config.swarm.instances, config.models.context, at_most),
        rules=rules,
        read=read,
    )
