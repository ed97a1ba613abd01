"""A roster in, the workers of a mixed swarm out, each over the engine that its member names. Starts nothing.

What is missing is said before anything is loaded: an engine that is not installed names the extra to install.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from local_swarm.backends.base import Backend
from local_swarm.backends.openai_compatible.backend import (
    AUTO,
    USUAL_CONTEXT,
    OpenAICompatible,
    ServerTarget,
    normalize_url,
)
from local_swarm.backends.process.backend import ProcessBackend
from local_swarm.backends.process.lifecycle import Description
from local_swarm.backends.process.messages import Load
from local_swarm.config import Config
from local_swarm.confined.process import Confined
from local_swarm.errors import DoesNotFit, WrongUse
from local_swarm.fallback.chain import Chain, Step
from local_swarm.fallback.ledger import Ledger, SpendingLimits
from local_swarm.hardware.detector import detect
from local_swarm.hardware.profile import Hardware
from local_swarm.models import hub
from local_swarm.models.budget import MemoryRules, memory_pools
from local_swarm.models.folder import Folder, is_whole, read_folder
from local_swarm.models.folder_plan import copies
from local_swarm.models.mlx_repos import best_twin, twin
from local_swarm.models.planner import MemoryNeed, Plan, RunOptions, number_of_workers
from local_swarm.models.registry import load
from local_swarm.models.storage import cached
from local_swarm.paths import data_folder, extra_command, home, offline
from local_swarm.roster import EngineName, Member, Provider, Roster, Source, read_roster, source_of
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.worker import Worker
from local_swarm.voting.settings import VoteSettings
from local_swarm.voting.similarity.embedding import Embedder

NEEDS = {
    "llamacpp": ("llama_cpp", "llamacpp"),
    "mlx": ("mlx_lm", "mlx"),
    "transformers": ("transformers", "transformers"),
    "vllm": ("vllm", "vllm"),
}  # the module that an engine needs, and our extra that brings it
SERVER_WORKERS = 1
UNPLANNED_BYTES = 3 << 29  # PyTorch takes most of it before it has a model
MOST_VOICES = 8  # of the own swarm, for what is set aside before a request

logger = logging.getLogger(__name__)

GgufEngine = Callable[[Config, Confined, Member], tuple[Backend, Plan]]


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers, and what runs: the plan of the first member, with what is to be told of the others."""

    workers: tuple[Worker, ...]
    plan: Plan


def roster_of(config: Config) -> Roster | None:
    """The roster that is configured; a folder of safetensors as the model is one of a single member, and so is whatever MLX is to
    run: the twin of a model of the catalogue. Raises WrongUse."""
    if config.swarm.roster:
        return read_roster(Path(config.swarm.roster).expanduser())
    wish, engine = config.models.model, config.models.engine
    path = Path(wish or "").expanduser()
    if wish and path.is_dir():
        named = "llamacpp" if engine == "llama-server" else engine
        return Roster(members=(Member(engine=named, model=f"{path.absolute()}"),))
    if engine == "mlx":
        return Roster(members=(Member(engine="mlx", model=mlx_model(config)),))
    return None


def mlx_model(config: Config) -> str | Source:
    """What MLX is to run: `owner/repository`, from the catalogue where a name is wished; where nothing is, the best twin on this
    disk, or what would be the best, which is not fetched unasked. Raises WrongUse."""
    wish = config.models.model
    if wish and source_of(wish):
        return wish
    catalogue = load(data_folder(), home())
    if wish:
        return twin(catalogue, wish)
    budget = memory_pools(detect(), MemoryRules(config.hardware.ram_fraction, config.hardware.gpu_memory_fraction))[
        0
    ].budget_bytes
    preferred = config.models.preferred_models
    with contextlib.suppress(DoesNotFit):
        return best_twin(catalogue, preferred, budget, lambda repository: any(map(is_whole, cached(repository))))
    return Source("huggingface", repository=best_twin(catalogue, preferred, budget), local_files_only=True)


