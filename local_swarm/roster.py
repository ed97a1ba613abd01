"""A YAML file in, the members of a mixed swarm and its fallbacks out. Pure but for reading the file; starts nothing.

Every mistake names its line and the nearest word that would have been right.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from local_swarm.limits import LONGEST_ANSWER, MOST_VOICES
from local_swarm.settings.fields import Doc, Key, Range
from local_swarm.settings.reader import read_settings
from local_swarm.settings.schema import schema_of
from local_swarm.settings.yaml_text import read_file

EngineName = Literal["auto", "llamacpp", "mlx", "transformers", "vllm", "openai_compatible"]
Name = Annotated[
    str | None, Doc("What it is called in answers and logs; its workers are `name-1`, `name-2` and so on.")
]
KeyVariable = Annotated[str | None, Doc("The environment variable that holds the server's key. Keys are never logged.")]
Keyring = Annotated[str | None, Doc("Where the system's keyring holds the server's key: `service/user`.")]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model lies: in a repository of the hub, or on this disk."""

    provider: Annotated[
        Literal["local", "huggingface"], Doc("`huggingface` for a repository of the hub, `local` for a path.")
    ] = "local"
    path: Annotated[str | None, Doc("A .gguf file, or a folder of safetensors, on this disk.")] = None
    format: Annotated[
        Literal["gguf", "safetensors", "mlx"] | None, Doc("What the path must be; null takes what it is.")
    ] = None
    repository: Annotated[str | None, Doc("`owner/name` on the hub.")] = None
    revision: Annotated[str | None, Doc("A branch, tag or commit of the repository; null is its main branch.")] = None
    filename: Annotated[str | None, Doc("One file of the repository; null takes the whole folder.")] = None
    token_env: Annotated[str, Doc("The environment variable that holds the hub's token, never the token itself.")] = (
        "HF_TOKEN"
    )
    local_files_only: Annotated[bool, Doc("Use the hub's cache on this disk and never the network.")] = False


@dataclass(frozen=True, slots=True)
class Adapter:
    """A low-rank change to the weights (LoRA)."""

    path: Annotated[str, Doc("A GGUF adapter for llama.cpp, a folder for Transformers and MLX.")]
    scale: Annotated[float, Doc("How much it counts; several add up by their scales.")] = 1.0


@dataclass(frozen=True, slots=True)
class Member:
    """One engine of the swarm."""

    engine: Annotated[EngineName, Doc("What runs the model; `auto` goes by the model's form, or by `url`.")] = "auto"
    name: Name = None
    model: Annotated[
        str | Source | None, Doc("A name, a path, `owner/name@revision:file` of the hub, or a mapping.")
    ] = None
    workers: Annotated[int | None, Range(1, MOST_VOICES), Doc("How many of its workers vote; null chooses.")] = None
    weight: Annotated[
        float | None,
        Range(0, 1),
        Doc("How much its voices count where votes nearly tie; null lets the swarm learn it."),
    ] = None
    context: Annotated[int | None, Doc("Tokens of prompt and answer together; null chooses.")] = None
    device: Annotated[str, Doc("For Transformers: `auto`, `cuda`, `mps` or `cpu`.")] = "auto"
    dtype: Annotated[
        Literal["auto", "float16", "bfloat16", "float32"], Doc("For Transformers: in what the weights are kept.")
    ] = "auto"
    quantization: Annotated[
        Literal["int8", "int4", "nf4"] | None, Doc("For Transformers: how bitsandbytes shrinks the weights.")
    ] = None
    adapters: Annotated[tuple[Adapter, ...], Doc("Low-rank changes to the weights (LoRA).")] = ()
    url: Annotated[str | None, Doc("Of a server with OpenAI's API; `auto` takes the first on this machine.")] = None
    key_env: KeyVariable = None
    keyring: Keyring = None
    several: Annotated[
        bool | None, Doc("Whether one request may ask the server for several answers; null finds out.")
    ] = None

    @property
    def kind(self) -> str:
        """The engine that is meant where none is named: an address means a server; else the model's form decides later."""
        return "openai_compatible" if self.engine == "auto" and self.url else self.engine

    def mistake(self) -> str | None:
        """What cannot be meant."""
        if self.kind == "openai_compatible" and not self.url:
            return "a server needs its url, or 'auto' to look for one on this machine."
        if self.url and self.kind != "openai_compatible":
            return f"url is for openai_compatible members, not {self.kind}."
        if self.url and isinstance(self.model, Source):
            return "a server's model is a name."
        return None


