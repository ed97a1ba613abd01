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
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import yaml

from local_swarm.errors import WrongUse
from local_swarm.intake import whole
from local_swarm.paths import data_folder, home
from local_swarm.types import Strategy
from local_swarm.yaml_text import read_yaml

PREFIX = "LOCAL_SWARM_"


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """`key`: what every caller must know; None demands the stored one on addresses beyond this machine, and none on this one.
    `origins`: web pages that may call, separated by commas. `mcp`: whether `/mcp` is open to whom the API is open to."""

    host: str
    port: int
    key: str | None
    origins: str | None
    mcp: bool


@dataclass(frozen=True, slots=True)
class SwarmConfig:
    """`timeout`: seconds the vote waits once a worker has answered. `coolest`, `warmest`: temperatures beside the anchor's.
    `sandbox`: whether programs may be run, where that can be done safely, to compare what they do. `roster`: a file that lists
    engines and fallbacks."""

    consensus_strategy: Strategy
    instances: int | None
    min_instances: int
    max_instances: int
    timeout: float
    coolest: float
    warmest: float
    sandbox: Literal["auto", "never"]
    roster: str | None


@dataclass(frozen=True, slots=True)
class ModelsConfig:
    """`model`: a name or path; None runs the best that is on this disk. `kv_type`: how the cache keeps keys and values.
    `cache_dir`: where model files lie; None is a folder in the home. `preferred_models`: what is chosen from, the best first."""

    model: str | None
    preferred_models: tuple[str, ...]
    engine: Literal["auto", "llamacpp", "llama-server", "mlx"]
    context: int | None
    kv_type: Literal["auto", "f16", "q8_0"]
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
    advertise_interval: float
    interfaces: str | None
    peers: str | None
    max_peers: int
    auth_token: str | None
    insecure_lan: bool


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    method: Literal["auto", "mdns", "broadcast", "static"]


@dataclass(frozen=True, slots=True)
class CommunicationConfig:
    """`port`: None is `network.federation_port`. Times in seconds: `timeout` without a byte after which a peer is late; `grace`
    None is half the time that the local answer took, at least two; `longest` is what peers are told they have."""

    port: int | None
    timeout: float
    grace: float | None
    longest: float


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """`enabled` false is `network.insecure_lan`. `token`: None is `network.auth_token`."""

    enabled: bool
    token: str | None


@dataclass(frozen=True, slots=True)
class PeersConfig:
    """How peers' ballots count. `min_peers` 0: alone is fine. `max_peers`: None is `network.max_peers`."""

    strategy: Literal["vote", "weighted", "best_of_n", "latency"]
    min_peers: int
    max_peers: int | None


@dataclass(frozen=True, slots=True)
class FederationConfig:
    """How machines vote together."""

    enabled: bool
    mode: Literal["independent", "distributed"]
    route: Literal["vote", "spread", "auto"]
    max_asked: int
    on_battery: bool
    discovery: DiscoveryConfig
    communication: CommunicationConfig
    auth: AuthConfig
    consensus: PeersConfig


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

    @property
    def peers_port(self) -> int:
        """Where other machines are answered, under whichever of its two names it is configured."""
        return self.federation.communication.port or self.network.federation_port


