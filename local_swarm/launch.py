"""Settings and a survey of the machine in, what boots out: its roster and its members, each with its model on this disk.

Every way to start takes it: the command line makes one after it has asked and fetched, everything else lets the node make one.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from local_swarm.config import Config
from local_swarm.engines.kinds import member_engine, runs_mlx
from local_swarm.engines.machine import LocatedMember
from local_swarm.engines.members import locate_members
from local_swarm.errors import DoesNotFit
from local_swarm.hardware.profile import Hardware
from local_swarm.models.budget import MemoryRules, memory_pools
from local_swarm.models.folder import is_whole
from local_swarm.models.hub_cache import HubModel
from local_swarm.models.mlx_repos import best_twin, twin
from local_swarm.models.resolve import ModelSource, resolve
from local_swarm.models.storage import cached_copies
from local_swarm.roster import Member, Roster, Source
from local_swarm.survey import Survey


@dataclass(frozen=True, slots=True)
class Launch:
    """What a start has found out. `roster` has at least one member."""

    config: Config
    survey: Survey
    roster: Roster
    members: tuple[LocatedMember, ...]

    @property
    def hardware(self) -> Hardware:
        return self.survey.hardware


def make_launch(config: Config, survey: Survey | None = None) -> Launch:
    """Repositories of the hub that are named are fetched. Raises WrongUse for what cannot run, DownloadFailed."""
    survey = survey or Survey()
    roster = roster_of(config, survey)
    return Launch(config, survey, roster, locate_members(roster.members, config, survey))


def roster_of(config: Config, survey: Survey) -> Roster:
    """The roster that is configured, else one of a single member: the configured model, or without one what suits the machine.

    Raises WrongUse."""
    found = survey.roster(Path(config.swarm.roster).expanduser()) if config.swarm.roster else Roster()
    members = found.members or (single_member(config, survey),)
    return Roster(found.preset, members, found.fallback)


def names_what_runs(config: Config) -> bool:
    """Whether the settings say by themselves what runs, so that there is nothing to choose or to fetch from the catalogue."""
    if config.swarm.roster or runs_mlx(config.models.engine):
        return True
    source = model_source(config)
    return source is not None and (source.is_folder or source.kind in ("hub", "server"))


def model_source(config: Config) -> ModelSource | None:
    return resolve(config.models.model) if config.models.model else None


def single_member(config: Config, survey: Survey) -> Member:
    if config.swarm.roster:  # it has fallbacks alone: `models.model` runs
        return Member()
    if runs_mlx(config.models.engine):
        return Member(engine="mlx", model=mlx_model(config, survey))
    source = model_source(config)
    if source is None or source.kind == "name":
        return Member()
    if source.kind == "server":
        return Member(url=source.text)
    return Member(engine=member_engine(config.models.engine), model=source.text)


def mlx_model(config: Config, survey: Survey) -> str | Source:
    """What MLX is to run: a path or `owner/name` as it is, of a name of the catalogue its twin; without a model the best twin on
    this disk, or what would be the best, which is not fetched unasked. Raises WrongUse."""
    source = model_source(config)
    if source and source.kind != "name":
        return source.text
    if source:
        return twin(survey.catalogue, source.text)
    rules = MemoryRules(config.hardware.ram_fraction, config.hardware.gpu_memory_fraction)
    budget = memory_pools(survey.hardware, rules)[0].budget_bytes
    preferred = config.models.preferred_models
    with contextlib.suppress(DoesNotFit):
        return best_twin(
            survey.catalogue, preferred, budget, lambda repository: any(map(is_whole, cached_copies(repository)))
        )
    best = best_twin(survey.catalogue, preferred, budget)
    return Source("huggingface", repository=best, local_files_only=True)


def hub_models(roster: Roster) -> list[HubModel]:
    """The repositories that a roster names, in its order."""
    sources = [resolve(member.model) for member in roster.members if member.model]
    return [source.repository for source in sources if source.repository]
