"""`GET /v1/models`: what the node says of itself in, the names of models that a request may carry out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from local_swarm.api.status import Status
from local_swarm.api.swarm_info import Body, ModelText
from local_swarm.errors import ModelNotFound
from local_swarm.limits import LONGEST_NAME
from local_swarm.types import FAST, VOTE


class ModelInfo(Body):
    """A model that can be asked."""

    id: Annotated[
        ModelText, Field(description="`swarm` (the vote), `swarm-fast` (one worker), or the real model's name.")
    ]
    object: Annotated[str, Field(description="Always `model`.")]
    created: Annotated[int, Field(description="When the daemon started, in seconds since 1970.")]
    owned_by: Annotated[str, Field(description="Always `local-swarm`.")]
    context_length: Annotated[int | None, Field(description="Tokens of prompt and answer together.")] = None
    max_model_len: Annotated[int | None, Field(description="The same, as vLLM names it.")] = None
    max_output_tokens: Annotated[int | None, Field(description="Tokens that every answer is sure to get.")] = None
    description: Annotated[ModelText | None, Field(description="What the user should know of it.")] = None


class ModelList(Body):
    object: Annotated[str, Field(description="Always `list`.")]
    data: list[ModelInfo]


def model_names(now: Status) -> list[str]:
    return [VOTE, FAST, *([now.model] if now.model else [])]


def check_model(name: str, now: Status) -> None:
    """Raises ModelNotFound."""
    if name not in model_names(now):
        raise ModelNotFound(
            f"The model {name[:LONGEST_NAME]!r} does not exist here. There are: {', '.join(model_names(now))}.",
            param="model",
        )


def model_list(now: Status, started: int) -> ModelList:
    return ModelList(object="list", data=[model_info(name, now, started) for name in model_names(now)])


def model_info(name: str, now: Status, started: int) -> ModelInfo:
    info = ModelInfo(id=name, object="model", created=started, owned_by="local-swarm")
    if now.context:
        info.context_length = info.max_model_len = now.context
    if now.answer_tokens:
        info.max_output_tokens = now.answer_tokens
    if now.note:
        info.description = now.note
    return info
