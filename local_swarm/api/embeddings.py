"""`POST /v1/embeddings`: texts in, vectors out, as numbers or as base64 of little-endian 32-bit floats."""

from __future__ import annotations

import base64
from typing import Annotated, Literal, NotRequired

import numpy as np
from fastapi import Request
from fastapi.responses import Response
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import TypedDict

from local_swarm.api.bodies import SafeJsonResponse
from local_swarm.api.context import ApiContext, Embeds
from local_swarm.api.schemas import Name, Wire
from local_swarm.api.waiting import client_gone, unless_gone
from local_swarm.errors import BadRequest
from local_swarm.types import Embedded

MOST_TEXTS = 2048  # as OpenAI's API


async def answer_embeddings(context: ApiContext, request: EmbeddingsRequest, http: Request) -> Response:
    """Raises SwarmErrors."""
    embedded = await unless_gone(vectors_for(context.embeds, request), http)
    return SafeJsonResponse(request.vector_list(embedded)) if embedded else client_gone()


async def vectors_for(embeds: Embeds, request: EmbeddingsRequest) -> Embedded:
    """Raises SwarmErrors. Whether the vectors have so many dimensions is known of the first, before the others are worked on."""
    texts = request.texts()
    if request.dimensions is not None and len(texts) > 1:
        check_dimensions(request.dimensions, len((await embeds(texts[:1])).vectors[0]))
    return await embeds(texts)


# Plain dictionaries with types: there may be millions of numbers in them, which a model would look at one by one.


class VectorInfo(TypedDict):
    object: str
    index: int
    embedding: list[float] | str


class VectorUsage(TypedDict):
    prompt_tokens: int
    total_tokens: int


class VectorList(TypedDict):
    """`note` says where the vectors come from, if not from an embedding model."""

    object: str
    model: str
    data: list[VectorInfo]
    usage: VectorUsage
    note: NotRequired[str]


class EmbeddingsRequest(Wire):
    input: (
        str
        | Annotated[list[str], Field(fail_fast=True)]
        | Annotated[list[int], Field(fail_fast=True)]
        | Annotated[list[list[int]], Field(fail_fast=True)]
    )
    model: Name | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None

    def texts(self) -> list[str]:
        """Raises BadRequest for tokens by number, nothing, or too much."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        if any(not isinstance(text, str) for text in texts):
            raise BadRequest("input must be text; tokens by number are not taken.", param="input")
        if not 1 <= len(texts) <= MOST_TEXTS or any(text == "" for text in texts):
            raise BadRequest(f"input must be 1 to {MOST_TEXTS} texts, none of them empty.", param="input")
        return [str(text) for text in texts]

    def vector_list(self, embedded: Embedded) -> VectorList:
        vectors = np.asarray(embedded.vectors, dtype=np.float64)
        if self.dimensions is not None:
            vectors = truncate_vectors(vectors, self.dimensions)
        tokens = embedded.tokens or 0
        found: VectorList = {
            "object": "list",
            "model": embedded.model,
            "data": [
                {"object": "embedding", "index": index, "embedding": self.encode_vector(vector)}
                for index, vector in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        if embedded.note:
            found["note"] = embedded.note
        return found

    def encode_vector(self, vector: NDArray[np.float64]) -> str | list[float]:
        if self.encoding_format == "base64":
            return base64.b64encode(vector.astype("<f4").tobytes()).decode()
        return [float(number) for number in vector.astype(np.float32)]


def check_dimensions(wanted: int, there: int) -> None:
    if wanted > there:
        raise BadRequest(f"These vectors have {there} dimensions, not {wanted}.", param="dimensions")


def truncate_vectors(vectors: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    """The first dimensions, at length 1 again (Matryoshka embeddings, Kusupati et al. 2022). Raises BadRequest."""
    check_dimensions(dimensions, vectors.shape[1])
    cut = vectors[:, :dimensions]
    lengths = np.linalg.norm(cut, axis=1, keepdims=True)
    unit: NDArray[np.float64] = cut / np.where(lengths == 0, 1.0, lengths)
    return unit