def crew(members: Sequence[Member], config: Config, hardware: Hardware, gguf: GgufEngine, confined: Confined) -> Crew:
    """`gguf` makes an engine for a GGUF model. Local members share this machine's memory in equal parts. Raises WrongUse."""
    local = sum(member.kind != "openai_compatible" for member in members)
    shared = shared_config(config, max(1, local))
    workers: list[Worker] = []
    plans: list[Plan] = []
    for place, member in enumerate(members, start=1):
        backend, plan = engine_of(member, shared, hardware, gguf, confined)
        count = plan.workers if plan else member.workers or SERVER_WORKERS
        name = member.name or (f"m{place}" if len(members) > 1 else "w")
        for number in range(1, count + 1):
            label = f"{name}-{number}" if len(members) > 1 or member.name else f"w{number}"
            workers.append(Worker(label, len(workers) + 1, backend, member.weight))
        plans.append(plan or server_plan(member, count))
    first, *others = plans
    also = [f"{plan.workers} workers of {plan.model} by {plan.engine}" for plan in others]
    return Crew(tuple(workers), replace(first, workers=len(workers), why=(*first.why, *also)))


def server_plan(member: Member, workers: int) -> Plan:
    """What can be said of a server before it is asked."""
    model = member.model if isinstance(member.model, str) else "its model"
    context = member.context or USUAL_CONTEXT
    nothing = MemoryNeed(0, 0, 0, 0, 0, None)
    return Plan(
        model,
        Path(),
        None,
        "unknown",
        "openai_compatible",
        workers,
        context,
        context // 4,
        0,
        0,
        0,
        False,
        "f16",
        nothing,
        0,
        (f"model: {model} of the server at {member.url}",),
    )


def shared_config(config: Config, parts: int) -> Config:
    hardware = config.hardware
    return replace(
        config,
        hardware=replace(
            hardware,
            ram_fraction=hardware.ram_fraction / parts,
            gpu_memory_fraction=hardware.gpu_memory_fraction / parts,
        ),
    )


def engine_of(
    member: Member, config: Config, hardware: Hardware, gguf: GgufEngine, confined: Confined
) -> tuple[Backend, Plan | None]:
    if member.kind == "openai_compatible":
        return server_of(member), None
    source = sourced(member.model)
    if member.engine != "auto" and source and from_hub(source):
        member = replace(member, engine=runnable(member.engine))  # what is missing is said before gigabytes are fetched
    where = located(member.model)
    kind = chosen(member, where, hardware)
    if kind == "llamacpp":
        return gguf(gguf_config(config, member, where), confined, member)
    assert isinstance(where, Path)
    folder = read_folder(where)
    return folder_engine(kind, folder, member, config, hardware, confined)


def chosen(member: Member, where: Path | str | None, hardware: Hardware) -> str:
    """The engine for a model: llama.cpp for files and names; for folders MLX on Apple's chips and for what only MLX can read,
    else Transformers. Raises WrongUse where it is not installed or cannot read the model."""
    folder = isinstance(where, Path) and where.is_dir()
    kind = member.engine
    if kind == "auto":
        apple = any(one.vendor == "apple" for one in hardware.accelerators)
        mlx = folder and isinstance(where, Path) and (apple or read_folder(where).mlx)
        kind = "llamacpp" if not folder else "mlx" if mlx else "transformers"
    if folder and kind == "llamacpp":
        raise WrongUse(
            f"{where} is a folder; llama.cpp runs .gguf files. Use engine: mlx or transformers, or another model."
        )
    if not folder and kind != "llamacpp":
        raise WrongUse(f"{kind} runs folders of safetensors, not {where or 'the starter model'}.")
    return runnable(kind)


def runnable(kind: EngineName) -> EngineName:
    """The engine that does the work of this one: Transformers runs vLLM's models where that is not installed. Of the two ways to
    have llama.cpp, who makes that engine chooses. Raises WrongUse."""
    if kind == "vllm" and not find_spec("vllm"):
        logger.warning("vLLM is not installed; Transformers does its work.")
        kind = "transformers"
    if kind != "llamacpp":
        installed(kind)
    return kind


def installed(kind: str) -> None:
    """Raises WrongUse where what an engine needs is not here."""
    module, extra = NEEDS[kind]
    if not find_spec(module):
        raise WrongUse(f"The engine {kind} is not installed. Install it: {extra_command(extra)}")


