"""What the requests of several endpoints share: bounds, sampling, the `swarm` object. Private to `api`.

Unknown fields are ignored and nulls count as absent, as clients send plenty of both. A wrong type is an error that names
the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from local_swarm.errors import BadRequest
from local_swarm.limits import LONGEST_NAME, LONGEST_STOP, MOST_BIAS, MOST_NUMBER, MOST_STOPS, MOST_VOICES
from local_swarm.types import FAST, Sampling, Strategy

NO_LIMIT = -1  # how vLLM and its clients write it
NO_OBJECT = ("model_type", "model_attributes_type", "dict_type")  # pydantic's names for what is none
LONGEST_WORD = 64  # of a kind or an effort
Mode = Literal["vote", "draft", "fastest"]

# What is too long is refused before its members are looked at, and at the first mistake in a list the others do not matter.
Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Word = Annotated[str, Field(max_length=LONGEST_WORD)]
Stop = Annotated[str, Field(max_length=LONGEST_STOP)]
Count = Annotated[int, Field(ge=1, le=MOST_NUMBER)]


class Wire(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class StreamOptionsWire(Wire):
    include_usage: bool | None = None


class SwarmOptions(Wire):
    """The extension of requests: how to vote, and what of it to show."""

    strategy: Strategy | None = None
    n: Annotated[int, Field(ge=1, le=MOST_VOICES)] | None = None
    federate: bool | None = None
    early: bool | None = None
    route: bool | None = None
    stream: Mode | None = None
    ballots: bool | None = None


class SampledRequest(Wire):
    """What requests for chat and for plain completions share."""

    model: Name = "swarm"
    stream: bool | None = None
    stream_options: StreamOptionsWire | None = None
    n: Annotated[int, Field(ge=1, le=MOST_VOICES)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1, le=MOST_NUMBER)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=100)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    stop: Stop | Annotated[list[Stop | None], Field(max_length=MOST_STOPS, fail_fast=True)] | None = None
    logit_bias: Annotated[dict[Word, Annotated[float, Field(ge=-100, le=100)]], Field(max_length=MOST_BIAS)] | None = (
        None
    )
    prompt_cache_key: Name | None = None
    user: Name | None = None
    swarm: SwarmOptions | None = None

    @property
    def choices(self) -> int:
        return self.n or 1

    @property
    def ballots(self) -> bool:
        return bool(self.swarm and self.swarm.ballots)

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def mode(self) -> Mode:
        """What of the answer is streamed: the vote's, with a draft before it, or one worker's as it comes."""
        return (self.swarm.stream if self.swarm else None) or "vote"

    @property
    def stream_mode(self) -> Mode:
        """`mode`, but for the model that is one worker. With `fastest` only one worker is asked, streamed or not."""
        return "fastest" if self.model == FAST else self.mode

    def voices(self, fast: bool) -> int | None:
        """How many workers are asked; None leaves it to the swarm."""
        if fast:
            return self.choices
        wanted = self.swarm.n if self.swarm else None
        return max(self.choices, wanted or 0) if self.choices > 1 else wanted

    def sampling(self, max_tokens: int | None, logprobs: int | None) -> Sampling:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=None if self.top_k == NO_LIMIT else self.top_k,
            min_p=self.min_p,
            repeat_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            seed=self.seed,
            max_tokens=max_tokens,
            stop=tuple(stop for stop in stops if stop),
            bias=self._bias(),
            logprobs=logprobs,
        )

    def _bias(self) -> tuple[tuple[int, float], ...]:
        try:
            return tuple((int(token), weight) for token, weight in (self.logit_bias or {}).items())
        except ValueError as problem:
            raise BadRequest("logit_bias must map token ids to numbers.", param="logit_bias") from problem


def mistake(errors: Sequence[Any]) -> Any:
    """The error of pydantic's that says the most. Where a value may be of several types, the others only say which types it has
    not; the one that has looked the furthest is of the type that was meant."""
    telling = [one for one in errors if not one["type"].endswith("_type")]
    return telling[0] if telling else max(errors, key=lambda one: len(one["loc"]))


def complaint(error: Any) -> str:
    """What is wrong with a value, in words that name no class of ours."""
    return "Input should be an object" if error["type"] in NO_OBJECT else str(error["msg"])


def parameter_path(location: Sequence[Any]) -> str:
    """`("body", "messages", 0, "role")` as `messages[0].role`; the names of alternatives that pydantic adds are left out."""
    text = ""
    for part in location[1:]:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "").isalnum() and not part[0].isupper() and part != "str":
            text += f".{part}" if text else part
    return text