# Settings that must lie between two numbers.
RANGES: Mapping[str, tuple[float, float]] = {
    "server.port": (0, 65_535),
    "network.discovery_port": (0, 65_535),
    "network.federation_port": (0, 65_535),
    "federation.communication.port": (0, 65_535),
    "swarm.min_instances": (1, 32),
    "swarm.max_instances": (1, 32),
    "swarm.timeout": (0.1, 86_400),
    "swarm.coolest": (0, 2),
    "swarm.warmest": (0, 2),
    "hardware.ram_fraction": (0, 1),
    "hardware.gpu_memory_fraction": (0, 1),
    "network.advertise_interval": (1, 86_400),
    "network.max_peers": (0, 256),
    "federation.communication.timeout": (0.1, 3600),
    "federation.communication.grace": (0, 3600),
    "federation.communication.longest": (1, 86_400),
    "federation.max_asked": (0, 10_000),
    "federation.consensus.min_peers": (0, 256),
    "federation.consensus.max_peers": (0, 256),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it came from."""

    key: str
    value: Any
    origin: str


def load(
    file: Path | None = None, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ
) -> Config:
    """`flags` by dotted key, e.g. `{"server.port": 8001}`; None values count as absent. Raises WrongUse for any mistake."""
    values = {one.key: one.value for one in settings(file, flags, environment)}
    config: Config = section(Config, "", values)
    if config.swarm.min_instances > config.swarm.max_instances:
        raise WrongUse("swarm.min_instances must not be larger than swarm.max_instances.")
    if config.federation.mode == "distributed":
        raise WrongUse(
            "federation.mode: distributed (workers on several machines under one coordinator) does not exist yet. With "
            "independent every machine runs its own workers and they vote together."
        )
    return config


def settings(
    file: Path | None = None, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ
) -> list[Setting]:
    """Every setting in the order of `config/default.yaml`, each with its origin. Raises WrongUse for keys that do not exist."""
    found = {key: Setting(key, value, "default") for key, value in flat(read(data_folder() / "default.yaml")).items()}
    own = home() / "config.yaml"
    for path in [file] if file else [own] if own.exists() else []:
        found |= {key: Setting(key, value, str(path)) for key, value in known(flat(read(path)), str(path)).items()}
    found |= {key: Setting(key, value, variable(key)) for key, value in from_environment(environment).items()}
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    found |= {key: Setting(key, value, "command line") for key, value in given.items()}
    return list(found.values())


def read(path: Path) -> Mapping[str, Any]:
    try:
        found = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise WrongUse(f"The configuration {path} cannot be read: {problem.strerror or problem}.") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise WrongUse(f"The configuration {path} is no valid YAML: {' '.join(str(problem).split())}.") from problem
    if not isinstance(found or {}, dict):
        raise WrongUse(f"The configuration {path} must be a mapping of sections.")
    return found or {}


def flat(sections: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"server": {"port": 1}}` as `{"server.port": 1}`."""
    made: dict[str, Any] = {}
    for name, value in sections.items():
        if isinstance(value, dict):
            made |= flat(value, f"{prefix}{name}.")
        else:
            made[f"{prefix}{name}"] = value
    return made


def keys(kind: type = Config, prefix: str = "") -> list[str]:
    """The dotted name of every setting."""
    found: list[str] = []
    for name, hint in get_type_hints(kind).items():
        found += (
            keys(hint, f"{prefix}{name}.")
            if isinstance(hint, type) and dataclasses.is_dataclass(hint)
            else [f"{prefix}{name}"]
        )
    return found


def variable(key: str) -> str:
    """The environment variable of a setting: `LOCAL_SWARM_SERVER_PORT` is `server.port`."""
    return PREFIX + key.replace(".", "_").upper()


def known(settings: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    for key in settings:
        if key not in keys():
            close = difflib.get_close_matches(key, keys(), n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise WrongUse(f"{source}: there is no setting {key!r}.{hint}")
    return settings


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Raises WrongUse for a value that is no YAML."""
    found = {}
    for key in keys():
        text = environment.get(variable(key))
        if text is not None:
            try:
                found[key] = read_yaml(text)
            except yaml.YAMLError as problem:
                raise WrongUse(f"{variable(key)}: {text[:200]!r} is not a value.") from problem
    return found


def section(kind: Any, prefix: str, values: Mapping[str, Any]) -> Any:
    made = {}
    for name, hint in get_type_hints(kind).items():
        key = f"{prefix}{name}"
        deeper = dataclasses.is_dataclass(hint)
        made[name] = section(hint, f"{key}.", values) if deeper else checked(key, values.get(key), hint)
    return kind(**made)


def checked(key: str, value: Any, hint: Any) -> Any:
    """The value as the type that its key has, within its range. Raises WrongUse."""
    choices = get_args(hint)
    if choices and all(isinstance(choice, str) for choice in choices):
        if value in choices:
            return value
        raise WrongUse(f"{key} must be one of {', '.join(choices)}, not {value!r}.")
    if get_origin(hint) is tuple:
        return names(key, value)
    if type(None) in choices:
        if value is None:
            return None
        hint = next(choice for choice in choices if choice is not type(None))
    wanted = cast(type, hint)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool):
        kind = {bool: "true or false", str: "text"}.get(wanted, "a number")
        raise WrongUse(f"{key} must be {kind}, not {value!r}.")
    low, high = RANGES.get(key, (value, value)) if isinstance(value, (int, float)) else (0, 0)
    if isinstance(value, (int, float)) and not low <= value <= high:
        raise WrongUse(f"{key} must be between {low:g} and {high:g}, not {value:g}.")
    return whole(value) if isinstance(value, str) else value


def names(key: str, value: Any) -> tuple[str, ...]:
    """A list of names, or names with commas between them."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, (list, tuple)) or not given or not all(isinstance(one, str) for one in given):
        raise WrongUse(f"{key} must be a list of names, not {value!r}.")
    return tuple(whole(one.strip()) for one in given)