def gguf_config(config: Config, member: Member, where: Path | str | None) -> Config:
    """What a swarm of this member alone would be configured with."""
    layers = 0 if member.device == "cpu" else config.hardware.gpu_layers
    return replace(
        config,
        models=replace(
            config.models,
            model=str(where) if where else config.models.model,
            context=member.context or config.models.context,
        ),
        swarm=replace(config.swarm, instances=member.workers or config.swarm.instances),
        hardware=replace(config.hardware, gpu_layers=layers),
    )


def folder_engine(
    kind: str, folder: Folder, member: Member, config: Config, hardware: Hardware, confined: Confined
) -> tuple[Backend, Plan]:
    """An engine of its own process for a folder of safetensors. Raises WrongUse for adapters that it cannot take."""
    if kind == "mlx" and len(member.adapters) > 1:
        raise WrongUse("MLX takes one adapter for a model. Give each a member of its own.")
    if kind == "vllm" and member.adapters:
        raise WrongUse("vLLM members take no adapters here. Use engine: transformers for them.")
    vote, share = config.swarm, config.hardware
    rules = MemoryRules(
        share.ram_fraction,
        share.gpu_memory_fraction,
        vote.min_instances,
        vote.max_instances,
        gpu=member.device != "cpu",
    )
    place = memory_pools(hardware, rules)[0]
    workers, why = number_of_workers(hardware, RunOptions(member.workers or vote.instances), rules, place.gpu)
    bytes_per_value = 2.0 if place.gpu or kind == "mlx" else 4.0
    how = copies(folder, workers, member.context or config.models.context, place.budget_bytes, bytes_per_value)
    wishes = {"device": member.device, "dtype": member.dtype, "quantization": member.quantization}
    options = {name: wish for name, wish in wishes.items() if wish}
    load = Load(
        str(folder.path),
        how.context,
        how.answer_tokens,
        how.cells,
        how.sequences,
        hardware.cpu.physical_cores or 1,
        workers=workers,
        adapters=adapters_of(member),
        options=options,
        memory_bytes=most_memory(how.memory),
    )
    reasons = (
        f"model: {folder.path}, run by {kind}",
        why,
        f"context {how.context}",
        f"memory: {place.rule} may be used",
    )
    plan = Plan(
        folder.name,
        folder.path,
        folder.quantization,
        folder.architecture,
        kind,
        workers,
        how.context,
        how.answer_tokens,
        how.cells,
        how.sequences,
        load.threads,
        place.gpu,
        "f16",
        how.memory,
        0,
        reasons,
    )
    about = Description(folder.name, folder.architecture, folder.chat_template, engine=kind)
    return ProcessBackend(load, about, confined=confined), plan


def most_memory(need: MemoryNeed, beside_bytes: int = 0) -> int:
    """What an engine's process may come to use: what is planned, and beside it what libraries and kernels take, which is not."""
    return need.total_bytes + need.total_bytes // 4 + beside_bytes + UNPLANNED_BYTES


def adapters_of(member: Member) -> list[tuple[str, float]]:
    """Raises WrongUse for one that is not there."""
    found = [(Path(one.path).expanduser(), one.scale) for one in member.adapters]
    for path, _ in found:
        if not path.exists():
            raise WrongUse(f"There is no adapter {path}.")
    return [(str(path), scale) for path, scale in found]


def located(model: str | Source | None) -> Path | str | None:
    """Where a model lies on this disk, fetched from the hub where it must be; a name of the catalogue stays a name.

    Raises WrongUse for a path that does not exist."""
    source = sourced(model)
    if source is None:
        return model if isinstance(model, str) else None
    if from_hub(source):
        return fetched(source)
    if not source.path:
        raise WrongUse("A local model needs its path.")
    path = Path(source.path).expanduser()
    if not path.exists():
        raise WrongUse(f"There is no model at {path}.")
    if source.format and (source.format == "gguf") != path.is_file():
        raise WrongUse(f"{path} is a {'file' if path.is_file() else 'folder'}, and so cannot be {source.format}.")
    return path


