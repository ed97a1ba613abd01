"""Defaults, a file, the environment and flags in, one frozen `Config` out: the later overrules the earlier.

`config/default.yaml` has the defaults and what each setting means. The dataclasses here
name the keys, with their types and ranges.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from local_swarm.limits import LEAST_CONTEXT, MOST_VOICES
from local_swarm.paths import data_folder, home
from local_swarm.settings.fields import Commas, Key, Range, dotted_keys
from local_swarm.settings.reader import NamedNode, read_settings, unknown_setting
from local_swarm.settings.schema import Layer, schema_of
from local_swarm.settings.tree import YamlNode, leaves, tree_of
from local_swarm.settings.yaml_text import comments, parse_yaml, read_file
from local_swarm.types import Strategy

PREFIX = "LOCAL_SWARM_"
DEFAULT, COMMAND_LINE = "default", "command line"

Port = Annotated[int, Range(0, 65_535)]
Share = Annotated[float, Range(0, 1)]
Temperature = Annotated[float, Range(0, 2)]
PeerCount = Annotated[int, Range(0, 256)]


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """`key`: what every caller must know; None demands the stored one on addresses beyond this machine, and none on this one.
    `origins`: web pages that may call, separated by commas. `mcp`: whether `/mcp` is open to whom the API is open to."""

    host: str
    port: Port
    key: str | None
    origins: str | None
    mcp: bool


@dataclass(frozen=True, slots=True)
class SwarmConfig:
    """`patience_s`: how long the vote waits once a worker has answered. `coolest`, `warmest`: temperatures beside the anchor's.
    `sandbox`: whether programs may be run, where that can be done safely, to compare what they do. `roster`: a file that lists
    engines and fallbacks."""

    consensus_strategy: Strategy
    instances: int | None
    min_instances: Annotated[int, Range(1, MOST_VOICES)]
    max_instances: Annotated[int, Range(1, MOST_VOICES)]
    patience_s: Annotated[float, Range(0.1, 86_400), Key("timeout")]
    coolest: Temperature
    warmest: Temperature
    sandbox: Literal["auto", "never"]
    roster: str | None

    def mistake(self) -> str | None:
        if self.min_instances > self.max_instances:
            return "swarm.min_instances must not be larger than swarm.max_instances."
        return None


@dataclass(frozen=True, slots=True)
class ModelsConfig:
    """`model`: a name or path; None runs the best that is on this disk. `kv_type`: how the KV cache is stored.
    `cache_dir`: where model files lie; None is a folder in the home. `preferred_models`: what is chosen from, the best first."""

    model: str | None
    preferred_models: Annotated[tuple[str, ...], Commas]
    engine: Literal["auto", "llamacpp", "llama-server", "mlx"]
    context: Annotated[int | None, Range(LEAST_CONTEXT)]
    kv_type: Literal["auto", "f16", "q8_0"]
    cache_dir: str | None
    embedding: str


@dataclass(frozen=True, slots=True)
class HardwareConfig:
    """How much of this machine models may take, and which graphics cards."""

    gpu_memory_fraction: Share
    ram_fraction: Share
    gpu_layers: int | None
    main_gpu: int
    tensor_split: str | None


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """How other machines are found. `interfaces` and `peers`: names or addresses. `auth_token`: instead of
    invitations, the same on all machines of a swarm."""

    enabled: bool
    name: str | None
    federation_port: Port
    discovery_port: Port
    advertise_interval_s: Annotated[float, Range(1, 86_400), Key("advertise_interval")]
    interfaces: Annotated[tuple[str, ...] | None, Commas]
    peers: Annotated[tuple[str, ...] | None, Commas]
    max_peers: PeerCount
    auth_token: str | None
    insecure_lan: bool


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    """How machines that are not named are found. `port`, `advertise_interval_s`: other names, see `ALIASES`."""

    method: Literal["auto", "mdns", "broadcast", "static"]
    port: Port | None
    advertise_interval_s: Annotated[float | None, Range(1, 86_400), Key("advertise_interval")]


@dataclass(frozen=True, slots=True)
class CommunicationConfig:
    """`silence_s`: without a byte for so long a peer is late. `grace_s`: how long peers are waited for once the answer is decided
    here; None is half the time that took, at least two. `deadline_s`: how long peers are told they have."""

    port: Port | None
    silence_s: Annotated[float, Range(0.1, 3600), Key("timeout")]
    grace_s: Annotated[float | None, Range(0, 3600), Key("grace")]
    deadline_s: Annotated[float, Range(1, 86_400), Key("longest")]


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """Other names of settings of the network, see `ALIASES`."""

    enabled: bool
    token: str | None


@dataclass(frozen=True, slots=True)
class PeersConfig:
    """How peers' ballots count. `min_peers` 0: alone is fine."""

    strategy: Literal["vote", "weighted", "best_of_n", "latency"]
    min_peers: PeerCount
    max_peers: PeerCount | None