@dataclass(frozen=True, slots=True)
class Provider:
    """One step of the fallback chain: the swarm itself, or a server. A request that could cross one of its limits is not sent."""

    name: Annotated[str, Doc("What it is called in answers and logs.")]
    swarm: Annotated[bool, Doc("Whether it is the swarm itself; else it needs a url.")] = False
    url: Annotated[str | None, Doc("Of a server with OpenAI's API.")] = None
    model: Annotated[str | None, Doc("What the server calls the model; null takes its first.")] = None
    key_env: KeyVariable = None
    keyring: Keyring = None
    context: Annotated[int | None, Doc("Tokens of prompt and answer together; null asks the server.")] = None
    workers: Annotated[int, Doc("How many answers of the server vote.")] = 1
    priority: Annotated[int, Doc("The lowest comes first.")] = 0
    timeout_s: Annotated[
        float, Key("timeout"), Doc("Seconds without a sign of life after which the next is asked.")
    ] = 120.0
    requests_per_minute: Annotated[int | None, Doc("The most requests in a minute; null is no limit.")] = None
    tokens_per_day: Annotated[int | None, Doc("The most tokens in a day; null is no limit.")] = None
    budget: Annotated[float | None, Doc("The most dollars in a month; null is no limit.")] = None
    price_in: Annotated[float, Doc("Dollars for a million tokens of prompts.")] = 0.0
    price_out: Annotated[float, Doc("Dollars for a million tokens of answers.")] = 0.0
    longest_answer: Annotated[int, Doc("Tokens set aside for an answer where the request has no limit.")] = (
        LONGEST_ANSWER
    )

    def mistake(self) -> str | None:
        if self.swarm == bool(self.url):
            return f"the provider {self.name!r} needs a url, or swarm: true, and not both."
        if self.budget is not None and not (self.price_in or self.price_out):
            return f"the provider {self.name!r} has a budget, so it needs price_in and price_out."
        return None


@dataclass(frozen=True, slots=True)
class Fallback:
    """Whom to ask in which order."""

    providers: Annotated[tuple[Provider, ...], Doc("The swarm and servers, asked in order of their priority.")] = ()
    escalate_below: Annotated[
        float | None, Doc("An agreement below it asks the next provider too; null asks it only where one failed.")
    ] = None

    def mistake(self) -> str | None:
        counts = Counter(provider.name for provider in self.providers)
        twice = [name for name, count in counts.items() if count > 1]
        return f"two fallback providers are called {twice[0]!r}." if twice else None


@dataclass(frozen=True, slots=True)
class Roster:
    """The engines that vote together, and whom to ask when they cannot."""

    preset: Annotated[
        Literal["speed", "quality", "low_memory"] | None,
        Doc("Fills in the workers and context that members leave out."),
    ] = None
    members: Annotated[tuple[Member, ...], Doc("The engines that vote together.")] = ()
    fallback: Annotated[Fallback, Doc("Whom to ask, in which order and within which limits.")] = dataclasses.field(
        default_factory=Fallback
    )

    def mistake(self) -> str | None:
        return None if self.members or self.fallback.providers else "it lists neither members nor fallback providers."


# What a preset sets where a member says nothing itself.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "speed": {"workers": 3, "context": 8192},
    "quality": {"workers": 8},
    "low_memory": {"workers": 2, "context": 4096},
}


def read_roster(path: Path) -> Roster:
    """Raises UsageError with the line of the mistake."""
    roster = read_settings(Roster, read_file(path, "roster"))
    preset = PRESETS.get(roster.preset or "", {})
    return dataclasses.replace(roster, members=tuple(fill_in(member, preset) for member in roster.members))


def roster_schema() -> dict[str, Any]:
    """The JSON schema of a roster."""
    return schema_of(Roster, "Roster of Local Swarm")


def fill_in(member: Member, preset: Mapping[str, Any]) -> Member:
    """A member with the preset's values where it says nothing itself."""
    wanted = {key: value for key, value in preset.items() if getattr(member, key) is None}
    return dataclasses.replace(member, **wanted)
