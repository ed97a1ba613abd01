"""A YAML file in, the members of a mixed swarm and its fallbacks out. Pure but for reading the file; starts nothing.

Every mistake names its line and the nearest word that would have been right.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from local_swarm.errors import WrongUse
from local_swarm.intake import whole
from local_swarm.yaml_text import read_yaml

EngineName = Literal["auto", "llamacpp", "mlx", "transformers", "vllm", "openai_compatible"]
MOST_WORKERS = 32


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model lies. With a `repository` it is on the hub: at a `revision`, one file (`filename`) or the whole folder, with
    a token taken from the environment variable `token_env`; else `path` is a file or folder of this `format`."""

    provider: Literal["local", "huggingface"] = "local"
    path: str | None = None
    format: Literal["gguf", "safetensors", "mlx"] | None = None
    repository: str | None = None
    revision: str | None = None
    filename: str | None = None
    token_env: str = "HF_TOKEN"
    local_files_only: bool = False


@dataclass(frozen=True, slots=True)
class Adapter:
    """A low-rank change to the weights, and how much it counts."""

    path: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Member:
    """One engine of the swarm. `model`: a name, or where it lies. `weight` (0 to 1): how much its voices count where votes nearly
    tie; None lets the swarm learn it. `url`, `key_env` and `keyring` (service/user) are for servers; `auto` looks for one."""

    engine: EngineName = "auto"
    name: str | None = None
    model: str | Source | None = None
    workers: int | None = None
    weight: float | None = None
    context: int | None = None
    device: str = "auto"
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    quantization: Literal["int8", "int4", "nf4"] | None = None
    adapters: tuple[Adapter, ...] = ()
    url: str | None = None
    key_env: str | None = None
    keyring: str | None = None
    several: bool | None = None

    @property
    def kind(self) -> str:
        """The engine that is meant where none is named: an address means a server; else the model's form decides later."""
        return "openai_compatible" if self.engine == "auto" and self.url else self.engine


@dataclass(frozen=True, slots=True)
class Provider:
    """One step of the fallback chain: the swarm itself (`swarm: true`), or a server. The lowest `priority` comes first. Limits
    are hard: a request that could cross one is not sent. Prices: dollars for a million tokens; `budget`: dollars a month."""

    name: str
    swarm: bool = False
    url: str | None = None
    model: str | None = None
    key_env: str | None = None
    keyring: str | None = None
    context: int | None = None
    workers: int = 1
    priority: int = 0
    timeout: float = 120.0
    requests_per_minute: int | None = None
    tokens_per_day: int | None = None
    budget: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0
    longest_answer: int = 4096


@dataclass(frozen=True, slots=True)
class Fallback:
    """`escalate_below`: an agreement below it asks the next provider too; None asks it only where the one before failed."""

    providers: tuple[Provider, ...] = ()
    escalate_below: float | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    preset: Literal["speed", "quality", "low_memory"] | None = None
    members: tuple[Member, ...] = ()
    fallback: Fallback = dataclasses.field(default_factory=Fallback)


# What a preset sets where a member says nothing itself.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "speed": {"workers": 3, "context": 8192},
    "quality": {"workers": 8},
    "low_memory": {"workers": 2, "context": 4096},
}


class LineLoader(yaml.SafeLoader):
    """Keeps the line of every mapping under a key that no file can have."""


LINE = object()


def with_line(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    made: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    made[LINE] = {key.value: key.start_mark.line + 1 for key, _ in node.value} | {LINE: node.start_mark.line + 1}
    return made


LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, with_line)


def read_roster(path: Path) -> Roster:
    """Raises WrongUse with the line of the mistake."""
    try:
        found = read_yaml(path.read_text(encoding="utf-8"), LineLoader)
    except OSError as problem:
        raise WrongUse(f"The roster {path} cannot be read: {problem.strerror or problem}.") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise WrongUse(f"The roster {path} is no valid YAML: {' '.join(str(problem).split())}.") from problem
    roster = made_of(Roster, found or {}, f"{path}", 1)
    if not roster.members and not roster.fallback.providers:
        raise WrongUse(f"{path} lists neither members nor fallback providers.")
    for place, member in enumerate(roster.members):
        check_member(member, f"{path}, members[{place}]")
    check_providers(roster.fallback.providers, str(path))
    preset = PRESETS.get(roster.preset or "", {})
    return dataclasses.replace(roster, members=tuple(filled(member, preset) for member in roster.members))


def filled(member: Member, preset: Mapping[str, Any]) -> Member:
    wanted = {key: value for key, value in preset.items() if getattr(member, key) is None}
    return dataclasses.replace(member, **wanted)


