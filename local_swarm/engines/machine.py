"""What an engine is made from and what comes of it: a machine with its share of memory, a member that was located, a plan."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from local_swarm.backends.base import Backend
from local_swarm.config import Config
from local_swarm.confined.process import Confined
from local_swarm.errors import DoesNotFit, UsageError
from local_swarm.models.folder import Folder
from local_swarm.models.planner import SMALLEST_CONTEXT, MemoryNeed, Plan
from local_swarm.models.resolve import ModelSource, ResolvedModel, resolve
from local_swarm.roster import Member
from local_swarm.survey import Survey

EngineKind = Literal["llamacpp", "llama-server", "mlx", "transformers", "vllm", "openai_compatible"]
UNPLANNED_BYTES = 3 << 29  # PyTorch takes most of it before it has a model

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Machine:
    """`config` has the shares of memory that one member may take; `confined` works on foreign text."""

    survey: Survey
    config: Config
    confined: Confined


@dataclass(frozen=True, slots=True)
class NamedMember:
    """A member, and where its model is to be found, which nobody has looked at yet; `source` None for what suits the machine."""

    member: Member
    source: ModelSource | None = None


def name_member(member: Member, configured: ModelSource | None = None) -> NamedMember:
    """`configured`: the model of the settings, for members that name none. Raises UsageError for a mapping that names nothing."""
    return NamedMember(member, resolve(member.model) if member.model else configured)


@dataclass(frozen=True, slots=True)
class LocatedMember:
    """A member whose model was found. `model`: for llama.cpp, None for what suits the machine; `folder`: for engines that run
    folders of safetensors."""

    member: Member
    kind: EngineKind
    model: ResolvedModel | None = None
    folder: Folder | None = None


class EnginePlan:
    """The plan of one engine, which may get a smaller context while the model loads. `replan` makes one with at most so many
    tokens of context; without it the plan stays as it is."""

    def __init__(self, plan: Plan, replan: Callable[[int], Plan] | None = None) -> None:
        self.plan = plan
        self._replan = replan

    def shrink(self, problem: DoesNotFit) -> Plan:
        """From now on the plan with half the context, which says why. Raises `problem` where there is none."""
        context = self.plan.context
        if self._replan is None or context // 2 < SMALLEST_CONTEXT:
            raise problem
        smaller = self._replan(context // 2)
        if smaller.path != self.plan.path:  # the engine was made for this file
            raise problem
        said = f"memory ran out while loading with a context of {context}"
        logger.warning("%s; trying %d.", said.capitalize(), smaller.context)
        self.plan = smaller.because(said)
        return self.plan

    def hand_over(self, engine: str, why: str) -> None:
        """Another engine does the work of the planned one."""
        logger.warning("%s %s does its work.", why, engine.capitalize())
        self.plan = replace(self.plan, engine=engine).because(f"{engine} in place of {self.plan.engine}, which failed")


MadeEngine = tuple[Backend, EnginePlan]


def memory_limit(need: MemoryNeed, beside_bytes: int = 0) -> int:
    """What an engine's process may come to use: what is planned, and beside it what libraries and kernels take, which is not."""
    return need.total_bytes + need.total_bytes // 4 + beside_bytes + UNPLANNED_BYTES


def adapter_files(member: Member) -> list[tuple[str, float]]:
    """(path, scale) of each adapter. Raises UsageError for one that is not there."""
    found = [(Path(adapter.path).expanduser(), adapter.scale) for adapter in member.adapters]
    for path, _ in found:
        if not path.exists():
            raise UsageError(f"There is no adapter {path}.")
    return [(str(path), scale) for path, scale in found]
