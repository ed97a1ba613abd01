"""A member, its model and what is installed in, the kind of engine that runs it out: the one place that compares kinds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal, get_args

from local_swarm.backends.openai_compatible.managed_server import PROGRAM
from local_swarm.commands import extra_command
from local_swarm.engines.machine import EngineKind
from local_swarm.errors import UsageError
from local_swarm.models.folder import Folder
from local_swarm.models.folder_kind import require_package
from local_swarm.roster import EngineName, Member
from local_swarm.survey import Readers, Survey

# The module that an engine needs, and our extra that brings it.
NEEDS: Mapping[str, tuple[str, str]] = {
    "llamacpp": ("llama_cpp", "llamacpp"),
    "mlx": ("mlx_lm", "mlx"),
    "transformers": ("transformers", "transformers"),
    "vllm": ("vllm", "vllm"),
}

FolderEngine = Literal["mlx", "transformers", "vllm"]
FOLDER_ENGINES: tuple[FolderEngine, ...] = get_args(FolderEngine)  # those that run folders of safetensors
SERVER: EngineKind = "openai_compatible"

logger = logging.getLogger(__name__)


def require_installed(kind: str, readers: Readers) -> None:
    """Raises UsageError where what an engine needs is not here."""
    module, extra = NEEDS[kind]
    if not readers.module(module):
        raise UsageError(f"The engine {kind} is not installed. Install it: {extra_command(extra)}")


def folder_engine(name: EngineName, readers: Readers) -> EngineKind:
    """The engine that does the work of this one, for folders: Transformers runs vLLM's models where that is not installed.

    Raises UsageError where it is not installed either."""
    assert name in FOLDER_ENGINES
    if name == "vllm" and not readers.module(NEEDS[name][0]):
        logger.warning("vLLM is not installed; Transformers does its work.")
        name = "transformers"
    require_installed(name, readers)
    return name


def kind_for_folder(name: EngineName, folder: Folder, survey: Survey) -> EngineKind:
    """The engine for a folder: MLX on Apple's chips and for what only MLX can read, else Transformers. Raises UsageError."""
    if name == "llamacpp":
        raise UsageError(
            f"{folder.path} is a folder; llama.cpp runs .gguf files. Use engine: mlx or transformers, or another model."
        )
    if name == "auto":
        apple = any(chip.vendor == "apple" for chip in survey.hardware.accelerators)
        name = "mlx" if apple or folder.mlx else "transformers"
    kind = folder_engine(name, survey.readers)
    if kind == "transformers":
        require_package(folder.path, folder.config, survey.readers.module)
    return kind


def kind_for_file(name: EngineName, configured: str, model: str | None, readers: Readers) -> EngineKind:
    """Which of the two ways to have llama.cpp runs a .gguf file: its bindings, or its own server where that is `configured` or
    the bindings are not installed. Raises UsageError where neither is here, or not the one that is configured."""
    if name not in ("auto", "llamacpp"):
        raise UsageError(f"{name} runs folders of safetensors, not {model or 'the starter model'}.")
    if configured == PROGRAM and not readers.program(PROGRAM):
        raise UsageError(f"There is no {PROGRAM} here. In Termux: pkg install llama-cpp")
    bindings = readers.module(NEEDS["llamacpp"][0])
    if configured == PROGRAM or (not bindings and readers.program(PROGRAM)):
        return "llama-server"
    require_installed("llamacpp", readers)
    return "llamacpp"


def is_server(member: Member) -> bool:
    """Whether a member is a server of somebody else's, which takes no memory of ours."""
    return member.kind == SERVER


def needs_folder(member: Member) -> bool:
    """Whether a member's engine runs folders of safetensors and nothing else."""
    return member.engine in FOLDER_ENGINES


def member_engine(configured: str) -> EngineName:
    """What the setting `models.engine` means for a member: both ways to have llama.cpp are one engine there."""
    return "mlx" if configured == "mlx" else "auto" if configured == "auto" else "llamacpp"


def runs_mlx(configured: str) -> bool:
    """Whether the setting `models.engine` asks for MLX, which runs other files than the catalogue's."""
    return configured == "mlx"