def check_member(member: Member, where: str) -> None:
    """Raises WrongUse for what cannot be meant."""
    if member.kind == "openai_compatible" and not member.url:
        raise WrongUse(f"{where}: a server needs its url, or 'auto' to look for one on this machine.")
    if member.url and member.kind != "openai_compatible":
        raise WrongUse(f"{where}: url is for openai_compatible members, not {member.kind}.")
    if member.url and isinstance(member.model, Source):
        raise WrongUse(f"{where}: a server's model is a name.")
    if not 1 <= (member.workers or 1) <= MOST_WORKERS:
        raise WrongUse(f"{where}: workers must be between 1 and {MOST_WORKERS}, not {member.workers}.")
    if not 0 <= (member.weight or 0) <= 1:
        raise WrongUse(f"{where}: weight must be between 0 and 1, not {member.weight:g}.")


def check_providers(providers: tuple[Provider, ...], where: str) -> None:
    names = [provider.name for provider in providers]
    for provider in providers:
        if names.count(provider.name) > 1:
            raise WrongUse(f"{where}: two fallback providers are called {provider.name!r}.")
        if provider.swarm == bool(provider.url):
            raise WrongUse(f"{where}: the provider {provider.name!r} needs a url, or swarm: true, and not both.")
        if provider.budget is not None and not (provider.price_in or provider.price_out):
            raise WrongUse(f"{where}: the provider {provider.name!r} has a budget, so it needs price_in and price_out.")


Made = TypeVar("Made")


def made_of(kind: type[Made], found: Any, where: str, line: int) -> Made:
    """A mapping as a dataclass of this kind."""
    if not isinstance(found, dict):
        raise WrongUse(f"{where}, line {line}: expected settings, not {found!r}.")
    hints, lines = get_type_hints(kind), found.get(LINE, {})
    values = {}
    for key, value in found.items():
        if key is LINE:
            continue
        at = lines.get(key, line)
        if key not in hints:
            raise WrongUse(f"{where}, line {at}: there is no setting {key!r}.{nearest(str(key), list(hints))}")
        values[key] = value_of(hints[key], value, f"{where}, line {at}: {key}", at)
    try:
        return kind(**values)
    except TypeError as problem:
        missing = [f.name for f in dataclasses.fields(kind) if f.name not in values]  # type: ignore[arg-type]
        raise WrongUse(f"{where}, line {lines.get(LINE, line)}: {missing[0]} is missing.") from problem


def value_of(hint: Any, value: Any, where: str, line: int) -> Any:
    """The value as its type demands. Raises WrongUse."""
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise WrongUse(f"{where} must be a list.")
        return tuple(value_of(get_args(hint)[0], one, where, line) for one in value)
    if dataclasses.is_dataclass(hint):
        return made_of(hint, value, where.rpartition(", line")[0], line)  # type: ignore[arg-type]
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise WrongUse(f"{where} cannot be {value!r}.{nearest(str(value), list(get_args(hint)))}")
        return value
    options = get_args(hint)
    if options:
        return optional(options, value, where, line)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or isinstance(value, bool) != (hint is bool):
        raise WrongUse(f"{where} must be {NAMES[hint]}, not {value!r}.")
    return whole(value) if isinstance(value, str) else value


NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def optional(options: tuple[Any, ...], value: Any, where: str, line: int) -> Any:
    """One of several types: null, a mapping where one of them is a dataclass, or the plain one."""
    if value is None and type(None) in options:
        return None
    kinds = [one for one in options if one is not type(None)]
    deep = [one for one in kinds if dataclasses.is_dataclass(one)]
    kind = deep[0] if deep and isinstance(value, dict) else next(one for one in kinds if one not in deep)
    return value_of(kind, value, where, line)


def nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]}?" if close else f" There are: {', '.join(known)}."


def source_of(text: str) -> Source | None:
    """What a model's text means: a path where it begins like one or names a file, `owner/name` a repository of the hub (with
    `@revision` and `:file` behind it), and None, a name of the catalogue, otherwise."""
    windows = text[1:3] in (":\\", ":/") and text[:1].isalpha()
    file = text.endswith((".gguf", ".safetensors")) and ":" not in text
    if windows or file or text.startswith(("/", "./", "../", "~", ".\\", "..\\")):
        return Source("local", path=text)
    head, _, filename = text.partition(":") if "/" in text else (text, "", "")
    repository, _, revision = head.partition("@")
    if repository.count("/") == 1 and all(repository.split("/")):
        return Source("huggingface", repository=repository, revision=revision or None, filename=filename or None)
    return None