@dataclass(frozen=True, slots=True)
class FederationConfig:
    """How machines vote together."""

    enabled: bool
    mode: Literal["independent", "distributed"]
    route: Literal["vote", "spread", "auto"]
    max_asked: Annotated[int, Range(0, 10_000)]
    on_battery: bool
    discovery: DiscoveryConfig
    communication: CommunicationConfig
    auth: AuthConfig
    consensus: PeersConfig

    def mistake(self) -> str | None:
        if self.mode == "distributed":
            return (
                "federation.mode: distributed (workers on several machines under one coordinator) does not exist yet. With "
                "independent every machine runs its own workers and they vote together."
            )
        return None


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Those of two names (`ALIASES`) have the same value under both."""

    server: ServerConfig
    swarm: SwarmConfig
    models: ModelsConfig
    hardware: HardwareConfig
    network: NetworkConfig
    federation: FederationConfig

    @property
    def models_folder(self) -> Path:
        return Path(self.models.cache_dir).expanduser() if self.models.cache_dir else home() / "models"


@dataclass(frozen=True, slots=True)
class Alias:
    """A second name of a setting. `inverted`: it says the opposite."""

    key: str
    of: str
    inverted: bool = False

    def value(self, node: YamlNode) -> Any:
        """What a value under one of the two names is under the other."""
        return not node.value if self.inverted and isinstance(node.value, bool) else node.value

    def speaks(self, node: YamlNode) -> bool:
        """Whether a value under the second name says anything. Null does not, nor does the usual value of an inverted one."""
        return node.value is not (True if self.inverted else None)


ALIASES = (
    Alias("federation.discovery.port", of="network.discovery_port"),
    Alias("federation.discovery.advertise_interval", of="network.advertise_interval"),
    Alias("federation.communication.port", of="network.federation_port"),
    Alias("federation.auth.enabled", of="network.insecure_lan", inverted=True),
    Alias("federation.auth.token", of="network.auth_token"),
    Alias("federation.consensus.max_peers", of="network.max_peers"),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it came from."""

    key: str
    value: Any
    origin: str


def load(
    file: Path | None = None, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ
) -> Config:
    """`flags` by dotted key, e.g. `{"server.port": 8001}`; None values count as absent. Raises UsageError for any mistake."""
    return read_settings(Config, tree_of(resolve_aliases(layers(file, flags, environment))))


def settings(
    file: Path | None = None, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] = os.environ
) -> list[Setting]:
    """Every setting in the order of `config/default.yaml`, each with its origin. Raises UsageError for keys that do not exist."""
    found = resolve_aliases(layers(file, flags, environment))
    return [Setting(key, node.plain(), node.source) for key, node in found.items()]


def layers(
    file: Path | None, flags: Mapping[str, Any] | None, environment: Mapping[str, str]
) -> list[Mapping[str, YamlNode]]:
    """What each source says, by dotted key, the weakest first."""
    own = home() / "config.yaml"
    files = [file] if file else [own] if own.exists() else []
    given = {key: YamlNode.of(value, COMMAND_LINE) for key, value in (flags or {}).items() if value is not None}
    return [default_values(), *map(from_file, files), from_environment(environment), given]


def resolve_aliases(layers: Sequence[Mapping[str, YamlNode]]) -> dict[str, YamlNode]:
    """The strongest value of every setting, the same under both names of it. Within a layer the second name wins."""
    found = {key: node for layer in layers for key, node in layer.items()}
    for alias in ALIASES:
        strength = {
            key: max(place for place, layer in enumerate(layers) if key in layer) for key in (alias.key, alias.of)
        }
        second, first = found[alias.key], found[alias.of]
        if alias.speaks(second) and strength[alias.key] >= strength[alias.of]:
            found[alias.of] = YamlNode(alias.value(second), second.source, second.line)
        else:
            found[alias.key] = YamlNode(alias.value(first), first.source, first.line)
    return found


def default_text() -> str:
    return (data_folder() / "default.yaml").read_text(encoding="utf-8")


def default_values() -> dict[str, YamlNode]:
    return leaves(parse_yaml(default_text(), DEFAULT))


def config_schema() -> dict[str, Any]:
    """The JSON schema of `config.yaml`, with defaults and meanings from the default file."""
    defaults = {key: node.plain() for key, node in default_values().items()}
    meanings = {"": "Each setting may be left out.", **comments(default_text(), DEFAULT)}
    return schema_of(Config, "Settings of Local Swarm", Layer(defaults, meanings))


def from_file(path: Path) -> dict[str, YamlNode]:
    """Raises UsageError for keys that do not exist."""
    root = read_file(path, "configuration")
    if not isinstance(root.value, dict):
        raise root.mistake(f"a configuration is a mapping of sections, not {root.shown}.")
    found, known = leaves(root), keys()
    for key, node in found.items():
        if key not in known:
            raise unknown_setting(NamedNode(node, key), known)
    return found


def from_environment(environment: Mapping[str, str]) -> dict[str, YamlNode]:
    return {
        key: from_variable(variable(key), environment[variable(key)]) for key in keys() if variable(key) in environment
    }


def from_variable(name: str, text: str) -> YamlNode:
    """What is no YAML, as `[fe80::1]:8766`, is text."""
    try:
        return YamlNode.of(parse_yaml(text, name).plain(), name)
    except yaml.YAMLError:
        return YamlNode.of(text, name)


def keys() -> list[str]:
    """The dotted name of every setting."""
    return dotted_keys(Config)


def variable(key: str) -> str:
    """The environment variable of a setting: `LOCAL_SWARM_SERVER_PORT` is `server.port`."""
    return PREFIX + key.replace(".", "_").upper()