def sourced(model: str | Source | None) -> Source | None:
    return source_of(model) if isinstance(model, str) else model


def from_hub(source: Source) -> bool:
    return source.provider == "huggingface" or bool(source.repository)


def fetched(source: Source) -> Path:
    """A file or folder of the hub: from its cache on this disk, without a word to anybody, else from the network, unless that is
    forbidden. Raises WrongUse, and DownloadFailed at once where the hub cannot be reached."""
    if not source.repository:
        raise WrongUse("A model of the hub needs its repository, like Qwen/Qwen3.5-9B-GGUF.")
    library = hub.installed()
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    named = f"{source.repository}{f' ({source.filename})' if source.filename else ''}"
    with contextlib.suppress(LocalEntryNotFoundError):
        here = brought(source, library, here_only=True)
        if here.is_file() or is_whole(here):
            return here
    if source.local_files_only or offline():
        raise WrongUse(f"{named} is not in the hub's cache on this disk. To have it fetched, name it: --model {named}")
    token = os.environ.get(source.token_env) or ""
    hub.Hub(environment={**os.environ, "HF_TOKEN": token}).listing(source.repository)
    try:
        return brought(source, library, here_only=False)
    except (HfHubHTTPError, OSError, ValueError) as problem:
        raise WrongUse(f"{named} cannot be fetched: {str(problem).splitlines()[0]}") from problem


def brought(source: Source, library: Any, here_only: bool) -> Path:
    """By huggingface_hub, into its cache."""
    how = {"revision": source.revision, "token": os.environ.get(source.token_env), "local_files_only": here_only}
    if source.filename:
        return Path(library.hf_hub_download(source.repository, source.filename, **how))
    wanted = ["*.json", "*.safetensors", "*.jinja", "*.txt"]  # never code
    return Path(library.snapshot_download(source.repository, allow_patterns=wanted, **how))


def server_of(member: Member) -> OpenAICompatible:
    assert member.url
    model = member.model if isinstance(member.model, str) else None
    url = AUTO if member.url == AUTO else normalize_url(member.url)
    key = secret(member.key_env, member.keyring)
    return OpenAICompatible(ServerTarget(url, model, key, member.context, member.several))


def secret(variable: str | None, keyring: str | None) -> str | None:
    """A key from the environment, or from the system's keyring as `service/user`. Raises WrongUse where it is not there."""
    if variable:
        if key := os.environ.get(variable):
            return key
        raise WrongUse(f"The environment variable {variable} has no key.")
    if not keyring:
        return None
    if not find_spec("keyring"):
        raise WrongUse(f"Reading keys from the keyring needs it: {extra_command('keyring')}")
    import keyring as system

    service, _, user = keyring.partition("/")
    if key := system.get_password(service, user):
        return str(key)
    raise WrongUse(f"The keyring has no key for {keyring}.")


def chain_of(
    roster: Roster, swarm: Swarm, embedder: Embedder, habits: VoteSettings, ledger: Ledger
) -> tuple[Chain, list[Backend]]:
    """The fallback chain and the servers that it may ask. Offline there are only those of this network. Raises WrongUse."""
    steps: list[Step] = []
    servers: list[Backend] = []
    for one in roster.fallback.providers:
        limits = SpendingLimits(one.requests_per_minute, one.tokens_per_day, one.budget, one.price_in, one.price_out)
        voice, voices = swarm, MOST_VOICES
        if not one.swarm:
            backend, voices = provider_server(one), one.workers
            servers.append(backend)
            workers = [Worker(f"{one.name}-{number}", number, backend) for number in range(1, voices + 1)]
            voice = Swarm(one.name, workers, embedder, habits, confined=swarm.jury.confined)
        account = ledger.account(one.name, limits, time.monotonic)
        steps.append(Step(voice, account, one.priority, one.timeout_s, voices, one.longest_answer))
    return Chain(swarm.name, steps, ledger, roster.fallback.escalate_below), servers


def provider_server(one: Provider) -> OpenAICompatible:
    key = secret(one.key_env, one.keyring)
    return OpenAICompatible(ServerTarget(normalize_url(one.url or ""), one.model, key, one.context))
