"""Settings and a survey of the machine in, what boots out: its roster and its members, each with its model on this disk.

Every way to start takes it: the command line makes one after it has asked and fetched, everything else lets the node make one.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

from local_swarm.config import Config
from local_swarm.engines.kinds import is_server, member_engine, runs_mlx
from local_swarm.engines.machine import LocatedMember, NamedMember, name_member
from local_swarm.engines.members import locate_member
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

logger = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class NamedModels:
    """What is to run, as settings and roster name it; nothing was looked for yet. `roster` has at least one member."""

    config: Config
    roster: Roster
    members: tuple[NamedMember, ...]

    @property
    def fixed(self) -> bool:
        """Whether a choice from the catalogue would change nothing."""
        return bool(self.config.swarm.roster) or runs_mlx(self.config.models.engine)

    @property
    def settled(self) -> bool:
        """Whether they say by themselves what runs, so that there is nothing to choose or to fetch from the catalogue."""
        source = self.members[0].source
        return self.fixed or (source is not None and source.kind != "name")

    @property
    def left_out(self) -> str | None:
        """Why the configured model runs nowhere, if so: each member of the roster has its own."""
        takes_it = any(one.member.model is None and not is_server(one.member) for one in self.members)
        if not self.config.models.model or takes_it or not self.config.swarm.roster:
            return None
        return f"{self.config.models.model} runs nowhere: every member of {self.config.swarm.roster} has a model of its own."

    @property
    def repositories(self) -> list[HubModel]:
        """Those of the hub that are named, in the roster's order."""
        return [one.source.repository for one in self.members if one.source and one.source.repository]


def make_launch(config: Config, survey: Survey | None = None) -> Launch:
    """Repositories of the hub that are named are fetched. Raises UsageError for what cannot run, DownloadFailed."""
    survey = survey or Survey()
    return launch_named(name_models(config, survey), survey)


def launch_named(named: NamedModels, survey: Survey) -> Launch:
    """Finds every model, and fetches repositories of the hub. Raises UsageError for what cannot run, DownloadFailed."""
    if named.left_out:
        logger.warning("%s", named.left_out)
    located = tuple(locate_member(member, named.config, survey) for member in named.members)
    return Launch(named.config, survey, named.roster, located)


def name_models(config: Config, survey: Survey) -> NamedModels:
    """The roster that is configured, else one of a single member: the configured model, or without one what suits the machine.

    Raises UsageError."""
    source = resolve(config.models.model) if config.models.model else None
    found = survey.roster(Path(config.swarm.roster).expanduser()) if config.swarm.roster else Roster()
    named = tuple(name_member(member, source) for member in found.members) or (single_member(config, source, survey),)
    roster = Roster(found.preset, tuple(one.member for one in named), found.fallback)
    return NamedModels(config, roster, named)


def single_member(config: Config, source: ModelSource | None, survey: Survey) -> NamedMember:
    if config.swarm.roster:  # it has fallbacks alone: `models.model` runs
        return NamedMember(Member(), source)
    if runs_mlx(config.models.engine):
        return name_member(Member(engine="mlx", model=mlx_model(config, source, survey)))
    if source is None or source.kind == "name":
        return NamedMember(Member(), source)
    if source.kind == "server":
        return NamedMember(Member(url=source.text), source)
    return NamedMember(Member(engine=member_engine(config.models.engine), model=source.text), source)


def mlx_model(config: Config, source: ModelSource | None, survey: Survey) -> str | Source:
    """What MLX is to run: a path or `owner/name` as it is, of a name of the catalogue its twin; without a model the best twin on
    this disk, or what would be the best, which is not fetched unasked. Raises UsageError."""
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
