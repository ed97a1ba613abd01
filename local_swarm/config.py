"""Defaults, a file, the environment and flags in, one frozen `Config` out: the later overrules the earlier.

The defaults live in `config/default.yaml`; the dataclasses here say which keys exist and what type each has.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_type_hints

import yaml

from local_swarm.errors import WrongUse
from local_swarm.places import data_folder, home
from local_swarm.types import Strategy

PREFIX = "LOCAL_SWARM_"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SwarmConfig:
    """`timeout`: seconds the vote waits once a worker has answered. `coolest`, `warmest`: temperatures beside the anchor's."""

    consensus_strategy: Strategy
    instances: int | None
    min_instances: int
    max_instances: int
    timeout: float
    coolest: float
    warmest: float


@dataclass(frozen=True, slots=True)
class ModelsConfig:
    """`model`: a name or path; None runs the starter. `kv_type`: how the cache keeps keys and values. `cache_dir`: where model
    files lie; None is a folder in the home."""

    model: str | None
    context: int | None
    kv_type: Literal["f16", "q8_0"]
    cache_dir: str | None
    embedding: str


@dataclass(frozen=True, slots=True)
class HardwareConfig:
    gpu_memory_fraction: float
    ram_fraction: float
    gpu_layers: int | None
    main_gpu: int
    tensor_split: str | None


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """How other machines are found. `interfaces` and `peers`: names or addresses, separated by commas. `auth_token`: instead of
    invitations, the same on all machines of a swarm."""

    enabled: bool
    name: str | None
    federation_port: int
    discovery_port: int
    discovery: Literal["auto", "mdns", "broadcast", "static"]
    advertise_interval: float
    interfaces: str | None
    peers: str | None
    max_peers: int
    auth_token: str | None
    insecure_lan: bool


@dataclass(frozen=True, slots=True)
class FederationConfig:
    """How machines vote together. Times in seconds; `grace` None is half the time that the local answer took, at least two."""

    enabled: bool
    strategy: Literal["vote", "weighted", "best_of_n", "latency"]
    route: Literal["vote", "spread", "auto"]
    min_peers: int
    max_asked: int
    silence: float
    grace: float | None
    timeout: float
    on_battery: bool


@dataclass(frozen=True, slots=True)
class Config:
    server: ServerConfig
    swarm: SwarmConfig
    models: ModelsConfig
    hardware: HardwareConfig
    network: NetworkConfig
    federation: FederationConfig

    @property
    def models_folder(self) -> Path:
        return Path(self.models.cache_dir).expanduser() if self.models.cache_dir else home() / "models"


def load(
    file: Path | None = None, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ
) -> Config:
    """`flags` by dotted key, e.g. `{"server.port": 8001}`; None values count as absent. Raises WrongUse for any mistake."""
    settings = flat(read(data_folder() / "default.yaml"))
    own = home() / "config.yaml"
    for path in [file] if file else [own] if own.exists() else []:
        settings |= known(flat(read(path)), str(path))
    settings |= from_environment(environment)
    settings |= {key: value for key, value in (flags or {}).items() if value is not None}
    sections = {name: section(kind, name, settings) for name, kind in get_type_hints(Config).items()}
    return Config(**sections)


def read(path: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise WrongUse(f"The configuration {path} cannot be read: {problem.strerror or problem}.") from problem
    except yaml.YAMLError as problem:
        raise WrongUse(f"The configuration {path} is no valid YAML: {' '.join(str(problem).split())}.") from problem
    if not isinstance(found or {}, dict):
        raise WrongUse(f"The configuration {path} must be a mapping of sections.")
    return found or {}


def flat(sections: Mapping[str, Any]) -> dict[str, Any]:
    """`{"server": {"port": 1}}` as `{"server.port": 1}`."""
    made: dict[str, Any] = {}
    for name, section_ in sections.items():
        if isinstance(section_, dict):
            made |= {f"{name}.{key}": value for key, value in section_.items()}
        else:
            made[str(name)] = section_
    return made


def keys() -> list[str]:
    return [
        f"{name}.{field.name}" for name, kind in get_type_hints(Config).items() for field in dataclasses.fields(kind)
    ]


def known(settings: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    for key in settings:
        if key not in keys():
            close = difflib.get_close_matches(key, keys(), n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise WrongUse(f"{source}: there is no setting {key!r}.{hint}")
    return settings


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """`LOCAL_SWARM_SERVER_PORT=8001` sets `server.port`."""
    names = {PREFIX + key.replace(".", "_").upper(): key for key in keys()}
    found = {}
    for name, text in environment.items():
        if name in names:
            found[names[name]] = yaml.safe_load(text)
    return found


def section(kind: type, name: str, settings: Mapping[str, Any]) -> Any:
    hints = get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        key = f"{name}.{field.name}"
        values[field.name] = checked(key, settings.get(key), hints[field.name])
    return kind(**values)


def checked(key: str, value: Any, hint: Any) -> Any:
    """The value as the type that its key has."""
    choices = get_args(hint)
    if choices and all(isinstance(choice, str) for choice in choices):
        if value in choices:
            return value
        raise WrongUse(f"{key} must be one of {', '.join(choices)}, not {value!r}.")
    if type(None) in choices:
        if value is None:
            return None
        hint = next(choice for choice in choices if choice is not type(None))
    wanted = cast(type, hint)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool):
        raise WrongUse(f"{key} must be {'a number' if wanted in (int, float) else 'text'}, not {value!r}.")
    return value
